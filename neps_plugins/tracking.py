"""What observers for experiment trackers share: a thread that a tracker may keep waiting, in place of the worker.

What happens is put into a queue of bounded length, and handed to the tracker by a thread of its own. A tracker that is
slow or down costs the worker nothing: what does not fit in is dropped, with one warning, and the end of the run waits
for what is left for some seconds only. Each worker hands over the trials that it has evaluated itself.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from neps_core import ObserverError, Point, Run, State, Trial
from neps_core.pareto import Front
from neps_plugins.toolkit.trial_follower import Follower

logger = logging.getLogger("neps.tracking")

#: How much may wait to be handed over.
WAITING = 10_000

#: Seconds that the end of a run waits for what is left, and after which a tracker that can't be reached is tried again.
FLUSH, PAUSE = 10.0, 30.0

#: What the objective of a run is called where it has no name.
OBJECTIVE = "objective_to_minimize"


@frozen
class Search:
    """The run that is tracked.

    Attributes:
        root_directory: Its folder.
        key: A text that tells it from others, and stays with it when it is gone on with or moved.
        facts: What people want to know of it.
    """

    root_directory: Path
    key: str
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        """What people call it: its folder."""
        return self.root_directory.name


class Sink(Protocol):
    """A tracker, as the thread sees it. Anything may be raised. A trial may be told without its beginning."""

    def started(self, trial: Trial) -> None:
        """An evaluation has begun."""
        ...

    def reported(self, trial: Trial, points: Sequence[Point]) -> None:
        """It has given intermediate results: those that were not told yet."""
        ...

    def finished(self, trial: Trial, is_best: bool, n_finished: int) -> None:
        """It has ended.

        Args:
            trial: The trial, with its report.
            is_best: Whether it is the best one so far, as far as this worker knows.
            n_finished: How many trials have ended in the whole run, as far as it knows.
        """
        ...

    def close(self, is_last: bool) -> None:
        """The worker leaves; `is_last` if no other one is alive."""
        ...


class Tracker:
    """An observer that hands what happens to a tracker; see the module.

    Args:
        name: The observer's name, for messages.
        make: Reaches the tracker; called in the thread.
        flush_seconds: How long the end of a run waits for what is left.
        waiting: How much may wait to be handed over.

    Raises:
        ObserverError: If `flush_seconds` is no number of at least 0.
    """

    def __init__(
        self, name: str, make: Callable[[Search], Sink], flush_seconds: float = FLUSH, waiting: int = WAITING
    ) -> None:
        if isinstance(flush_seconds, bool) or not isinstance(flush_seconds, (int, float)) or not flush_seconds >= 0:
            raise ObserverError(f"flush_seconds={flush_seconds!r} of {name!r} must be a number of at least 0.")
        self._name = name
        self._make = make
        self._flush_seconds = flush_seconds
        self._limit = waiting
        self._handover: _Handover | None = None

    def neps_run_started(self, run: Run) -> None:
        """Begin to hand over."""
        key = hashlib.sha256(f"{run.log.seed} {run.log.began}".encode()).hexdigest()[:12]
        optimizer = run.log.optimizers[-1].name if run.log.optimizers else None
        search = Search(run.root_directory, key, {"optimizer": optimizer, "seed": run.log.seed})
        self._handover = _Handover(self._name, self._make, search, self._limit)
        self._told: dict[str, int] = {}  # of each trial under way: how many of its points
        self._follower, self._front, self._seen = Follower(), Front(), set[str]()
        self._follow(run)

    def _follow(self, run: Run) -> None:
        anew, ids = self._follower.news(run.trials)
        if anew:
            self._front, self._seen = Front(), set()
        for trial_id in ids:
            trial = run.trials.get(trial_id)
            if trial is not None and trial.state.is_finished and trial_id not in self._seen:
                self._seen.add(trial_id)
                self._front.take(trial)

    def neps_trial_started(self, trial: Trial) -> None:
        """Hand over a trial that this worker begins."""
        self._told[trial.id] = 0
        self._put(lambda sink: sink.started(trial))

    def neps_trial_reported(self, trial: Trial) -> None:
        """Hand over what it has reported since."""
        points = trial.points[self._told.get(trial.id, 0) :]
        self._told[trial.id] = len(trial.points)
        if points:
            self._put(lambda sink: sink.reported(trial, points))

    def neps_trial_finished(self, run: Run, trial: Trial) -> None:
        """Hand over its result, and a learning curve that came with it."""
        self._follow(run)
        told = self._told.pop(trial.id, 0)
        curve = trial.report.learning_curve if trial.report is not None else None
        is_best = self._front.best is not None and self._front.best.id == trial.id
        n_finished = len(self._seen)

        def hand_over(sink: Sink) -> None:
            if not told and curve is not None and (points := points_of(curve)):
                sink.reported(trial, points)
            sink.finished(trial, is_best, n_finished)

        self._put(hand_over)

    def neps_run_finished(self, run: Run) -> None:
        """Hand over what is left, unless that takes too long."""
        if self._handover is not None:
            others = [worker for worker in run.locks.living_workers() if worker != run.worker_id]
            self._handover.end(not others, self._flush_seconds)
            self._handover = None

    def _put(self, item: Callable[[Sink], None]) -> None:
        if self._handover is not None:
            self._handover.put(item)


class _Handover:
    """The queue and the thread of one run."""

    def __init__(self, name: str, make: Callable[[Search], Sink], search: Search, limit: int) -> None:
        self._name = name
        self._make = make
        self._search = search
        self._queue: queue.Queue[Callable[[Sink], None] | None] = queue.Queue(limit)
        self._sink: Sink | None = None
        self._try_again = 0.0
        self._is_last: bool | None = None  # set when the run has ended
        self._warned: set[str] = set()
        # A daemon, so that a tracker which never answers does not keep the process.
        self._thread = threading.Thread(target=self._work, name=f"neps {name}", daemon=True)
        self._thread.start()

    def put(self, item: Callable[[Sink], None]) -> None:
        """Have something handed over, or drop it if too much waits."""
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self._warn("full", f"{self._queue.maxsize:,} events wait for it, and what does not fit in is dropped.")

    def end(self, is_last: bool, seconds: float) -> None:
        """Wait for what is left."""
        self._is_last = is_last
        with suppress(queue.Full):
            self._queue.put_nowait(None)  # wakes it
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._warn("late", f"it has not taken everything within {seconds:g} s; the run ends without the rest.")

    def _work(self) -> None:
        while self._is_last is None or not self._queue.empty():
            item = self._queue.get()
            if item is not None:
                self._try(item)
        if self._sink is not None:
            is_last = bool(self._is_last)
            self._try(lambda sink: sink.close(is_last))

    def _try(self, item: Callable[[Sink], None]) -> None:
        try:
            if self._sink is None:
                if time.monotonic() < self._try_again:
                    return
                self._try_again = time.monotonic() + PAUSE
                self._sink = self._make(self._search)
            item(self._sink)
        except Exception as error:  # a tracker's code, so anything
            self._warn(
                "error", f"{type(error).__name__}: {str(error)[:500]}. What it misses is in the run all the same."
            )

    def _warn(self, kind: str, text: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            logger.warning("The tracker %r (told once): %s", self._name, text)


def require(name: str, module: str) -> None:
    """Import a tracker's package: before the run, as that may take seconds, which a short run would not wait for.

    Raises:
        ObserverError: If it is not installed, or broken.
    """
    try:
        importlib.import_module(module)
    except ImportError as reason:
        package = module.partition(".")[0]
        raise ObserverError(
            f"the observer {name!r} needs {package}: pip install 'neps-framework[{name}]'. ({reason})"
        ) from reason


def points_of(curve: Iterable[Any]) -> list[Point]:
    """A learning curve that came with the result as points, at steps from 1; what is no number is left out."""
    return [Point(step, value) for step, value in enumerate(curve, 1) if isinstance(value, (int, float))]


def measures(objective: Any, names: Sequence[Any] | None = None) -> dict[str, float]:
    """Objectives by name."""
    if not isinstance(objective, (list, tuple)):
        return {str(names[0]) if names else OBJECTIVE: float(objective)}
    return {str(names[i]) if names else f"objective_{i + 1}": float(value) for i, value in enumerate(objective)}


def measures_of(trial: Trial) -> dict[str, float]:
    """What is known of a trial that has ended, as numbers."""
    report = trial.report
    if report is None:
        return {}
    known: dict[str, float] = {}
    if trial.state is State.SUCCESS and report.objective_to_minimize is not None:
        known.update(measures(report.objective_to_minimize, report.objective_names))
    known.update((f"constraint_{name}", value) for name, value in trial.constraints_by_name.items())
    if report.cost is not None:
        known["cost"] = report.cost
    if report.evaluation_duration is not None:
        known["evaluation_duration"] = report.evaluation_duration
    known.update((key, float(value)) for key, value in report.extra.items() if type(value) in (int, float))
    return known


def measures_at(point: Point) -> dict[str, float]:
    """What was reported at a step, as numbers."""
    known = measures(point.objective)
    if point.cost is not None:
        known["cost"] = point.cost
    known.update((key, float(value)) for key, value in point.extra.items() if type(value) in (int, float))
    return known


def flattened(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with names that every tracker takes: letters, digits, `_`, `-`, `.`, `/` and blanks.

    Two paths of which the same would become get numbers.
    """
    flat: dict[str, Any] = {}
    for path, value in config.items():
        name = "".join(c if (c.isascii() and c.isalnum()) or c in "_-./ " else "_" for c in path)[:200] or "_"
        unique, i = name, 1
        while unique in flat:
            unique, i = f"{name}_{i}", i + 1
        flat[unique] = value
    return flat
