"""Brackets that are followed trial by trial."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping

from neps_core import Trial
from neps_core.trials import number_of
from neps_plugins.toolkit.brackets.rungs import Ladder
from neps_plugins.toolkit.brackets.state import Brackets, Entry
from neps_plugins.toolkit.pareto.ranking import Ranking
from neps_plugins.toolkit.trial_follower import Follower

#: The ids that trials at a rung have: number and level.
RUNG_ID = re.compile(r"([0-9]+)_rung_([0-9]+)")


class FollowedBrackets:
    """Brackets that keep up with a run.

    Args:
        ladder: The rungs.
        brackets: Their state.

    Attributes:
        ladder: The rungs.
        trial_at: The id of the trial of a configuration at a level, by both.
        ranked: By level, the numbers of the successes there, best first.
        n_done: By level, how many evaluations have ended there.
        next_number: A number that no configuration had yet.
    """

    def __init__(self, ladder: Ladder, brackets: Brackets) -> None:
        self.ladder = ladder
        self._brackets = brackets
        self._follower = Follower()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._brackets.clear()
        self._starts: dict[int, int] = {}
        self._done: set[tuple[int, int]] = set()
        self.trial_at: dict[tuple[int, int], str] = {}
        self.ranked: dict[int, Ranking] = {}
        self.n_done: Counter[int] = Counter()
        self.next_number = 1

    def follow(self, trials: Mapping[str, Trial]) -> None:
        """Take in what has happened to the trials since the last call."""
        anew, ids = self._follower.news(trials)
        news = [trials[trial_id] for trial_id in ids]
        if not anew and any(map(self._comes_late, news)):
            anew, news = True, list(trials.values())
        if anew:
            self._begin_anew()
            # Numbers of deleted trials are not given again, either.
            known = getattr(trials, "changes", trials)
            self.next_number = 1 + max(map(number_of, known), default=0)
        placed = []
        for trial in news:
            number, level = number_of(trial.id), self._level_of(trial)
            self.next_number = max(self.next_number, number + 1)
            if level is not None and number:
                placed.append((number, level, trial))
                # The lowest level: after a deletion, a lower one may have been evaluated after a higher one.
                self._starts[number] = min(level, self._starts.get(number, level))
        for number, level, trial in placed:
            self._take(number, level, trial)
        self._brackets.settle()

    def _comes_late(self, trial: Trial) -> bool:
        """Whether a trial is new that was imported or enqueued for a configuration that has begun: unexpectedly."""
        number = number_of(trial.id)
        if trial.metadata.time_sampled is not None or number not in self._starts:
            return False
        return (number, self._level_of(trial)) not in self.trial_at

    def _level_of(self, trial: Trial) -> int | None:
        fidelity = trial.config.get(self.ladder.path, 0)
        level = self.ladder.level_of(fidelity)
        if level is None and (match := RUNG_ID.fullmatch(trial.id)) is not None:
            reached = self.ladder.reached_by(fidelity)  # an imported one, which was evaluated between two rungs
            level = reached if reached == int(match[2]) else None
        return level

    def _take(self, number: int, level: int, trial: Trial) -> None:
        self.trial_at[number, level] = trial.id
        objectives = trial.objectives
        if objectives is not None and any(map(math.isnan, objectives)):  # of a storage that let it pass
            objectives = None
        if trial.state.is_finished and (number, level) not in self._done:
            self._done.add((number, level))
            self.n_done[level] += 1
            if objectives is not None:
                ranking = self.ranked.setdefault(level, Ranking(self.ladder.selector))
                ranking.add(number, objectives, trial.constraints)
        entry = Entry(number, level, trial.state.is_finished, objectives, trial.constraints)
        self._brackets.take(entry, self._starts[number])
