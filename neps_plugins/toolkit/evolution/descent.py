"""One run of CMA-ES in the unit cube, told one generation after another.

N. Hansen, "The CMA evolution strategy: a tutorial", arXiv:1604.00772, 2016; the package `cmaes` has its equations
(M. Nomura and M. Shibata, "cmaes: a simple yet practical Python library for CMA-ES", arXiv:2402.01373, 2024).

Notation:
    d         dimensions
    lambda    results that make a generation
A generation is the next lambda results, in the order in which they came, whoever was asked when. With one worker that
is the algorithm of the tutorial. With many, some results are of points that were drawn a generation earlier, from a
distribution that differs little. Nobody waits, and no result is lost.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from neps_core import OptimizerError

Floats = npt.NDArray[np.float64]

#: A descent is over when the points of a generation are this near to each other in each coordinate.
LEAST_SPREAD = 1e-6

#: And when the values of some generations are this near to each other, as a share of all that there were.
LEAST_RANGE = 1e-12

#: The largest seed of the package's random numbers.
MAX_SEED = 2**32 - 1


class Descent:
    """Follows a normal distribution to where values are low.

    Args:
        mean: Where it begins, shape (d,), d at least 1.
        sigma: The standard deviation with which it begins, in each coordinate.
        population_size: lambda, at least 2; None for 4 + floor(3 ln d).
        whole: Which coordinates have cells rather than any value, shape (d,): that all points lie in one cell does not
            end a descent, nor keep it from ending.

    Raises:
        OptimizerError: If the package `cmaes` is not installed.
    """

    def __init__(self, mean: Floats, sigma: float, population_size: int | None, whole: Sequence[bool]) -> None:
        try:
            from cmaes import CMA
        except ImportError as reason:
            raise OptimizerError("'cma_es' needs the package cmaes: pip install 'neps-framework[cmaes]'.") from reason
        d = len(mean)
        cube = np.tile([0.0, 1.0], (d, 1))
        self._cma = CMA(mean=np.array(mean), sigma=sigma, bounds=cube, population_size=population_size, seed=0)
        self._fine = ~np.asarray(whole, dtype=bool)
        self._lowest = math.inf
        self._highest = -math.inf
        #: The lowest and the highest value of each of the last generations.
        self._ranges: deque[tuple[float, float]] = deque(maxlen=10 + math.ceil(30 * d / self.population_size))
        self.n_told = 0
        self.is_over = False

    @property
    def population_size(self) -> int:
        """Lambda."""
        return int(self._cma.population_size)

    def ask(self, rng: np.random.Generator) -> Floats:
        """A point of the present distribution, shape (d,)."""
        self._cma.reseed_rng(int(rng.integers(MAX_SEED)))
        return np.asarray(np.clip(self._cma.ask(), 0.0, 1.0), dtype=float)

    def tell(self, points: Floats, places: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Take in a generation.

        Args:
            points: Shape (lambda, d).
            places: Of each point in the order of all results, the lowest for the best, shape (lambda,); inf for what
                failed. Of those at the same place, the earlier is the better.
            values: What is minimised, shape (lambda,); NaN where it failed. That it stays the same ends the descent.
        """
        self.n_told += len(points)
        ranks = np.empty(len(points))
        ranks[np.argsort(np.asarray(places), kind="stable")] = np.arange(len(points))
        # The order is all that counts to it, so that any value, however large, is a small number.
        self._cma.tell([(point, float(rank)) for point, rank in zip(points, ranks)])
        self.is_over = self._is_stuck(points, np.nan_to_num(values, nan=math.inf, posinf=math.inf, neginf=-math.inf))

    def _is_stuck(self, points: Floats, values: Floats) -> bool:
        finite = values[np.isfinite(values)]
        if len(finite):
            self._lowest, self._highest = min(self._lowest, finite.min()), max(self._highest, finite.max())
        self._ranges.append((values.min(), values.max()))
        spread = np.ptp(points[:, self._fine], axis=0)
        if len(spread) and (spread < LEAST_SPREAD).all():
            return True
        if len(self._ranges) == self._ranges.maxlen:
            low, high = min(each[0] for each in self._ranges), max(each[1] for each in self._ranges)
            if low == high or high - low <= LEAST_RANGE * (self._highest - self._lowest):
                return True
        return bool(self._cma.should_stop())
