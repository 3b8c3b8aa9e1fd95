"""Evolution without generations: whenever a worker is free, a child of those that have ended; nobody waits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np

from neps_core import BudgetInfo, Config, Fixed, SampledConfig, SearchSpace, Trial, Uniform
from neps_core.spaces.variation import Keep
from neps_plugins.toolkit.evolution.novelty import Novelty
from neps_plugins.toolkit.evolution.population import Population
from neps_plugins.toolkit.fidelity import fixed_fidelities
from neps_plugins.toolkit.randomness import given_or_fresh


class Breed(Protocol):
    """Has an idea of what to try next."""

    def __call__(self, population: Population, number: int, rng: np.random.Generator) -> Config:
        """A configuration; its fidelity is overwritten.

        Args:
            population: Who may be a parent.
            number: How many configurations were proposed before.
            rng: Draws.

        Raises:
            ConfigError: If a parent is no configuration of the space, or what was wanted is forbidden.
        """
        ...


class SteadyState:
    """Proposes children that were not tried yet.

    A configuration that was tried is not tried again as long as there is another one; a finite space in which all are
    tried ends the run.

    Args:
        optimizer: The optimizer's name, for messages.
        space: What to search.
        breed: Makes children.
        ignore_fidelity: As for `fixed_fidelities`; True draws each child's fidelity anew.

    Raises:
        OptimizerError: If the space has a fidelity that isn't ignored.
    """

    def __init__(self, optimizer: str, space: SearchSpace, breed: Breed, ignore_fidelity: bool | str = False) -> None:
        self._optimizer, self._space, self._breed = optimizer, space, breed
        self._fixed = fixed_fidelities(space, ignore_fidelity, optimizer)
        self._population = Population(optimizer)
        self._novelty = Novelty(space, self._fixed)

    def __call__(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo | None = None,
        n: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> list[SampledConfig]:
        rng = given_or_fresh(rng)
        try:
            if self._population.follow(trials):
                self._novelty.begin_anew()
        except BaseException:  # an interrupt too: what was half taken in is taken in anew
            self._population = Population(self._optimizer)
            raise
        n_before = len(trials)
        return self._novelty.proposals(
            n, lambda k: partial(self._child, n_before + k, rng), self._population.tried, rng
        )

    def _child(self, number: int, rng: np.random.Generator) -> Config:
        """What was made of a parent has the parent's fidelity, which may be none of what is wanted."""
        config = self._breed(self._population, number, rng)
        if not self._space.fidelities:
            return config
        rest: dict[str, Any] = {path: v for path, v in config.items() if path not in self._space.fidelities}
        return self._space.resolve(Fixed(self._fixed, Keep(rest, Uniform(rng)))).config
