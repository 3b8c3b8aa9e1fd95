"""What a front doesn't dominate, as boxes that don't overlap: what expected improvements are summed over.

Notation:
    u            a local upper bound: all that is below it in every objective is not dominated, and no larger such u is
    z_1 ... z_m  its defining points, of the front or the reference: z_j has u_j for its jth value, and less elsewhere

The bounds are found point by point: K. Klamroth, R. Lacour and D. Vanderpooten, "On the representation of the search
region in multi-objective optimization", European J. of Operational Research 245(3), 2015, Algorithm 3 (redundancy
avoidance). From them come the boxes of R. Lacour, K. Klamroth and C. M. Fonseca, "A box decomposition algorithm to
compute the hypervolume indicator", Computers & Operations Research 79, 2017. There, box u has its sides

    [u_1, r_1]    and, for j > 1,    [max over k < j of (z_k)_j, u_j]

and all boxes are what is dominated up to the reference r. Along the first objective, what is not dominated ends where
what is dominated begins. So with (-inf, u_1] for the first side, the same boxes are what is not dominated.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neps_core import OptimizerError
from neps_plugins.toolkit.pareto.sorting import non_dominated
from neps_plugins.toolkit.pareto.values import Floats, Integers, as_values, below, distinct_rows

#: So many pairs of a point and a box are looked at at once.
_AT_ONCE = 500_000


class Boxes(NamedTuple):
    """k boxes in the space of m objectives, none of them empty.

    Attributes:
        lower: Shape (k, m), finite or -inf.
        upper: Shape (k, m), finite.
    """

    lower: Floats
    upper: Floats


def box_decomposition(front: npt.ArrayLike, reference: npt.ArrayLike) -> Boxes:
    """What no point of the front dominates, below the reference point.

    Every point below the reference that isn't dominated is in one box, and no other point is in any, boundaries apart.
    Of n points that count, two objectives make n + 1 boxes, three at most 2 n + 1, m more in the order of n**(m // 2).

    Args:
        front: Shape (n, m), minimised. What `hypervolume` says adds nothing changes nothing here.
        reference: Shape (m,), finite.

    Raises:
        OptimizerError: The shapes are others, or the reference point is not finite.
    """
    points, corner, counts = below(front, reference)
    points, _, _ = distinct_rows(points[counts])
    points = points[non_dominated(points)]
    n, m = points.shape
    # Ranks instead of values, so that no two points share one: ties become boxes without a width. -1 stands for -inf.
    order = np.argsort(points, axis=0, kind="stable")
    ranks = np.empty((n, m), dtype=np.intp)
    np.put_along_axis(ranks, order, np.arange(n)[:, None], axis=0)
    upper, defining = _upper_bounds(ranks)
    lower = np.full_like(upper, -1)
    for j in range(1, m):
        lower[:, j] = defining[:, :j, j].max(axis=1)
    by_rank = np.vstack([np.take_along_axis(points, order, axis=0), corner, np.full(m, -np.inf)])
    low, high = np.take_along_axis(by_rank, lower, axis=0), np.take_along_axis(by_rank, upper, axis=0)
    some = (low < high).all(axis=1)
    return Boxes(low[some], high[some])


def _upper_bounds(points: Integers) -> tuple[Integers, Integers]:
    """The local upper bounds, shape (k, m), and their defining points, shape (k, m, m).

    Args:
        points: Shape (n, m), none of them dominated, each objective a permutation of 0 ... n - 1. The reference is n.
    """
    n, m = points.shape
    upper = np.full((1, m), n, dtype=np.intp)
    defining = np.full((1, m, m), -1, dtype=np.intp)
    defining[0, range(m), range(m)] = n
    for point in points:
        above = (point < upper).all(axis=1)
        uppers, definings = [upper[~above]], [defining[~above]]
        for j in range(m):
            others = [k for k in range(m) if k != j]
            # Else the bound would be below that of another objective.
            fits = above & (defining[:, others, j] < point[j]).all(axis=1)
            u, z = upper[fits], defining[fits]
            u[:, j], z[:, j] = point[j], point
            uppers.append(u)
            definings.append(z)
        upper, defining = np.concatenate(uppers), np.concatenate(definings)
    return upper, defining


def hypervolume_improvement(points: npt.ArrayLike, front: npt.ArrayLike, reference: npt.ArrayLike) -> Floats:
    """How much larger the hypervolume would be with each point, by itself, on the front.

    It is the sum, over the boxes of what the front doesn't dominate, of the part that the point would: S. Daulton,
    M. Balandat and E. Bakshy, "Differentiable expected hypervolume improvement for parallel multi-objective Bayesian
    optimization", NeurIPS 2020, Equation 2.

    Args:
        points: Shape (p, m), minimised.
        front: Shape (n, m).
        reference: Shape (m,), finite.

    Returns:
        Shape (p,), in the product of the objectives' units. Rows with NaN improve nothing; -inf in a point that is
        not dominated improves by inf.

    Raises:
        OptimizerError: The shapes are others, or the reference point is not finite.
    """
    boxes = box_decomposition(front, reference)
    points = as_values(points)
    m = boxes.lower.shape[1]
    if points.shape[1] != m:
        raise OptimizerError(f"Points must have {m} objectives, as the front, not {points.shape[1]}.")
    improvement = np.zeros(len(points))
    step = 1 + _AT_ONCE // (1 + len(boxes.lower))
    for start in range(0, len(points), step):
        some = points[start : start + step]
        volume = np.ones((len(some), len(boxes.lower)))
        for j in range(m):
            side = boxes.upper[:, j] - np.maximum(boxes.lower[:, j], some[:, j, None])
            outside = ~(side > 0)
            side[outside] = 0.0
            with np.errstate(invalid="ignore"):
                volume *= side
            volume[outside] = 0.0
        improvement[start : start + step] = volume.sum(axis=1)
    return improvement
