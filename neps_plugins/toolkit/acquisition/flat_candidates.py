"""Candidates of a flat space: rows of numbers, and everything is done to all rows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from neps_core import Config, Domain
from neps_plugins.toolkit.acquisition.axes import FARTHEST, MANY, NEAREST, Axis, n_directions, values_of
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.encoding import Encoder
from neps_plugins.toolkit.quasirandom import MAX_DIMENSIONS, sobol

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

#: How many points that are one step from others are made at a time.
STEPS = 2000


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
                value = fixed[column.path] if column.path in fixed else values_of(domain)[0]
                self._fixed[column.start] = axis.position(domain.check(value))
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
        return sum(n_directions(axis.domain) for _, axis in self._axes)

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
