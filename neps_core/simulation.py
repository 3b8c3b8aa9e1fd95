"""Runs in simulated time: how an optimizer would do with any number of workers, in seconds.

A virtual clock drives an optimizer over a table of results (or any function of a configuration), with nothing
stored and nobody waiting: thousands of evaluations a second.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve, frozen

from neps_core import events as ev
from neps_core.budgets import BudgetInfo
from neps_core.optimizers.choosing import choose
from neps_core.results import parse_result
from neps_core.sampling import sample
from neps_core.space_parsing import parse_space
from neps_core.trial_log import TrialLog
from neps_core.trials import State, Trial


@frozen
class Simulated:
    """What a simulated run was.

    Attributes:
        trials: All trials; their times are the virtual clock's, which begins at 0.
        ended: The finished ones, in the order in which they ended.
        stopped_because: Why it ended, in words.
    """

    trials: Mapping[str, Trial]
    ended: list[Trial]
    stopped_because: str


def simulate(
    optimizer: Any,
    pipeline_space: Any,
    evaluate: Callable[[Mapping[str, Any], Trial | None], tuple[Any, float]],
    *,
    n_workers: int = 1,
    seed: int = 0,
    max_evaluations: int | None = None,
    max_time: float = math.inf,
) -> Simulated:
    """Drive an optimizer with workers that take no real time.

    Args:
        optimizer: As for `run`.
        pipeline_space: As for `run`.
        evaluate: Given a configuration's decisions and the trial that it continues (None if it continues none),
            gives the result (as `evaluate_pipeline` would) and the time that the evaluation takes.
        n_workers: How many evaluate at once.
        seed: Of the run.
        max_evaluations: No evaluation begins after so many.
        max_time: No evaluation begins at or after this time.

    Returns:
        The trials. Those that are running when it stops are run to their ends.

    Raises:
        NePSError: As `run` does for a space or an optimizer that can't be used.
    """
    space = parse_space(pipeline_space)
    chosen = choose(optimizer, space)
    log = TrialLog()
    log.fold([ev.Created(ev.FORMAT, seed, 0.0)])
    order = itertools.count()
    running: list[tuple[float, int, str, ev.Finished]] = []  # a heap by the time at which each ends
    idle = [f"worker_{i}" for i in reversed(range(n_workers))]
    ended: list[str] = []
    clock, begun = 0.0, 0
    while True:
        while idle and clock < max_time and (max_evaluations is None or begun < max_evaluations):
            limits = {} if max_evaluations is None else {"evaluations": float(max_evaluations)}
            info = BudgetInfo(limits, {"evaluations": float(begun)})
            if not log.pending:  # an optimizer may give several at a time
                log.fold(sample(log, chosen, space, info, None, idle[-1], clock))
            if not log.pending:
                break
            worker, begun = idle.pop(), begun + 1
            trial = log.trials[next(iter(log.pending))]
            log.fold([ev.Started(trial.id, clock, worker)])
            result, duration = evaluate(trial.config, log.trials.get(trial.metadata.previous_trial_id or ""))
            report = parse_result(result, shape=log.shape)
            report = evolve(report, evaluation_duration=duration)
            finished = ev.Finished(trial.id, clock + duration, State(report.reported_as), report)
            heapq.heappush(running, (finished.time, next(order), worker, finished))
        if not running:
            break
        clock, _, worker, finished = heapq.heappop(running)
        log.fold([finished])
        ended.append(finished.id)
        idle.append(worker)
    if clock >= max_time:
        reason = f"time {max_time:g} is over"
    elif max_evaluations is not None and begun >= max_evaluations:
        reason = f"{begun} evaluations were made"
    else:
        reason = f"the optimizer {chosen.name!r} has nothing more to propose"
    return Simulated(log.trials, [log.trials[i] for i in ended], reason)
