"""Hyperparameters drawn from their posterior.

The notation is that of `neps_plugins.toolkit.gp.posterior`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

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

#: How far from the most probable ones hyperparameters are drawn, as a share of the approximation's deviations. With few
#: observations they are nearly those of the prior, and a whole draw hides what has been learned: 1 and 0 were
#: measured, too.
SPREAD = 0.5


def drawn(
    Z: Floats,
    group: Indices,
    most_probable: Hyperparameters,
    rng: np.random.Generator,
    kernel: Kernel = MATERN52,
) -> Hyperparameters:
    """Hyperparameters that may well be the true ones: a draw from near the mode of their posterior.

    Laplace's approximation is a normal distribution around the most probable ones, whose precision is that of the prior
    plus the Fisher information of the observations, tr(K^-1 dK_i K^-1 dK_j) / 2 (Rasmussen and Williams 2006, Section
    5.4.1); its deviations are shrunk by `SPREAD`.
    With few observations the most probable ones alone are far too sure of themselves: J. Snoek, H. Larochelle and
    R. P. Adams, "Practical Bayesian optimization of machine learning algorithms", NeurIPS 2012, Section 3.2, average
    over such draws; one draw for each model does so over a run.

    Args:
        Z: Features, shape (n, F).
        group: The lengthscale of each feature, shape (F,).
        most_probable: The outcome of a fit to them.
        rng: Draws.
        kernel: With which they were fitted.
    """
    n_groups = len(most_probable.log_lengthscales)
    theta = most_probable.theta
    scaled = Z * np.exp(-most_probable.log_lengthscales)[group]
    s2, v = math.exp(most_probable.log_signal), math.exp(most_probable.log_noise)
    value, slope = kernel(squared_distances(scaled, scaled))
    inverse, _ = inverse_factor(s2 * value + v * np.eye(len(Z)))
    slope *= s2
    by_group = (squared_distances(scaled[:, group == g], scaled[:, group == g]) for g in range(n_groups))
    derivatives = [*(slope * d2 for d2 in by_group), s2 * value, v * np.eye(len(Z))]
    white = np.array([(inverse @ derivative @ inverse.T).ravel() for derivative in derivatives])
    deviations = [lengthscale_prior(n_groups)[1]] * n_groups + [SIGNAL_PRIOR[1], NOISE_PRIOR[1]]
    precision = 0.5 * (white @ white.T) + np.diag(1.0 / np.square(deviations))
    theta = theta + SPREAD * (inverse_factor(precision)[0].T @ rng.standard_normal(len(theta)))
    return Hyperparameters.from_theta(np.clip(theta, *np.array(bounds(n_groups)).T))
