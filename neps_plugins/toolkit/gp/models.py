"""The models of a run: one for each objective and each constraint, each independent of the others."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.dataset import Dataset
from neps_plugins.toolkit.gp.constraint_warp import CONSTRAINT_OFFSETS, ConstraintWarp
from neps_plugins.toolkit.gp.kernels import MATERN52, Kernel
from neps_plugins.toolkit.gp.model import Model
from neps_plugins.toolkit.gp.surrogate import Surrogate
from neps_plugins.toolkit.gp.targets import OFFSETS

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: The offsets to choose from where there are two objectives. The hypervolume is that of targets: a strong warp
#: would have it count next to nothing but the ends of the front. Strong warps, and none at all, were measured, too.
OFFSETS_OF_TWO = OFFSETS[OFFSETS.index(1.0) :]

#: With three and more no warp was best: what is saved at one end of the front counts times two other objectives, and
#: a warp makes it look larger than it is.
OFFSETS_OF_MORE = (math.inf,)


@frozen(eq=False)
class Models:
    """What is known of all objectives and constraints.

    Attributes:
        objectives: A model for each.
        constraints: Likewise; what is at most `limits` keeps them.
    """

    objectives: tuple[Model, ...]
    constraints: tuple[Model, ...] = ()

    @property
    def limits(self) -> Floats:
        """What the targets of constraints are where they are only just kept, shape (c,)."""
        return np.array([float(model.target(np.zeros(1))[0]) for model in self.constraints])

    def believing(self, values: Floats, active: Bools) -> Models:
        """These models as if some configurations had given just what they predict for them."""
        objectives = (model.believing(values, active) for model in self.objectives)
        return Models(tuple(objectives), tuple(model.believing(values, active) for model in self.constraints))

    def keep_constraints(self, points: Points) -> Bools:
        """Of which of m points it is predicted that they keep all constraints. Shape (m,)."""
        means, _ = predictions(self.constraints, points)
        return np.asarray((means <= self.limits).all(axis=1))


def predictions(models: Sequence[Model], points: Points) -> tuple[Floats, Floats]:
    """Means and standard deviations of k models at m points, each of shape (m, k)."""
    means, deviations = np.empty((len(points), len(models))), np.empty((len(points), len(models)))
    for j, model in enumerate(models):
        means[:, j], variance = model.predict(points.values, points.active)
        deviations[:, j] = np.sqrt(variance)
    return means, deviations


def predictions_with_gradient(models: Sequence[Model], points: Points) -> tuple[Floats, Floats, Floats, Floats]:
    """The same, and the gradients of both by the points' values, each of shape (k, m, width)."""
    shape = (len(models), *points.values.shape)
    means, deviations = np.empty(shape[:2]), np.empty(shape[:2])
    of_means, of_deviations = np.empty(shape), np.empty(shape)
    for j, model in enumerate(models):
        means[j], variance, of_means[j], by_variance = model.predict_with_gradient(points.values, points.active)
        deviations[j] = np.sqrt(variance)
        of_deviations[j] = by_variance / (2.0 * deviations[j])[:, None]
    return means.T, deviations.T, of_means, of_deviations


class Surrogates:
    """Keeps the models of a run up to date.

    Args:
        kernel: Of the Gaussian processes.
    """

    def __init__(self, kernel: Kernel = MATERN52) -> None:
        self._kernel = kernel
        self._objectives: list[Surrogate] = []
        self._constraints: list[Surrogate] = []

    def update(self, data: Dataset, seed: int | None = None) -> Models:
        """The models of all observations.

        Args:
            data: What this has seen before, and new observations.
            seed: As for `Surrogate.update`.
        """
        columns = data.encoder.columns
        objectives, constraints = data.all_objectives.T, data.constraints.T
        m = len(objectives)
        if len(self._objectives) != m:
            offsets = {1: OFFSETS, 2: OFFSETS_OF_TWO}.get(m, OFFSETS_OF_MORE)
            streams: list[tuple[int, ...]] = [(), *((j,) for j in range(1, m))]
            self._objectives = [Surrogate(offsets, self._kernel, stream=stream) for stream in streams]
        for j in range(len(self._constraints), len(constraints)):
            self._constraints.append(Surrogate(CONSTRAINT_OFFSETS, self._kernel, ConstraintWarp.of, (j, 1)))
        of_constraints = []
        for surrogate, values in zip(self._constraints, constraints):
            rows = np.flatnonzero(~np.isnan(values))  # an evaluation that failed says nothing of constraints
            model = surrogate.update(columns, data.values[rows], data.active[rows], values[rows], seed)
            of_constraints.append(model)
        of_objectives = (
            surrogate.update(columns, data.values, data.active, values, seed)
            for surrogate, values in zip(self._objectives, objectives)
        )
        return Models(tuple(of_objectives), tuple(of_constraints))
