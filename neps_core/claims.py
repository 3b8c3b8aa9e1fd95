"""Claims: who may evaluate which trial, and what becomes of it. Nothing else begins or ends an evaluation.

A worker is claims and the user's function, ask-and-tell is claims and a caller. Whoever claims trials keeps the ledger
of its own call, so that a budget for one call counts what was begun in it.
"""

from __future__ import annotations

import json
import logging
import math
import os
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

from attrs import Factory, evolve, frozen

from neps_core import events as ev
from neps_core.budgets import BudgetInfo, Ledger, merge
from neps_core.errors import EvaluationError, LockLostError, NePSError, ResultError, RunGoneError, StorageError
from neps_core.live import Told
from neps_core.optimizers.asking import Chosen
from neps_core.results import failure, parse_result
from neps_core.run import Run
from neps_core.sampling import sample
from neps_core.shapes import Shape
from neps_core.spaces.protocol import SearchSpace
from neps_core.trials import Report, State, Trial

logger = logging.getLogger("neps.claims")

#: The report of an evaluation, and the error because of which all workers have to stop, if any.
Judged = tuple[Report, NePSError | None]

#: What an evaluation comes to, given what the results before it have in common.
Ended = Callable[[Shape], Judged]

#: How often a trial may take its worker down before it is given up.
MAX_STARTS = 3

#: How often in a row it may outlast its worker without getting any further.
MAX_OUTLASTED = 10

#: Seconds before each further try to store a result that could not be stored.
RETRIES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

#: The share of the time that goes into finding out which workers have died, at most: with many, it takes its time.
WATCHING = 0.05

#: How many evaluations of a call may end one after the other without anything of any budget being spent.
IN_VAIN = 1000


@frozen
class Settings:
    """What a call was asked to do.

    Attributes:
        ignore_errors: Go on after an evaluation that failed.
        objective_value_on_error: What each objective of a failed evaluation counts as; None to leave it failed.
        cost_value_on_error: The cost that a failed evaluation counts as.
        sample_batch_size: How many configurations to sample at a time; None for as many as are wanted.
        max_pending: How many evaluations may be under way in the run before nothing more is begun; None for any number.
        pending_timeout: Seconds after which an asynchronous result that has not come is given up; None for never.
    """

    ignore_errors: bool = False
    objective_value_on_error: float | None = None
    cost_value_on_error: float | None = None
    sample_batch_size: int | None = None
    max_pending: int | None = None
    pending_timeout: float | None = None


@frozen
class Limits:
    """What may be spent, by name of the budget.

    Attributes:
        call: By this call.
        total: By all workers and calls together.
        only_finished: Whether evaluations that are under way do not count.
    """

    call: Mapping[str, float] = Factory(dict)
    total: Mapping[str, float] = Factory(dict)
    only_finished: bool = False


