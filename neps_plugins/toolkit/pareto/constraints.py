"""Constraints: numbers that should be at most 0. What breaks them is worse than all that doesn't.

K. Deb, A. Pratap, S. Agarwal and T. Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE
Trans. Evolutionary Computation 6(2), 2002, Section VI-A (constrained domination).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neps_core import OptimizerError
from neps_plugins.toolkit.pareto.scale import finite_range
from neps_plugins.toolkit.pareto.sorting import non_dominated_sort
from neps_plugins.toolkit.pareto.values import Floats, Integers, as_values


def violations(constraints: npt.ArrayLike) -> Floats:
    """By how much each point breaks its constraints: the sum of what is above 0.

    Each constraint counts in units of the range that was observed of it, 0 included, so that one in large units does
    not rule the others.

    Args:
        constraints: Shape (n, c), at most 0 where they are kept; c may be 0.

    Returns:
        Shape (n,): 0 where all are kept, at most c, and inf for rows with inf or NaN, as nobody knows whether NaN
        keeps a constraint.

    Raises:
        OptimizerError: `constraints` has another shape.
    """
    array = np.asarray(constraints, dtype=float)
    if array.ndim != 2:
        raise OptimizerError(
            f"Constraints must have the shape (n, c), a row for each point and a column for each constraint, "
            f"not {array.shape}."
        )
    broken = np.where(np.isnan(array), np.inf, np.maximum(array, 0.0))
    low, high = finite_range(array)
    span = 0.5 * np.maximum(high, 0.0) - 0.5 * np.minimum(low, 0.0)  # halves: the range may be larger than any number
    share = 0.5 * broken / np.where(span > 0, span, 0.5)
    # A violation too small for its share to be a number is one all the same.
    share = np.where(broken > 0, np.maximum(share, np.finfo(float).tiny), 0.0)
    return np.asarray(share.sum(axis=1))


def constrained_sort(values: npt.ArrayLike, violations: npt.ArrayLike) -> Integers:
    """The rank of each point: those that keep all constraints by domination, then the others by their violation.

    Args:
        values: Shape (n, m), minimised.
        violations: Shape (n,), 0 for points that keep all constraints; NaN counts as inf.

    Returns:
        Shape (n,), from 0. Equal violations share a rank. Rows of `values` with NaN come after all others, and never
        have 0.

    Raises:
        OptimizerError: The shapes are others.
    """
    values = as_values(values)
    broken = np.asarray(violations, dtype=float)
    if broken.shape != (len(values),):
        raise OptimizerError(f"Violations must be one number for each of {len(values)} points, not {broken.shape}.")
    broken = np.where(np.isnan(broken), np.inf, broken)
    known = ~np.isnan(values).any(axis=1)
    kept, rest = known & (broken <= 0), known & (broken > 0)
    ranks = np.zeros(len(values), dtype=np.intp)
    ranks[kept] = non_dominated_sort(values[kept])
    ranks[rest] = ranks[kept].max(initial=-1) + 1 + np.unique(broken[rest], return_inverse=True)[1]
    ranks[~known] = ranks[known].max(initial=0) + 1
    return ranks
