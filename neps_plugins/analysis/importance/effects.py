"""What one parameter does, or two: the mean of y for each of their values, over all others.

The marginals of the functional ANOVA: see `marginals`. The forest's trees, which saw different points, say how sure it
is.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from neps_plugins.analysis.importance.forest import Forest
from neps_plugins.analysis.importance.marginals import Marginals
from neps_plugins.analysis.importance.points import Floats

#: The largest numbers that results are told in.
_LARGEST = float(np.finfo(np.float64).max)


@frozen
class Effect:
    """What y is on average.

    Attributes:
        mean: At each value of the grid, shape (m,); of two parameters (m of the first, m of the second). NaN where no
            configuration has these values.
        deviation: The standard deviation of that over the trees, of the same shape.
    """

    mean: Floats
    deviation: Floats

    @property
    def low(self) -> Floats:
        """One standard deviation below the mean."""
        return self._beside(-0.5)

    @property
    def high(self) -> Floats:
        """One standard deviation above it."""
        return self._beside(0.5)

    def _beside(self, sign: float) -> Floats:
        half = 0.5 * self.mean + sign * self.deviation  # the whole may overflow
        return np.asarray(2.0 * np.clip(half, -0.5 * _LARGEST, 0.5 * _LARGEST))


def grid(size: int | None, m: int = 50) -> Floats:
    """Where to look at a column.

    Args:
        size: How many choices it has; None for a number.
        m: How many positions to take of a number.

    Returns:
        Positions in the unit interval, the middles of equal parts, or all choices.
    """
    return np.arange(size, dtype=np.float64) if size is not None else (np.arange(m) + 0.5) / m


def effect(forest: Forest, j: int, values: Floats) -> Effect:
    """Of one column.

    Args:
        forest: Fitted to the points.
        j: The column.
        values: Positions in the unit interval, or choices, shape (m,).
    """
    found = []
    for leaves in forest.trees:
        marginals = Marginals(forest, leaves)
        marginal, cells = marginals.single(j), marginals.cells_at(j, values)
        found.append(np.where(marginal.mass[cells] > 0.0, marginal.mean[cells], np.nan))
    return _over_trees(forest, np.array(found))


def joint_effect(forest: Forest, i: int, j: int, values: Floats, others: Floats) -> Effect:
    """Of two columns: what a contour plot shows.

    Args:
        forest: Fitted to the points.
        i: The first column.
        j: The second one.
        values: Of the first one, as for `effect`.
        others: Of the second one.
    """
    found = []
    for leaves in forest.trees:
        marginals = Marginals(forest, leaves)
        marginal = marginals.pair(i, j)
        cells = np.ix_(marginals.cells_at(i, values), marginals.cells_at(j, others))
        found.append(np.where(marginal.mass[cells] > 0.0, marginal.mean[cells], np.nan))
    return _over_trees(forest, np.array(found))


def _over_trees(forest: Forest, found: Floats) -> Effect:
    """Mean and deviation over the trees that have something to tell, in units of y."""
    known = ~np.isnan(found)
    n = known.sum(axis=0)
    some = np.maximum(n, 1)
    mean = np.where(known, found, 0.0).sum(axis=0) / some
    deviation = np.sqrt((np.where(known, found - mean, 0.0) ** 2).sum(axis=0) / some)
    centred = np.clip(forest.mean + forest.spread * mean, -1.0, 1.0)  # rounded, it may not be in the unit
    return Effect(
        np.where(n > 0, centred * forest.unit, np.nan), np.where(n > 0, forest.spread * deviation * forest.unit, np.nan)
    )
