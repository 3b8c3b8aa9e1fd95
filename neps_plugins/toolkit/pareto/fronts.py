"""Fronts of points that come one after another: each is put where it belongs, without sorting all of them again.

K. Li, K. Deb, Q. Zhang and Q. Zhang, "Efficient nondomination level update method for steady-state evolutionary
multiobjective optimization", IEEE Trans. Cybernetics 47(9), 2017. What a point displaces from its front goes to the
next one, and may displace others there.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

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
    """Points of which none dominates another one, with any number of objectives.

    Args:
        points: At least one.
        values: Their objectives, shape (n, m), where they are known as an array: to make it of the points for each
            newcomer would be most of the work.
    """

    def __init__(self, points: Sequence[Point], values: Floats | None = None) -> None:
        super().__init__(points)
        self._given = values

    @cached_property
    def _values(self) -> Floats:
        return np.array(self._points)[:, :-1] if self._given is None else self._given

    def dominates(self, point: Point) -> bool:
        """Whether any of its points does."""
        return bool(_beat(self._values, np.array(point[:-1])).any())

    def displaced(self, newcomers: Sequence[Point]) -> list[Point]:
        """The points that newcomers dominate."""
        beaten = np.asarray(_beat(np.array(newcomers)[:, None, :-1], self._values).any(axis=0))
        return [self._points[i] for i in np.flatnonzero(beaten).tolist()]

    def changed(self, newcomers: Sequence[Point], displaced: Sequence[Point]) -> Front:
        """The front with the ones and without the others."""
        points, values = self._points, self._values
        if displaced:
            gone = set(displaced)
            stays = [i for i, point in enumerate(points) if point not in gone]
            points, values = [points[i] for i in stays], values[stays]
        return Front([*points, *newcomers], np.vstack([values, np.array(newcomers)[:, :-1]]))


def _beat(some: Floats, others: Floats) -> Booleans:
    """Of rows that are broadcast against each other: which of the ones dominate the others."""
    at_most, below = np.asarray(True), np.asarray(False)
    for j in range(some.shape[-1]):  # an objective at a time, which is several times as quick as along a short axis
        at_most = at_most & (some[..., j] <= others[..., j])
        below = below | (some[..., j] < others[..., j])
    return np.asarray(at_most & below)


class PlanarFront(Front):
    """With two objectives: in the order of the first one, in which the second one falls.

    Args:
        points: Sorted.
    """

    def dominates(self, point: Point) -> bool:
        # Of all that are as low in the first objective, the last one is the lowest in the second.
        at = bisect.bisect_right(self._points, (point[0], math.inf, math.inf)) - 1
        return at >= 0 and self._points[at][1] <= point[1] and self._points[at][:2] != point[:2]

    def changed(self, newcomers: Sequence[Point], displaced: Sequence[Point]) -> Front:
        points = list(self._points)
        for point in displaced:
            del points[bisect.bisect_left(points, point)]
        for point in newcomers:
            bisect.insort(points, point)
        return PlanarFront(points)

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
