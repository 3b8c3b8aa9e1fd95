"""Who may have children: the evaluations of a run that went well."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from neps_core import Trial
from neps_plugins.toolkit.observations import Observation, Observations
from neps_plugins.toolkit.pareto.constraints import violations
from neps_plugins.toolkit.pareto.promotion import promotion_order
from neps_plugins.toolkit.pareto.ranking import Ranking


class Population:
    """Follows a run.

    One objective is an order; with several, those come first that the fewest fronts lie before, of a front the
    loneliest (NSGA-II's order); what breaks constraints comes after all that keeps them.

    Args:
        optimizer: The optimizer's name, for messages.

    Attributes:
        members: The evaluations that gave finite objectives, in the order in which they ended.
        tried: The identities of the configurations of all trials.
    """

    def __init__(self, optimizer: str) -> None:
        self._seen = Observations(optimizer, several=True)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.members: list[Observation] = []
        self._ranking = Ranking("nsga2")
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
            if observation.objectives and all(map(math.isfinite, observation.objectives)):
                self._ranking.add(len(self.members), observation.objectives, observation.constraints)
                self.members.append(observation)
        self._read = len(self._seen.ended)
        return anew

    def best(self, n: int) -> list[Observation]:
        """The best n members, in order, or as many as there are."""
        return [self.members[i] for i in self._ranking.best(n)]

    def tournament(self, among: Sequence[Observation], size: int, rng: np.random.Generator) -> list[Observation]:
        """Some of the given members, drawn with replacement, the best first.

        Args:
            among: At least one.
            size: How many are drawn.
            rng: Draws.
        """
        drawn = [among[i] for i in rng.integers(len(among), size=size)]
        return [drawn[i] for i in _order(drawn)]


def _order(members: Sequence[Observation]) -> list[int]:
    """The places of members, the best first; of those between which nothing decides, the earlier."""
    if all(len(member.objectives) == 1 and not member.constraints for member in members):
        return sorted(range(len(members)), key=lambda i: members[i].objectives)
    c = max(len(member.constraints) for member in members)
    constraints = np.array([[*member.constraints, *[0.0] * (c - len(member.constraints))] for member in members])
    order = promotion_order([member.objectives for member in members], violations(constraints), "nsga2")
    return [int(i) for i in order]
