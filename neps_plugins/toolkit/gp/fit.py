"""The most probable hyperparameters of a Gaussian process, given observations.

C. E. Rasmussen and C. K. I. Williams, "Gaussian processes for machine learning", MIT Press 2006, Section 5.4.1, with a
prior over them. The notation is that of `neps_plugins.toolkit.gp.posterior`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen
from scipy.optimize import minimize

from neps_plugins.toolkit.gp.cholesky import inverse_factor
from neps_plugins.toolkit.gp.hyperparameters import (
    NOISE_PRIOR,
    SIGNAL_PRIOR,
    Hyperparameters,
    bounds,
    lengthscale_prior,
)
from neps_plugins.toolkit.gp.kernels import MATERN52, Kernel, squared_distances

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

#: A fit ends when the loss falls by a smaller share, or no slope is larger.
LEAST_SHARE, LEAST_SLOPE = 1e-7, 1e-3


class _Evidence:
    """Minus the logarithm of the posterior of theta, with its gradient."""

    def __init__(
        self,
        Z: Floats,
        y: Floats,
        group: Indices,
        n_groups: int,
        kernel: Kernel = MATERN52,
        known_noise: Floats | float = 0.0,
    ) -> None:
        self._kernel = kernel
        self._known_noise = known_noise
        self._Z, self._y, self._group, self._n = Z, y, group, n_groups
        self._mean, self._deviation = lengthscale_prior(n_groups)

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        Z, y = self._Z, self._y
        n = len(y)
        scaled = Z * np.exp(-theta[:-2])[self._group]
        s2, v = math.exp(theta[-2]), math.exp(theta[-1])
        value, slope = self._kernel(squared_distances(scaled, scaled))
        K = s2 * value
        K[np.diag_indices(n)] += v + self._known_noise
        inverse, log_determinant = inverse_factor(K)
        white = inverse @ y
        alpha = inverse.T @ white
        fit = 0.5 * float(white @ white) + log_determinant
        # dfit / dK = (K^-1 - alpha alpha^T) / 2
        W = inverse.T @ inverse
        W -= np.outer(alpha, alpha)
        gradient = np.empty_like(theta)
        gradient[-1] = 0.5 * v * float(np.trace(W))
        gradient[-2] = 0.5 * s2 * float(np.einsum("ij,ij->", W, value))
        # dK / dlog l_f = s2 slope (z_f - z'_f)**2 / l_f**2
        W *= slope
        W *= s2
        per_feature = np.einsum("ij,i,ij->j", scaled, W.sum(axis=1), scaled) - np.einsum("ij,ij->j", scaled, W @ scaled)
        gradient[:-2] = np.bincount(self._group, weights=per_feature, minlength=self._n)
        return self._with_prior(theta, fit, gradient)

    def _with_prior(self, theta: Floats, fit: float, gradient: Floats) -> tuple[float, Floats]:
        logs = theta[:-2]
        # The density of a log-normal by l, hence the term without a square.
        z = (logs - self._mean) / self._deviation
        fit += float((0.5 * z * z + logs).sum())
        gradient[:-2] += z / self._deviation + 1.0
        for i, (mean, deviation) in ((-2, SIGNAL_PRIOR), (-1, NOISE_PRIOR)):
            z_i = (theta[i] - mean) / deviation
            fit += 0.5 * z_i * z_i
            gradient[i] += z_i / deviation
        return fit, gradient


@frozen(eq=False)
class Fit:
    """The outcome of a fit.

    Attributes:
        hyperparameters: The most probable ones that were found.
        loss: Minus the logarithm of their (unnormalised) posterior density.
    """

    hyperparameters: Hyperparameters
    loss: float


def fit(
    Z: Floats,
    y: Floats,
    group: Indices,
    starts: list[Hyperparameters],
    max_iterations: int = 60,
    kernel: Kernel = MATERN52,
    known_noise: Floats | float = 0.0,
) -> Fit:
    """Hyperparameters that are most probable given observations.

    Args:
        Z: Features, shape (n, F).
        y: Targets, shape (n,).
        group: The lengthscale of each feature, shape (F,).
        starts: Where to begin; the best end is taken.
        max_iterations: Of L-BFGS-B, from each start.
        kernel: Of the Gaussian process.
        known_noise: Variances of the observations, as for `Posterior`.
    """
    n_groups = len(starts[0].log_lengthscales)
    evidence = _Evidence(Z, y, group, n_groups, kernel, known_noise)
    limits = bounds(n_groups)
    best: Any = None
    for start in starts:
        theta = np.clip(start.theta, *np.array(limits).T)
        found = minimize(
            evidence,
            theta,
            jac=True,
            method="L-BFGS-B",
            bounds=limits,
            options={"maxiter": max_iterations, "ftol": LEAST_SHARE, "gtol": LEAST_SLOPE},
        )
        if best is None or found.fun < best.fun:
            best = found
    return Fit(Hyperparameters.from_theta(best.x), float(best.fun))
