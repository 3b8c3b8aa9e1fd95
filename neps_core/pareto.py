"""Which trials are best. Trials that were stopped early are not looked at: nobody knows what they would have given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from neps_core.trials import Trial


def no_worse(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether a is as low as b in every objective: if the two differ, it dominates b."""
    return all(x <= y for x, y in zip(a, b))


def comparable(trial: Trial) -> tuple[float, ...] | None:
    """The objectives by which a trial may be among the best; None if it can't be."""
    return None if trial.was_stopped_early else trial.objectives


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """The successful trial with the lowest objective, the first of equals.

    None if there is no successful trial, or they have several objectives.
    """
    best, lowest = None, (float("inf"),)
    for trial in trials:
        objectives = comparable(trial)
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
        if (objectives := comparable(trial)) is not None:
            first.setdefault(objectives, trial)
    front: list[tuple[tuple[float, ...], Trial]] = []
    # In lexicographic order nothing can be dominated by what comes after it.
    for objectives in sorted(first):
        if not any(no_worse(other, objectives) for other, _ in front):
            front.append((objectives, first[objectives]))
    return [trial for _, trial in front]


def incumbents(trials: Iterable[Trial]) -> list[Trial]:
    """The trials that no earlier result dominated or equalled, in the order in which they ended."""
    front: list[tuple[float, ...]] = []
    found = []
    for trial in sorted(trials, key=lambda trial: trial.metadata.time_end or 0.0):
        new = comparable(trial)
        if new is not None and not any(no_worse(other, new) for other in front):
            front = [other for other in front if not no_worse(new, other)] + [new]
            found.append(trial)
    return found
