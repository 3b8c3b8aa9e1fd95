"""Children of two configurations: what numbers have in common is blended, other decisions come from one of the two."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from neps_core import CategoricalDomain, Config, Decide, Domain, Fixed, SearchSpace, Uniform, Value
from neps_core.spaces.variation import Keep, crossover
from neps_plugins.toolkit.evolution.operators import blended, mutated

#: The probability with which a number that both parents have is blended; otherwise it is one of theirs.
BLENDED = 0.5


def offspring(
    space: SearchSpace,
    a: Mapping[str, Any],
    b: Mapping[str, Any] | None,
    rng: np.random.Generator,
    mutation_rate: float,
    fixed: Mapping[str, Any],
) -> Config:
    """A configuration that has its decisions from one or two others, but for some that are mutated.

    Args:
        space: The space of all of them.
        a: A parent; complete.
        b: The other parent; None for a child of one.
        rng: Draws.
        mutation_rate: The probability with which each decision is mutated. What depends on it and no longer fits is
            drawn anew.
        fixed: Path to value of what all children have.

    Raises:
        ConfigError: If a parent is no configuration of the space, or all that was tried is forbidden.
    """
    base = a if b is None else crossover(space, a, b, rng).config
    parents = () if b is None else (a, b)
    return space.resolve(Fixed(fixed, _Varied(base, parents, Uniform(rng), rng, mutation_rate))).config


class _Varied:
    """The decisions of a configuration, some of them blended from its parents', some mutated."""

    def __init__(
        self,
        base: Mapping[str, Any],
        parents: tuple[Mapping[str, Any], ...],
        otherwise: Decide,
        rng: np.random.Generator,
        rate: float,
    ) -> None:
        self._base = base
        self._parents = parents
        self._inherited = Keep(base, otherwise)
        self._rng = rng
        self._rate = rate

    def __call__(self, path: str, domain: Domain) -> Value:
        value = self._inherited(path, domain)
        if path not in self._base or domain.size == 1:  # drawn just now, or without a choice
            return value
        if self._parents and not isinstance(domain, CategoricalDomain) and self._rng.random() < BLENDED:
            with suppress(KeyError, ValueError):  # one of them doesn't have it, or from somewhere else
                u_1, u_2 = (domain.to_unit(domain.check(parent[path])) for parent in self._parents)
                if u_1 != u_2:
                    value = domain.from_unit(blended(u_1, u_2, self._rng))
        return mutated(domain, value, self._rng) if self._rng.random() < self._rate else value
