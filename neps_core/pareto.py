"""Which trials are best."""

from __future__ import annotations

from collections.abc import Iterable

from neps_core.trials import Trial


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """The successful trial with the lowest objective, the first of equals.

    None if there is no successful trial, or they have several objectives.
    """
    best, lowest = None, (float("inf"),)
    for trial in trials:
        objectives = trial.objectives
        if objectives is not None and len(objectives) == 1 and (best is None or objectives < lowest):
            best, lowest = trial, objectives
    return best


def pareto_front(trials: Iterable[Trial]) -> list[Trial]:
    """The successful trials that no other one dominates: is as low in every objective, and lower in one.

    Returns:
        In the order of their objectives; of trials with equal objectives, the first.
    """
    first: dict[tuple[float, ...], Trial] = {}
    for trial in trials:
        if trial.objectives is not None:
            first.setdefault(trial.objectives, trial)
    front: list[tuple[tuple[float, ...], Trial]] = []
    # In lexicographic order nothing can be dominated by what comes after it.
    for objectives in sorted(first):
        if not any(all(a <= b for a, b in zip(other, objectives)) for other, _ in front):
            front.append((objectives, first[objectives]))
    return [trial for _, trial in front]
