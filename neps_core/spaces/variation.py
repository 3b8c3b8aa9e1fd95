"""Configurations made from others: mutation, crossover, and the neighbours that a local search looks at.

Each is a walk in which most decisions are kept. What no longer fits (because an earlier decision changed)
is drawn anew, so the outcome is always a configuration of the space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from neps_core.errors import ConfigError
from neps_core.spaces.domains import CategoricalDomain, Domain, FloatDomain, IntegerDomain, Value
from neps_core.spaces.protocol import Decide, Resolution, SearchSpace
from neps_core.spaces.sources import Replay, Uniform

#: How often something that did not give a valid configuration is tried again.
TRIES = 20

#: How many walks a change may take to become a valid configuration.
WALKS = 5


class Keep:
    """The decisions of a configuration where they fit, another source's where not.

    Args:
        config: Path to value.
        otherwise: Answers what the configuration doesn't have, or has with a value that doesn't fit.
    """

    def __init__(self, config: Mapping[str, Any], otherwise: Decide) -> None:
        self._config = config
        self._otherwise = otherwise

    def __call__(self, path: str, domain: Domain) -> Value:
        if path in self._config:
            try:
                return domain.check(self._config[path])
            except ValueError:
                pass
        return self._otherwise(path, domain)


class _Recorder:
    """Remembers the domains that another source was asked for."""

    def __init__(self, source: Decide) -> None:
        self._source = source
        self.domains: dict[str, Domain] = {}

    def restart(self) -> None:
        self.domains.clear()

    def __call__(self, path: str, domain: Domain) -> Value:
        self.domains[path] = domain
        return self._source(path, domain)


def domains_of(space: SearchSpace, config: Mapping[str, Any]) -> dict[str, Domain]:
    """What each decision of a configuration was taken from, by path.

    Raises:
        ConfigError: If it is no configuration of the space.
    """
    recorder = _Recorder(Replay(config))
    space.resolve(recorder)
    return recorder.domains


def _varied(domains: Mapping[str, Domain]) -> list[str]:
    """The decisions that can be taken differently: not a fidelity's, and not from a single value."""
    return [path for path, domain in domains.items() if not domain.is_fidelity and domain.size != 1]


def mutate(
    space: SearchSpace,
    config: Mapping[str, Any],
    rng: np.random.Generator,
    n: int = 1,
    sigma: float | None = None,
) -> Resolution:
    """A configuration that differs from another one in some decisions, and in what depends on them.

    Args:
        space: The space of both.
        config: The parent; complete.
        rng: Chooses the decisions and what they become.
        n: How many decisions to change.
        sigma: The standard deviation by which a number moves, as a share of its (log) range; None to draw
            it uniformly. Categories are drawn uniformly from the others.

    Returns:
        The child. It equals the parent if the space leaves no other choice.

    Raises:
        ConfigError: If `config` is no configuration of the space.
    """
    candidates = _varied(domains_of(space, config))
    for _ in range(TRIES if candidates else 0):
        chosen = {candidates[i] for i in rng.choice(len(candidates), min(n, len(candidates)), replace=False)}
        kept = Keep(config, Uniform(rng))
        try:
            return space.resolve(_Change(chosen, config, kept, rng, sigma))
        except ConfigError:  # forbidden, however the rest is drawn: change something else
            continue
    return space.resolve(Replay(config))


class _Change:
    """Other values at some paths, another source's decisions elsewhere."""

    def __init__(
        self,
        paths: set[str],
        config: Mapping[str, Any],
        otherwise: Decide,
        rng: np.random.Generator,
        sigma: float | None,
    ) -> None:
        self._paths, self._config, self._otherwise = paths, config, otherwise
        self._rng, self._sigma = rng, sigma
        self._walks = 0

    def restart(self) -> None:
        """Begin a walk. What stays forbidden after a few is given up: other decisions are changed instead."""
        self._walks += 1
        if self._walks > WALKS:
            raise ConfigError("what was changed is forbidden, however the rest is drawn")

    def __call__(self, path: str, domain: Domain) -> Value:
        if path in self._paths:
            return _other(domain, self._config[path], self._rng, self._sigma)
        return self._otherwise(path, domain)


def _other(domain: Domain, value: Any, rng: np.random.Generator, sigma: float | None) -> Value:
    """A value of a domain that isn't the given one."""
    new: Value = value
    for _ in range(TRIES):
        u = rng.random()
        if sigma is not None and not isinstance(domain, CategoricalDomain):
            u = float(np.clip(domain.to_unit(value) + sigma * rng.standard_normal(), 0.0, 1.0))
        new = domain.from_unit(u)
        if new != value or type(new) is not type(value):
            return new
    others = [other for other in domain.grid(3) if other != value or type(other) is not type(value)]
    return others[int(rng.integers(len(others)))] if others else new