class Claims:
    """The trials that one worker has claimed.

    Args:
        run: The run, whose `worker_id` is this worker's once it claims something.
        chosen: The optimizer.
        space: What its proposals have to fit; None to take them as they are.
        limits: The budgets.
        settings: The rest.
        interruptible: Lets signals interrupt what may take long.

    Raises:
        BudgetError: If there is no such budget.
    """

    def __init__(
        self,
        run: Run,
        chosen: Chosen,
        space: SearchSpace | None,
        limits: Limits = Limits(),
        settings: Settings = Settings(),
        interruptible: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._run = run
        self._chosen = chosen
        self._space = space
        self._settings = settings
        self._interruptible = interruptible
        self._begun: set[str] = set()
        self._ledgers = (
            Ledger(limits.call, "", space, lambda trial: trial.id in self._begun, limits.only_finished),
            Ledger(limits.total, "total ", space, lambda _: True, limits.only_finished),
        )
        self._halts_before: int | None = None
        self._watch_again = -math.inf  # when others are looked at again
        self._ended = 0
        self._since = time.time()
        self._retries: tuple[float, ...] = RETRIES
        self._last_spent: tuple[dict[str, float], int] = ({}, 0)  # and how many had ended by then

    @property
    def requires_cost(self) -> bool:
        """Whether every result must have a cost."""
        return any(ledger.requires_cost for ledger in self._ledgers)

    @property
    def budgets(self) -> BudgetInfo:
        """What may be spent, and what is spent, as far as is known here."""
        for ledger in self._ledgers:
            ledger.update(self._run.trials)
        return merge(self._ledgers)

    # ------------------------------------------------------------------ claiming

    def claim(self, n: int = 1, budget_info: BudgetInfo | None = None) -> list[Trial] | str:
        """Trials that are this worker's from now on: those that wait for one, then new ones.

        Args:
            n: How many at most.
            budget_info: What the optimizer is told of the budgets; None for how they stand.

        Returns:
            The trials; none if there is nothing until a running trial ends. Or a reason to stop.

        Raises:
            OptimizerError: If the optimizer raises, or its answer is no usable proposal.
            StorageError: If the run can't be read or written any more.
        """
        while True:
            try:
                return self._claim(n, budget_info)
            except LockLostError as error:  # others may have claimed the same
                logger.warning("Claiming once more: %s", error)

    def _claim(self, n: int, budget_info: BudgetInfo | None) -> list[Trial] | str:
        run = self._run
        if self._halts_before is None:  # what stopped earlier calls does not stop this one
            self._halts_before = len(run.log.halts)
        with ExitStack() as stack:
            with self._interruptible():  # somebody else's model may take long
                stack.enter_context(run.locked("sampling"))
            run.refresh()
            self._requeue_orphans()
            self._give_up_pending()
            reason = self._reason_to_stop()
            if reason is not None:
                return reason
            if self._settings.max_pending is not None:
                n = min(n, self._settings.max_pending - len(run.log.evaluating))
                if n < 1:
                    return []
            ids = run.log.waiting(n)
            sampled: list[ev.Sampled] = []
            if len(ids) < n:
                missing = n - len(ids)
                wanted = self._settings.sample_batch_size or (None if n == 1 else missing)
                with self._interruptible():  # a model may take long, and nothing is lost yet
                    info = budget_info or merge(self._ledgers)
                    sampled = sample(run.log, self._chosen, self._space, info, wanted, run.worker_id)
                ids += [event.id for event in sampled[:missing]]
            if not ids:
                self._requeue_orphans()
                ids = run.log.waiting(n)
            if not ids:
                return self._reason_to_wait() or []
            self._begun.update(ids)
            try:
                run.record(*sampled, *(ev.Started(trial_id, time.time(), run.worker_id) for trial_id in ids))
            except StorageError:  # should it be stored all the same, they are put back like those of a dead worker
                self._begun.difference_update(ids)
                raise
            return [run.trials[trial_id] for trial_id in ids]

    def _requeue_orphans(self) -> None:
        """Give the trials of workers that died back to everyone; give up those that keep killing workers."""
        began = time.monotonic()
        if began < self._watch_again:
            return
        run = self._run
        alive: dict[str, bool] = {}
        events: list[ev.Event] = []
        for trial_id in run.log.evaluating:
            trial = run.trials[trial_id]
            worker = trial.metadata.evaluating_worker_id or ""
            if trial.metadata.is_asynchronous:
                continue
            if worker == run.worker_id:  # mine, or an earlier process's of my name
                is_alive = trial_id in self._begun
            else:
                is_alive = alive[worker] = alive[worker] if worker in alive else run.locks.is_alive(worker)
            if not is_alive:
                events.append(_put_back(trial, f"its worker {worker} died"))
        if events:
            run.record(*events)
        now = time.monotonic()
        self._watch_again = now + (now - began) / WATCHING

    def _give_up_pending(self) -> None:
        """Give up the asynchronous results that are overdue."""
        limit, run = self._settings.pending_timeout, self._run
        if limit is None:
            return
        since = time.time() - limit
        pending = ((trial_id, run.trials[trial_id].metadata) for trial_id in run.log.evaluating)
        overdue = [i for i, each in pending if each.is_asynchronous and (each.time_started or 0.0) < since]
        if overdue:
            logger.error("Given up, as no result came within %g s: trials %s.", limit, ", ".join(overdue))
            err = f"its asynchronous result did not come within {limit:g} s"
            report = Report(err=err, reported_as=State.CRASHED.value)
            run.record(*(finished(trial_id, report) for trial_id in overdue))

    @property
    def called_off(self) -> str | None:
        """Why somebody else wants nothing more to be begun here, as far as is known here; None if nobody does."""
        run = self._run
        if run.is_dismissed:
            return "it was asked to leave"
        if not self._settings.ignore_errors:
            for halt in run.log.halts[self._halts_before :]:
                return f"worker {halt.worker} stopped the run: {halt.reason}"
        return None

    def is_over_for(self, waiting: Collection[str]) -> bool:
        """Whether trials that are claimed, and not begun yet, should not be begun any more.

        Others want nothing more to be begun, or a budget is spent without these: the time of the call is over, say.

        Args:
            waiting: Their ids.
        """
        for ledger in self._ledgers:
            ledger.update(self._run.trials)
        return self.called_off is not None or any(ledger.exhausted(waiting) for ledger in self._ledgers)

    def _reason_to_stop(self) -> str | None:
        run = self._run
        if (reason := self.called_off) is not None:
            return reason
        for ledger in self._ledgers:
            ledger.update(run.trials)
            reason = ledger.exhausted()
            if reason is not None:
                return reason
        spent = {ledger.prefix + name: total for ledger in self._ledgers for name, total in ledger.spent().items()}
        if spent != self._last_spent[0]:
            self._last_spent = spent, self._ended
        if spent and self._ended - self._last_spent[1] >= IN_VAIN:  # failures without a cost, say: it would never end
            return f"{IN_VAIN} evaluations in a row spent nothing of the budgets that are set: {', '.join(spent)}"
        return None

    def _reason_to_wait(self) -> str | None:
        """None while running trials may give the optimizer something to propose, or else why nothing will."""
        run = self._run
        running = [run.trials[i].metadata.is_asynchronous for i in run.log.evaluating]
        if not running:
            return f"the optimizer {self._chosen.name!r} has nothing more to propose"
        if all(running):
            return f"nothing to propose until {len(running)} asynchronous result(s) arrive; call run again after that"
        return None

    @property
    def held(self) -> list[Trial]:
        """The trials that were claimed here and are still being evaluated, as far as is known here."""
        trials = (self._run.trials[i] for i in self._run.log.evaluating if i in self._begun)
        return [trial for trial in trials if trial.metadata.evaluating_worker_id == self._run.worker_id]

    # ------------------------------------------------------------------ what becomes of them

    def give_back(self, trial: Trial, reason: str, orderly: bool, time_is_over: bool = False) -> None:
        """Let others evaluate a trial.

        Args:
            trial: The trial.
            reason: Why, for the log.
            orderly: Whether this says nothing about the trial; if not, it is given up after `MAX_STARTS`.
            time_is_over: Whether it is because this worker's time is over. If the trial has had most of it, and gets no
                further in any worker's, it is given up after `MAX_OUTLASTED`.

        Raises:
            StorageError: If that could not be stored; others take the trial once this worker's lease falls.
        """
        now = time.time()
        outlasted = time_is_over and 2 * (now - (trial.metadata.time_started or now)) > now - self._since
        if outlasted and (times := self._run.log.outlasted(trial.id)[0]) >= MAX_OUTLASTED:
            err = (
                f"it outlasted {times} workers, whose time was over, and reported no further step from one to another. "
                "Give workers more time, or begin where the last one broke off: from files in pipeline_directory"
            )
            logger.error("Trial %s crashed: %s.", trial.id, err)
            self._run.record(finished(trial.id, Report(err=err, reported_as=State.CRASHED.value)))
            return
        self._run.record(_put_back(trial, reason, orderly, outlasted))

    def detach(self, trial: Trial, told: Told) -> None:
        """A trial's result comes later, through `save_pipeline_results`; it belongs to nobody."""
        self._run.record(*told.unstored, ev.Detached(trial.id, self.requires_cost, self._run.worker_id))
        logger.info("Trial %s goes on asynchronously; its result is awaited.", trial.id)

    def finish(self, trial: Trial, returned: Any, told: Told, duration: float) -> NePSError | None:
        """Record what an evaluation gave.

        Args:
            trial: The trial.
            returned: What the user's function returned or raised.
            told: What it reported meanwhile.
            duration: Of the evaluation, in seconds.

        Returns:
            An error because of which all workers are asked to stop, and this one has to; None to go on.

        Raises:
            StorageError: If it could not be stored, however often it was tried.
        """
        end = time.time()

        def ended(shape: Shape) -> Judged:
            report, stop = self._judged(trial, returned, told, shape)
            return evolve(report, evaluation_duration=duration), stop

        report, stop = self._store(trial, ended, told.unstored, end)
        if not self._counts(trial, end):
            logger.warning(
                "The result of trial %s came too late: others had taken this worker for dead, and the trial has one. "
                "It is kept as superseded: %s",
                trial.id,
                report.objective_to_minimize,
            )
        self._ended += 1
        outcome = report.err or f"objective {report.objective_to_minimize}"
        logger.info("Trial %s finished: %s, %s.", trial.id, report.reported_as, outcome)
        return stop

    def _judged(self, trial: Trial, returned: Any, told: Told, shape: Shape) -> Judged:
        """The report of what an evaluation returned, and the error because of which all workers have to stop, if any.

        Args:
            trial: The trial.
            returned: What the user's function returned or raised.
            told: What it reported meanwhile.
            shape: What the results so far have in common.
        """
        stop: NePSError | None = None
        try:
            report = parse_result(returned, cost_required=self.requires_cost, shape=shape, was_stopped=told.was_stopped)
        except ResultError as error:
            report, stop = failure(error), error
        except Exception as error:  # an object that even looking at makes fail
            stop = ResultError(f"what evaluate_pipeline returned can't be looked at: {type(error).__name__}")
            report = failure(stop)
        if report.reported_as == State.FAILED.value and stop is None:
            folder = self._run.root_directory / trial.metadata.location
            stop = EvaluationError(
                f"evaluate_pipeline raised {report.err} in trial {trial.id} ({folder}). "
                "The other results are kept. Fix it and run again, or go on regardless with ignore_errors=True."
            )
            stop.__cause__ = returned if isinstance(returned, BaseException) else returned["exception"]
        report = told.marked(self._value_on_error(report, shape))
        if report.reported_as == State.SUCCESS.value or self._settings.ignore_errors:
            stop = None
        return report, stop

    def _counts(self, trial: Trial, end: float) -> bool:
        """Whether the result of this moment is the one that a trial has; also if somebody has removed the trial."""
        known = self._run.trials.get(trial.id)
        return known is None or known.metadata.time_end == end

    def _value_on_error(self, report: Report, shape: Shape) -> Report:
        """A failed or crashed report with the objective and cost that the user wants errors to count as."""
        settings = self._settings
        if report.reported_as == State.SUCCESS.value:
            return report
        cost = report.cost if report.cost is not None else settings.cost_value_on_error
        if settings.objective_value_on_error is None:
            return evolve(report, cost=cost)
        filled = shape.filled(report, settings.objective_value_on_error)
        return evolve(filled, cost=cost, reported_as=State.SUCCESS.value)

    def _store(self, trial: Trial, ended: Ended, reported: list[ev.Event], end: float) -> Judged:
        """Record a result, with patience: it may have cost hours, and a full disk may be emptied."""
        try:
            return self._store_in_time(trial, ended, reported, end)
        except NePSError:
            raise
        except BaseException:  # a signal that could wait no longer
            if not self._counts(trial, end):
                _kept(trial, ended(self._run.log.shape)[0])
            raise

    def _store_in_time(self, trial: Trial, ended: Ended, reported: list[ev.Event], end: float) -> Judged:
        for delay in (*self._retries, None):
            try:
                with self._run.known_shape() as shape:
                    report, stop = ended(shape)
                    events = [*reported, finished(trial.id, report, end)]
                    if stop is not None:
                        reason = f"trial {trial.id}: {report.err}"
                        events.append(ev.Halted(time.time(), self._run.worker_id, reason, trial.id))
                    self._run.record(*events)
                self._retries = RETRIES
                return report, stop
            except StorageError as error:
                if delay is None or isinstance(error, RunGoneError):
                    saved = _kept(trial, ended(self._run.log.shape)[0])
                    self._retries = ()  # of several results that are there, the others wait no longer
                    raise type(error)(
                        f"the result of trial {trial.id} could not be stored: {error} It is kept in {saved}."
                    ) from error
                logger.warning(
                    "The result of trial %s can't be stored yet, next try in %s s: %s", trial.id, delay, error
                )
                with self._interruptible():
                    time.sleep(delay)
        raise AssertionError("the last try returns or raises")


def _kept(trial: Trial, report: Report) -> str:
    """Where a result is kept that could not be stored: in a file, or else here. It is in the log, too."""
    saved = Path(tempfile.gettempdir()) / f"neps-trial-{trial.id}-{os.getpid()}.json"
    text = json.dumps(ev.converter().unstructure(report))
    logger.error("The result of trial %s could not be stored, and is kept in %s: %s", trial.id, saved, text)
    try:
        saved.write_text(text, encoding="utf-8")
    except OSError as reason:  # the disk is full there, too
        return f"no file either ({reason.strerror}): {text}"
    return str(saved)


def finished(trial_id: str, report: Report, now: float | None = None) -> ev.Finished:
    """The event that a trial has this result."""
    return ev.Finished(trial_id, time.time() if now is None else now, State(report.reported_as), report)


def _put_back(trial: Trial, reason: str, orderly: bool = False, outlasted: bool = False) -> ev.Event:
    """A started trial becomes pending again, or is given up if it took its worker down too often."""
    starts = trial.metadata.starts
    if orderly or starts < MAX_STARTS:
        logger.info("Trial %s is put back: %s.", trial.id, reason)
        worker = trial.metadata.evaluating_worker_id
        return ev.Requeued(trial.id, time.time(), reason, orderly, worker, outlasted)
    err = f"it was started {starts} times and never ended; the last time, {reason}"
    logger.error("Trial %s crashed: %s.", trial.id, err)
    return finished(trial.id, Report(err=err, reported_as=State.CRASHED.value))
