"""Configurations that an acquisition function is looked at for, as many at a time as a model likes best.

Two kinds of spaces, one interface. In a flat space a configuration is a row of numbers, and everything is done to all
rows at once. In any other space, what a decision is taken from depends on other decisions, so each configuration comes
from a walk: sampled, mutated, or a neighbour of another one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_core import (
    CategoricalDomain,
    Config,
    ConfigError,
    Decide,
    Domain,
    Fixed,
    IntegerDomain,
    Prior,
    SearchSpace,
    Uniform,
    Value,
)
from neps_core.spaces.variation import Keep, domains_of, mutate, neighbours
from neps_plugins.toolkit.encoding import Encoder
from neps_plugins.toolkit.quasirandom import MAX_DIMENSIONS, Along, sobol

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

#: Integers with more values than this are moved like real numbers, and rounded.
MANY = 32

#: How many points that are one step from others are made at a time.
STEPS = 2000

#: Standard deviations of steps from a good configuration, in the unit interval: from one to the other, log-uniform.
NEAREST, FARTHEST = 1e-3, 0.3


@frozen(eq=False)
class Points:
    """Configurations as an encoder encodes them.

    Attributes:
        values: Shape (m, width).
        active: Of the same shape.
        configs: The configurations themselves; None if the values say everything.
    """

    values: Floats
    active: Bools
    configs: tuple[Mapping[str, Any], ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> Points:
        rows = np.arange(len(self))[rows]
        chosen = None if self.configs is None else tuple(self.configs[i] for i in rows)
        return Points(self.values[rows], self.active[rows], chosen)

    def __add__(self, other: Points) -> Points:
        configs = None if self.configs is None or other.configs is None else self.configs + other.configs
        return Points(np.vstack([self.values, other.values]), np.vstack([self.active, other.active]), configs)


class Candidates(Protocol):
    """Where candidates come from in a space."""

    @property
    def n_decisions(self) -> int:
        """How many decisions a configuration takes that are not fixed; of a typical one where that differs."""
        ...

    @property
    def n_dimensions(self) -> int:
        """How many directions there are to go in, over all configurations: one for a number or an ordered choice, and
        one less than it has labels for an unordered choice.
        """
        ...

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> Points:
        """Points of configurations, with their fixed decisions set. What the encoder has no column for is left out."""
        ...

    def sample(self, n: int, rng: np.random.Generator, from_prior: bool = False) -> Points:
        """About n quasi-random points."""
        ...

    def around(self, points: Points, n: int, rng: np.random.Generator) -> Points:
        """About n variations of points, near and far."""
        ...

    def movable(self, points: Points) -> Bools:
        """Which values of points may be moved continuously, within the unit interval. Shape (m, width)."""
        ...

    def moved(self, points: Points, values: Floats, rng: np.random.Generator) -> Points:
        """The points that are nearest to points with other values, one for each."""
        ...

    def steps(self, points: Points, rng: np.random.Generator) -> tuple[Points, Indices]:
        """Points that differ from others in one decision that is no real number, and from which of them."""
        ...

    def config(self, points: Points, i: int) -> Config:
        """The configuration of a point."""
        ...


def make_candidates(space: SearchSpace, encoder: Encoder, fixed: Mapping[str, Any]) -> Candidates:
    """The candidates of a space.

    Args:
        space: The space.
        encoder: Of the same space, with choices as indices.
        fixed: Path to value of what every candidate has.
    """
    if space.flat_domains is not None:
        return FlatCandidates(encoder, fixed)
    return WalkedCandidates(space, encoder, fixed)


# ---------------------------------------------------------------------- flat spaces


class Axis:
    """One decision of a flat space: its values as positions in the unit interval, or as indices of choices."""

    #: In how many cells distributions are tabulated, at least.
    CELLS = 1024

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.is_choice = isinstance(domain, CategoricalDomain) and not domain.ordered
        self.size = domain.size
        self.is_movable = self.size is None or (isinstance(domain, IntegerDomain) and self.size > MANY)
        self.all: Floats | None = None
        if not self.is_movable:
            self.all = np.array([self._position(value) for value in _values(domain)])
        self._cells = max(self.CELLS, 4 * (self.size or 0)) if self.is_choice else self.CELLS
        shares = (np.arange(self._cells) + 0.5) / self._cells
        self._tables: list[Floats] = [
            np.array([self._position(quantile(float(u))) for u in shares])
            for quantile in (domain.from_unit, domain.from_prior)
        ]

    def _position(self, value: Any) -> float:
        if isinstance(self.domain, CategoricalDomain):
            index = self.domain.index(value)
            return float(index) if self.is_choice else index / max(1, len(self.domain.choices) - 1)
        return self.domain.to_unit(value)

    def at(self, shares: Floats, from_prior: bool) -> Floats:
        """The positions below which these shares of the uniform distribution, or of the prior, lie."""
        table = self._tables[from_prior]
        if self.is_movable:
            return self.snap(np.interp(shares, (np.arange(self._cells) + 0.5) / self._cells, table))
        found: Floats = table[np.minimum((shares * self._cells).astype(int), self._cells - 1)]
        return found

    def snap(self, x: Floats) -> Floats:
        """The nearest positions that the decision can have; choices are left as they are."""
        if self.is_choice:
            return x
        x = np.clip(x, 0.0, 1.0)
        if self.all is not None:
            x = self.all[np.abs(x[:, None] - self.all).argmin(axis=1)]
        elif isinstance(self.domain, IntegerDomain):
            x = _rounded(self.domain, x)
        return x


def _dimensions(domain: Domain) -> int:
    if isinstance(domain, CategoricalDomain) and not domain.ordered:
        return len(domain.choices) - 1
    return int(domain.size != 1)


def _values(domain: Domain) -> Sequence[Any]:
    if isinstance(domain, CategoricalDomain):
        return domain.choices
    return range(domain.lower, domain.upper + 1)


def _rounded(domain: IntegerDomain, u: Floats) -> Floats:
    """The positions of the integers whose cells hold positions: `to_unit(from_unit(u))`, for many."""
    low, high = domain.lower - 0.5, domain.upper + 0.5
    if domain.log:
        low, high = math.log(low), math.log(high)
    scaled = low + u * (high - low)
    whole = np.clip(np.round(np.exp(scaled) if domain.log else scaled), domain.lower, domain.upper)
    positions: Floats = ((np.log(whole) if domain.log else whole) - low) / (high - low)
    return positions


class FlatCandidates:
    """Candidates of a space in which every combination of decisions is a configuration."""

    def __init__(self, encoder: Encoder, fixed: Mapping[str, Any]) -> None:
        self._encoder = encoder
        self._axes: list[tuple[int, Axis]] = []
        self._fixed: dict[int, float] = {}
        for column in encoder.columns:
            domain = encoder.domain(column.path)
            axis = Axis(domain)
            if column.path in fixed or domain.size == 1:
                value = fixed[column.path] if column.path in fixed else _values(domain)[0]
                self._fixed[column.start] = axis._position(domain.check(value))
            else:
                self._axes.append((column.start, axis))
        self._movable = np.zeros(encoder.width, dtype=bool)
        self._movable[[j for j, axis in self._axes if axis.is_movable]] = True
        self._template = np.zeros(encoder.width)
        self._template[list(self._fixed)] = list(self._fixed.values())

    @property
    def n_decisions(self) -> int:
        return len(self._axes)

    @property
    def n_dimensions(self) -> int:
        return sum(_dimensions(axis.domain) for _, axis in self._axes)

    def _points(self, values: Floats) -> Points:
        return Points(values, np.ones(values.shape, dtype=bool))

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> Points:
        values, _ = self._encoder.encode(configs)
        values[:, list(self._fixed)] = list(self._fixed.values())
        return self._points(values)

    def sample(self, n: int, rng: np.random.Generator, from_prior: bool = False) -> Points:
        shares = sobol(n, min(len(self._axes), MAX_DIMENSIONS), rng)
        if len(self._axes) > MAX_DIMENSIONS:
            shares = np.hstack([shares, rng.random((n, len(self._axes) - MAX_DIMENSIONS))])
        values = np.tile(self._template, (n, 1))
        for k, (j, axis) in enumerate(self._axes):
            values[:, j] = axis.at(shares[:, k], from_prior)
        return self._points(values)

    def around(self, points: Points, n: int, rng: np.random.Generator) -> Points:
        values = points.values[np.arange(n) % len(points)].copy()
        sigma = NEAREST * (FARTHEST / NEAREST) ** rng.random(n)
        # From one decision changed to all of them.
        share = rng.random(n) ** 2
        for j, axis in self._axes:
            changed = (rng.random(n) < np.maximum(share, 1.0 / len(self._axes))).nonzero()[0]
            if axis.is_movable:
                step = sigma[changed] * rng.standard_normal(len(changed))
                values[changed, j] = axis.snap(values[changed, j] + step)
            else:
                assert axis.all is not None
                values[changed, j] = axis.all[rng.integers(len(axis.all), size=len(changed))]
        return self._points(values)

    def movable(self, points: Points) -> Bools:
        return np.broadcast_to(self._movable, points.values.shape)

    def moved(self, points: Points, values: Floats, rng: np.random.Generator) -> Points:
        values = values.copy()
        for j, axis in self._axes:
            if axis.is_movable and axis.size is not None:
                values[:, j] = axis.snap(values[:, j])
        return self._points(values)

    def steps(self, points: Points, rng: np.random.Generator) -> tuple[Points, Indices]:
        rows, owners = [], []
        m = len(points)
        for j, values in self._stepped(STEPS // max(m, 1), rng):
            block = np.repeat(points.values, len(values), axis=0)
            block[:, j] = np.tile(values, m)
            rows.append(block)
            owners.append(np.repeat(np.arange(m), len(values)))
        if not rows:
            return points[:0], np.zeros(0, dtype=np.intp)
        return self._points(np.vstack(rows)), np.concatenate(owners)

    def _stepped(self, n: int, rng: np.random.Generator) -> list[tuple[int, Floats]]:
        """Columns and the values to try in each: all, or some at random so that there are about n."""
        wide = [(j, axis.all) for j, axis in self._axes if axis.all is not None]
        values = [(j, all if len(all) <= MANY else rng.choice(all, MANY, replace=False)) for j, all in wide]
        if sum(len(tried) for _, tried in values) <= n:
            return values
        shuffled = [values[i] for i in rng.permutation(len(values))]
        total = np.cumsum([len(tried) for _, tried in shuffled])
        return shuffled[: max(1, int(np.searchsorted(total, n, side="right")))]

    def config(self, points: Points, i: int) -> Config:
        return self._encoder.decode(points.values[i], _nothing_else).config


def _nothing_else(path: str, domain: Domain) -> Any:
    raise AssertionError(f"{path} has no column")


# ---------------------------------------------------------------------- all other spaces


class WalkedCandidates:
    """Candidates of a space that has to be walked.

    Walks cost time, so there are fewer candidates than in flat spaces.
    """

    #: How many configurations are looked at to see how large the space is, and how large it counts as at most.
    LOOKED_AT, MOST_DIMENSIONS = 64, 20

    #: The share of the wanted candidates that is made.
    SHARE = 0.25

    #: How many candidates steps are made from, and how many decisions are changed in each.
    STEPPED, DECISIONS = 3, 12

    def __init__(self, space: SearchSpace, encoder: Encoder, fixed: Mapping[str, Any]) -> None:
        self._space = space
        self._encoder = encoder
        self._fixed = fixed
        rng = np.random.default_rng(0)
        domains = [domains_of(space, space.resolve(Uniform(rng)).config) for _ in range(self.LOOKED_AT)]
        self.n_decisions = sum(path not in fixed for path in domains[0])
        free = {path: domain for each in domains for path, domain in each.items() if path not in fixed}
        self.n_dimensions = min(sum(map(_dimensions, free.values())), self.MOST_DIMENSIONS)

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> Points:
        configs = tuple({**config, **{p: v for p, v in self._fixed.items() if p in config}} for config in configs)
        values, active = self._encoder.encode(configs, grow=False)
        return Points(values, active, configs)

    def _walked(self, sources: Any) -> Points:
        configs = []
        for source in sources:
            try:
                configs.append(self._space.resolve(Fixed(self._fixed, source)).config)
            except ConfigError:  # forbidden, or nested too deeply
                continue
        return self.encode(configs)

    def sample(self, n: int, rng: np.random.Generator, from_prior: bool = False) -> Points:
        n = max(1, int(n * self.SHARE))
        rows = sobol(n, min(self.n_decisions, MAX_DIMENSIONS), rng)
        otherwise = Prior(rng) if from_prior else Uniform(rng)
        return self._walked(Along(row, otherwise, from_prior) for row in rows)

    def around(self, points: Points, n: int, rng: np.random.Generator) -> Points:
        assert points.configs is not None
        n = max(1, int(n * self.SHARE))
        children = []
        for i in range(n):
            parent = points.configs[i % len(points)]
            sigma = NEAREST * (FARTHEST / NEAREST) ** rng.random()
            changes = 1 + int(rng.random() ** 2 * len(parent))
            children.append(mutate(self._space, parent, rng, changes, float(sigma)).config)
        return self.encode(children)

    def movable(self, points: Points) -> Bools:
        real = np.zeros(points.values.shape[1], dtype=bool)
        for column in self._encoder.columns:
            if column.path not in self._fixed:
                many = column.kind == "integer" and (column.size or 0) > MANY
                real[column.start] = column.kind == "real" or many
        return points.active & real

    def moved(self, points: Points, values: Floats, rng: np.random.Generator) -> Points:
        assert points.configs is not None
        movable = self.movable(points)
        children = []
        for i, config in enumerate(points.configs):
            there = {c.path: values[i, c.start] for c in self._encoder.columns if movable[i, c.start]}
            try:
                children.append(self._space.resolve(_Placed(there, self._encoder, Keep(config, Uniform(rng)))).config)
            except ConfigError:  # forbidden
                children.append(dict(config))
        return self.encode(children)

    def steps(self, points: Points, rng: np.random.Generator) -> tuple[Points, Indices]:
        assert points.configs is not None
        found: list[Config] = []
        owners: list[int] = []
        for i, config in enumerate(points.configs[: self.STEPPED]):
            nearby = neighbours(self._space, config, rng, n_floats=0, n_decisions=self.DECISIONS)
            for child in itertools.islice(nearby, 4 * self.DECISIONS):
                found.append(child.config)
                owners.append(i)
        return self.encode(found), np.array(owners, dtype=np.intp)

    def config(self, points: Points, i: int) -> Config:
        assert points.configs is not None
        return dict(points.configs[i])


class _Placed:
    """Numbers at given positions; another source's decisions elsewhere."""

    def __init__(self, positions: Mapping[str, float], encoder: Encoder, otherwise: Decide) -> None:
        self._positions, self._encoder, self._otherwise = positions, encoder, otherwise

    def __call__(self, path: str, domain: Domain) -> Value:
        if path in self._positions and not isinstance(domain, CategoricalDomain):
            scale = self._encoder.domain(path) if domain.is_fidelity else domain
            return scale.from_unit(float(self._positions[path]))
        return self._otherwise(path, domain)
