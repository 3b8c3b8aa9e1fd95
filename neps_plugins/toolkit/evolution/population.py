"""Who may have children: the evaluations of a run that went well."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from neps_core import Trial
from neps_plugins.toolkit.observations import Observation, Observations
from neps_plugins.toolkit.pareto.ranking import Ranking


class Population:
    """Follows a run.

    One objective is an order; with several, those come first that the fewest fronts lie before, of a front the
    loneliest (NSGA-II's order); what breaks constraints comes after all that keeps them.

    Args:
        optimizer: The optimizer's name, for messages.

    Attributes:
        members: The evaluations that gave objectives, none of them NaN or infinite (minus infinity is the best there
            is), in the order in which they ended.
        tried: The identities of the configurations of all trials.
    """

    def __init__(self, optimizer: str) -> None:
        self._seen = Observations(optimizer, several=True)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.members: list[Observation] = []
        self._ranking = Ranking("nsga2")
        self._places: dict[int, int] = {}
        self._read = 0

    @property
    def tried(self) -> set[str]:
        return self._seen.tried

    def follow(self, trials: Mapping[str, Trial]) -> bool:
        """Take in what has happened since the last call. Returns whether everything was taken in anew."""
        anew, _ = self._seen.follow(trials)
        if anew:
            self._begin_anew()
        for observation in self._seen.ended[self._read :]:
            if observation.objectives and all(value < math.inf for value in observation.objectives):
                self._ranking.add(len(self.members), observation.objectives, observation.constraints)
                self.members.append(observation)
        self._read = len(self._seen.ended)
        return anew

    @property
    def n_not_dominated(self) -> int:
        """How many members no other one is better than."""
        return len(next(self._ranking.groups(), ()))

    def best(self, n: int) -> list[Observation]:
        """The best n members, in order, or as many as there are."""
        return [self.members[i] for i in self._ranking.best(n)]

    def places(self) -> dict[int, int]:
        """Where each member stands among all of them, the best at 0, by its index among the members."""
        if len(self._places) < len(self.members):
            self._places = {i: place for place, i in enumerate(self._ranking.best())}
        return self._places

    def tournament(self, n_young: int, size: int, rng: np.random.Generator) -> list[Observation]:
        """Some of the members that ended last, drawn with replacement, the best first.

        Args:
            n_young: Of how many; or of all, if there are fewer. There is at least one.
            size: How many are drawn.
            rng: Draws.
        """
        oldest = max(0, len(self.members) - n_young)
        drawn = rng.integers(oldest, len(self.members), size=size).tolist()
        if self._ranking.single is not None:
            return [self.members[i] for i in sorted(drawn, key=lambda i: (self.members[i].objective, i))]
        places = self.places()
        return [self.members[i] for i in sorted(drawn, key=places.__getitem__)]
