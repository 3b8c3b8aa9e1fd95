"""Brackets in which whatever is among the best 1/eta of what is done at a level may be promoted at once.

L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-tzur, M. Hardt, B. Recht and A. Talwalkar, "A system for
massively parallel hyperparameter tuning", MLSys 2020, Algorithm 2 (ASHA).
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Iterator, Sequence

from neps_plugins.toolkit.brackets.state import Entry, Wanted


class _Level:
    """What is done at one level of an asynchronous bracket."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.done: list[tuple[float, int]] = []  # sorted
        self.n_done = 0
        self.waiting: list[tuple[float, int]] = []  # a heap of those in `done` that were not promoted


class AsynchronousBrackets:
    """Brackets of ASHA: for each level at which configurations enter, one that never ends.

    Args:
        starts: The levels at which configurations may enter.
        top: The highest level.
        eta: The reduction factor.
    """

    def __init__(self, starts: Sequence[int], top: int, eta: float) -> None:
        self._starts = starts
        self._top = top
        self._eta = eta
        self.clear()

    def clear(self) -> None:
        self._levels = {start: {level: _Level() for level in range(start, self._top + 1)} for start in self._starts}
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
            level.n_done += 1
            if entry.objective is not None:
                item = (entry.objective, entry.number)
                bisect.insort(level.done, item)
                heapq.heappush(level.waiting, item)

    def settle(self) -> None:
        """Nothing: promotions depend on what is done now only."""

    def promotions(self) -> Iterator[Wanted]:
        for start in self._starts:
            levels = self._levels[start]
            for k in range(self._top - 1, start - 1, -1):
                level, above = levels[k], levels[k + 1].numbers
                while level.waiting and level.waiting[0][1] in above:
                    heapq.heappop(level.waiting)
                if not level.waiting:
                    continue
                best = int(level.n_done / self._eta)
                if bisect.bisect_left(level.done, level.waiting[0]) >= best:
                    continue
                yield Wanted(k + 1, level.waiting[0][1])
                # Only somebody who wants several at once comes here.
                for item in level.done[:best]:
                    if item[1] not in above and item != level.waiting[0]:
                        yield Wanted(k + 1, item[1])
