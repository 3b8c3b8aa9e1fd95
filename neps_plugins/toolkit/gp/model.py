"""A Gaussian process over encoded configurations."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_plugins.toolkit.gp.features import Features
from neps_plugins.toolkit.gp.posterior import Posterior

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def _unchanged(values: Floats) -> Floats:
    return values


@frozen(eq=False)
class Model:
    """What is known of an objective.

    Attributes:
        features: What the posterior is a function of.
        posterior: Of the warped and standardised objective.
        target: From finite values of the objective to what they are when they are warped and standardised.
    """

    features: Features
    posterior: Posterior
    target: Callable[[Floats], Floats] = _unchanged

    def predict(self, values: Floats, active: Bools) -> tuple[Floats, Floats]:
        """Mean and variance of the target at m encoded configurations. Shapes (m,)."""
        return self.posterior.predict(self.features(values, active))

    def predict_with_gradient(self, values: Floats, active: Bools) -> tuple[Floats, Floats, Floats, Floats]:
        """Mean, variance, and the gradients of both by the values. Shapes (m,), (m,), (m, width), (m, width)."""
        mean, variance, by_mean, by_variance = self.posterior.predict_with_gradient(self.features(values, active))
        of_values = (self.features.by_value(slope, values, active) for slope in (by_mean, by_variance))
        return mean, variance, *of_values  # type: ignore[return-value]

    def believing(self, values: Floats, active: Bools) -> Model:
        """This model as if some configurations had given just what it predicts for them (the Kriging believer).

        Its mean stays what it is, and its variance vanishes there: D. Ginsbourger, R. Le Riche and L. Carraro,
        "Kriging is well-suited to parallelize optimization", 2010, Section 4.
        """
        posterior = copy(self.posterior)
        posterior.extend(self.features(values, active))
        return Model(self.features, posterior, self.target)
