"""Every combination of a space's decisions, in order."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any

from neps_core import CategoricalDomain, Config, ConfigError, Domain, IntegerDomain, SearchSpace, Value
from neps_core.spaces.identity import config_hash

#: How many values of a real number count as all: more than anybody tries.
FINE = 1000


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


class _Enumeration:
    """See `enumerate_configs`: an object rather than a generator, so that an optimizer that holds one can be copied."""

    def __init__(self, space: SearchSpace, values: Callable[[str, Domain], Sequence[Value]]) -> None:
        self._space = space
        self._odometer = Odometer(values)
        self._is_over = False

    def __iter__(self) -> Iterator[Config]:
        return self

    def __next__(self) -> Config:
        while not self._is_over:
            self._odometer.restart()
            config = None
            with suppress(ConfigError):  # forbidden
                config = self._space.resolve(self._odometer).config
            self._is_over = not self._odometer.advance()
            if config is not None:
                return config
        raise StopIteration


def enumerate_configs(space: SearchSpace, values: Callable[[str, Domain], Sequence[Value]]) -> Iterator[Config]:
    """The configurations that are made of given values, one at a time; forbidden ones are left out.

    Args:
        space: The space. Without an end, if it recurses without one.
        values: Gives the values to go through at a decision.

    Returns:
        Each combination once, the last decision changing fastest.
    """
    return _Enumeration(space, values)


class Untried:
    """The configurations of a space that a run did not try, in order; looked for when they are wanted, not before.

    Args:
        space: The space.
        fixed: Path to value of what all of them have.
    """

    def __init__(self, space: SearchSpace, fixed: Mapping[str, Any]) -> None:
        self._fixed = fixed
        self._rest = enumerate_configs(space, self._values)
        self._ahead: deque[tuple[str, Config]] = deque()

    def first(self, n: int, tried: Set[str], batch: Set[str]) -> list[Config]:
        """The first n, or as many as there are.

        Args:
            n: How many.
            tried: Hashes of the configurations that the run's trials have. What is in it must stay in it.
            batch: Hashes of those to leave out this time.
        """
        self._ahead = deque(item for item in self._ahead if item[0] not in tried)
        found = [config for this, config in self._ahead if this not in batch][:n]
        while len(found) < n and (config := next(self._rest, None)) is not None:
            this = config_hash(config)
            if this not in tried:
                self._ahead.append((this, config))
                if this not in batch:
                    found.append(config)
        return found

    def _values(self, path: str, domain: Domain) -> Sequence[Value]:
        if path in self._fixed:
            return [self._fixed[path]]
        if isinstance(domain, IntegerDomain) and domain.upper - domain.lower < sys.maxsize:  # else it has no length
            return range(domain.lower, domain.upper + 1)
        if isinstance(domain, CategoricalDomain) and domain.weights is not None:
            # In a recursion, what ends it is the likeliest: the other way round, one might never come to an end.
            weight_of = dict(zip(domain.choices, domain.weights.weights))
            return sorted(domain.choices, key=lambda choice: -weight_of[choice])
        return domain.grid(FINE)
