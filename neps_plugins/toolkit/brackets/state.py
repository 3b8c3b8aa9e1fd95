"""What brackets are to the optimizers over them: they take in trials, and tell what is to be evaluated next.

A configuration has a number, and enters at a level; at most one of its trials is at each level. Everything
here is a function of the trials: which configurations there are, at which levels, and what came of it.
Failed and crashed evaluations count as done and are never promoted; infinite objectives rank last. With several
objectives, those that fewer others dominate come first, and with constraints, those that keep all of them
(`neps_plugins.toolkit.pareto.ranking`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from attrs import frozen


@frozen
class Entry:
    """A trial as brackets see it.

    Attributes:
        number: The configuration.
        level: Where it was evaluated.
        is_done: Whether its evaluation has ended.
        objectives: The objectives of a successful one; None otherwise.
        constraints: Its constraints, which should be at most 0.
    """

    number: int
    level: int
    is_done: bool
    objectives: tuple[float, ...] | None
    constraints: tuple[float, ...] = ()


@frozen
class Wanted:
    """What a bracket wants to be evaluated next.

    Attributes:
        level: Where.
        promoted: The number of the configuration to evaluate; None for a new one.
    """

    level: int
    promoted: int | None = None


class Brackets(Protocol):
    """What the optimizers ask of either kind."""

    def clear(self) -> None:
        """Begin anew."""
        ...

    def take(self, entry: Entry, start: int) -> None:
        """Take in a trial, or what has happened to it. `start` is the level at which its configuration entered."""
        ...

    def settle(self) -> None:
        """Draw the consequences, once all that has happened was taken in."""
        ...

    def promotions(self) -> Iterator[Wanted]:
        """The promotions that are due, most urgent first; changes nothing."""
        ...
