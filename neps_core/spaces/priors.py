"""Priors: what a user believes about the best value, as a distribution over a domain.

Notation: a prior over numbers is a normal distribution over the unit interval, truncated to it, with
its mode at the prior's position u0 and standard deviation sigma; a prior over categories is a weight
per category. Both answer one question, the quantile function, so that one uniform number (random,
from a quasi-random sequence, or from a grid) becomes one sample of the prior.
"""

from __future__ import annotations

import bisect
import itertools
import math
from enum import Enum
from statistics import NormalDist
from typing import Protocol

from attrs import field, frozen

_STANDARD = NormalDist()


class ConfidenceLevel(str, Enum):
    """How sure a user is of a prior."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


#: Standard deviation of a numerical prior, in the unit interval.
SIGMA = {ConfidenceLevel.LOW: 0.5, ConfidenceLevel.MEDIUM: 0.25, ConfidenceLevel.HIGH: 0.125}

#: Weight of the preferred category; every other one weighs 1.
CATEGORY_WEIGHT = {ConfidenceLevel.LOW: 2.0, ConfidenceLevel.MEDIUM: 4.0, ConfidenceLevel.HIGH: 6.0}


def parse_confidence(confidence: str | ConfidenceLevel) -> ConfidenceLevel:
    """Turn `"low"`, `"medium"`, `"high"` (any case) into a level.

    Raises:
        ValueError: For anything else.
    """
    try:
        return ConfidenceLevel(confidence.lower() if isinstance(confidence, str) else confidence)
    except ValueError:
        allowed = ", ".join(repr(level.value) for level in ConfidenceLevel)
        raise ValueError(f"prior_confidence {confidence!r} is not one of {allowed}") from None


class NumberPrior(Protocol):
    """A distribution over the unit interval that a domain of numbers is mapped to."""

    @property
    def mode(self) -> float:
        """Where the density is highest."""
        ...

    def quantile(self, u: float) -> float:
        """The value in [0, 1] below which a share `u` of the distribution lies."""
        ...

    def log_density(self, x: float) -> float:
        """Natural logarithm of the density at `x` in [0, 1]."""
        ...


@frozen
class NormalPrior:
    """A normal distribution truncated to [0, 1].

    Attributes:
        mode: The position of the prior in the unit interval.
        sigma: The standard deviation before truncation.
    """

    mode: float
    sigma: float
    _below: float = field(init=False)
    _mass: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        below = _STANDARD.cdf((0.0 - self.mode) / self.sigma)
        object.__setattr__(self, "_below", below)
        object.__setattr__(self, "_mass", _STANDARD.cdf((1.0 - self.mode) / self.sigma) - below)

    def quantile(self, u: float) -> float:
        """The value in [0, 1] below which a share `u` of the distribution lies."""
        share = min(max(self._below + u * self._mass, 1e-300), 1.0 - 1e-16)
        return min(max(self.mode + self.sigma * _STANDARD.inv_cdf(share), 0.0), 1.0)

    def log_density(self, x: float) -> float:
        """Natural logarithm of the density at `x` in [0, 1]."""
        z = (x - self.mode) / self.sigma
        return -0.5 * z * z - math.log(self.sigma * math.sqrt(2 * math.pi) * self._mass)


@frozen
class TabulatedPrior:
    """Any distribution over [0, 1], by its density in cells.

    Attributes:
        densities: Numbers of at least 0, one per cell, not all 0; they need not add up to anything.
        edges: Where the cells begin and end, ascending from 0 to 1, one more than cells; empty for equal widths.
    """

    densities: tuple[float, ...]
    edges: tuple[float, ...] = ()
    _cumulative: tuple[float, ...] = field(init=False)
    _total: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        n = len(self.densities)
        if not self.edges:
            object.__setattr__(self, "edges", tuple(i / n for i in range(n + 1)))
        shares = [density * (b - a) for density, (a, b) in zip(self.densities, itertools.pairwise(self.edges))]
        object.__setattr__(self, "_total", math.fsum(shares))
        object.__setattr__(self, "_cumulative", tuple(c / self._total for c in itertools.accumulate(shares)))

    @property
    def mode(self) -> float:
        """The middle of the cell in which the density is highest."""
        cell = max(range(len(self.densities)), key=self.densities.__getitem__)
        return (self.edges[cell] + self.edges[cell + 1]) / 2

    def quantile(self, u: float) -> float:
        """The value in [0, 1] below which a share `u` of the distribution lies."""
        cell = min(bisect.bisect_left(self._cumulative, u), len(self.densities) - 1)
        below = self._cumulative[cell - 1] if cell else 0.0
        share = self._cumulative[cell] - below
        within = min(max((u - below) / share, 0.0), 1.0) if share else 0.5
        return self.edges[cell] + within * (self.edges[cell + 1] - self.edges[cell])

    def log_density(self, x: float) -> float:
        """Natural logarithm of the density at `x` in [0, 1]; minus infinity where there is none."""
        cell = min(bisect.bisect_right(self.edges, x), len(self.densities)) - 1
        density = self.densities[cell] / self._total
        return math.log(density) if density > 0 else -math.inf


@frozen
class CategoryPrior:
    """A weight per category.

    Attributes:
        weights: Numbers of at least 0, one per category, in their order, not all 0; they need not add up to 1.
    """

    weights: tuple[float, ...]
    _cumulative: tuple[float, ...] = field(init=False)
    _last: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        total = math.fsum(self.weights)
        object.__setattr__(self, "_cumulative", tuple(c / total for c in itertools.accumulate(self.weights)))
        object.__setattr__(self, "_last", max(i for i, weight in enumerate(self.weights) if weight > 0))

    @classmethod
    def preferring(cls, index: int, size: int, confidence: ConfidenceLevel) -> CategoryPrior:
        """The prior that prefers category `index` out of `size`."""
        weights = [1.0] * size
        weights[index] = CATEGORY_WEIGHT[confidence]
        return cls(tuple(weights))

    @property
    def mode(self) -> int:
        """The index of the heaviest category."""
        return max(range(len(self.weights)), key=self.weights.__getitem__)

    def quantile(self, u: float) -> int:
        """The index of the category in which the share `u` of the weight falls."""
        return bisect.bisect_right(self._cumulative, u, 0, self._last)

    def middle(self, index: int) -> float:
        """The middle of the share of the weight that falls to category `index`."""
        return (self._cumulative[index] + (self._cumulative[index - 1] if index else 0.0)) / 2

    def log_density(self, index: int) -> float:
        """Natural logarithm of the probability of category `index`; minus infinity where that is 0."""
        weight = self.weights[index]
        return math.log(weight / math.fsum(self.weights)) if weight > 0 else -math.inf
