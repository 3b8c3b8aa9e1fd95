"""Brackets in which whatever is among the best 1/eta of what is done at a level may be promoted at once.

L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-tzur, M. Hardt, B. Recht and A. Talwalkar, "A system for
massively parallel hyperparameter tuning", MLSys 2020, Algorithm 2 (ASHA); R. Schmucker, M. Donini, M. B. Zafar,
D. Salinas and C. Archambeau, "Multi-objective asynchronous successive halving", arXiv:2106.12639, 2021 (what "best" is
with several objectives).
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Iterator, Sequence

from neps_plugins.toolkit.brackets.state import Entry, Wanted
from neps_plugins.toolkit.pareto.ranking import Ranking


class _Level:
    """What is done at one level of an asynchronous bracket."""

    def __init__(self, selector: str) -> None:
        self.numbers: set[int] = set()
        self.ranking = Ranking(selector)
        self.n_done = 0
        self.waiting: list[tuple[float, int]] = []  # a heap of those that were not promoted, as long as it has an order

    def take(self, entry: Entry) -> None:
        """Take in an evaluation that has ended."""
        self.n_done += 1
        if entry.objectives is not None:
            self.ranking.add(entry.number, entry.objectives, entry.constraints)
            if self.ranking.single is not None:
                heapq.heappush(self.waiting, (entry.objectives[0], entry.number))

    def among_best(self, n: int, promoted: set[int]) -> Iterator[int]:
        """Those among the best n that were not promoted, best first; of who is promoted, more are each time."""
        done = self.ranking.single
        if done is None:
            for group in self.ranking.groups():
                if n <= 0:
                    return
                if not promoted.issuperset(group):
                    yield from (number for number in self.ranking.ordered(group)[:n] if number not in promoted)
                n -= len(group)
            return
        while self.waiting and self.waiting[0][1] in promoted:
            heapq.heappop(self.waiting)
        if self.waiting and bisect.bisect_left(done, self.waiting[0]) < n:
            yield self.waiting[0][1]
            # Only somebody who wants several at once comes here.
            yield from (number for item in done[:n] if (number := item[1]) not in promoted and item != self.waiting[0])


class AsynchronousBrackets:
    """Brackets of ASHA: for each level at which configurations enter, one that never ends.

    Args:
        starts: The levels at which configurations may enter.
        top: The highest level.
        eta: The reduction factor.
        selector: Which of several objectives' results are promoted first: as for `Ladder`.
    """

    def __init__(self, starts: Sequence[int], top: int, eta: float, selector: str = "epsnet") -> None:
        self._starts = starts
        self._top = top
        self._eta = eta
        self._selector = selector
        self.clear()

    def clear(self) -> None:
        self._levels = {
            start: {level: _Level(self._selector) for level in range(start, self._top + 1)} for start in self._starts
        }
        self._seen_done: set[tuple[int, int]] = set()

    def take(self, entry: Entry, start: int) -> None:
        # What enters elsewhere (an import, or the prior at the highest fidelity) joins the bracket that begins below.
        start = max((s for s in self._starts if s <= start), default=-1)
        if start < 0:
            return
        level = self._levels[start][entry.level]
        level.numbers.add(entry.number)
        if entry.is_done and (entry.number, entry.level) not in self._seen_done:
            self._seen_done.add((entry.number, entry.level))
            level.take(entry)

    def settle(self) -> None:
        """Nothing: promotions depend on what is done now only."""

    def promotions(self) -> Iterator[Wanted]:
        for start in self._starts:
            levels = self._levels[start]
            for k in range(self._top - 1, start - 1, -1):
                level, above = levels[k], levels[k + 1].numbers
                for number in level.among_best(int(level.n_done / self._eta), above):
                    yield Wanted(k + 1, number)
