"""Evenly spread points as configurations of any space: scrambled Sobol points where there are many, Latin hypercubes.

I. M. Sobol', "On the distribution of points in a cube and the approximate evaluation of integrals", 1967. The
scrambling is that of SciPy: A. B. Owen, "Scrambling Sobol' and Niederreiter-Xing points", J. Complexity 14, 1998.
M. D. McKay, R. J. Beckman and W. J. Conover, "A comparison of three methods for selecting values of input variables in
the analysis of output from a computer code", Technometrics 21(2), 1979.
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

#: From how many Latin hypercubes one is chosen, and how many numbers are drawn for them, at most.
HYPERCUBES, DRAWN = 100, 100_000


def sobol(n: int, dimensions: int, seed: int | np.random.Generator) -> Floats:
    """The first n points of a scrambled Sobol sequence in the unit cube, shape (n, dimensions)."""
    if not dimensions:
        return np.zeros((n, 0))
    sampler = qmc.Sobol(dimensions, scramble=True, seed=seed)
    # Whole powers of two keep the balance of the sequence, and SciPy quiet.
    return np.asarray(sampler.random_base2(math.ceil(math.log2(max(n, 1))))[:n], dtype=float)


def latin_hypercube(n: int, dimensions: int, rng: np.random.Generator) -> Floats:
    """n points in the unit cube, of which each n-th of each dimension has one; shape (n, dimensions).

    Of some random ones, that in which dimensions are correlated least (the sum of the squared correlations: A. B. Owen,
    "Controlling correlations in Latin hypercube samples", J. American Statistical Association 89, 1994).
    """
    tries = int(np.clip(DRAWN // max(n * dimensions, 1), 1, HYPERCUBES))
    cells = np.argsort(rng.random((tries, n, dimensions)), axis=1)
    centred = cells - (n - 1) / 2
    correlations = np.swapaxes(centred, 1, 2) @ centred  # but for a factor, and the diagonals are all the same
    cells = cells[np.square(correlations).sum(axis=(1, 2)).argmin()]
    return np.asarray((cells + rng.random((n, dimensions))) / n, dtype=float)


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
