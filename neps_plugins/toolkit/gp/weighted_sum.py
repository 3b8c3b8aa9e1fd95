"""What is known of a weighted sum of objectives: as their models are independent, it is normal where they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_plugins.toolkit.gp.model import Model

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@frozen(eq=False)
class WeightedSum:
    """Predicts a weighted sum of targets.

    Attributes:
        models: Of the objectives, standardised, m of them.
        weights: Shape (m,).
    """

    models: Sequence[Model]
    weights: Floats

    def predict(self, values: Floats, active: Bools) -> tuple[Floats, Floats]:
        """As for `Model`."""
        means, variances = zip(*(model.predict(values, active) for model in self.models))
        return np.tensordot(self.weights, means, 1), np.tensordot(self.weights**2, variances, 1)

    def predict_with_gradient(self, values: Floats, active: Bools) -> tuple[Floats, Floats, Floats, Floats]:
        """As for `Model`."""
        each = zip(*(model.predict_with_gradient(values, active) for model in self.models))
        means, variances, by_mean, by_variance = each
        w, squared = self.weights, self.weights**2
        return (
            np.tensordot(w, means, 1),
            np.tensordot(squared, variances, 1),
            np.tensordot(w, by_mean, 1),
            np.tensordot(squared, by_variance, 1),
        )
