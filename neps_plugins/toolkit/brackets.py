"""The state of brackets, followed trial by trial, and what they want to be evaluated next.

A configuration has a number, and enters at a level; at most one of its trials is at each level. Everything
here is a function of the trials: which configurations there are, at which levels, and what came of it.
Failed and crashed evaluations count as done and are never promoted; infinite objectives rank last.

- `SynchronousBrackets`: K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and
  hyperparameter optimization", AISTATS 2016 (successive halving), and Hyperband (Li et al. 2018, Algorithm 1):
  a rung is complete before its best are promoted. A bracket that waits opens the next one, so no worker idles.
- `AsynchronousBrackets`: L. Li et al., "A system for massively parallel hyperparameter tuning", MLSys 2020,
  Algorithm 2 (ASHA): whatever is among the best 1/eta of what is done at a level may be promoted at once.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from attrs import define, field, frozen

from neps_core import Trial
from neps_core.trials import number_of
from neps_plugins.toolkit.following import Follower
from neps_plugins.toolkit.rungs import Ladder


@frozen
class Entry:
    """A trial as brackets see it.

    Attributes:
        number: The configuration.
        level: Where it was evaluated.
        is_done: Whether its evaluation has ended.
        objective: The objective of a successful one; None otherwise.
    """

    number: int
    level: int
    is_done: bool
    objective: float | None


@frozen
class Wanted:
    """What a bracket wants to be evaluated next.

    Attributes:
        level: Where.
        promoted: The number of the configuration to evaluate; None for a new one.
    """

    level: int
    promoted: int | None = None


class Brackets(Protocol):
    """What the optimizers ask of either kind."""

    def clear(self) -> None:
        """Begin anew."""
        ...

    def take(self, entry: Entry, start: int) -> None:
        """Take in a trial, or what has happened to it. `start` is the level at which its configuration entered."""
        ...

    def settle(self) -> None:
        """Draw the consequences, once all that has happened was taken in."""
        ...

    def promotions(self) -> Iterator[Wanted]:
        """The promotions that are due, most urgent first; changes nothing."""
        ...


@define
class _Bracket:
    """One synchronous bracket: `sizes[i]` configurations at level `start + i`."""

    start: int
    sizes: Sequence[int]
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
        order = sorted((e.objective, e.number) for e in rung.values() if e.objective is not None)
        self.stage += 1
        above = self.rungs[self.stage]
        free = self.sizes[self.stage] - len(above)  # some may be there already, if trials were deleted
        self.queue = [number for _, number in order if number not in above][: max(free, 0)]
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
    """

    def __init__(self, sizes: Mapping[int, Sequence[int]]) -> None:
        self._sizes = sizes
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
                self._brackets[start].append(_Bracket(start, self._sizes[start]))
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
        if start not in self._levels:
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


class FollowedBrackets:
    """Brackets that keep up with a run.

    Args:
        ladder: The rungs.
        brackets: Their state.

    Attributes:
        trial_at: The id of the trial of a configuration at a level, by both.
        ranked: By level, objective and number of each success there, best first.
        n_done: By level, how many evaluations have ended there.
        next_number: A number that no configuration had yet.
    """

    def __init__(self, ladder: Ladder, brackets: Brackets) -> None:
        self._ladder = ladder
        self._brackets = brackets
        self._follower = Follower()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._brackets.clear()
        self._starts: dict[int, int] = {}
        self._done: set[tuple[int, int]] = set()
        self.trial_at: dict[tuple[int, int], str] = {}
        self.ranked: dict[int, list[tuple[float, int]]] = {}
        self.n_done: Counter[int] = Counter()
        self.next_number = 1

    def follow(self, trials: Mapping[str, Trial]) -> None:
        """Take in what has happened to the trials since the last call."""
        anew, ids = self._follower.news(trials)
        if anew:
            self._begin_anew()
            # Numbers of deleted trials are not given again, either.
            known = getattr(trials, "changes", ids)
            self.next_number = 1 + max(map(number_of, known), default=0)
        placed = []
        for trial_id in ids:
            number, level = number_of(trial_id), self._level_of(trials[trial_id])
            self.next_number = max(self.next_number, number + 1)
            if level is not None and number:
                placed.append((number, level, trials[trial_id]))
                # The lowest level: after a deletion, a lower one may have been evaluated after a higher one.
                self._starts[number] = min(level, self._starts.get(number, level))
        for number, level, trial in placed:
            self._take(number, level, trial)
        self._brackets.settle()

    def _level_of(self, trial: Trial) -> int | None:
        return self._ladder.level_of(trial.config.get(self._ladder.path, 0))

    def _take(self, number: int, level: int, trial: Trial) -> None:
        self.trial_at[number, level] = trial.id
        objectives = trial.objectives
        objective = objectives[0] if objectives is not None and len(objectives) == 1 else None
        if trial.state.is_finished and (number, level) not in self._done:
            self._done.add((number, level))
            self.n_done[level] += 1
            if objective is not None:
                bisect.insort(self.ranked.setdefault(level, []), (objective, number))
        self._brackets.take(Entry(number, level, trial.state.is_finished, objective), self._starts[number])
