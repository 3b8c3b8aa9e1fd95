"""Brackets in which a rung is complete before its best are promoted.

K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS 2016
(successive halving); L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh and A. Talwalkar, "Hyperband: a novel
bandit-based approach to hyperparameter optimization", JMLR 18, 2018, Algorithm 1. A bracket that waits opens the next
one, so no worker idles.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from attrs import define, field

from neps_plugins.toolkit.brackets.state import Entry, Wanted
from neps_plugins.toolkit.pareto.ranking import Ranking


@define
class _Bracket:
    """One synchronous bracket: `sizes[i]` configurations at level `start + i`."""

    start: int
    sizes: Sequence[int]
    selector: str
    rungs: list[dict[int, Entry]] = field(init=False)
    running: list[int] = field(init=False)
    stage: int = field(default=0, init=False)  # the rung that is being filled
    expected: int = field(init=False)  # how many configurations that rung gets
    queue: list[int] = field(factory=list, init=False)  # who is promoted to it, best first

    def __attrs_post_init__(self) -> None:
        self.rungs = [{} for _ in self.sizes]
        self.running = [0] * len(self.sizes)
        self.expected = self.sizes[0]

    @property
    def is_full(self) -> bool:
        """Whether no new configuration fits in."""
        return len(self.rungs[0]) >= self.sizes[0]

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done."""
        last = self.stage == len(self.sizes) - 1
        return last and len(self.rungs[-1]) >= self.expected and not self.running[-1]

    def take(self, entry: Entry) -> None:
        i = entry.level - self.start
        before = self.rungs[i].get(entry.number)
        self.running[i] += (not entry.is_done) - (before is not None and not before.is_done)
        self.rungs[i][entry.number] = entry

    def settle(self) -> None:
        while self._advance():
            pass

    def _advance(self) -> bool:
        """Go on to the next rung, if this one is complete."""
        rung = self.rungs[self.stage]
        if self.stage == len(self.sizes) - 1 or len(rung) < self.expected or self.running[self.stage]:
            return False
        ranking = Ranking(self.selector)
        for entry in rung.values():
            if entry.objectives is not None:
                ranking.add(entry.number, entry.objectives, entry.constraints)
        self.stage += 1
        above = self.rungs[self.stage]
        free = self.sizes[self.stage] - len(above)  # some may be there already, if trials were deleted
        self.queue = [number for number in ranking.best() if number not in above][: max(free, 0)]
        self.expected = len(above) + len(self.queue)
        return True

    def promotions(self) -> Iterator[Wanted]:
        above = self.rungs[self.stage]
        return (Wanted(self.start + self.stage, number) for number in self.queue if number not in above)


class SynchronousBrackets:
    """Brackets of successive halving or Hyperband, one after the other.

    Args:
        sizes: By the level at which a bracket begins: how many configurations it has at each level from
            there. The brackets are opened in this order, over and over.
        selector: Which of several objectives' results are promoted first: as for `Ladder`.
    """

    def __init__(self, sizes: Mapping[int, Sequence[int]], selector: str = "epsnet") -> None:
        self._sizes = sizes
        self._selector = selector
        self.clear()

    def clear(self) -> None:
        self._brackets: dict[int, list[_Bracket]] = {start: [] for start in self._sizes}
        self._bracket_of: dict[int, _Bracket] = {}
        self._counts = dict.fromkeys(self._sizes, 0)
        self._open: list[_Bracket] = []

    def take(self, entry: Entry, start: int) -> None:
        bracket = self._bracket_of.get(entry.number)
        if bracket is None:
            if start not in self._sizes:  # entered elsewhere: by hand, or from the prior at the highest fidelity
                return
            if not self._brackets[start] or self._brackets[start][-1].is_full:
                self._brackets[start].append(_Bracket(start, self._sizes[start], self._selector))
                self._open.append(self._brackets[start][-1])
            bracket = self._bracket_of[entry.number] = self._brackets[start][-1]
            self._counts[start] += 1
        bracket.take(entry)

    def settle(self) -> None:
        for bracket in self._open:
            bracket.settle()
        self._open = [bracket for bracket in self._open if not bracket.is_over]

    def promotions(self) -> Iterator[Wanted]:
        return itertools.chain.from_iterable(bracket.promotions() for bracket in self._open)

    def openings(self) -> Iterator[Wanted]:
        """The levels at which new configurations are wanted, in order, without end."""
        counts = dict(self._counts)
        while True:
            rounds = {start: count // self._sizes[start][0] for start, count in counts.items()}
            start = min(rounds, key=lambda start: rounds[start])  # the first of those that are least often full
            counts[start] += 1
            yield Wanted(start)

    @property
    def current(self) -> list[_Bracket]:
        """The brackets that are not over."""
        return self._open
