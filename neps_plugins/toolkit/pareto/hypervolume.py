"""The hypervolume of a front: how much it dominates of what is better than the reference point.

E. Zitzler and L. Thiele, "Multiobjective optimization using evolutionary algorithms", PPSN 1998. Exact for any number
of objectives. Three are swept along the last one, over a staircase of the first two: C. M. Fonseca, L. Paquete and
M. Lopez-Ibanez, "An improved dimension-sweep algorithm for the hypervolume indicator", CEC 2006. More are reduced to
three: L. While, L. Bradstreet and L. Barone, "A fast way of calculating exact hypervolumes", IEEE Trans. Evolutionary
Computation 16(1), 2012 (WFG).
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from neps_plugins.toolkit.pareto.sorting import non_dominated
from neps_plugins.toolkit.pareto.values import Floats, below, distinct_rows


def hypervolume(front: npt.ArrayLike, reference: npt.ArrayLike) -> float:
    """The volume of what some point of the front dominates, up to the reference point.

    Args:
        front: Shape (n, m), minimised. Dominated and repeated points, rows with NaN, and points that are not better
            than the reference point in every objective add nothing.
        reference: Shape (m,), finite.

    Returns:
        In the product of the objectives' units; inf if a point that counts has -inf somewhere.

    Raises:
        OptimizerError: The shapes are others, or the reference point is not finite.
    """
    points, corner, counts = below(front, reference)
    points = points[counts]
    if np.isneginf(points).any():
        return float("inf")
    return _volume(points[non_dominated(points)], corner)


def hypervolume_contributions(front: npt.ArrayLike, reference: npt.ArrayLike) -> Floats:
    """What of the hypervolume each point alone dominates, of the points that no other one dominates.

    Args:
        front: Shape (n, m), minimised.
        reference: Shape (m,), finite.

    Returns:
        Shape (n,), in the product of the objectives' units. What `hypervolume` says adds nothing has 0, as have
        repeated points: without one of them the others are still there.

    Raises:
        OptimizerError: The shapes are others, or the reference point is not finite.
    """
    points, corner, counts = below(front, reference)
    rows = np.flatnonzero(counts)
    rows = rows[non_dominated(points[rows])]
    distinct, inverse, first = distinct_rows(points[rows])
    alone = np.bincount(inverse, minlength=len(distinct)) == 1
    contributions = np.zeros(len(points))
    for i in np.flatnonzero(alone):
        contributions[rows[first[i]]] = _exclusive(distinct[i], np.delete(distinct, i, axis=0), corner)
    return contributions


class RunningHypervolume:
    """The hypervolume of points that come one by one.

    Args:
        reference: Shape (m,), finite.

    Attributes:
        value: Of the points so far, in the product of the objectives' units; inf if one that counts has -inf somewhere.

    Raises:
        OptimizerError: The reference point is not finite.
    """

    def __init__(self, reference: npt.ArrayLike) -> None:
        _, self._reference, _ = below([], reference)
        self._front = np.empty((0, len(self._reference)))
        self._staircase = _Staircase(*self._reference.tolist()) if len(self._reference) == 2 else None
        self.value = 0.0

    def add(self, point: npt.ArrayLike) -> float:
        """Take in a point.

        Args:
            point: Shape (m,), minimised.

        Returns:
            The hypervolume with it.

        Raises:
            OptimizerError: The shape is another one.
        """
        points, _, counts = below(np.reshape(point, (1, -1)), self._reference)
        if counts[0] and self.value < np.inf:
            if np.isneginf(points).any():
                self.value = float("inf")
            elif self._staircase is not None:
                self.value += self._staircase.add(*points[0].tolist())
            else:
                self.value += _exclusive(points[0], self._front, self._reference)
                if not (self._front <= points[0]).all(axis=1).any():
                    beaten = (points[0] <= self._front).all(axis=1)
                    self._front = np.vstack([self._front[~beaten], points])
        return self.value


def _volume(points: Floats, reference: Floats) -> float:
    """Of points that are below the reference in every objective, which may dominate each other."""
    m = len(reference)
    if len(points) == 0:
        return 0.0
    if m == 1:
        return float(reference[0] - points.min())
    if m == 2:
        return _area(points, reference)
    points = points[np.argsort(points[:, -1], kind="stable")]
    if m == 3:
        return _swept(points.tolist(), reference.tolist())
    # From its last value on, each point adds to the earlier ones what it alone dominates in the objectives before.
    total = 0.0
    for i, point in enumerate(points):
        total += (reference[-1] - point[-1]) * _exclusive(point[:-1], points[:i, :-1], reference[:-1])
    return float(total)


def _exclusive(point: Floats, others: Floats, reference: Floats) -> float:
    """What the point dominates and the others don't, all of them below the reference."""
    if np.isneginf(point).any():
        return float("inf")
    if (others <= point).all(axis=1).any():
        return 0.0
    shared = np.maximum(others, point)
    return max(0.0, float(np.prod(reference - point)) - _volume(shared[non_dominated(shared)], reference))


def _area(points: Floats, reference: Floats) -> float:
    """Of two objectives."""
    points = points[np.lexsort(points.T[::-1])]
    lowest = np.minimum.accumulate(points[:, 1])
    widths = np.diff(points[:, 0], append=reference[0])
    return float(widths @ (reference[1] - lowest))


def _swept(points: list[list[float]], reference: list[float]) -> float:
    """Of three objectives, the points in the order of the third.

    The points so far, seen in the first two objectives, make a staircase. Each new one adds an area to what they
    dominate, from its third value on.
    """
    width, height, depth = reference
    staircase = _Staircase(width, height)
    return sum(staircase.add(x, y) * (depth - z) for x, y, z in points)


class _Staircase:
    """What points dominate in two objectives: `xs` rises as `ys` falls."""

    def __init__(self, width: float, height: float) -> None:
        self._xs, self._ys = [float("-inf"), width], [height, float("-inf")]

    def add(self, x: float, y: float) -> float:
        """Take in a point below the reference; gives the area that it adds."""
        xs, ys = self._xs, self._ys
        first = last = bisect_right(xs, x)
        left, top, area = x, ys[first - 1], 0.0
        if top <= y:
            return 0.0
        while True:
            area += (xs[last] - left) * (top - y)
            if ys[last] < y:
                break
            left, top = xs[last], ys[last]
            last += 1
        xs[first:last], ys[first:last] = [x], [y]
        return area
