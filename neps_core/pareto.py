"""Which trials are best. Trials that were stopped early are not looked at: nobody knows what they would have given.

A trial that keeps its constraints beats every one that does not, and of those that don't, the one that breaks them less
beats the other: K. Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Trans. Evolutionary
Computation 6(2), 2002, Section VI-A. Here a trial breaks them by the sum of what is above 0, in their own units, so
that what was best does not depend on what comes later.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from neps_core.trials import Trial


def violation(trial: Trial) -> float:
    """By how much a trial breaks its constraints, all together; 0 if it keeps them, inf if one is not known."""
    return math.inf if any(map(math.isnan, trial.constraints)) else sum(max(0.0, value) for value in trial.constraints)


class Front:
    """The best of the trials that it was given: what no other one beats. Of equals, the first.

    Attributes:
        trials: In the order of their objectives.
    """

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self.trials: list[Trial] = []
        self._objectives: list[tuple[float, ...]] = []
        self._grade = (math.inf, 0)  # of all of them
        for trial in trials:
            self.take(trial)

    @property
    def feasible(self) -> list[Trial]:
        """Those that keep their constraints: all, or none."""
        return [trial for trial in self.trials if trial.is_feasible]

    @property
    def best(self) -> Trial | None:
        """The best one; None if there is none, or they have several objectives."""
        return self.trials[0] if self.trials and len(self._objectives[0]) == 1 else None

    def take(self, trial: Trial) -> bool:
        """Look at another trial.

        Returns:
            Whether it is on the front now.
        """
        new = trial.objectives
        if new is None or trial.was_stopped_early:
            return False
        # One number may stand for an error of before anybody knew that there are more.
        grade = violation(trial), -len(new)
        if not self.trials or grade < self._grade:
            self.trials, self._objectives, self._grade = [trial], [new], grade
            return True
        return grade == self._grade and self._insert(new, trial)

    def _insert(self, new: tuple[float, ...], trial: Trial) -> bool:
        """Put what is not dominated in its place: in this order nothing is dominated by what comes after it."""
        front = self._objectives
        place = bisect_right(front, new)
        if len(new) <= 2:  # the second one falls where the first one rises, so that neighbours tell
            if place and _no_worse(front[place - 1], new):
                return False
            end = place
            while end < len(front) and _no_worse(new, front[end]):
                end += 1
            beaten: Sequence[int] = range(place, end)
        else:
            if any(_no_worse(front[i], new) for i in range(place)):
                return False
            beaten = [i for i in range(place, len(front)) if _no_worse(new, front[i])]
        for i in reversed(beaten):
            del front[i], self.trials[i]
        front.insert(place, new)
        self.trials.insert(place, trial)
        return True


def _no_worse(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether a is as low as b in every objective: if the two differ, it dominates b."""
    return all(x <= y for x, y in zip(a, b))


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """The successful trial with the lowest objective, the first of equals, feasible ones first.

    None if there is no successful trial, or they have several objectives. If no trial is feasible, the one that breaks
    its constraints least.
    """
    return Front(trials).best


def pareto_front(trials: Iterable[Trial]) -> list[Trial]:
    """The feasible successful trials that no other one dominates: is as low in every objective, and lower in one.

    Returns:
        In the order of their objectives; of trials with equal objectives, the first.
    """
    return Front(trials).feasible


def incumbents(trials: Iterable[Trial]) -> list[Trial]:
    """The trials that no earlier result beat or equalled, in the order in which they ended."""
    front = Front()
    return [trial for trial in sorted(trials, key=lambda trial: trial.metadata.time_end or 0.0) if front.take(trial)]
