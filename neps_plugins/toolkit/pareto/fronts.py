"""Fronts of points that come one after another: each is put where it belongs, without sorting all of them again.

K. Li, K. Deb, Q. Zhang and Q. Zhang, "Efficient nondomination level update method for steady-state evolutionary
multiobjective optimization", IEEE Trans. Cybernetics 47(9), 2017. What a point displaces from its front goes to the
next one, and may displace others there.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from neps_plugins.toolkit.pareto.values import Booleans, Floats, Integers

#: The objectives of a point, and its number at the end.
Point = tuple[float, ...]


class Group:
    """Points of one rank. It does not change: what a newcomer makes of it is another one.

    Args:
        points: At least one.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = points
        self._ordered: list[int] | None = None

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[int]:
        """The numbers of the points, in any order."""
        return (int(point[-1]) for point in self._points)

    def ordered(self, selector: Callable[[Floats], Integers]) -> list[int]:
        """The numbers as a selector orders them, which is always the same one."""
        if self._ordered is None:
            by_number = sorted(self._points, key=lambda point: point[-1])
            order = selector(np.array([point[:-1] for point in by_number]))
            self._ordered = [int(by_number[i][-1]) for i in order]
        return self._ordered


class Front(Group):
    """Points of which none dominates another one, with any number of objectives."""

    def dominates(self, point: Point) -> bool:
        """Whether any of its points does."""
        return bool(_beat(np.array(self._points)[:, :-1], np.array(point[:-1])).any())

    def displaced(self, newcomers: Sequence[Point]) -> list[Point]:
        """The points that newcomers dominate."""
        mine = np.array(self._points)[:, :-1]
        beaten = np.asarray(_beat(np.array(newcomers)[:, None, :-1], mine).any(axis=0))
        return [point for point, is_beaten in zip(self._points, beaten) if is_beaten]

    def changed(self, newcomers: Sequence[Point], displaced: Sequence[Point]) -> Front:
        """The front with the ones and without the others."""
        gone = set(displaced)
        return type(self)(sorted([*(point for point in self._points if point not in gone), *newcomers]))


def _beat(some: Floats, others: Floats) -> Booleans:
    """Of rows that are broadcast against each other: which of the ones dominate the others."""
    return np.asarray((some <= others).all(axis=-1) & (some < others).any(axis=-1))


class PlanarFront(Front):
    """With two objectives: in the order of the first one, in which the second one falls.

    Args:
        points: Sorted.
    """

    def dominates(self, point: Point) -> bool:
        # Of all that are as low in the first objective, the last one is the lowest in the second.
        at = bisect.bisect_right(self._points, (point[0], math.inf, math.inf)) - 1
        return at >= 0 and self._points[at][1] <= point[1] and self._points[at][:2] != point[:2]

    def displaced(self, newcomers: Sequence[Point]) -> list[Point]:
        found = set()
        for new in newcomers:
            for at in range(bisect.bisect_left(self._points, new[:1]), len(self._points)):
                if self._points[at][1] < new[1]:
                    break
                if self._points[at][:2] != new[:2]:
                    found.add(self._points[at])
        return sorted(found)


class Fronts:
    """The fronts of points that come one after another, in whatever order they come.

    Args:
        m: How many objectives they have.
    """

    def __init__(self, m: int) -> None:
        self._kind = PlanarFront if m == 2 else Front
        self._fronts: list[Front] = []

    def __iter__(self) -> Iterator[Front]:
        """The fronts, best first."""
        return iter(self._fronts)

    def add(self, number: int, values: Sequence[float]) -> None:
        """Put a point where it belongs.

        Args:
            number: Of the point; no other one has it.
            values: The objectives, minimised, without NaN.
        """
        point = (*values, number)
        # If a front has nothing that dominates the point, neither has any after it.
        at = bisect.bisect_left(self._fronts, True, key=lambda front: not front.dominates(point))
        newcomers: list[Point] = [point]
        while newcomers and at < len(self._fronts):
            front = self._fronts[at]
            displaced = front.displaced(newcomers)
            if len(displaced) == len(front):  # it moves on as it is, and so do all after it
                break
            self._fronts[at], newcomers = front.changed(newcomers, displaced), displaced
            at += 1
        if newcomers:
            self._fronts.insert(at, self._kind(newcomers))
