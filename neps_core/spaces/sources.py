"""Sources of decisions: small callables `(path, domain) -> value` that answer the questions of a walk.

They compose: `Fixed({"epochs": 10}, Uniform(rng))` samples everything but the epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neps_core.errors import ConfigError, nearest
from neps_core.spaces.domains import Domain, Value
from neps_core.spaces.protocol import Decide, Resolution, SearchSpace


class Uniform:
    """Every decision independently from its domain's uniform distribution.

    Args:
        rng: Consumed by one number in [0, 1) per decision.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._random: Callable[[], float] = rng.random

    def __call__(self, path: str, domain: Domain) -> Value:
        return domain.from_unit(self._random())


class Prior:
    """Every decision independently from the user's prior; uniform where there is none.

    Numbers follow a normal distribution around the prior, truncated to the unit interval; categories a
    weighted choice (`neps_core.spaces.priors`).

    Args:
        rng: Consumed by one number in [0, 1) per decision.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._random: Callable[[], float] = rng.random

    def __call__(self, path: str, domain: Domain) -> Value:
        return domain.from_prior(self._random())


class Fixed:
    """Given values for some paths; another source for the rest.

    Args:
        values: Path to value; must lie in the domains.
        otherwise: Answers for every other path.
    """

    def __init__(self, values: Mapping[str, Any], otherwise: Decide) -> None:
        self._values = values
        self._otherwise = otherwise

    def restart(self) -> None:
        """Begin a walk; the other source is told, if it wants to know."""
        restart = getattr(self._otherwise, "restart", None)
        if restart is not None:
            restart()

    def __call__(self, path: str, domain: Domain) -> Value:
        if path in self._values:
            return _checked(path, domain, self._values[path])
        return self._otherwise(path, domain)


class Replay:
    """The decisions of a stored configuration.

    Args:
        config: Path to value.

    Raises:
        ConfigError: On the first decision that is missing or outside its domain.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def __call__(self, path: str, domain: Domain) -> Value:
        if path not in self._config:
            raise ConfigError(f"the configuration has no value for {path!r}. It has {sorted(map(str, self._config))}.")
        return _checked(path, domain, self._config[path])


def _checked(path: str, domain: Domain, value: Any) -> Value:
    try:
        return domain.check(value)
    except ValueError as reason:
        raise ConfigError(f"{path!r}: {reason}.") from None


def check_mapping(what: str, config: Any) -> None:
    """Make sure that this can be a configuration.

    Args:
        what: What it is called in messages.
        config: What was given.

    Raises:
        ConfigError: If it is no mapping of names to values.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(f"{what} must be a dict of names and values, not {type(config).__name__}.")
    for name in config:
        if not isinstance(name, str):
            raise ConfigError(f"{what} has the name {name!r}, which is no text but {type(name).__name__}.")


def replay(space: SearchSpace, config: Mapping[str, Any]) -> Resolution:
    """Resolve a stored configuration, which must be complete and have nothing too much.

    Raises:
        ConfigError: Naming the path that is missing, unknown, or outside its domain.
    """
    resolution = space.resolve(Replay(config))
    unknown = [path for path in config if path not in resolution.config]
    if unknown:
        raise ConfigError(
            f"the space does not ask for {unknown[0]!r} in this configuration. "
            + nearest(str(unknown[0]), resolution.config)
        )
    return resolution
