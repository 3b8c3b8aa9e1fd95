"""Of the standard normal distribution, what does not underflow. phi is its density, Phi its distribution function."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfcx

from neps_plugins.toolkit.pareto.values import Floats

HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)

#: Nothing is farther away, so that its square is a number.
FARTHEST = 1e150

#: Below, 1 + z Phi / phi has lost too many digits.
_FAR = -50.0


def mills_ratio(z: Floats) -> Floats:
    """Phi(z) / phi(z); inf for z above 37."""
    with np.errstate(over="ignore"):
        return np.asarray(math.sqrt(0.5 * math.pi) * erfcx(-z / math.sqrt(2.0)))


def h_to_phi(z: Floats, mills: Floats) -> Floats:
    """1 + z Phi(z) / phi(z), which is h(z) / phi(z), for z <= 0 and its Mills ratio; -inf gives 0.

    Far down it is the series of M. Abramowitz and I. A. Stegun, "Handbook of mathematical functions", 1964, 26.2.12.
    """
    far = z < _FAR
    square = 1.0 / np.where(far, z, 1.0) ** 2
    series = square * (1.0 - square * (3.0 - square * (15.0 - square * (105.0 - square * 945.0))))
    return np.where(far, series, 1.0 + np.where(far, 0.0, z) * mills)
