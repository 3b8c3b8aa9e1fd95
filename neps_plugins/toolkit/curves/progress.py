"""How far a run's configurations are trained, and what came of each step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import define, field

from neps_core import Trial
from neps_core.trials import State
from neps_plugins.toolkit.brackets.followed import FollowedBrackets
from neps_plugins.toolkit.brackets.rungs import Ladder
from neps_plugins.toolkit.brackets.state import Entry
from neps_plugins.toolkit.trial_follower import Follower, by_end

Floats = npt.NDArray[np.float64]


@define
class Trained:
    """What is known of a configuration.

    Attributes:
        number: Its number.
        values: The objectives by level: NaN where it failed, None where it is under way.
    """

    number: int
    values: dict[int, float | None] = field(factory=dict)

    @property
    def reached(self) -> int:
        """The highest level at which it was evaluated, or is."""
        return max(self.values)

    @property
    def is_under_way(self) -> bool:
        return any(value is None for value in self.values.values())

    @property
    def is_broken(self) -> bool:
        """Whether one of its evaluations failed, or diverged to infinity: there is nothing to be gone on with."""
        return any(value is not None and (math.isnan(value) or value == math.inf) for value in self.values.values())


class _Book:
    """Keeps what brackets would be told."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.trained: dict[int, Trained] = {}

    def take(self, entry: Entry, start: int) -> None:
        value = None if not entry.is_done else math.nan if entry.objectives is None else entry.objectives[0]
        self.trained.setdefault(entry.number, Trained(entry.number)).values[entry.level] = value

    def settle(self) -> None:
        pass

    def promotions(self) -> Any:
        return iter(())


class Progress:
    """Follows a run of which every trial is a step.

    Attributes:
        run: Says which trials there are.
        ended: The objectives in the order in which evaluations ended; NaN for failures.
        place: By the trial's id, its place in that order.
    """

    def __init__(self, ladder: Ladder) -> None:
        self._book = _Book()
        self.run = FollowedBrackets(ladder, self._book)
        self._follower = Follower()
        self.ended: list[float] = []
        self.place: dict[str, int] = {}

    @property
    def trained(self) -> dict[int, Trained]:
        """The configurations, by number."""
        return self._book.trained

    def early(self, n: int) -> dict[int, Trained]:
        """The configurations of which something had been seen after n evaluations had ended, as they were then."""
        found = {}
        for number, trained in self.trained.items():
            ids = {level: self.run.trial_at[number, level] for level in trained.values}
            known = {level: trained.values[level] for level, i in ids.items() if self.place.get(i, n) < n}
            if known:
                found[number] = Trained(number, known)
        return found

    def follow(self, trials: Mapping[str, Trial]) -> bool:
        """Take in what has happened since the last call. Returns whether everything was taken in anew."""
        self.run.follow(trials)
        anew, ids = self._follower.news(trials)
        if anew:
            self.ended, self.place = [], {}
        for trial_id in by_end(trials, ids):
            trial = trials[trial_id]
            objectives = trial.objectives
            if trial.state is not State.CORRUPTED:
                self.place[trial_id] = len(self.ended)
                self.ended.append(math.nan if objectives is None else objectives[0])
        return anew
