"""Which points dominate which.

A point dominates another one if it is as low in every objective, and lower in one. Rank 0 is the front, the points that
nothing dominates; rank 1 are those that are on the front once rank 0 is taken away, and so on: N. Srinivas and K. Deb,
"Multiobjective optimization using nondominated sorting in genetic algorithms", Evolutionary Computation 2(3), 1994.

In lexicographic order a point's rank depends on earlier ones alone, and is one more than the highest among those that
dominate it: X. Zhang, Y. Tian, R. Cheng and Y. Jin, "An efficient approach to nondominated sorting for evolutionary
multiobjective optimization", IEEE Trans. Evolutionary Computation 19(2), 2015.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from neps_plugins.toolkit.pareto.values import Booleans, Floats, Integers, as_values, distinct_rows

#: So many points are compared with all earlier ones at once.
_BLOCK = 128


def non_dominated_sort(values: npt.ArrayLike) -> Integers:
    """The rank of each point.

    Takes O(n log n) for two objectives, where it is the sweep of M. T. Jensen, "Reducing the run-time complexity of
    multiobjective EAs", IEEE Trans. Evolutionary Computation 7(5), 2003; else O(m n**2), a block of points at a time.

    Args:
        values: Shape (n, m), minimised.

    Returns:
        Shape (n,), 0 for the front. Equal points share a rank. Rows with NaN come after all others, and never have 0.

    Raises:
        OptimizerError: `values` has another shape.
    """
    values = as_values(values)
    known = ~np.isnan(values).any(axis=1)
    distinct, inverse, _ = distinct_rows(values[known])
    ranks = np.empty(len(values), dtype=np.intp)
    ranks[known] = _ranks(distinct)[inverse]
    ranks[~known] = ranks[known].max(initial=0) + 1
    return ranks


def non_dominated(values: npt.ArrayLike) -> Booleans:
    """Which points are on the front: those with rank 0, without the ranks of the others.

    Args:
        values: Shape (n, m), minimised.

    Returns:
        Shape (n,). Equal points are on it together; rows with NaN never are.

    Raises:
        OptimizerError: `values` has another shape.
    """
    values = as_values(values)
    known = ~np.isnan(values).any(axis=1)
    distinct, inverse, _ = distinct_rows(values[known])
    mask = np.zeros(len(values), dtype=bool)
    mask[known] = _on_front(distinct)[inverse]
    return mask


def _ranks(distinct: Floats) -> Integers:
    """Of distinct points in lexicographic order."""
    n, m = distinct.shape
    if m == 1:
        return np.arange(n)
    if m == 2:
        return _sweep(distinct[:, 1])
    ranks = np.zeros(n, dtype=np.intp)
    for start in range(0, n, _BLOCK):
        block = distinct[start : start + _BLOCK]
        mine = ranks[start : start + _BLOCK]
        if start:
            worst_first = np.argsort(-ranks[:start], kind="stable")
            beaten = _dominated(block, distinct[worst_first])
            by = beaten.argmax(axis=1)
            mine[:] = np.where(beaten[np.arange(len(block)), by], ranks[worst_first[by]] + 1, 0)
        beats = np.triu(_dominated(block, block).T, 1)
        for i in range(len(block) - 1):
            np.maximum(mine, beats[i] * (mine[i] + 1), out=mine)
    return ranks


def _sweep(second: Floats) -> Integers:
    """Of points that come in the order of the first of two objectives."""
    lowest: list[float] = []  # in the second objective, of each rank so far: it rises with the rank
    ranks = []
    for value in second.tolist():
        rank = bisect_right(lowest, value)
        lowest[rank : rank + 1] = [value]
        ranks.append(rank)
    return np.array(ranks, dtype=np.intp)


def _on_front(distinct: Floats) -> Booleans:
    """Of distinct points in lexicographic order."""
    n, m = distinct.shape
    if m == 1:
        return np.asarray(np.arange(n) == 0)
    if m == 2:
        before = np.minimum.accumulate(np.append(np.inf, distinct[:, 1]))[:-1]
        return np.asarray((distinct[:, 1] < before) | (np.arange(n) == 0))
    mask = np.zeros(n, dtype=bool)
    for start in range(0, n, _BLOCK):
        block = np.arange(start, min(start + _BLOCK, n))
        block = block[~_dominated(distinct[block], distinct[mask]).any(axis=1)]
        mask[block] = ~np.tril(_dominated(distinct[block], distinct[block]), -1).any(axis=1)
    return mask


def _dominated(late: Floats, early: Floats) -> Booleans:
    """Shape (late, early): for distinct points, early ones before late ones, so that the first objective is as low."""
    out = np.ones((len(late), len(early)), dtype=bool)
    for objective in range(1, late.shape[1]):
        out &= early[:, objective] <= late[:, objective, None]
    return out
