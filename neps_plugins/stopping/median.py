"""The median stopping rule, and its generalisation to any percentile.

D. Golovin, B. Solnik, S. Moitra, G. Kochanski, J. Karro and D. Sculley, "Google Vizier: a service for black-box
optimization", KDD 2017, Section 3.2.2: a trial is stopped at step s if the best objective that it has reported by then
is strictly worse than the median of the running averages of all completed trials' objectives, reported up to step s.

The running average of a trial that ended before step s is that of all it has reported; trials whose first report was
later say nothing about step s.
"""

from __future__ import annotations

import bisect
import itertools
import math

from attrs import define, field, frozen

from neps_core import StoppingRuleError, StoppingRuleSpec, Trial, Trials, hookimpl
from neps_plugins.toolkit.reports import BestSoFar, one_objective
from neps_plugins.toolkit.trial_follower import Follower


@frozen
class _Curve:
    """What a completed trial has reported: its steps, and the average of its objectives up to each of them."""

    steps: list[float]
    averages: list[float]

    def average(self, step: float) -> float | None:
        """The running average at a step; None before the first one."""
        i = bisect.bisect_right(self.steps, step)
        return self.averages[i - 1] if i else None


@define
class _Ranked:
    """The running averages of the first `n` completed trials at one step, in order."""

    n: int = 0
    averages: list[float] = field(factory=list)


class Percentile:
    """Stops a trial that is worse than a share of the completed trials were on average by the same step.

    Args:
        percentile: How many percent of the completed trials a trial has to be as good as: above 0, below 100. A low one
            is strict; 50 is the median.
        min_trials: Nothing is stopped before so many trials have completed.
        min_steps: Nothing is stopped before it has reported so often.

    Raises:
        StoppingRuleError: If a number is out of range.
    """

    def __init__(self, percentile: float = 25.0, min_trials: int = 5, min_steps: int = 1) -> None:
        if not 0 < percentile < 100:
            raise StoppingRuleError(f"percentile={percentile!r} must be above 0 and below 100.")
        if not (min_trials >= 1 and min_steps >= 1):
            raise StoppingRuleError(f"min_trials={min_trials!r} and min_steps={min_steps!r} must be at least 1.")
        self._share = percentile / 100.0
        self._min_trials = min_trials
        self._min_steps = min_steps
        self._best = BestSoFar()
        self._follower = Follower()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._known: set[str] = set()
        self._completed: list[_Curve] = []
        self._ranked: dict[float, _Ranked] = {}

    def __call__(self, trial: Trial, trials: Trials) -> bool:
        best = self._best.of(trial)
        self._follow(trials)
        if len(trial.points) < self._min_steps or len(self._completed) < self._min_trials:
            return False
        limit = self._limit(trial.points[-1].step)
        return limit is not None and best > limit

    def _follow(self, trials: Trials) -> None:
        """Take in the trials that have completed."""
        anew, ids = self._follower.news(trials)
        if anew:
            self._begin_anew()
        for trial_id in ids:
            done = trials.get(trial_id)
            if done is not None and done.objectives is not None and done.points and trial_id not in self._known:
                points = [point for point in done.points if not math.isnan(one_objective(point))]
                averages = [total / (i + 1) for i, total in enumerate(itertools.accumulate(map(one_objective, points)))]
                self._known.add(trial_id)
                self._completed.append(_Curve([point.step for point in points], averages))

    def _limit(self, step: float) -> float | None:
        """The percentile of the running averages at a step; None if there are too few."""
        ranked = self._ranked.setdefault(step, _Ranked())
        for curve in self._completed[ranked.n :]:
            if (average := curve.average(step)) is not None:
                bisect.insort(ranked.averages, average)
        ranked.n = len(self._completed)
        values = ranked.averages
        if len(values) < self._min_trials:
            return None
        place = self._share * (len(values) - 1)
        low, high = values[math.floor(place)], values[math.ceil(place)]
        return low if low == high else low + (place - math.floor(place)) * (high - low)


class Median(Percentile):
    """Stops a trial whose best result so far is worse than the completed trials' median average by the same step.

    Args:
        min_trials: Nothing is stopped before so many trials have completed.
        min_steps: Nothing is stopped before it has reported so often.

    Raises:
        StoppingRuleError: If a number is out of range.
    """

    def __init__(self, min_trials: int = 5, min_steps: int = 1) -> None:
        super().__init__(50.0, min_trials, min_steps)


@hookimpl
def neps_stopping_rules() -> list[StoppingRuleSpec]:
    """`median` and `percentile`."""
    return [
        StoppingRuleSpec("median", Median, "worse than the completed trials' median average by the same step"),
        StoppingRuleSpec("percentile", Percentile, "worse than a share of the completed trials by the same step"),
    ]
