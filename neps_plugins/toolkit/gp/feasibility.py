"""How probable it is that a configuration keeps the constraints.

J. R. Gardner, M. J. Kusner, Z. Xu, K. Q. Weinberger and J. P. Cunningham, "Bayesian optimization with inequality
constraints", ICML 2014: what is to be gained is multiplied with it. As long as nothing keeps the constraints it is all
there is, and where they are predicted to be broken it is the higher, the less is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.acquisition.terms import Term
from neps_plugins.toolkit.gp.model import Model
from neps_plugins.toolkit.gp.models import predictions, predictions_with_gradient
from neps_plugins.toolkit.gp.situation import Situation
from neps_plugins.toolkit.pareto.feasibility import log_probability_of_feasibility

Floats = npt.NDArray[np.float64]


@frozen(eq=False)
class LogFeasibility:
    """The logarithm of the probability that all constraints are kept.

    Attributes:
        models: Of the constraints, c of them.
        limits: What their targets may be at most, shape (c,).
    """

    models: Sequence[Model]
    limits: Floats

    def __call__(self, points: Points) -> Floats:
        """At m points, shape (m,)."""
        means, deviations = predictions(self.models, points)
        return log_probability_of_feasibility(means - self.limits, deviations)[0]

    def with_gradient(self, points: Points) -> tuple[Floats, Floats]:
        """At m points, shape (m,), and its gradient by their values, shape (m, width)."""
        means, deviations, of_means, of_deviations = predictions_with_gradient(self.models, points)
        value, by_mean, by_sd = log_probability_of_feasibility(means - self.limits, deviations)
        gradient = np.einsum("mc,cmw->mw", by_mean, of_means) + np.einsum("mc,cmw->mw", by_sd, of_deviations)
        return value, gradient


def feasibility(situation: Situation) -> tuple[float, Term] | None:
    """The logarithm of the probability that all constraints are kept; None if there are no constraints."""
    models = situation.models
    return (1.0, LogFeasibility(models.constraints, models.limits)) if models.constraints else None
