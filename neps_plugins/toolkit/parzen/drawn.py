"""Samples of a Parzen estimator as configurations of a space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from neps_core import Domain, Prior, Value
from neps_plugins.toolkit.parzen.decisions import Key, kind_of


class Drawn:
    """A source of decisions that takes one sample of a `Mixture` per walk; what it does not have, from the prior.

    Args:
        draws: The samples.
        rng: Draws what they don't have.
    """

    def __init__(self, draws: Iterator[Mapping[Key, Any]], rng: np.random.Generator) -> None:
        self._draws = draws
        self._prior = Prior(rng)
        self._sample = next(draws)

    def restart(self) -> None:
        """Begin a walk with the next sample."""
        self._sample = next(self._draws)

    def __call__(self, path: str, domain: Domain) -> Value:
        kind = kind_of(domain)
        answer = self._sample.get((path, kind))
        if answer is None:
            return self._prior(path, domain)
        if kind != "label":
            return domain.from_unit(answer)
        try:
            return domain.check(answer[1])
        except ValueError:  # the choices depend on other decisions
            return self._prior(path, domain)
