"""The four ways of running brackets: which brackets there are, and which of them gets the next new configuration."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from neps_core import OptimizerError, nearest
from neps_plugins.toolkit.brackets import AsynchronousBrackets, Brackets, SynchronousBrackets, Wanted
from neps_plugins.toolkit.rungs import Ladder


class Schedule(Protocol):
    """Brackets, and where new configurations enter."""

    @property
    def brackets(self) -> Brackets:
        """The state of the brackets."""
        ...

    def openings(self, rng: np.random.Generator) -> Iterator[Wanted]:
        """The levels at which new configurations are wanted, in order, without end; changes nothing."""
        ...

    def sizes(self) -> dict[int, list[int]] | None:
        """By first level, the number of configurations at each level from there; None if it is not fixed."""
        ...


class Synchronous:
    """Brackets of fixed sizes, one after the other.

    Args:
        sizes: By the level at which a bracket begins.
    """

    def __init__(self, sizes: dict[int, tuple[int, ...]]) -> None:
        self.brackets = SynchronousBrackets(sizes)
        self._sizes = sizes

    def openings(self, rng: np.random.Generator) -> Iterator[Wanted]:
        return self.brackets.openings()

    def sizes(self) -> dict[int, list[int]] | None:
        return {start: list(sizes) for start, sizes in self._sizes.items()}


class Asynchronous:
    """Brackets without sizes; each new configuration enters one of them at random.

    Args:
        weights: By the level at which a bracket begins: how likely it is.
        rungs: The ladder.
    """

    def __init__(self, weights: dict[int, float], rungs: Ladder) -> None:
        self.brackets = AsynchronousBrackets(list(weights), rungs.top, rungs.eta)
        self._starts = list(weights)
        total = sum(weights.values())
        self._shares = list(itertools.accumulate(weight / total for weight in weights.values()))

    def openings(self, rng: np.random.Generator) -> Iterator[Wanted]:
        while True:
            index = 0 if len(self._starts) == 1 else int(np.searchsorted(self._shares, rng.random(), side="right"))
            yield Wanted(self._starts[min(index, len(self._starts) - 1)])

    def sizes(self) -> dict[int, list[int]] | None:
        return None


def make_schedule(name: str, rungs: Ladder, start: int = 0) -> Schedule:
    """A schedule by the name of the optimizer that it makes.

    Args:
        name: `"successive_halving"`, `"hyperband"`, `"asha"` or `"async_hb"`. The last one draws brackets as
            A. Klein, L. Tiao, T. Lienart, C. Archambeau and M. Seeger, "Model-based asynchronous hyperparameter and
            neural architecture search", 2020, do: in proportion to the configurations with which Hyperband begins each.
        rungs: The ladder.
        start: The level at which configurations enter, for the two that have only one such level.

    Raises:
        OptimizerError: If there is none of this name.
    """
    levels = range(rungs.top + 1)
    if name == "successive_halving":
        return Synchronous({start: rungs.halving_sizes(start)})
    if name == "hyperband":
        return Synchronous({level: rungs.hyperband_sizes(level) for level in levels})
    if name == "asha":
        return Asynchronous({start: 1.0}, rungs)
    if name == "async_hb":
        return Asynchronous({level: float(rungs.hyperband_sizes(level)[0]) for level in levels}, rungs)
    known = ("successive_halving", "hyperband", "asha", "async_hb")
    raise OptimizerError(f"base={name!r} is unknown. {nearest(str(name), known)}")
