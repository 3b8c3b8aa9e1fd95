"""What a run has shown of its configurations, as curves for the surrogate, and what the surrogate makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import evolve

from neps_core import Config, ConfigError, SearchSpace, Trial, replay
from neps_core.spaces.identity import config_hash
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.curves.progress import Progress, Trained
from neps_plugins.toolkit.curves.scale import CurveScale
from neps_plugins.toolkit.curves.steps import Steps
from neps_plugins.toolkit.curves.surrogate import Curve, Curves, CurveSurrogate, Outlook
from neps_plugins.toolkit.encoding import Column, Encoder
from neps_plugins.toolkit.gp.features import Features
from neps_plugins.toolkit.gp.kernels import squared_distances

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

#: How near a configuration is to one that was begun, in the unit cube, if it is no other one: going on with the one
#: that there is costs less.
TOO_NEAR = 0.02

#: The scale is made anew, and the surrogate fitted, whenever there is this much more to be seen.
GROWTH = 0.2


class Observed:
    """The curves of a run.

    Args:
        space: Its space.
        fixed: The lowest fidelity, by its path.
        steps: What the fidelity is raised by.
        surrogate: Is fitted to the curves as they grow.

    Attributes:
        encoder: Encodes configurations; knows every label that was begun.
        configs: The configurations of the space that were begun, at their rows.
        row_of: The rows, by the configurations' numbers.
        tried: The identities of all that were begun.
        is_fitted: Whether the surrogate knows anything.
    """

    def __init__(self, space: SearchSpace, fixed: Mapping[str, float], steps: Steps, surrogate: CurveSurrogate) -> None:
        self._space, self._fixed, self._steps, self._surrogate = space, dict(fixed), steps, surrogate
        self.encoder = Encoder(space, one_hot=False)
        self._values, self._active = self.encoder.encode([])
        self.configs: list[Config] = []
        self.row_of: dict[int, int] = {}
        self._foreign: set[int] = set()  # numbers of configurations that are none of the space's
        self.tried: set[str] = set()
        self._scale, self._scaled_at = CurveScale.of(np.zeros(0)), 0
        self.is_fitted = False
        self._made: dict[int, tuple[int, Curve]] = {}  # by number: of how many results, and the curve

    @property
    def points(self) -> Points:
        """The configurations that were begun, encoded."""
        return Points(self._values, self._active)

    def identity(self, config: Mapping[str, Any]) -> str:
        """What tells a configuration from others, at whatever fidelity."""
        return config_hash({**config, **self._fixed})

    def take_in(self, trials: Mapping[str, Trial], progress: Progress) -> None:
        """Takes in what progress there was since the last call."""
        trained = progress.trained
        for number in sorted(trained.keys() - self.row_of.keys() - self._foreign):
            config = trials[progress.run.trial_at[number, trained[number].reached]].config
            self.tried.add(self.identity(config))
            try:
                canonical = replay(self._space, {**config, **self._fixed}).config
                values, active = self.encoder.encode([canonical])
            except ConfigError:
                self._foreign.add(number)
                continue
            self.tried.add(self.identity(canonical))
            before = self.encoder.widened(self._values, self._active)
            self.row_of[number] = len(self.configs)
            self.configs.append(canonical)
            self._values, self._active = np.vstack([before[0], values]), np.vstack([before[1], active])
        due = self._scaled_at
        while (later := due + 1 + int(GROWTH * due)) <= len(progress.ended):
            due = later
        if due != self._scaled_at:
            # Somebody who sees the run later has to learn the same.
            early = progress.early(due)
            self._scale, self._scaled_at = _scale(list(early.values())), due
            self._made = {}
            known = {number: each for number, each in early.items() if number in self.row_of}
            if known:
                rows = [self.row_of[number] for number in known]
                points = Points(self._values[rows], self._active[rows])
                told = [self._curve(each) for each in known.values()]
                self._surrogate.fit(Curves(self._steps.times, self._columns, points, told))
                self.is_fitted = True

    def are_begun(self, points: Points) -> npt.NDArray[np.bool_]:
        """Which of m points are configurations that were begun, or all but. Shape (m,)."""
        features = Features.of(self._columns, self._values, self._active)
        begun, new = (features(each.values, each.active) for each in (self.points, points))
        return np.asarray(squared_distances(new, begun).min(axis=1) < TOO_NEAR**2)

    def levels(self, curves: Curves) -> Indices:
        """Up to which level each curve was seen, or is being looked at. Shape (n,)."""
        last = [curve.cells[-1] if len(curve.cells) else self._steps.cell_of[0] for curve in curves.curves]
        return np.searchsorted(self._steps.cell_of, last).astype(np.intp)

    def outlook(self, progress: Progress, batch: Mapping[int, int], fresh: Points | None) -> tuple[Outlook, Curves]:
        """What the surrogate expects, as if each step that is under way had given what it expects of it.

        Args:
            progress: What was taken in last.
            batch: Levels of steps that are about to be proposed, by the configurations' numbers.
            fresh: Configurations that are about to be proposed; None for none.
        """
        curves, pending = self._curves(progress, batch)
        outlook = self._surrogate.outlook(curves)
        if not pending and fresh is None:
            return outlook, curves
        told, points = list(curves.curves), curves.points
        if pending:
            rows, cells = np.array(list(pending)), np.array(list(pending.values()))
            for row, cell, value in zip(rows, cells, outlook.continued(rows, cells).mean):
                told[row] = _with(told[row], cell, value)
        if fresh is not None:
            first = int(self._steps.cell_of[0])
            for i, value in enumerate(outlook.begun(fresh, first).mean):
                empty = Curve(-1 - i, np.zeros(0, dtype=np.intp), np.zeros(0))
                told.append(_with(empty, first, value))
            points += fresh
        curves = evolve(curves, points=points, curves=told)
        return self._surrogate.outlook(curves), curves

    def _curves(self, progress: Progress, batch: Mapping[int, int]) -> tuple[Curves, dict[int, int]]:
        """The curves, and the cells at which some of them are being looked at, by row."""
        told: list[Curve] = []
        pending: dict[int, int] = {}
        for number, row in self.row_of.items():
            trained = progress.trained[number]
            told.append(self._curve(trained))
            under_way = [level for level, value in trained.values.items() if value is None]
            level = batch.get(number, max(under_way, default=-1))
            if level >= 0 and not trained.is_broken:
                pending[row] = int(self._steps.cell_of[level])
        return Curves(self._steps.times, self._columns, self.points, told), pending

    @property
    def _columns(self) -> tuple[Column, ...]:
        return tuple(column for column in self.encoder.columns if not column.is_fidelity)

    def _curve(self, trained: Trained) -> Curve:
        """What was seen of a configuration; of a broken one, that nothing comes of it."""
        seen = {level: value for level, value in trained.values.items() if value is not None}
        n, known = self._made.get(trained.number, (-1, None))
        if known is not None and n == len(seen):
            return known
        if trained.is_broken:
            cells, values = np.array([len(self._steps.times) - 1]), self._scale(np.array([np.inf]))
        else:
            levels = sorted(seen)
            cells = self._steps.cell_of[levels]
            values = self._scale(np.array([seen[level] for level in levels], dtype=float))
        curve = Curve(trained.number, cells, values)
        self._made[trained.number] = len(seen), curve
        return curve


def _scale(seen: Sequence[Trained]) -> CurveScale:
    """The scale of what was seen, to which each configuration contributes as much as any other.

    If each result did, then the longer a configuration is trained, the finer would its last, tiny steps be looked at:
    on a logarithm of the distance to its own latest value, each curve that flattens falls on.
    """
    each = [np.array([value for value in one.values.values() if value is not None], dtype=float) for one in seen]
    each = [values[np.isfinite(values)] for values in each]
    weights = [np.full(len(values), 1.0 / max(len(values), 1)) for values in each]
    return CurveScale.of(np.concatenate([*each, np.zeros(0)]), np.concatenate([*weights, np.zeros(0)]))


def _with(curve: Curve, cell: int, value: float) -> Curve:
    return Curve(curve.key, np.append(curve.cells, cell), np.append(curve.values, value))
