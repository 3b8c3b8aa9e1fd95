"""Gaussian process regression: what observations say about the rest.

Notation, as in C. E. Rasmussen and C. K. I. Williams, "Gaussian processes for machine learning", MIT Press 2006:
    Z        (n, F) the features of n observations (`neps_plugins.toolkit.gp.features`)
    y        (n,) their targets: no mean, about unit variance
    l        (G,) lengthscales; feature f has that of its group, l[group[f]]
    s2, v    the variance of the signal and that of the noise
    d2       squared distance, the sum over features of ((z_f - z'_f) / l_f)**2
    k        s2 times the kernel at d2
    slope    minus twice the kernel's derivative by d2
    K        (n, n) k between observations, plus v on the diagonal; L its Cholesky factor
    theta    log l, log s2, log v: what is fitted
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from neps_plugins.toolkit.gp.cholesky import inverse_factor
from neps_plugins.toolkit.gp.hyperparameters import Hyperparameters
from neps_plugins.toolkit.gp.kernels import MATERN52, Kernel, squared_distances

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


class Posterior:
    """A Gaussian process that has seen observations.

    Args:
        Z: Features, shape (n, F).
        group: The lengthscale of each feature.
        hyperparameters: Of the kernel and the noise.
        kernel: How alike neighbours are.
        known_noise: Variances of the observations beyond v, shape (n,): how far each of them is from what it is of.
    """

    def __init__(
        self,
        Z: Floats,
        group: Indices,
        hyperparameters: Hyperparameters,
        kernel: Kernel = MATERN52,
        known_noise: Floats | float = 0.0,
    ) -> None:
        self._kernel = kernel
        self.hyperparameters = hyperparameters
        self._weights = np.exp(-hyperparameters.log_lengthscales)[group]
        self._s2, self._v = math.exp(hyperparameters.log_signal), math.exp(hyperparameters.log_noise)
        self._scaled = Z * self._weights
        K = self._s2 * self._kernel(squared_distances(self._scaled, self._scaled))[0]
        K[np.diag_indices(len(K))] += self._v + known_noise
        self._inverse = inverse_factor(K)[0]
        self._alpha = np.zeros(len(Z))

    def observe(self, y: Floats) -> None:
        """Take the targets of all observations; shape (n,)."""
        self._alpha = self._inverse.T @ (self._inverse @ y)

    def without_each(self, y: Floats) -> tuple[Floats, Floats]:
        """What the others say of each observation: mean and variance, the variance with its noise. Shapes (n,).

        Rasmussen and Williams 2006, Equations 5.10 to 5.12.
        """
        precision = np.einsum("ij,ij->j", self._inverse, self._inverse)
        return y - self._inverse.T @ (self._inverse @ y) / precision, 1.0 / precision

    def misfit(self, y: Floats) -> float:
        """y K^-1 y / 2: how improbable targets are, of all that depends on them; shape (n,)."""
        white = self._inverse @ y
        return 0.5 * float(white @ white)

    def extend(self, Z: Floats) -> None:
        """Take in m more observations, whose targets are what was predicted for them until `observe` tells more.

        The rows of the factor's inverse that are there stay as they are, so this costs O(m n**2).

        Args:
            Z: Features, shape (m, F).
        """
        scaled = Z * self._weights
        n, m = len(self._scaled), len(Z)
        white = self._s2 * self._kernel(squared_distances(scaled, self._scaled))[0] @ self._inverse.T
        rest = self._s2 * self._kernel(squared_distances(scaled, scaled))[0] - white @ white.T
        # What is left of their variance; rounding may leave less than nothing of it.
        rest[np.diag_indices(m)] = np.maximum(np.diag(rest) + self._v, 1e-3 * self._v)
        corner, _ = inverse_factor(rest)
        inverse = np.zeros((n + m, n + m))
        inverse[:n, :n] = self._inverse
        inverse[n:, :n] = -corner @ (white @ self._inverse)
        inverse[n:, n:] = corner
        self._inverse = inverse
        self._scaled = np.vstack([self._scaled, scaled])
        self._alpha = np.append(self._alpha, np.zeros(m))

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Mean and variance of the function (without noise) at m points, shape (m, F). Shapes (m,)."""
        k = self._s2 * self._kernel(squared_distances(Z * self._weights, self._scaled))[0]
        white = self._inverse @ k.T
        variance = self._s2 - np.einsum("ij,ij->j", white, white)
        return k @ self._alpha, np.maximum(variance, self._s2 * 1e-12)

    def predict_with_gradient(self, Z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Mean, variance, and the gradients of both by the features. Shapes (m,), (m,), (m, F), (m, F)."""
        scaled = Z * self._weights
        value, slope = self._kernel(squared_distances(scaled, self._scaled))
        k = self._s2 * value
        white = k @ self._inverse.T
        beta = white @ self._inverse
        variance = self._s2 - np.einsum("ij,ij->i", white, white)
        # dk / dz_f = -s2 slope (z_f - z'_f) / l_f**2
        slope *= self._s2
        by_mean = slope * self._alpha
        by_variance = slope * beta
        mean_gradient = by_mean @ self._scaled - by_mean.sum(axis=1)[:, None] * scaled
        variance_gradient = -2.0 * (by_variance @ self._scaled - by_variance.sum(axis=1)[:, None] * scaled)
        return (
            k @ self._alpha,
            np.maximum(variance, self._s2 * 1e-12),
            mean_gradient * self._weights,
            variance_gradient * self._weights,
        )
