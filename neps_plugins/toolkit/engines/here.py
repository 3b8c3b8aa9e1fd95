"""Evaluations in threads of this process: nothing has to travel."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future

from attrs import define, evolve, field

from neps_core import Assignment, Job, Outcome, Run, Trial, Trials
from neps_core.assignments import evaluated
from neps_core.live import LiveTrial
from neps_core.stopping import StoppingRule
from neps_core.user_function import UserFunction


@define(eq=False)
class EngineHere:
    """An executor whose threads are this process's; a `neps_core.Engine`.

    Args:
        executor: Runs the evaluations.
        n_slots: How many it can run at present.
        end: Ends it at once; None to leave that to whoever made it.
    """

    executor: Executor
    n_slots: Callable[[], int]
    end: Callable[[], None] = lambda: None
    is_here: bool = field(default=True, init=False)
    _begun: tuple[Job, UserFunction, Run] = field(init=False)

    def begin(self, job: Job, function: UserFunction, run: Run) -> None:
        self._begun = (job if job.rule is None else evolve(job, rule=_one_at_a_time(job.rule))), function, run

    def submit(self, assignment: Assignment) -> Future[Outcome]:
        job, function, run = self._begun
        live = LiveTrial(run, assignment.trial, job.rule, job.requires_cost)
        return self.executor.submit(lambda: evaluated(function, job.space, assignment, live, time.perf_counter()))

    def outcome(self, future: Future[Outcome]) -> Outcome:
        return future.result()


def _one_at_a_time(rule: StoppingRule) -> StoppingRule:
    """The rule, for several threads: it keeps what it has computed, and need not know of them."""
    lock = threading.Lock()

    def judge(trial: Trial, trials: Trials) -> bool:
        with lock:
            return rule(trial, trials)

    return judge
