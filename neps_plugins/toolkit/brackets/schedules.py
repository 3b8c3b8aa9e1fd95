"""Ways of running brackets: which brackets there are, and which of them gets the next new configuration."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, Union

import numpy as np

from neps_core import OptimizerError, nearest
from neps_plugins.toolkit.brackets.asynchronous import AsynchronousBrackets
from neps_plugins.toolkit.brackets.rungs import Ladder
from neps_plugins.toolkit.brackets.state import Brackets, Wanted
from neps_plugins.toolkit.brackets.synchronous import SynchronousBrackets


class Schedule(Protocol):
    """Brackets, and where new configurations enter."""

    @property
    def brackets(self) -> Brackets:
        """The state of the brackets."""
        ...

    def openings(self, rng: np.random.Generator) -> Iterator[Wanted]:
        """The levels at which new configurations are wanted, in order, without end; changes nothing."""
        ...

    def sizes(self) -> Mapping[int, Sequence[int]] | None:
        """By first level, the number of configurations at each level from there; None if it is not fixed."""
        ...


#: Makes a schedule of a ladder and of the level at which configurations enter, for those that have only one such level.
ScheduleMaker = Callable[[Ladder, int], Schedule]

#: How schedules may be given: see `make_schedule`.
AnySchedule = Union[str, ScheduleMaker, Schedule]


class Synchronous:
    """Brackets of fixed sizes, one after the other.

    Args:
        sizes: By the level at which a bracket begins, the number of configurations at each level from there.
        selector: Which of several objectives' results are promoted first: as for `Ladder`.
    """

    def __init__(self, sizes: Mapping[int, Sequence[int]], selector: str = "epsnet") -> None:
        self.brackets = SynchronousBrackets(sizes, selector)
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

    def __init__(self, weights: Mapping[int, float], rungs: Ladder) -> None:
        self.brackets = AsynchronousBrackets(list(weights), rungs.top, rungs.eta, rungs.selector)
        self._starts = list(weights)
        total = sum(weights.values())
        self._shares = list(itertools.accumulate(weight / total for weight in weights.values()))

    def openings(self, rng: np.random.Generator) -> Iterator[Wanted]:
        while True:
            index = 0 if len(self._starts) == 1 else int(np.searchsorted(self._shares, rng.random(), side="right"))
            yield Wanted(self._starts[min(index, len(self._starts) - 1)])

    def sizes(self) -> dict[int, list[int]] | None:
        return None


def successive_halving(rungs: Ladder, start: int = 0) -> Synchronous:
    """One kind of bracket, over and over: eta**s configurations s rungs below the top, one at the top."""
    return Synchronous({start: rungs.halving_sizes(start)}, rungs.selector)


def hyperband(rungs: Ladder, start: int = 0) -> Synchronous:
    """A bracket from each rung in turn, from the lowest on."""
    return Synchronous({level: rungs.hyperband_sizes(level) for level in range(rungs.top + 1)}, rungs.selector)


def asha(rungs: Ladder, start: int = 0) -> Asynchronous:
    """One bracket that never ends."""
    return Asynchronous({start: 1.0}, rungs)


def async_hb(rungs: Ladder, start: int = 0) -> Asynchronous:
    """A bracket that never ends from each rung, in proportion to the configurations with which Hyperband begins it.

    So A. Klein, L. Tiao, T. Lienart, C. Archambeau and M. Seeger, "Model-based asynchronous hyperparameter and neural
    architecture search", 2020.
    """
    return Asynchronous({level: float(rungs.hyperband_sizes(level)[0]) for level in range(rungs.top + 1)}, rungs)


#: The schedules that have names, which are those of the optimizers that they make.
SCHEDULES: Mapping[str, ScheduleMaker] = {
    "successive_halving": successive_halving,
    "hyperband": hyperband,
    "asha": asha,
    "async_hb": async_hb,
}


def make_schedule(schedule: AnySchedule, rungs: Ladder, start: int = 0) -> Schedule:
    """A schedule, however it was given.

    Args:
        schedule: A name, `"successive_halving"`, `"hyperband"`, `"asha"` or `"async_hb"`; or something to call with
            `rungs` and `start` to get a schedule, a class for instance; or, if it can't be called, the schedule itself.
            One schedule serves one optimizer.
        rungs: The ladder.
        start: The level at which configurations enter, for schedules that have only one such level.

    Raises:
        OptimizerError: If there is none of this name, or what was given or made is no schedule.
    """
    found = SCHEDULES.get(schedule) if isinstance(schedule, str) else schedule
    made = found(rungs, start) if callable(found) else found
    if made is not None and all(hasattr(made, part) for part in ("brackets", "openings", "sizes")):
        return made
    what = f"gives {made!r}, which is no schedule" if callable(found) else "is unknown"
    raise OptimizerError(f"base={schedule!r} {what}. {nearest(str(schedule), SCHEDULES)}")
