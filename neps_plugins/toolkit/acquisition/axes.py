"""One decision as a direction in which candidates are moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from neps_core import CategoricalDomain, Domain, FloatDomain, IntegerDomain

Floats = npt.NDArray[np.float64]

#: Integers with more values than this are moved like real numbers, and rounded.
MANY = 32

#: Standard deviations of steps from a good configuration, in the unit interval: from one to the other, log-uniform.
NEAREST, FARTHEST = 1e-3, 0.3


class Axis:
    """One decision of a flat space: its values as positions in the unit interval, or as indices of choices."""

    #: In how many cells distributions are tabulated, at least.
    CELLS = 1024

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.is_choice = isinstance(domain, CategoricalDomain) and not domain.ordered
        self.size = domain.size
        self.is_movable = self.size is None or (isinstance(domain, IntegerDomain) and self.size > MANY)
        self.all: Floats | None = None
        if not self.is_movable:
            self.all = np.array([self.position(value) for value in values_of(domain)])
        self._cells = max(self.CELLS, 4 * (self.size or 0)) if self.is_choice else self.CELLS
        self._tables: dict[bool, Floats] = {}

    def position(self, value: Any) -> float:
        """Where a value is: in the unit interval; of an unordered choice, its index."""
        if isinstance(self.domain, CategoricalDomain):
            index = self.domain.index(value)
            return float(index) if self.is_choice else index / max(1, len(self.domain.choices) - 1)
        return self.domain.to_unit(value)

    def at(self, shares: Floats, from_prior: bool) -> Floats:
        """The positions below which these shares of the uniform distribution, or of the prior, lie."""
        table = self._table(from_prior)
        if self.is_movable:
            return self.snap(np.interp(shares, (np.arange(self._cells) + 0.5) / self._cells, table))
        found: Floats = table[np.minimum((shares * self._cells).astype(int), self._cells - 1)]
        return found

    def _table(self, from_prior: bool) -> Floats:
        """The positions of evenly spaced quantiles, tabulated when they are first asked for."""
        if from_prior not in self._tables:
            quantile = self.domain.from_prior if from_prior else self.domain.from_unit
            shares = (np.arange(self._cells) + 0.5) / self._cells
            self._tables[from_prior] = np.array([self.position(quantile(float(u))) for u in shares])
        return self._tables[from_prior]

    def snap(self, x: Floats) -> Floats:
        """The nearest positions that the decision can have; choices are left as they are."""
        if self.is_choice:
            return x
        x = np.clip(x, 0.0, 1.0)
        if self.all is not None:
            x = self.all[np.abs(x[:, None] - self.all).argmin(axis=1)]
        elif isinstance(self.domain, IntegerDomain):
            x = _rounded(self.domain, x)
        return x


def n_directions(domain: Domain) -> int:
    """In how many directions a decision can go: for a choice one less than it has labels, else one."""
    if isinstance(domain, CategoricalDomain) and not domain.ordered:
        return len(domain.choices) - 1
    return int(domain.size != 1)


def values_of(domain: Domain) -> Sequence[Any]:
    """All values of a decision that has finitely many, in order."""
    if isinstance(domain, CategoricalDomain):
        return domain.choices
    if isinstance(domain, FloatDomain):  # which has one
        return [domain.lower]
    return range(domain.lower, domain.upper + 1)


def _rounded(domain: IntegerDomain, u: Floats) -> Floats:
    """The positions of the integers whose cells hold positions: `to_unit(from_unit(u))`, for many."""
    if not domain.is_exact:
        return np.array([domain.to_unit(domain.from_unit(float(each))) for each in u])
    low, high = domain.lower - 0.5, domain.upper + 0.5
    if domain.log:
        low, high = math.log(low), math.log(high)
    scaled = low + u * (high - low)
    whole = np.clip(np.round(np.exp(scaled) if domain.log else scaled), domain.lower, domain.upper)
    positions: Floats = ((np.log(whole) if domain.log else whole) - low) / (high - low)
    return positions
