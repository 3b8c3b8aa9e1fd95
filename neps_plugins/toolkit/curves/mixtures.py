"""What is believed of values, as mixtures of normal distributions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import frozen
from scipy.special import log_ndtr, ndtr

Floats = npt.NDArray[np.float64]


@frozen(eq=False)
class Normals:
    """A mixture of K normal distributions for each of m values.

    Attributes:
        weights: Shape (m, K), or what is broadcast to it; they add up to 1 over K.
        means: Shape (m, K).
        variances: Shape (m, K).
    """

    weights: Floats
    means: Floats
    variances: Floats

    @property
    def mean(self) -> Floats:
        """Shape (m,)."""
        return np.asarray((self.weights * self.means).sum(axis=1))

    @property
    def variance(self) -> Floats:
        """Shape (m,)."""
        off = self.means - self.mean[:, None]
        return np.asarray((self.weights * (self.variances + off * off)).sum(axis=1))

    def log_below(self, threshold: float) -> Floats:
        """The logarithms of the probabilities that they are below a threshold, however small, shape (m,)."""
        logs = log_ndtr((threshold - self.means) / np.sqrt(self.variances))
        highest = logs.max(axis=1, keepdims=True)
        return np.asarray(np.log((self.weights * np.exp(logs - highest)).sum(axis=1)) + highest[:, 0])

    def cdf(self, values: Floats) -> Floats:
        """The probabilities that each of them is below a value of its own, shape (m,)."""
        z = (values[:, None] - self.means) / np.sqrt(self.variances)
        return np.asarray((self.weights * ndtr(z)).sum(axis=1))
