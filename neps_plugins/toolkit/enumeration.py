"""Every combination of a space's decisions, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from neps_core import Config, ConfigError, Domain, SearchSpace, Value


class Odometer:
    """A source of decisions that takes the next combination at every walk, the last decision fastest.

    Decisions may depend on earlier ones: where one changes, those after it begin anew.

    Args:
        values: Gives the values to go through at a decision.
    """

    def __init__(self, values: Callable[[str, Domain], Sequence[Value]]) -> None:
        self._values = values
        self._digits: list[tuple[int, int]] = []  # position and number of values, a decision each
        self._at = 0

    def __call__(self, path: str, domain: Domain) -> Value:
        values = self._values(path, domain)
        if self._at == len(self._digits):
            self._digits.append((0, len(values)))
        position = self._digits[self._at][0]
        self._at += 1
        return values[position]

    def restart(self) -> None:
        """Begin a walk with the first decision."""
        self._at = 0

    def advance(self) -> bool:
        """Go to the next combination. Returns False after the last one."""
        while self._digits:
            position, count = self._digits.pop()
            if position + 1 < count:
                self._digits.append((position + 1, count))
                return True
        return False


def enumerate_configs(space: SearchSpace, values: Callable[[str, Domain], Sequence[Value]]) -> Iterator[Config]:
    """The configurations that are made of given values, one at a time; forbidden ones are left out.

    Args:
        space: The space. Without an end, if it recurses without one.
        values: Gives the values to go through at a decision.

    Yields:
        Each combination once, the last decision changing fastest.
    """
    odometer = Odometer(values)
    while True:
        odometer.restart()
        with suppress(ConfigError):  # forbidden
            yield space.resolve(odometer).config
        if not odometer.advance():
            return
