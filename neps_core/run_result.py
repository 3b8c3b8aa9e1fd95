"""What a run has come to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import evolve, field, frozen

from neps_core.pareto import Front
from neps_core.run import Run
from neps_core.scalarizing import Scalarization
from neps_core.shapes import UNKNOWN
from neps_core.showing import as_html
from neps_core.trials import Trial, TrialsById


@frozen
class RunResult:
    """What `neps.run` gives back.

    Attributes:
        best: The successful trial with the lowest objective, feasible ones first: it is infeasible only if all are,
            and then the one that breaks its constraints least. With several objectives the one of these that
            `scalarize` chooses, or None without it. None if there is none.
        pareto_front: The feasible successful trials that no other one dominates.
        trials: All trials of the run by id.
        stopped_because: Why this worker stopped, in words.
        root_directory: Where the run is.
    """

    best: Trial | None
    pareto_front: list[Trial] = field(repr=lambda front: f"<{len(front)} trials>")
    trials: Mapping[str, Trial] = field(repr=lambda trials: f"<{len(trials)} trials>")
    stopped_because: str
    root_directory: Path

    _repr_html_ = as_html


def chosen_by(scalarization: Scalarization | None, result: RunResult) -> RunResult:
    """A result that was made without a scalarization, as that of a rank above 0, with the best trial by this one.

    Raises:
        RunError: If the scalarization is for other objectives than the run has.
    """
    if scalarization is None:
        return result
    front = Front(result.trials.values()).trials
    if not front or (first := front[0].report) is None:
        return result
    return evolve(result, best=scalarization.best_of(front, UNKNOWN.completed(first).objectives))


def result_of(run: Run, stopped_because: str, scalarization: Scalarization | None = None) -> RunResult:
    """What a run has come to.

    Raises:
        RunError: If the scalarization is for other objectives than the run has.
    """
    trials = TrialsById(run.trials.items())
    front = Front(trials.values())
    best = front.best
    if scalarization is not None:
        best = scalarization.best_of(front.trials, run.log.shape.objectives)
    return RunResult(best, front.feasible, trials, stopped_because, run.root_directory)
