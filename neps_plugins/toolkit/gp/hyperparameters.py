"""The hyperparameters of a Gaussian process, and what is believed of them before there are observations.

The prior over lengthscales is log-normal and grows with the number of dimensions: C. Hvarfner, E. O. Hellsten and
L. Nardi, "Vanilla Bayesian optimization performs great in high dimensions", ICML 2024, Section 5.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from attrs import frozen

Floats = npt.NDArray[np.float64]

#: The least variance of the noise, relative to targets of unit variance. Less would not change a decision, and with
#: it K is far from singular.
NOISE_FLOOR = 1e-7

#: Mean and standard deviation of the logarithms of the three kinds of hyperparameters; the first is for one dimension.
#: The form is that of Hvarfner et al. 2024. Their constants, (sqrt(2), sqrt(3)), make lengthscales so long at few
#: observations that a search stays where it found something first; these were measured.
LENGTHSCALE_PRIOR = (-0.5, 1.0)
SIGNAL_PRIOR = (0.0, 2.0)
NOISE_PRIOR = (math.log(1e-4), 2.5)

LENGTHSCALE_BOUNDS = (math.log(5e-3), math.log(1e3))
SIGNAL_BOUNDS = (math.log(1e-2), math.log(1e2))
NOISE_BOUNDS = (math.log(NOISE_FLOOR), 0.0)


@frozen(eq=False)
class Hyperparameters:
    """What is fitted.

    Attributes:
        log_lengthscales: Shape (G,).
        log_signal: Logarithm of the signal's variance.
        log_noise: Logarithm of the noise's variance.
    """

    log_lengthscales: Floats
    log_signal: float
    log_noise: float

    @property
    def theta(self) -> Floats:
        return np.concatenate([self.log_lengthscales, [self.log_signal, self.log_noise]])

    @classmethod
    def from_theta(cls, theta: Floats) -> Hyperparameters:
        return cls(theta[:-2].copy(), float(theta[-2]), float(theta[-1]))


def lengthscale_prior(n_groups: int) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of each of `n_groups` lengthscales."""
    mean, deviation = LENGTHSCALE_PRIOR
    return mean + 0.5 * math.log(max(n_groups, 1)), deviation


def prior_mode(n_groups: int) -> Hyperparameters:
    """Where the density of the prior over lengthscales is highest, and the middles of the other two."""
    mean, deviation = lengthscale_prior(n_groups)
    return Hyperparameters(np.full(n_groups, mean - deviation**2), SIGNAL_PRIOR[0], NOISE_PRIOR[0])


def bounds(n_groups: int) -> list[tuple[float, float]]:
    """Of theta: the lowest and the highest of each."""
    return [*[LENGTHSCALE_BOUNDS] * n_groups, SIGNAL_BOUNDS, NOISE_BOUNDS]
