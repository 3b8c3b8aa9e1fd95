"""In which order the trials of a run ended, and what was best by then.

As in `neps_core.pareto`: neither what was stopped early nor what breaks a constraint is the best; of equals, the first.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property

import numpy as np
import numpy.typing as npt

from neps_plugins.analysis.growing import Booleans, Floats, Integers
from neps_plugins.analysis.states import EVALUATED, SUCCESS
from neps_plugins.toolkit.pareto.sorting import non_dominated

#: Points that are looked at together.
_BLOCK = 512


class Order:
    """The order of some trials, each a row of every array.

    Args:
        state: Codes, shape (n,).
        times: When they ended, in seconds; NaN where nobody knows.
        stopped: Whether they were stopped early.
        objectives: Shape (n, m), NaN for trials without result.
        constraints: Shape (n, c), NaN for what is not known.
    """

    def __init__(
        self,
        state: npt.NDArray[np.int8],
        times: Floats,
        stopped: Booleans,
        objectives: Floats,
        constraints: Floats,
    ) -> None:
        self._state, self._times, self._stopped = state, times, stopped
        self._objectives, self._constraints = objectives, constraints

    @cached_property
    def ended(self) -> Integers:
        """The rows of the evaluations that have ended, in that order; imported trials without times come first."""
        rows = np.flatnonzero(np.isin(self._state, EVALUATED))
        times = np.nan_to_num(self._times[rows], nan=0.0)
        return np.asarray(rows[np.argsort(times, kind="stable")])

    @cached_property
    def feasible(self) -> Booleans:
        """By row: whether it keeps all constraints, as far as there are any. What is not known is broken."""
        return np.asarray((self._constraints <= 0).all(axis=1))

    @cached_property
    def counts(self) -> Booleans:
        """By row: whether it may be the best, that is, is a feasible result that was not stopped early."""
        known = ~np.isnan(self._objectives).any(axis=1) & (self._objectives.shape[1] > 0)
        return np.asarray((self._state == SUCCESS) & known & ~self._stopped & self.feasible)

    @cached_property
    def ranked(self) -> Integers:
        """Of the rows that count, in the order in which they ended."""
        return np.asarray(self.ended[self.counts[self.ended]])

    def steps(self, objective: int) -> Integers:
        """The rows at which one objective became better than ever before, in the order in which they ended."""
        values = self._objectives[self.ranked, objective]
        if not len(values):
            return self.ranked
        before = np.append(np.inf, np.minimum.accumulate(values)[:-1])
        first = np.arange(len(values)) == 0
        return np.asarray(self.ranked[(values < before) | first])

    @cached_property
    def arrivals(self) -> Integers:
        """The rows that nothing before them was as good as, in every objective, in the order in which they ended."""
        return np.asarray(self.ranked[arrivals(self._objectives[self.ranked])])

    @cached_property
    def front(self) -> Integers:
        """The rows that nothing dominates, by their objectives; of equals, the first one."""
        rows = self.arrivals
        values = self._objectives[rows]
        if not len(rows):
            return rows
        rows = rows[non_dominated(values)]
        return np.asarray(rows[np.lexsort(self._objectives[rows].T[::-1])])


def arrivals(values: Floats) -> Integers:
    """Which points no earlier one is as low as in every objective.

    Args:
        values: Shape (n, m), minimised, without NaN.
    """
    if values.shape[1] == 2:
        return _planar_arrivals(values)
    found: list[int] = []
    best = np.empty((0, values.shape[1]))
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        # What the points so far reach is left out at once, and the others are compared with each other.
        new = np.flatnonzero(~_reached(best, block).any(axis=0))
        new = new[~np.triu(_reached(block[new], block[new]), 1).any(axis=0)]
        best = np.vstack([best[~_reached(block[new], best).any(axis=0)], block[new]])
        found += (start + new).tolist()
    return np.array(found, dtype=np.int64)


def _reached(some: Floats, others: Floats) -> Booleans:
    """Which of the others each is as low as in every objective, shape (some, others)."""
    found = np.ones((len(some), len(others)), dtype=bool)
    for j in range(others.shape[1]):
        found &= some[:, None, j] <= others[None, :, j]
    return found


def _planar_arrivals(values: Floats) -> Integers:
    """Of two objectives: the front so far is a staircase, in which a point's neighbour on the left tells."""
    found: list[int] = []
    xs: list[float] = []
    ys: list[float] = []
    for i, (x, y) in enumerate(values.tolist()):
        at = bisect_right(xs, x)
        if at and ys[at - 1] <= y:
            continue
        start = end = bisect_left(xs, x)
        while end < len(xs) and ys[end] >= y:
            end += 1
        xs[start:end], ys[start:end] = [x], [y]
        found.append(i)
    return np.array(found, dtype=np.int64)
