"""What a run has come to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from attrs import field, frozen

from neps_core.pareto import best_of, pareto_front
from neps_core.run import Run
from neps_core.trials import Trial


@frozen
class RunResult:
    """What `neps.run` gives back.

    Attributes:
        best: The successful trial with the lowest objective; None if there is none, or several objectives.
        pareto_front: The successful trials that no other one dominates.
        trials: All trials of the run by id.
        stopped_because: Why this worker stopped, in words.
        root_directory: Where the run is.
    """

    best: Trial | None
    pareto_front: list[Trial]
    trials: Mapping[str, Trial] = field(repr=lambda trials: f"<{len(trials)} trials>")
    stopped_because: str
    root_directory: Path


def result_of(run: Run, stopped_because: str) -> RunResult:
    """What a run has come to."""
    trials = dict(run.trials.items())
    best, front = best_of(trials.values()), pareto_front(trials.values())
    return RunResult(best, front, trials, stopped_because, run.root_directory)
