"""Scrambled Sobol points as configurations of any space.

I. M. Sobol', "On the distribution of points in a cube and the approximate evaluation of integrals", 1967. The
scrambling is that of SciPy: A. B. Owen, "Scrambling Sobol' and Niederreiter-Xing points", J. Complexity 14, 1998.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy.stats import qmc

from neps_core import Decide, Domain, Value

Floats = npt.NDArray[np.float64]

#: The most dimensions; whatever a walk decides after so many is random.
MAX_DIMENSIONS = 256


def sobol(n: int, dimensions: int, seed: int | np.random.Generator) -> Floats:
    """The first n points of a scrambled Sobol sequence in the unit cube, shape (n, dimensions)."""
    if not dimensions:
        return np.zeros((n, 0))
    sampler = qmc.Sobol(dimensions, scramble=True, seed=seed)
    # Whole powers of two keep the balance of the sequence, and SciPy quiet.
    return np.asarray(sampler.random_base2(math.ceil(math.log2(max(n, 1))))[:n], dtype=float)


class Along:
    """A source of decisions that takes the coordinates of a point in the order in which it is asked.

    Args:
        point: Coordinates in the unit interval.
        otherwise: Decides when they are used up, and after a restart of the walk.
        from_prior: Whether a coordinate is a share of the prior rather than of the uniform distribution.
    """

    def __init__(self, point: Iterable[float], otherwise: Decide, from_prior: bool = False) -> None:
        self._left = iter(point)
        self._otherwise = otherwise
        self._from_prior = from_prior
        self._walks = 0

    def restart(self) -> None:
        """Begin a walk; the first one alone goes along the point."""
        self._walks += 1
        if self._walks > 1:
            self._left = iter(())

    def __call__(self, path: str, domain: Domain) -> Value:
        u = next(self._left, None)
        if u is None:
            return self._otherwise(path, domain)
        return domain.from_prior(float(u)) if self._from_prior else domain.from_unit(float(u))
