"""What stopping rules ask of the intermediate results of a trial, at a cost that does not grow with their number."""

from __future__ import annotations

import math

from attrs import define

from neps_core import Point, StoppingRuleError, Trial


def one_objective(point: Point) -> float:
    """The objective of a point.

    Raises:
        StoppingRuleError: If it has several.
    """
    objective = point.objective
    if isinstance(objective, list):
        if len(objective) == 1:
            return objective[0]
        raise StoppingRuleError(
            "the stopping rule compares one objective, and several were reported. Leave stopping_rule out, or give a "
            "function of your own: stopping_rule=lambda trial, trials: trial.points[-1].objective[0] > 0.5."
        )
    return objective


@define
class BestSoFar:
    """Follows the trial that is being evaluated, one at a time.

    Attributes:
        best: The lowest objective that it has reported; infinity if it has reported none but NaN.
        at: At which of its reports, counted from 0; -1 for none.
        min_delta: By how much an objective has to be lower than the best one to count as better.
    """

    min_delta: float = 0.0
    best: float = math.inf
    at: int = -1
    _trial: tuple[str, float | None] = ("", None)
    _n: int = 0

    def of(self, trial: Trial) -> float:
        """The best of a trial."""
        this = (trial.id, trial.metadata.time_started)
        if this != self._trial or len(trial.points) < self._n:
            self._trial, self._n, self.best, self.at = this, 0, math.inf, -1
        for i in range(self._n, len(trial.points)):
            value = one_objective(trial.points[i])
            if value < self.best - self.min_delta or (self.at < 0 and not math.isnan(value)):
                self.best, self.at = value, i
        self._n = len(trial.points)
        return self.best
