"""Proposing only what was not tried, as long as there is any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from contextlib import suppress
from typing import Any

import numpy as np

from neps_core import Config, ConfigError, Fixed, SampledConfig, SearchSpace, Uniform
from neps_core.spaces.identity import config_hash
from neps_plugins.toolkit.enumeration import Untried

#: How many ideas, and then how many random configurations, are had for one that is new.
TRIES = 50


class Novelty:
    """Asks for ideas until one is new; then at random; then, in what must be a finite space, takes what is left.

    Args:
        space: What to search.
        fixed: Path to value of what all configurations have.
    """

    def __init__(self, space: SearchSpace, fixed: Mapping[str, Any]) -> None:
        self._space, self._fixed = space, fixed
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what was tried."""
        self._untried = Untried(self._space, self._fixed)

    def proposals(
        self, n: int | None, idea: Callable[[int], Callable[[], Config]], tried: Set[str], rng: np.random.Generator
    ) -> list[SampledConfig]:
        """As many new configurations as were asked for, or as there are.

        Args:
            n: How many; None for one.
            idea: For how many there are before it, what to ask for the next one: see `find`.
            tried: As for `find`.
            rng: Draws.
        """
        batch: set[str] = set()
        found: list[SampledConfig] = []
        while len(found) < (n or 1):
            config = self.find(idea(len(found)), tried, batch, rng)
            if config is None:
                break
            found.append(SampledConfig(config))
        return found

    def find(
        self, idea: Callable[[], Config], tried: Set[str], batch: set[str], rng: np.random.Generator
    ) -> Config | None:
        """A configuration that was not tried; None if there is none.

        Args:
            idea: Gives a configuration, another one each time; may raise `ConfigError`.
            tried: Hashes of the configurations that the run's trials have. What is in it must stay in it.
            batch: Hashes of those that were proposed just now; what is found is added.
            rng: Draws.
        """
        for i in range(2 * TRIES):
            with suppress(ConfigError):  # a parent of another space, imported by hand; or all of it is forbidden
                config = idea() if i < TRIES else self._space.resolve(Fixed(self._fixed, Uniform(rng))).config
                if (this := config_hash(config)) not in tried and this not in batch:
                    batch.add(this)
                    return config
        left = self._untried.first(1, tried, batch)
        batch.update(map(config_hash, left))
        return next(iter(left), None)