def crossover(space: SearchSpace, a: Mapping[str, Any], b: Mapping[str, Any], rng: np.random.Generator) -> Resolution:
    """A configuration that has some decisions of one parent and the rest of another.

    Each decision that both parents have, from the same domain, comes with all below it from `b` with
    probability 1/2. In a recursive space, besides, one subtree of `a` is replaced by one of `b` that may
    stand elsewhere but whose root was taken from the same choices.

    Args:
        space: The space of all three.
        a: The first parent; complete.
        b: The second parent; complete.
        rng: Chooses.

    Returns:
        The child.

    Raises:
        ConfigError: If a parent is no configuration of the space.
    """
    domains_a, domains_b = domains_of(space, a), domains_of(space, b)
    for _ in range(TRIES):
        grafts = {p: p for p in _varied(domains_a) if _fits(domains_a[p], domains_b.get(p)) and rng.random() < 0.5}
        elsewhere = [
            (p, q)
            for p, d in domains_a.items()
            for q, e in domains_b.items()
            if p != q and isinstance(d, CategoricalDomain) and _is_recursive(p, q) and _fits(d, e)
        ]
        if elsewhere:
            p, q = elsewhere[int(rng.integers(len(elsewhere)))]
            grafts[p] = q
        decide = _graft(a, b, grafts, Uniform(rng))
        try:
            return space.resolve(decide)
        except ConfigError:  # forbidden, however the rest is drawn: combine them differently
            continue
    return space.resolve(Replay(a))


def _fits(a: Domain, b: Domain | None) -> bool:
    if isinstance(a, CategoricalDomain) and isinstance(b, CategoricalDomain):
        return a.choices == b.choices
    if isinstance(a, (FloatDomain, IntegerDomain)) and type(a) is type(b):
        return (a.lower, a.upper, a.log) == (b.lower, b.upper, b.log)
    return False


def _is_recursive(p: str, q: str) -> bool:
    """Whether two places lie in one attribute, where a recursion may have led to both."""
    return _head(p) == _head(q)


def _head(path: str) -> str:
    return next((path[:i] for i, c in enumerate(path) if not (c.isalnum() or c == "_")), path)


def _graft(
    a: Mapping[str, Any], b: Mapping[str, Any], grafts: Mapping[str, str], otherwise: Decide
) -> Callable[[str, Domain], Value]:
    """Decisions of `a`, but at and below the keys of `grafts` those of `b` at and below the values."""
    from_a, from_b = Keep(a, otherwise), Keep(b, Keep(a, otherwise))

    def decide(path: str, domain: Domain) -> Value:
        for end in range(len(path), 0, -1):
            if (end == len(path) or path[end] in ".[{(:") and path[:end] in grafts:
                return from_b(grafts[path[:end]] + path[end:], domain)
        return from_a(path, domain)

    return decide


def neighbours(
    space: SearchSpace,
    config: Mapping[str, Any],
    rng: np.random.Generator,
    n_floats: int = 4,
    sigma: float = 0.2,
    n_decisions: int | None = None,
) -> Iterator[Resolution]:
    """The configurations that differ from another one in a single small step.

    Args:
        space: The space.
        config: Where to start; complete.
        rng: Draws the steps of real numbers, and what no longer fits after a step.
        n_floats: How many steps to make per real number.
        sigma: The standard deviation of such a step, as a share of the (log) range.
        n_decisions: How many decisions to take steps in, drawn at random; None for all of them.

    Yields:
        For each decision in turn: both neighbours of an integer or of an ordered category, every other
        category of an unordered one, normal steps of a real number. What is forbidden is left out.

    Raises:
        ConfigError: If `config` is no configuration of the space.
    """
    domains = domains_of(space, config)
    paths = _varied(domains)
    if n_decisions is not None and n_decisions < len(paths):
        paths = [paths[i] for i in rng.choice(len(paths), n_decisions, replace=False)]
    for path in paths:
        for value in _steps(domains[path], config[path], rng, n_floats, sigma):
            try:
                yield space.resolve(Keep({**config, path: value}, Uniform(rng)))
            except ConfigError:
                continue


def _steps(domain: Domain, value: Any, rng: np.random.Generator, n_floats: int, sigma: float) -> list[Value]:
    if isinstance(domain, IntegerDomain):
        return [v for v in (value - 1, value + 1) if domain.lower <= v <= domain.upper]
    if isinstance(domain, CategoricalDomain):
        i = domain.index(value)
        others = (i - 1, i + 1) if domain.ordered else range(len(domain.choices))
        return [domain.choices[j] for j in others if 0 <= j < len(domain.choices) and j != i]
    centre = domain.to_unit(value)
    return [domain.from_unit(float(np.clip(centre + sigma * z, 0, 1))) for z in rng.standard_normal(n_floats)]
