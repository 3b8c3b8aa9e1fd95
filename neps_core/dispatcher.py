"""The dispatcher: claim trials, let an executor evaluate them, hand in their results, until something says stop.

It is to the run what a worker is, one with many hands: it holds one lease, and whoever finds that fallen takes its
trials over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any

from neps_core.assignments import Assignment, Job
from neps_core.claims import Claims
from neps_core.errors import ExecutorError, NePSError, StorageError, said
from neps_core.evaluating import injected
from neps_core.executors import Engine
from neps_core.interrupts import Interrupts
from neps_core.run import Run
from neps_core.trials import Trial
from neps_core.user_function import UserFunction

logger = logging.getLogger("neps.dispatcher")

#: Seconds between looks at the run and at the number of slots: where there may be something to claim, the first and the
#: longest; and else.
SHORTEST_WAIT, LONGEST_WAIT = 0.02, 0.5

#: Seconds in which results that are on their way are taken before a signal ends the executor.
LAST_RESULTS = 0.05


class Dispatcher:
    """One worker of a run: claims, and an executor.

    Args:
        run: The run, begun.
        claims: The trials that are this worker's.
        job: What all evaluations share.
        function: The user's function, checked.
        engine: Evaluates.
        interrupts: The signals that this process gets.
        asks_ahead: Whether configurations may be asked for before the results are there that come before them.

    Raises:
        TargetError: If the function can't be sent to the engine's processes.
    """

    def __init__(
        self,
        run: Run,
        claims: Claims,
        job: Job,
        function: UserFunction,
        engine: Engine,
        interrupts: Interrupts,
        asks_ahead: bool = False,
    ) -> None:
        self._run = run
        self._claims = claims
        self._engine = engine
        self._interrupts = interrupts
        self._per_slot = 2 if asks_ahead else 1
        engine.begin(job, function, run)
        self._ahead: deque[Trial] = deque()  # claimed, and waiting for a slot
        self._running: dict[Future[Any], Trial] = {}
        self._told: dict[str, int] = {}  # how many reports of each running trial observers know
        self._done: deque[Future[Any]] = deque()
        self._wake = threading.Event()
        self._error: Exception | None = None  # because of which it stops once nothing runs any more

    def work(self) -> str:
        """Go on until there is a reason to stop, and nothing runs any more.

        Returns:
            The reason.

        Raises:
            EvaluationError: If the user's function raised, unless errors are ignored; its exception is the cause.
            ExecutorError: If the executor can't run evaluations any more.
            NePSError: What a worker raises.
        """
        try:
            return self._work()
        except BaseException:
            if not self._interrupts.in_child and not self._interrupts.is_urgent:
                self._leave()
            raise

    def _work(self) -> str:
        wait = SHORTEST_WAIT
        while True:
            with self._interrupts.allowed():
                self._interrupts.leave_if_told()
            self._fill_slots()
            if self._take_results():
                wait = SHORTEST_WAIT
            self._call_off()
            reason = None
            if self._error is None and len(self._running) + len(self._ahead) < self._per_slot * self._slots:
                claimed = self._claimed()
                if isinstance(claimed, str):
                    reason = claimed  # which may be gone if a running trial is lost
                elif claimed:
                    self._ahead.extend(claimed)
                    wait = SHORTEST_WAIT
                    continue
            if not self._running:
                if self._error is not None:
                    raise self._error
                if reason is not None:
                    return reason
            with self._interrupts.allowed():
                self._wake.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)
            self._tell_reports()

    # ------------------------------------------------------------------ out

    def _claimed(self) -> list[Trial] | str:
        """One trial at a time, so that every budget is looked at before each."""
        try:
            return self._claims.claim()
        except NePSError as error:
            self._stop(error)
            return []

    @property
    def _slots(self) -> int:
        return max(self._engine.n_slots(), 1)

    def _fill_slots(self) -> None:
        """Hand what waits to the engine, as far as it has room; what has ended takes none, if not looked at yet."""
        while self._ahead and len(self._running) - len(self._done) < self._slots:
            self._submit(self._ahead.popleft())

    def _submit(self, trial: Trial) -> None:
        try:
            assignment = Assignment(trial, injected(self._run, trial))
        except StorageError as error:  # nothing that the trial could help
            self._claims.give_back(trial, f"its arguments can't be made: {error}", orderly=True)
            self._stop(error)
            return
        try:
            future = self._engine.submit(assignment)
        except Exception as error:  # an engine's code, so anything
            self._claims.give_back(trial, f"the executor takes no more: {said(error)}", orderly=True)
            self._stop(_broken(error))
            return
        logger.info("Trial %s was handed to the executor.", trial.id)
        self._running[future] = trial
        self._told[trial.id] = 0
        future.add_done_callback(self._ended)

    def _ended(self, future: Future[Any]) -> None:
        """In one of the engine's threads."""
        self._done.append(future)
        self._wake.set()

    # ------------------------------------------------------------------ and back

    def _take_results(self) -> bool:
        """Hand in what has ended; returns whether anything has."""
        self._wake.clear()
        any_ended = bool(self._done)
        if any_ended:
            self._tell_reports()
        while self._done:
            self._fill_slots()  # first, as to store a result takes longer
            future = self._done[0]
            trial = self._running[future]
            try:
                self._take(trial, future)
            except StorageError as error:  # a result is kept in a file then; what runs may be luckier
                self._stop(error)
            self._done.popleft()  # only now: what a signal interrupts is not lost
            del self._running[future], self._told[trial.id]
        return any_ended

    def _take(self, trial: Trial, future: Future[Any]) -> None:
        try:
            outcome = self._engine.outcome(future)
        except CancelledError:
            self._claims.give_back(trial, "the executor cancelled it", orderly=True)
            self._stop(ExecutorError("the executor has cancelled evaluations: it was shut down, or can't be reached."))
            return
        except ExecutorError as error:
            self._claims.give_back(trial, f"the executor can't run it: {said(error)}", orderly=True)
            self._stop(error)
            return
        except Exception as error:  # evaluations never raise, so this is the engine's
            self._claims.give_back(trial, f"the executor lost it: {said(error)}", orderly=False)
            return
        if outcome.refused is not None:
            self._claims.give_back(trial, f"it can't be begun: {outcome.refused}", orderly=True)
            self._stop(outcome.refused)
        elif outcome.left is not None:
            self._claims.give_back(trial, f"it left its process: {outcome.left}", orderly=False)
        else:
            if outcome.returned is None:
                self._claims.detach(trial, outcome.told)
                return
            stop_all = self._claims.finish(trial, outcome.returned, outcome.told, outcome.duration)
            if stop_all is not None:
                self._stop(stop_all)

    def _stop(self, error: Exception) -> None:
        """Begin nothing more, and raise this once what runs has ended, as other workers' evaluations do."""
        if self._error is None:
            self._error = error
            if self._running:
                logger.info("%s begins no more evaluations: %r", self._run.worker_id, error)
            self._take_back()

    def _call_off(self) -> None:
        """Give back what waits for a slot, if it should not be begun any more."""
        if self._ahead and self._claims.is_over_for([trial.id for trial in self._ahead]):
            self._take_back()

    def _take_back(self) -> None:
        """Give back what waits for a slot."""
        waiting, self._ahead = self._ahead, deque()
        self._give_back(waiting, "it was not begun yet")

    def _give_back(self, trials: Iterable[Trial], reason: str) -> None:
        try:
            for trial in trials:
                self._claims.give_back(trial, reason, True, self._interrupts.time_is_over)
        except StorageError as error:
            logger.warning("Trials are put back by others once this worker is gone: %s", error)

    def _tell_reports(self) -> None:
        """Tell observers what evaluations in other processes have reported: the observers are here."""
        if self._engine.is_here or not self._running:
            return
        try:
            self._run.refresh()
        except StorageError as reason:  # it is tried again, and no reason to lose an evaluation
            logger.warning("What is reported can't be read yet: %s", reason)
            return
        for trial_id, known in self._told.items():
            trial = self._run.trials.get(trial_id)
            if trial is not None and len(trial.points) > known:
                self._told[trial_id] = len(trial.points)
                self._run.tell("neps_trial_reported", trial=trial, step=trial.points[-1].step)

    def _leave(self) -> None:
        """Take what is there, end the executor, and give the rest back."""
        if not self._running and not self._claims.held:
            return
        self._ahead.clear()
        time.sleep(LAST_RESULTS)
        try:
            with suppress(NePSError):  # there is one already that is raised
                self._take_results()
            for future in self._running:
                future.cancel()
            self._engine.end()  # first, so that nobody evaluates a trial while others do
        except Exception as error:  # an engine's code, so anything
            logger.warning("The executor could not be ended: %r", error)
        self._give_back(self._claims.held, "its worker leaves")


def _broken(error: Exception) -> ExecutorError:
    broken = ExecutorError(f"the executor can't run evaluations any more: {said(error)}")
    broken.__cause__ = error
    return broken
