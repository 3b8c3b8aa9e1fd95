"""Several objectives: the front, and the hypervolume that it has reached by when."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_core import NePSError
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Floats, Integers
from neps_plugins.analysis.jsonable import numbers
from neps_plugins.analysis.options import as_count, as_objective
from neps_plugins.analysis.thinning import POINTS, kept, spread
from neps_plugins.toolkit.pareto.hypervolume import RunningHypervolume
from neps_plugins.toolkit.pareto.hypervolume import hypervolume as volume_of
from neps_plugins.toolkit.pareto.reference import beyond_all
from neps_plugins.toolkit.pareto.sorting import non_dominated

#: Numbers of objectives of which a hypervolume is reckoned.
MEASURED = (2, 3)

#: Steps of the hypervolume that are shown at most; if there are more than `MANY`, a few only, each reckoned by itself.
STEPS, MANY, FEW = 1000, 4000, 12


def front(columns: Columns, x: Any = 0, y: Any = 1, limit: Any = POINTS) -> dict[str, Any]:
    """All results by two objectives, and the front of all objectives among them.

    Args:
        columns: The run.
        x: The number or name of the one objective.
        y: Of the other.
        limit: About how many results are kept.

    Returns:
        names (of the two), points: x, y, ids, feasible; front: x, y, ids, by the first objective, never thinned out;
        objectives (how many there are); hypervolume: x (evaluations), y, reference (for two or three objectives; None
        for others, or without one); n, kept.

    Raises:
        NePSError: If there is no such objective.
    """
    i = as_objective(columns, x)
    if len(columns.objective_names) < 2:
        if y not in (0, 1):
            as_objective(columns, y)
        return _nothing(columns.objective_names)
    j = as_objective(columns, y)
    if i == j:
        raise NePSError(f"x and y are both {columns.objective_names[i]!r}. Take two different objectives.")
    ended = columns.order.ended
    values = columns.objectives[ended]
    there = np.isfinite(values[:, [i, j]]).all(axis=1) & columns.success[ended]
    rows = ended[there]
    rows = rows[np.argsort(columns.objectives[rows, i], kind="stable")]
    xs, ys = columns.objectives[rows, i], columns.objectives[rows, j]
    best = columns.order.front
    chosen = kept(xs, ys, np.flatnonzero(np.isin(rows, best)), as_count("limit", limit, 1))
    shown = rows[chosen]
    names = columns.objective_names
    return {
        "names": [names[i], names[j]],
        "points": {
            "x": numbers(xs[chosen]),
            "y": numbers(ys[chosen]),
            "ids": columns.ids_of(shown),
            "feasible": columns.order.feasible[shown].tolist(),
        },
        "front": {
            "x": numbers(columns.objectives[best, i]),
            "y": numbers(columns.objectives[best, j]),
            "ids": columns.ids_of(best),
        },
        "objectives": len(names),
        "hypervolume": hypervolume(columns),
        "n": len(rows),
        "kept": len(chosen),
    }


def _nothing(names: list[str]) -> dict[str, Any]:
    """Of a run with one objective, or none yet."""
    nothing: dict[str, Any] = {"x": [], "y": [], "ids": []}
    return {
        "names": [names[0], names[0]],
        "points": {**nothing, "feasible": []},
        "front": nothing,
        "objectives": len(names),
        "hypervolume": None,
        "n": 0,
        "kept": 0,
    }


def hypervolume(columns: Columns) -> dict[str, Any] | None:
    """The hypervolume of the front by when; None where it is not reckoned.

    The reference point lies a tenth of the range beyond the worst results that count, without those that stand for
    errors. It is that of the run as it is now, so that the whole curve has one scale.
    """
    if columns.objectives.shape[1] not in MEASURED:
        return None
    counts = columns.order.ranked
    measured = counts[~columns.stands_for_error[counts] & np.isfinite(columns.objectives[counts]).all(axis=1)]
    if not len(measured):
        return None
    values = columns.objectives[measured]
    reference = beyond_all(values.min(axis=0), values.max(axis=0))
    rows = columns.order.arrivals
    rows = rows[np.isfinite(columns.objectives[rows]).all(axis=1)]
    if len(rows) > MANY and columns.objectives.shape[1] > 2:  # it would take long
        return None
    place = np.empty(len(columns), dtype=np.int64)
    place[columns.order.ended] = np.arange(1, len(columns.order.ended) + 1)
    at = spread(len(rows), STEPS if len(rows) <= MANY else FEW)
    volumes = _volumes(columns.objectives[rows], reference, at)
    return {"x": place[rows[at]].tolist(), "y": numbers(volumes), "reference": numbers(reference)}


def _volumes(values: Floats, reference: Floats, at: Integers) -> Floats:
    """The hypervolume by when some of the points have come."""
    with np.errstate(over="ignore", invalid="ignore"):
        if len(values) > MANY:
            return np.array([volume_of(values[: i + 1][non_dominated(values[: i + 1])], reference) for i in at])
        running = RunningHypervolume(reference)
        return np.array([running.add(value) for value in values])[at]
