"""Ranks above 0: they evaluate what rank 0 evaluates, in step with it, and record nothing.

A follower reads the run's log, like everybody, and the leader's note. It holds no lock and handles no signal.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neps_core import Run, RunError, State, StoppingRule, StopTrial, Storage, Trial, Trials, parse_space
from neps_core.errors import warn
from neps_core.evaluating import prepared
from neps_core.events import Event
from neps_core.live import LiveTrial
from neps_core.run_result import RunResult, result_of
from neps_core.user_function import UserFunction
from neps_plugins.distributed.notes import Note, read_note

logger = logging.getLogger("neps.distributed")

#: Seconds between looks at the run: the first, and the longest.
SHORTEST_WAIT, LONGEST_WAIT = 0.005, 0.05

#: Seconds between looks whether the leader lives.
PULSE = 0.5

#: Seconds of waiting for a leader after which the log says so, and between saying it again.
PATIENCE, REMINDER = 3.0, 60.0

#: Where a job may be called like an earlier one: how many seconds before a follower its leader may have begun, and how
#: long a follower waits for another one where the leader that it finds has left.
STAGGER, SETTLING = 60.0, 5.0


class Follower:
    """A process that evaluates the trials of another one's worker.

    Args:
        storage: What the run is kept in.
        path: Where the leader's note is, or will be.
        label: What this process is, for messages.
        began: When this process called `neps.run` first, in Unix seconds; None if no earlier leader can have written
            that note.
        note: What the leader told before there was a note.
        is_over: Whether this call was over for the leader when it started this process.
    """

    def __init__(
        self,
        storage: Storage,
        path: Path,
        label: str,
        began: float | None = None,
        note: Note | None = None,
        is_over: bool = False,
    ) -> None:
        self._storage = storage
        self._path = path
        self._label = label
        self._began = began
        self._given = note
        self._is_over = is_over

    def follow(self, function: Callable[..., Any], pipeline_space: Any) -> RunResult:
        """Evaluate the leader's trials with it, until it leaves.

        Raises:
            RunError: If the leader has died.
            NePSError: If the function does not fit the space, or the run can't be read.
        """
        space = None if pipeline_space is None else parse_space(pipeline_space)
        if self._is_over:
            run = FollowedRun(self._storage)
            if run.journal.exists():
                run.refresh()
            return result_of(run, "rank 0 had ended this call before it started this process")
        leader = _Leader(self._storage, self._path, self._given or self._found())
        run = FollowedRun(self._storage)
        run.refresh()
        if space is not None:
            run.use_space(space)
        user_function = UserFunction(function, run.space)
        logger.info("This process, %s, follows worker %s on %s.", self._label, leader.worker, run.root_directory)
        reason = self._evaluate_all(run, leader, user_function)
        logger.info("This process, %s, stops: %s.", self._label, reason)
        return result_of(run, reason)

    def _found(self) -> Note:
        """What the leader tells, once it does."""
        began = time.monotonic()
        speaks_at, wait = PATIENCE, SHORTEST_WAIT
        while True:
            waited = time.monotonic() - began
            note = read_note(self._path)
            if note is not None and self._is_meant(note, waited):
                return note
            if waited >= speaks_at:
                speaks_at = waited + REMINDER
                warn(
                    f"this process, {self._label}, has waited {waited:.0f} s for rank 0 to call neps.run on "
                    f"{self._path.parents[2]}. If it is a worker of its own, give distributed=False."
                )
            time.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _is_meant(self, note: Note, waited: float) -> bool:
        """Whether a note is of this job's leader, and not of an earlier job's that was called the same."""
        if self._began is None or (note.left is None and self._storage.locks.is_alive(note.worker)):
            return True
        return note.began > self._began - STAGGER and waited > SETTLING

    def _evaluate_all(self, run: Run, leader: _Leader, function: UserFunction) -> str:
        done: set[tuple[str, float | None]] = set()
        wait = SHORTEST_WAIT
        while True:
            left, is_alive = leader.note().left, leader.is_alive()  # before the log, which is then complete
            run.refresh()
            trial = next((trial for trial in leader.trials(run) if _start(trial) not in done), None)
            if left is not None:
                return f"rank 0 (worker {leader.worker}) has left: {left}"
            if not is_alive:
                return leader.farewell(run)
            if trial is None:
                time.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            wait = SHORTEST_WAIT
            done.add(_start(trial))
            self._evaluate(run, leader, function, trial)

    def _evaluate(self, run: Run, leader: _Leader, function: UserFunction, trial: Trial) -> None:
        logger.info("Trial %s started, as %s.", trial.id, self._label)
        call = prepared(run, function, trial)
        try:
            with LiveTrial(run, trial, leader.rule(run)).current():
                call()
        except StopTrial:
            pass
        except Exception as error:  # the user's code, so anything
            told = f"evaluate_pipeline raised {error!r} in trial {trial.id}, as {self._label}"
            logger.error("%s.", told, exc_info=error)
            warn(f"{told}. It is not recorded, as the trial's result is rank 0's; the log has the traceback.")
        logger.info("Trial %s ended, as %s.", trial.id, self._label)


class FollowedRun(Run):
    """The leader's run, in which this process records nothing."""

    def record(self, *events: Event, tells: bool = True) -> None:
        """Nothing: the leader records."""

    def use_space(self, space: Any) -> None:
        """Take the space that this process was given, whose objects are its own."""
        self._space = space


