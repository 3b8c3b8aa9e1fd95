"""Marginals of a tree: what it predicts for some values of one or two parameters, averaged over all others.

F. Hutter, H. Hoos and K. Leyton-Brown, "An efficient approach for assessing hyperparameter importance", ICML 2014,
Algorithm 2: a leaf contributes to a value in its box what it predicts, by its box's volume in the other parameters.

A number is uniform over the unit interval and a category has each choice alike, independently of the others. A
parameter that not all configurations have is so in the share of a leaf where it is active, which is measured: its
marginal is the mean over those configurations that have it.

Notation:
    L        leaves of the tree
    m        cells of a column: between its thresholds in the tree, or each choice
    v_l      what leaf l predicts
    P_lj     the measure of its box in column j, P_l = prod_j P_lj, by its `branch`
    s_lj     the share of its points where column j is active
    a_j(c)   = sum_l v_l q_lj / sum_l q_lj over the leaves l that have cell c, where q_lj = s_lj P_l / P_lj

Without inactive parameters the second sum is 1, and this is the paper's.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from neps_plugins.analysis.importance.forest import Forest, Leaves
from neps_plugins.analysis.importance.points import Floats, Integers


@frozen
class _Cells:
    """A column's cells, and where the leaves are in them.

    Attributes:
        weights: The measure of each cell, shape (m,).
        edges: Of a number, the upper ends of the cells, ascending, shape (m,); None of a category.
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


@frozen
class Marginal:
    """Of one column or two.

    Attributes:
        mean: What is predicted in each cell where it is active, shape (m,) or (m, m of the second one).
        mass: How likely a configuration is in each cell, of the same shape. The sum is how likely it is active.
    """

    mean: Floats
    mass: Floats


class Marginals:
    """Of one tree.

    Args:
        forest: Where the tree is from.
        leaves: The tree.
    """

    def __init__(self, forest: Forest, leaves: Leaves) -> None:
        self._leaves = leaves
        self._cells = [_cells(forest, leaves, j) for j in range(len(forest.kinds))]
        self._volume = leaves.branch.copy()
        for cells in self._cells:
            self._volume *= cells.of_leaf

    @property
    def mean(self) -> float:
        """Over the whole space."""
        return float(self._leaves.value @ self._volume)

    @property
    def variance(self) -> float:
        """Over the whole space."""
        return float((self._leaves.value - self.mean) ** 2 @ self._volume)

    def single(self, j: int) -> Marginal:
        """That of column j."""
        cells = self._cells[j]
        m = len(cells.weights) + 1

        def summed(of_leaf: Floats) -> Floats:
            parts = of_leaf[cells.leaf]
            steps = np.bincount(cells.begin, parts, m) - np.bincount(cells.end, parts, m)
            return np.asarray(np.cumsum(steps)[:-1])

        without = self._without(j)
        return _marginal(summed(without * self._leaves.value), summed(without), cells.weights)

    def pair(self, i: int, j: int) -> Marginal:
        """That of columns i and j together."""
        a, b = self._cells[i], self._cells[j]
        of_a, of_b = _runs_of_same_leaf(a.leaf, b.leaf)
        rows, columns = len(a.weights) + 1, len(b.weights) + 1
        corners = [
            (side[of_a] * columns + other[of_b], sign)
            for side, other, sign in (
                (a.begin, b.begin, 1),
                (a.end, b.begin, -1),
                (a.begin, b.end, -1),
                (a.end, b.end, 1),
            )
        ]

        def summed(of_leaf: Floats) -> Floats:
            parts = of_leaf[a.leaf[of_a]]
            steps = np.zeros(rows * columns)
            for where, sign in corners:
                steps += sign * np.bincount(where, parts, rows * columns)
            return np.asarray(steps.reshape(rows, columns).cumsum(axis=0).cumsum(axis=1)[:-1, :-1])

        without = self._without(i, j)
        weights = np.multiply.outer(a.weights, b.weights)
        values = summed(without * self._leaves.value)
        active = self._leaves.active
        # Where all are active, as mostly, the leaves that have a cell are the whole of the other columns' space.
        whole = (active[:, i] == 1.0).all() and (active[:, j] == 1.0).all()
        return _marginal(values, np.ones_like(weights) if whole else summed(without), weights)

    def cells_at(self, j: int, values: Floats) -> Integers:
        """In which cell each value of column j is."""
        edges = self._cells[j].edges
        if edges is None:
            return np.asarray(values, dtype=np.intp)
        return np.minimum(np.searchsorted(edges, values), len(edges) - 1)

    def _without(self, *columns: int) -> Floats:
        """q: the volume of each leaf where some columns are active, without their measures."""
        measures = np.prod([self._cells[j].of_leaf for j in columns], axis=0)
        volume = self._volume * np.prod([self._leaves.active[:, j] for j in columns], axis=0)
        return np.asarray(np.divide(volume, measures, out=np.zeros_like(measures), where=measures > 0))


def _marginal(values: Floats, volume: Floats, weights: Floats) -> Marginal:
    # What is left of sums after all that was added is taken away again, is no volume.
    mean = np.divide(values, volume, out=np.zeros_like(values), where=volume > 1e-9)
    return Marginal(mean, np.where(volume > 1e-9, volume * weights, 0.0))


def _cells(forest: Forest, leaves: Leaves, j: int) -> _Cells:
    size = forest.kinds[j]
    if size is not None:
        inside = leaves.choices[j]
        steps = np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(np.int8), axis=1)
        leaf, begin = np.nonzero(steps == 1)
        _, end = np.nonzero(steps == -1)
        return _Cells(np.full(size, 1 / size), None, leaf, begin, end, inside.mean(axis=1))
    lower, upper = leaves.lower[:, j], leaves.upper[:, j]
    edges = np.unique(np.append(upper, 1.0))
    begin = np.where(lower > 0.0, np.searchsorted(edges, lower) + 1, 0)
    end = np.searchsorted(edges, upper) + 1
    return _Cells(np.diff(edges, prepend=0.0), edges, np.arange(len(lower)), begin, end, upper - lower)


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
