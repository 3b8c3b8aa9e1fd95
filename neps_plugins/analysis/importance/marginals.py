"""Marginals of a tree: what it predicts for some values of one or two parameters, averaged over all others.

F. Hutter, H. Hoos and K. Leyton-Brown, "An efficient approach for assessing hyperparameter importance", ICML 2014,
Algorithm 2: a leaf contributes to a value in its box what it predicts, by the volume of its box in the other parameters.

The measure over the space is that of independent parameters: of a number uniform over the unit interval, of a category
the same for each choice. A parameter that not all configurations have is inactive with the share of points where it was
so, and the rest is as above.

Notation:
    L        leaves of the tree
    m        cells of a column: between its thresholds in the tree, each choice, and inactive, which comes last
    v_l      what leaf l predicts
    P_lj     the measure of its box in column j, P_l = prod_j P_lj
    a_j(c)   = sum over the leaves l that have cell c of v_l P_l / P_lj
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from neps_plugins.analysis.importance.forest import INACTIVE, Forest, Leaves
from neps_plugins.analysis.importance.points import Floats, Integers


@frozen
class _Cells:
    """A column's cells, and where the leaves are in them.

    Attributes:
        weights: The measure of each cell, shape (m,).
        edges: Of a number, the upper ends of all cells but the last, ascending, shape (m - 1,); None of a category.
        leaf: Each leaf's box is one or several runs of cells; of each run the leaf, ascending.
        begin: The first cell of each run.
        end: The cell after its last one.
        of_leaf: P_lj, shape (L,).
    """

    weights: Floats
    edges: Floats | None
    leaf: Integers
    begin: Integers
    end: Integers
    of_leaf: Floats


class Marginals:
    """Of one tree.

    Args:
        forest: Where the tree is from.
        leaves: The tree.
    """

    def __init__(self, forest: Forest, leaves: Leaves) -> None:
        self._value = leaves.value
        self._cells = [_cells(forest, leaves, j) for j in range(len(forest.kinds))]
        self._volume = np.prod([cells.of_leaf for cells in self._cells], axis=0) if self._cells else np.ones(1)

    @property
    def mean(self) -> float:
        """Over the whole space."""
        return float(self._value @ self._volume)

    @property
    def variance(self) -> float:
        """Over the whole space."""
        return float((self._value - self.mean) ** 2 @ self._volume)

    def weights(self, j: int) -> Floats:
        """The measure of the cells of column j, shape (m,)."""
        return self._cells[j].weights

    def single(self, j: int) -> Floats:
        """a_j, shape (m,)."""
        cells = self._cells[j]
        parts = self._without(cells.of_leaf)[cells.leaf]
        m = len(cells.weights) + 1
        steps = np.bincount(cells.begin, parts, m) - np.bincount(cells.end, parts, m)
        return np.asarray(np.cumsum(steps)[:-1])

    def pair(self, i: int, j: int) -> Floats:
        """The marginal of columns i and j together, shape (cells of i, cells of j)."""
        a, b = self._cells[i], self._cells[j]
        of_a, of_b = _runs_of_same_leaf(a.leaf, b.leaf)
        parts = self._without(a.of_leaf * b.of_leaf)[a.leaf[of_a]]
        rows, columns = len(a.weights) + 1, len(b.weights) + 1
        steps = np.zeros(rows * columns)
        for side, sign in ((a.begin, 1.0), (a.end, -1.0)):
            for other, signed in ((b.begin, sign), (b.end, -sign)):
                steps += signed * np.bincount(side[of_a] * columns + other[of_b], parts, rows * columns)
        return np.asarray(steps.reshape(rows, columns).cumsum(axis=0).cumsum(axis=1)[:-1, :-1])

    def cells_at(self, j: int, values: Floats) -> Integers:
        """In which cell each value of column j is; NaN is inactive."""
        edges = self._cells[j].edges
        last = len(self._cells[j].weights) - 1
        found = np.nan_to_num(values).astype(np.intp) if edges is None else np.searchsorted(edges, values)
        return np.where(np.isnan(values), last, found)

    def _without(self, measures: Floats) -> Floats:
        """v_l P_l without the measure of some columns; what has none there has no weight in these either."""
        return np.divide(self._value * self._volume, measures, out=np.zeros_like(measures), where=measures > 0)


def _cells(forest: Forest, leaves: Leaves, j: int) -> _Cells:
    size, share = forest.kinds[j], forest.shares[j]
    if size is not None:
        inside = leaves.choices[j]
        weights = np.append(np.full(size, share / size), 1.0 - share)
        steps = np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(np.int8), axis=1)
        leaf, begin = np.nonzero(steps == 1)
        _, end = np.nonzero(steps == -1)
        return _Cells(weights, None, leaf, begin, end, inside @ weights)
    lower, upper = leaves.lower[:, j], leaves.upper[:, j]
    edges = np.unique(np.append(upper[upper < INACTIVE], 1.0))
    weights = np.append(share * np.diff(edges, prepend=0.0), 1.0 - share)
    begin = np.where(lower > 0.0, np.searchsorted(edges, lower) + 1, 0)
    end = np.where(upper < INACTIVE, np.searchsorted(edges, np.minimum(upper, 1.0)), len(edges)) + 1
    sums = np.append(0.0, np.cumsum(weights))
    return _Cells(weights, edges, np.arange(len(lower)), begin, end, np.maximum(sums[end] - sums[begin], 0.0))


def _runs_of_same_leaf(a: Integers, b: Integers) -> tuple[Integers, Integers]:
    """Which runs of two columns are of the same leaf: the indices of all such pairs.

    Args:
        a: The leaves of one column's runs, ascending.
        b: Of the other's.
    """
    first, after = np.searchsorted(a, b), np.searchsorted(a, b, side="right")
    counts = after - first
    of_b = np.repeat(np.arange(len(b)), counts)
    within = np.arange(len(of_b)) - np.repeat(np.cumsum(counts) - counts, counts)
    return first[of_b] + within, of_b