class _Leader:
    """The leader, as a follower sees it."""

    def __init__(self, storage: Storage, path: Path, note: Note) -> None:
        self.worker = note.worker
        self._locks = storage.locks
        self._path = path
        self._given = note
        self._looked_at = float("-inf")
        self._is_alive = True

    def note(self) -> Note:
        """What it tells now."""
        note = read_note(self._path)
        return note if note is not None and note.worker == self.worker else self._given

    def is_alive(self) -> bool:
        """Whether it lived when this was last looked at, which is not long ago."""
        now = time.monotonic()
        if now - self._looked_at >= PULSE:
            self._looked_at, self._is_alive = now, self._locks.is_alive(self.worker)
        return self._is_alive

    def trials(self, run: Run) -> list[Trial]:
        """The trials that it evaluates."""
        return [trial for trial in map(run.trials.__getitem__, run.log.evaluating) if self._has(trial)]

    def farewell(self, run: Run) -> str:
        """Why it is gone, if it has said nothing.

        Raises:
            RunError: If it has died.
        """
        left = self.note().left  # said since
        if left is None and (trials := self.trials(run)):
            raise RunError(
                f"rank 0 (worker {self.worker} in {run.root_directory}) died while it evaluated trial {trials[0].id}. "
                "Others take the trial over; start the job again to go on."
            )
        return f"rank 0 (worker {self.worker}) " + ("is gone" if left is None else f"has left: {left}")

    def _has(self, trial: Trial) -> bool:
        metadata = trial.metadata
        is_its = metadata.evaluating_worker_id == self.worker and not metadata.is_asynchronous
        return is_its and trial.state is State.EVALUATING

    def rule(self, run: Run) -> StoppingRule | None:
        """A stopping rule that judges as the leader's has judged the same report; None if it has no rule."""
        if not self._given.judges:
            return None

        def judge(trial: Trial, trials: Trials) -> bool:
            wait = SHORTEST_WAIT
            while True:
                is_alive = self.is_alive()
                run.refresh()
                if (verdict := self._verdict(run, trial)) is not None:
                    return verdict
                if not is_alive:
                    return True
                time.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)

        return judge

    def _verdict(self, run: Run, trial: Trial) -> bool | None:
        """Whether the leader's evaluation was stopped at the last report of this one; None if it isn't there yet."""
        n = len(trial.points)
        there = run.trials.get(trial.id)
        note = self.note()
        if (note.trial, note.started) == _start(trial):
            if note.stopped and n >= note.judged:
                return True
            if n <= note.judged:
                return False
        if there is None or _start(there) != _start(trial) or not self._has(there):
            return self._verdict_of_ended(there, n)
        return None

    @staticmethod
    def _verdict_of_ended(trial: Trial | None, n: int) -> bool:
        """The same for one that has ended; with one that made fewer reports, going on makes no sense."""
        if trial is None or trial.report is None or n > len(trial.points):
            return True
        return trial.report.stopped_at is not None and n == len(trial.points)


def _start(trial: Trial) -> tuple[str, float | None]:
    """What tells an evaluation from any other."""
    return trial.id, trial.metadata.time_started
