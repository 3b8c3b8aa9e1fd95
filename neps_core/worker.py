"""The worker's loop: claim a trial, evaluate it, hand in its result, until something says stop."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Any

from neps_core.claims import Claims
from neps_core.errors import ArtifactsError, SpaceError, StopTrial, StorageError
from neps_core.evaluating import prepared
from neps_core.interrupts import Interrupts
from neps_core.live import LiveTrial
from neps_core.run import Run
from neps_core.stopping import StoppingRule
from neps_core.trials import Trial
from neps_core.user_function import UserFunction

logger = logging.getLogger("neps.worker")

#: Seconds between looks at the run while there is nothing to do: the first, and the longest.
SHORTEST_WAIT, LONGEST_WAIT = 0.02, 0.5


class Worker:
    """One worker of a run: claims, and the user's function.

    Args:
        run: The run, begun.
        claims: The trials that are this worker's.
        function: The user's function.
        interrupts: The signals that this process gets.
        rule: Says when an evaluation is to be stopped early; None for never.
    """

    def __init__(
        self,
        run: Run,
        claims: Claims,
        function: UserFunction,
        interrupts: Interrupts,
        rule: StoppingRule | None = None,
    ) -> None:
        self._run = run
        self._claims = claims
        self._function = function
        self._interrupts = interrupts
        self._rule = rule

    def work(self) -> str:
        """Go on until there is a reason to stop.

        Returns:
            The reason.

        Raises:
            EvaluationError: If the user's function raised, unless errors are ignored; its exception is the cause.
            ResultError: If it returned something that is no result, unless errors are ignored.
            StorageError: If the run can't be read or written any more.
        """
        wait = SHORTEST_WAIT
        while True:
            with self._interrupts.allowed():
                self._interrupts.leave_if_told()
            claimed = self._claims.claim()
            if isinstance(claimed, str):
                return claimed
            if not claimed:
                if wait == SHORTEST_WAIT:
                    logger.info("%s: nothing to do until a running trial ends; waiting.", self._run.worker_id)
                with self._interrupts.allowed():
                    time.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            wait = SHORTEST_WAIT
            self._evaluate(claimed[0])

    def _evaluate(self, trial: Trial) -> None:
        logger.info("Trial %s started.", trial.id)
        live = LiveTrial(self._run, trial, self._rule, self._claims.requires_cost, self._interrupts.held)
        began = time.perf_counter()
        call: Callable[[], Any] | None = None
        try:
            with live.current(), self._interrupts.allowed():
                call = prepared(self._run, self._function, trial)
                returned = call()
        except StopTrial:
            returned = live.stopped()
        except BaseException as error:  # the user's code, so anything
            is_no_fault = call is None and isinstance(error, (SpaceError, StorageError))
            if is_no_fault or isinstance(error, ArtifactsError):  # nothing that the trial could help
                self._claims.give_back(trial, f"its arguments can't be made: {error}", orderly=True)
                raise
            if not isinstance(error, Exception) or error is self._interrupts.error:
                self._leave(trial, error)
                raise
            returned = error
        if self._interrupts.in_child:
            os._exit(1)  # a process that the user's code forked, and that forgot to end: it is no worker
        self._interrupts.install()
        if returned is None:
            self._claims.detach(trial, live.told())
            return
        stop_all = self._claims.finish(trial, returned, live.told(), time.perf_counter() - began)
        if stop_all is not None:
            raise stop_all

    def _leave(self, trial: Trial, error: BaseException) -> None:
        """Put the trial back before this worker leaves, if there is the time."""
        if self._interrupts.in_child or self._interrupts.is_urgent:
            return
        # What the user's own code does by leaving counts as a start.
        orderly = self._interrupts.raised or isinstance(error, KeyboardInterrupt)
        try:
            self._claims.give_back(trial, f"its worker leaves: {error!r}", orderly, self._interrupts.time_is_over)
        except StorageError as reason:
            logger.warning("Trial %s is put back by others once this worker is gone: %s", trial.id, reason)
