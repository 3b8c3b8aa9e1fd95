"""Which points of a front to take first, so that few of them stand for all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neps_plugins.toolkit.pareto.scale import in_unit_range
from neps_plugins.toolkit.pareto.values import Floats, Integers, as_values, distinct_rows


def crowding_distance(values: npt.ArrayLike) -> Floats:
    """How far the neighbours of each point are from each other, summed over the objectives.

    K. Deb, A. Pratap, S. Agarwal and T. Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE
    Trans. Evolutionary Computation 6(2), 2002, Section III-B. Of points that are equal, the first has the distance of
    all, and the others 0. Which of several points at an end of an objective is the last one does not depend on the
    order of the rows. An objective in which all are equal says nothing.

    Args:
        values: Of one front, shape (n, m), minimised.

    Returns:
        Shape (n,), in units of the objectives' ranges, at most m; inf at the ends of each objective, and 0 for rows
        with NaN. The larger, the lonelier.

    Raises:
        OptimizerError: `values` has another shape.
    """
    values = as_values(values)
    known = np.flatnonzero(~np.isnan(values).any(axis=1))
    distinct, _, first = distinct_rows(values[known])
    distances = np.zeros(len(values))
    distances[known[first]] = _gaps(in_unit_range(distinct))
    return distances


def _gaps(unit: Floats) -> Floats:
    """Crowding distances of distinct points."""
    if len(unit) <= 2:
        return np.full(len(unit), np.inf)
    total = np.zeros(len(unit))
    for column in unit.T:
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        if ordered[0] < ordered[-1]:
            total[order[1:-1]] += ordered[2:] - ordered[:-2]
            total[order[[0, -1]]] = np.inf
    return total


def epsilon_net_order(values: npt.ArrayLike) -> Integers:
    """The points of a front, each as far from those before it as can be.

    R. Schmucker, M. Donini, M. B. Zafar, D. Salinas and C. Archambeau, "Multi-objective asynchronous successive
    halving", arXiv:2106.12639, 2021 (EpsNet), after K. L. Clarkson, "Nearest neighbor queries in metric spaces", 1999.
    Distances are Euclidean, with the range of each objective for its unit. The first point is the lowest in the first
    objective; of points that are equally far, the lexicographically first one comes first.

    Args:
        values: Of one front, shape (n, m), minimised.

    Returns:
        Indices, shape (n,): first each distinct point, then repeated ones, then rows with NaN.

    Raises:
        OptimizerError: `values` has another shape.
    """
    values = as_values(values)
    unknown = np.isnan(values).any(axis=1)
    known = np.flatnonzero(~unknown)
    distinct, _, first = distinct_rows(values[known])
    ahead = known[first[_farthest_first(in_unit_range(distinct))]]
    repeated = np.setdiff1d(known, ahead)
    return np.concatenate([ahead, repeated, np.flatnonzero(unknown)])


def _farthest_first(unit: Floats) -> Integers:
    """Of distinct points in lexicographic order, beginning with the first."""
    order = np.zeros(len(unit), dtype=np.intp)
    nearest = np.full(len(unit), np.inf)  # squared distance to the points taken
    for i in range(1, len(unit)):
        last = order[i - 1]
        np.minimum(nearest, ((unit - unit[last]) ** 2).sum(axis=1), out=nearest)
        nearest[last] = -1.0
        order[i] = nearest.argmax()
    return order
