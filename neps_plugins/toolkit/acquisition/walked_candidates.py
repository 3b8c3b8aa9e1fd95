"""Candidates of a space in which decisions depend on others: each comes from a walk."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from neps_core import (
    CategoricalDomain,
    Config,
    ConfigError,
    Decide,
    Domain,
    Fixed,
    Prior,
    SearchSpace,
    Uniform,
    Value,
)
from neps_core.spaces.variation import Keep, domains_of, mutate, neighbours
from neps_plugins.toolkit.acquisition.axes import FARTHEST, MANY, NEAREST, n_directions
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.encoding import Encoder
from neps_plugins.toolkit.quasirandom import MAX_DIMENSIONS, Along, sobol

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


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
        self.n_dimensions = min(sum(map(n_directions, free.values())), self.MOST_DIMENSIONS)

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
