"""Live results: what an evaluation reports while it runs (`neps.report`), and whether it is told to stop."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from attrs import Factory, evolve, frozen

from neps_core import events as ev
from neps_core.errors import NePSError, NotInTrialError, ResultError, StopTrial, StorageError
from neps_core.plugins import plugins
from neps_core.results import number, parse_cost, plain, values_of
from neps_core.run import Run
from neps_core.shapes import Layout
from neps_core.stopping import StoppingRule
from neps_core.trials import Point, Points, Report, State, Trial

logger = logging.getLogger("neps.live")

#: The least time between two writes, in seconds; and as a share of the time that the evaluation has taken so far, so
#: that one which runs for days does not fill the journal.
PAUSE, SHARE = 0.2, 0.005

#: How many times as long as a write that failed took it is waited before the next: a database that is away is waited
#: for, and the evaluation goes on meanwhile.
PATIENCE = 10

_current: ContextVar[LiveTrial | None] = ContextVar("neps_trial", default=None)


def report(objective: Any, step: float | None = None, *, cost: float | None = None, **extra: Any) -> None:
    """Report an intermediate result of the trial that is being evaluated, from anywhere inside `evaluate_pipeline`, or
    inside a program that `neps run` evaluates with.

    It is kept with the trial and told to observers; the objectives become its learning curve if its result brings
    none. Reports that follow each other within a fifth of a second (or within half a percent of the time that the
    evaluation has taken so far) are stored and told together, with the next one or the result. A thread of your own
    reports if it runs in a copy of the context:
    `threading.Thread(target=contextvars.copy_context().run, args=(work,))`.

    Args:
        objective: The objective at this point, or several, in a sequence or by name; as in a result.
        step: Of the evaluation: the epoch, say. It has to grow. One more than the last one if left out, from 1.
        cost: What this evaluation has cost so far, in your unit.
        extra: Further plain data, by name. `constraints` are those that the trial has if it is stopped here.

    Raises:
        StopTrial: If the run's stopping rule says that it is not worth going on. Let it pass.
        NotInTrialError: If this process is not evaluating a trial here, and is no such program (a `RuntimeError`).
        ResultError: If the objective, the step or the cost is no number, the step does not grow, the objectives are
            others than before in number or name, or there is no cost although a cost budget and a stopping rule are
            set; or if the worker that has started the program is gone.
        StoppingRuleError: If the rule can't judge such a report.
    """
    sent = {"objective": objective, "step": step, "cost": cost, "extra": extra}
    if _here() is not None or (goes_on := plugins.first("neps_send_report", **sent)) is None:
        _live("neps.report").report(**sent)
    elif not goes_on:
        raise StopTrial("the stopping rule ends this trial.")


def get_in_progress_trial() -> Trial:
    """The trial that is being evaluated, with what it has reported so far.

    Raises:
        NotInTrialError: If this process is not evaluating a trial here (a `RuntimeError`).
    """
    return _live("neps.get_in_progress_trial").trial


def is_in_progress_trial_set() -> bool:
    """Whether this process is evaluating a trial here, so that `get_in_progress_trial` gives it."""
    return _here() is not None


def get_in_progress_run() -> Run:
    """The run whose trial is being evaluated, as this worker knows it: for plugins, to look at.

    Raises:
        NotInTrialError: If this process is not evaluating a trial here (a `RuntimeError`).
    """
    return _live("get_in_progress_run").run


def _here() -> LiveTrial | None:
    live = _current.get()
    return None if live is None or live.has_ended or live.pid != os.getpid() else live


def _live(function: str) -> LiveTrial:
    live = _here()
    if live is None:
        raise NotInTrialError(
            f"{function}() was called where no trial is being evaluated. Call it inside evaluate_pipeline, in the same "
            "process; a thread of your own has to run in a copy of the context (contextvars.copy_context().run)."
        )
    return live


@frozen
class Told:
    """What an evaluation has told, once it has ended.

    Attributes:
        unstored: What was reported and is not in the journal yet.
        was_stopped: Whether it was told to stop.
        last_step: That it reported; None if it reported nothing.
    """

    unstored: list[ev.Event] = Factory(list)
    was_stopped: bool = False
    last_step: float | None = None

    def marked(self, report: Report) -> Report:
        """A report that says whether its evaluation was stopped, and at which step."""
        step = self.last_step
        if not self.was_stopped or step is None or report.reported_as == State.FAILED.value:
            return report
        return evolve(report, stopped_at=step, extra={**report.extra, "stopped_early": True, "step": step})


class LiveTrial:
    """A trial while it is evaluated.

    Args:
        run: The run, or what opens it once something is reported.
        trial: The trial, started.
        rule: Says whether to go on; None for always.
        requires_cost: Whether a result needs a cost.
        held: Keeps signals away while something is stored.

    Attributes:
        trial: The trial with everything that it has reported.
        pid: The process that evaluates it.
        was_stopped: Whether it was told to stop.
        has_ended: Whether its evaluation is over, so that nothing more can be reported.
    """

    def __init__(
        self,
        run: Run | Callable[[], Run],
        trial: Trial,
        rule: StoppingRule | None = None,
        requires_cost: bool = False,
        held: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.pid = os.getpid()
        self.was_stopped = False
        self.has_ended = False
        self._requires_cost = requires_cost
        self._run = run
        self._trial = trial
        self._rule = rule
        self._held = held
        self._points = Points([], 0)
        self._layout: Layout | None = None  # of the objectives that are reported
        self._stored = 0
        self._lock = threading.RLock()
        self._began = time.monotonic()
        self._due = 0.0  # when the next write may be, in seconds since then

    @property
    def run(self) -> Run:
        """The run."""
        if not isinstance(self._run, Run):
            self._run = self._run()
        return self._run

    @property
    def trial(self) -> Trial:
        return evolve(self._trial, points=self._points)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make this the trial that `report` is about."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)
            if os.getpid() == self.pid:  # in a forked child, who holds the lock may not be there
                with self._lock:  # a thread that was left behind may be reporting
                    self.has_ended = True

    def report(self, objective: Any, step: float | None, cost: float | None, extra: Mapping[str, Any]) -> None:
        """See the function `report`."""
        layout = self.run.log.shape.objectives or self._layout
        value, names = values_of("objective", objective, layout)
        if "constraints" in extra:
            values_of("constraints", extra["constraints"], self.run.log.shape.constraints)
        cost = None if cost is None else parse_cost(cost)
        if cost is None and self._requires_cost and self._rule is not None:
            raise ResultError(
                "with a cost budget and a stopping rule, neps.report needs the cost so far, which is what the trial "
                "costs if it is stopped: neps.report(..., cost=...)."
            )
        with self._lock:
            if self.has_ended:
                raise NotInTrialError(f"trial {self._trial.id} has ended, so it can't report anything any more.")
            last = self._points[-1].step if len(self._points) else 0
            step = last + 1 if step is None else _step(step)
            if len(self._points) and step <= last:
                raise ResultError(f"neps.report got step={step!r} after step {last!r}; a step has to be greater.")
            point = Point(step, value, cost, {key: plain(item) for key, item in extra.items()} if extra else {})
            self._points = self._points.extended((point,))
            self._layout = layout or Layout(len(value) if isinstance(value, list) else 1, names)
            elapsed = time.monotonic() - self._began
            is_due = elapsed >= self._due
            if is_due:
                in_vain = 0.0 if self._store() else time.monotonic() - self._began - elapsed
                self._due = elapsed + max(PAUSE, SHARE * elapsed, PATIENCE * in_vain)
        if is_due:  # without the lock: an observer may wait for a thread that reports, too
            with self._held():
                self.run.tell_news()
        with self._lock:
            if self.was_stopped or self._is_to_stop():
                self.was_stopped = True
                raise StopTrial(f"the stopping rule ends trial {self._trial.id} at step {step:g}.")

    def _is_to_stop(self) -> bool:
        if self._rule is None:
            return False
        try:
            return bool(self._rule(self.trial, self.run.trials))
        except NePSError:  # it refuses to judge, and says why
            raise
        except Exception as error:  # a plugin's code, so anything: no reason to lose the evaluation
            name = getattr(self._rule, "__qualname__", type(self._rule).__qualname__)
            logger.error(
                "The stopping rule %s raised, and trial %s goes on without it: %r", name, self._trial.id, error
            )
            self._rule = None
            return False

    def _store(self) -> bool:
        """Store what is not stored yet; returns whether it could be."""
        before = self._stored
        try:
            with self._held():
                self.run.record(*self.unstored(), tells=False)
            return True
        except StorageError as error:  # a full disk, say, is no reason to lose the evaluation
            self._stored = before
            logger.warning("What trial %s reports can't be stored yet: %s", self._trial.id, error)
            return False

    def unstored(self) -> list[ev.Event]:
        """What was reported and is not in the journal yet; from now on it counts as stored."""
        with self._lock:
            points = self._points[self._stored :]
            self._stored = len(self._points)
        if not points:
            return []
        return [ev.Reported(self._trial.id, self.run.worker_id, [_short(point) for point in points])]

    def stopped(self) -> Any:
        """What an evaluation counts as that has let `StopTrial` pass: its last report."""
        self.was_stopped = True
        if not len(self._points):
            return ResultError("evaluate_pipeline raised StopTrial, and had reported nothing that could be its result.")
        last = self._points[-1]
        values: Any = last.objective
        if self._layout is not None and self._layout.names is not None:
            values = dict(zip(self._layout.names, values if isinstance(values, list) else [values]))
        extra = dict(last.extra)
        constraints = extra.pop("constraints", None)
        cost = {} if last.cost is None else {"cost": last.cost}
        return {"objective_to_minimize": values, "constraints": constraints, **cost, "extra": extra}

    def told(self) -> Told:
        """What it has told, once it has ended; from now on all of it counts as stored."""
        return Told(self.unstored(), self.was_stopped, self._points[-1].step if len(self._points) else None)


def _step(step: Any) -> float:
    if type(step) is int and abs(step) < sys.maxsize:
        return step
    value = number("step", step)
    if not math.isfinite(value):
        raise ResultError(f"'step' must be a finite number, not {step!r}.")
    return int(value) if value == int(value) else value


def _short(point: Point) -> list[Any]:
    """A point as it is written: what is not there at the end is left out."""
    if point.extra:
        return [point.step, point.objective, point.cost, dict(point.extra)]
    return [point.step, point.objective] if point.cost is None else [point.step, point.objective, point.cost]
