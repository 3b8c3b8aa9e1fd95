"""What an evaluation is predicted to cost, and how much that counts.

E. H. Lee, V. Perrone, C. Archambeau and M. Seeger, "Cost-aware Bayesian optimization", 2020, Section 3.2.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_core import OptimizerError
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.acquisition.terms import Term
from neps_plugins.toolkit.encoding import Encoder
from neps_plugins.toolkit.gp.kernels import MATERN52, Kernel
from neps_plugins.toolkit.gp.model import Model
from neps_plugins.toolkit.gp.situation import Situation, TermMaker
from neps_plugins.toolkit.gp.surrogate import Surrogate

Floats = npt.NDArray[np.float64]


@frozen
class LogCost:
    """The logarithm of what an evaluation is predicted to cost.

    Attributes:
        model: Of the cost, or of its logarithm; without a warp.
        centre: The mean of what was modelled.
        scale: Its standard deviation.
        is_log: Whether the logarithm was modelled.
        least: What no prediction is below.
    """

    model: Model
    centre: float
    scale: float
    is_log: bool
    least: float

    def __call__(self, points: Points) -> Floats:
        """At m points, shape (m,)."""
        predicted = self.centre + self.scale * self.model.predict(points.values, points.active)[0]
        return predicted if self.is_log else np.log(np.maximum(predicted, self.least))

    def with_gradient(self, points: Points) -> tuple[Floats, Floats]:
        """At m points, shape (m,), and its gradient by their values, shape (m, width)."""
        mean, _, slope, _ = self.model.predict_with_gradient(points.values, points.active)
        predicted = self.centre + self.scale * mean
        if self.is_log:
            return predicted, self.scale * slope
        by_mean = np.where(predicted > self.least, self.scale / np.maximum(predicted, self.least), 0.0)
        return np.log(np.maximum(predicted, self.least)), by_mean[:, None] * slope


class PredictedCost:
    """Divides what a configuration is worth by what it is predicted to cost: less so, the less there is left to spend.

    Args:
        models_log: Whether to model the logarithm of the cost, for costs that differ by orders of magnitude.
        kernel: Of the model.
    """

    def __init__(self, models_log: bool = False, kernel: Kernel = MATERN52) -> None:
        self._models_log = models_log
        self._kernel = kernel
        self._encoder: Encoder | None = None  # of the data that the model has seen
        self._surrogate = Surrogate((math.inf,), kernel)

    def __call__(self, situation: Situation) -> tuple[float, Term] | None:
        """None as long as less than two costs are known."""
        data, budget_info = situation.data, situation.budget_info
        if self._encoder is not data.encoder:  # everything was taken in anew
            self._encoder, self._surrogate = data.encoder, Surrogate((math.inf,), self._kernel)
        rows = np.flatnonzero(np.isfinite(data.costs) & (data.costs > 0))
        if len(rows) < 2:
            return None
        costs = data.costs[rows] / data.costs[rows].max()  # however large they are, nothing overflows
        modelled = np.log(costs) if self._models_log else costs
        model = self._surrogate.update(data.encoder.columns, data.values[rows], data.active[rows], modelled)
        limit = budget_info.max_cost
        left = 1.0 if not limit else max(0.0, 1.0 - budget_info.used_cost / limit)
        least = float(costs.min()) / 10
        return -left, LogCost(model, float(modelled.mean()), float(modelled.std()), self._models_log, least)


def cost_terms(cost_aware: bool | str) -> tuple[TermMaker, ...]:
    """What the keyword `cost_aware` of optimizers stands for.

    Args:
        cost_aware: False for nothing; True to model the cost, `"log"` to model its logarithm.

    Raises:
        OptimizerError: If it is none of the three.
    """
    if cost_aware not in (True, False, "log"):
        raise OptimizerError(f"cost_aware={cost_aware!r} must be True, False or 'log'.")
    return (PredictedCost(models_log=cost_aware == "log"),) if cost_aware else ()
