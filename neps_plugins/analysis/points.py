"""Results by one or several decisions: the front, slices, parallel coordinates, rank, the distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_plugins.analysis.columns import Parameter
from neps_plugins.analysis.followed import Followed
from neps_plugins.analysis.plain import largest_triangles, number, numbers, plain
from neps_plugins.analysis.progress import DRAWN, incumbent_rows
from neps_plugins.toolkit.pareto.hypervolume import RunningHypervolume
from neps_plugins.toolkit.pareto.reference import beyond_all

#: Of how many objectives the hypervolume is told, and after how many changes of the front.
MOST_OBJECTIVES, MOST_STEPS = 3, 2000


def axis_of(parameter: Parameter) -> dict[str, Any]:
    """What an axis needs to know of a parameter."""
    return {
        "path": parameter.path,
        "kind": parameter.kind,
        "log": parameter.log,
        "choices": plain(parameter.choices),
    }


def thinned(analysis: Followed, rows: Any, objective: int, n: int = DRAWN) -> Any:
    """At most so many of some rows, evenly, and the incumbents and the front among them besides."""
    if len(rows) <= n:
        return rows
    columns = analysis.columns
    ended, steps = incumbent_rows(analysis, objective)
    always = [*ended[steps].tolist(), *(columns.rows[trial.id] for trial in analysis.front.trials)]
    even = rows[np.linspace(0, len(rows) - 1, n).astype(int)]
    return np.union1d(even, np.intersect1d(rows, np.array(always, dtype=int)))


def front(analysis: Followed, x: int = 0, y: int = 1) -> dict[str, Any]:
    """Results by two objectives, the Pareto front of all objectives, and how its hypervolume grew."""
    columns = analysis.columns
    m = len(columns.objectives)
    if m < 2:
        return {
            "names": list(columns.objective_names),
            "points": None,
            "front": None,
            "hypervolume": None,
            "n": 0,
            "kept": 0,
        }
    xs, ys = columns.objective(x), columns.objective(y)
    rows = np.flatnonzero(np.isfinite(xs) & np.isfinite(ys))
    kept = thinned(analysis, rows, x)
    best = [columns.rows[trial.id] for trial in analysis.front.feasible]
    best.sort(key=lambda row: (xs[row], ys[row]))
    return {
        "names": list(columns.objective_names),
        "points": {
            "x": numbers(xs[kept]),
            "y": numbers(ys[kept]),
            "ids": [columns.ids[row] for row in kept],
            "feasible": (columns.violation[kept] <= 0).tolist(),
        },
        "front": {"x": numbers(xs[best]), "y": numbers(ys[best]), "ids": [columns.ids[row] for row in best]},
        "hypervolume": _hypervolume(analysis) if m <= MOST_OBJECTIVES else None,
        "n": len(rows),
        "kept": len(kept),
    }


def _hypervolume(analysis: Followed) -> dict[str, Any] | None:
    columns = analysis.columns
    values = np.column_stack([columns.objective(k) for k in range(len(columns.objectives))])[columns.ends]
    good = np.flatnonzero(columns.comparable[columns.ends] & np.isfinite(values).all(axis=1))
    if not len(good):
        return None
    reference = beyond_all(values[good].min(axis=0), values[good].max(axis=0))
    running, steps, volumes = RunningHypervolume(reference), [], []
    for place in good:
        before = running.value
        running.add(values[place].tolist())
        if running.value != before:
            steps.append(int(place) + 1)
            volumes.append(running.value)
    chosen = range(len(steps))
    if len(steps) > MOST_STEPS:
        chosen = largest_triangles(np.array(steps, dtype=float), np.array(volumes), MOST_STEPS).tolist()
    return {"x": [steps[i] for i in chosen], "y": numbers(volumes[i] for i in chosen), "reference": numbers(reference)}


def slices(analysis: Followed, path: str, objective: int = 0) -> dict[str, Any]:
    """Results over one decision."""
    columns = analysis.columns
    parameter, y = columns.parameter(path), columns.objective(objective)
    at = parameter.values.first(len(columns))
    rows = np.flatnonzero(np.isfinite(at) & np.isfinite(y))
    kept = thinned(analysis, rows, objective)
    return axis_of(parameter) | {
        "x": numbers(at[kept]),
        "y": numbers(y[kept]),
        "ids": [columns.ids[row] for row in kept],
        "n": len(rows),
        "kept": len(kept),
    }


def rank(analysis: Followed, x: str, y: str, objective: int = 0) -> dict[str, Any]:
    """Which share of results is better than each, over two decisions; equals share their rank."""
    columns = analysis.columns
    px, py, values = columns.parameter(x), columns.parameter(y), columns.objective(objective)
    ax, ay = px.values.first(len(columns)), py.values.first(len(columns))
    rows = np.flatnonzero(np.isfinite(ax) & np.isfinite(ay) & np.isfinite(values))
    ordered = np.sort(values[rows])
    kept = thinned(analysis, rows, objective)
    shares = np.searchsorted(ordered, values[kept]) / max(len(rows) - 1, 1)
    points = {"x": numbers(ax[kept]), "y": numbers(ay[kept]), "rank": numbers(shares)}
    return {"x": axis_of(px), "y": axis_of(py), "points": points | {"ids": [columns.ids[row] for row in kept]}}


def parallel(analysis: Followed, objectives: Any = None, limit: int = 500) -> dict[str, Any]:
    """Configurations as lines; beyond the limit the best half, the front, and an even choice of the others."""
    columns = analysis.columns
    chosen = list(range(len(columns.objectives))) if objectives is None else list(objectives)
    ys = [columns.objective(k) for k in chosen]
    rows = np.flatnonzero(np.isfinite(np.array(ys)).all(axis=0)) if ys else np.empty(0, int)
    n = len(rows)
    if n > limit:
        best = rows[np.argsort(ys[0][rows], kind="stable")[: limit // 2]]
        rows = np.union1d(best, thinned(analysis, rows, chosen[0], max(2, limit - limit // 2)))
    cells = [p.values.first(len(columns))[rows] for p in columns.parameters.values()]
    axes = []
    for parameter, values in zip(columns.parameters.values(), cells):
        known = values[np.isfinite(values)]
        lower, upper = (known.min(), known.max()) if len(known) else (None, None)
        axes.append(axis_of(parameter) | {"lower": number(lower), "upper": number(upper)})
    lines = [numbers(line) for line in zip(*(c.tolist() for c in cells))]
    values = [numbers(line) for line in zip(*(y[rows].tolist() for y in ys))]
    return {
        "columns": axes,
        "lines": lines,
        "ids": [columns.ids[row] for row in rows],
        "value": values,
        "n": n,
        "kept": len(rows),
    }


def distribution(analysis: Followed, objective: int = 0) -> dict[str, Any]:
    """Which share of the finite results is at most so large."""
    values = analysis.columns.objective(objective)
    ordered = np.sort(values[np.isfinite(values)])
    places = np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), 500)).astype(int)) if len(ordered) else []
    shares = [(int(i) + 1) / len(ordered) for i in places]
    return {"x": numbers(ordered[i] for i in places), "y": shares, "n": len(ordered)}


def varying(analysis: Followed) -> list[Parameter]:
    """The parameters that differ between trials, without fidelities."""
    columns = analysis.columns
    found = []
    for parameter in columns.parameters.values():
        values = parameter.values.first(len(columns))
        known = values[np.isfinite(values)]
        if parameter.path not in columns.fidelities and len(known) and known.min() < known.max():
            found.append(parameter)
    return found


def unit(parameter: Parameter, values: Any) -> Any:
    """Values in [0, 1] on the parameter's (log) scale: by its bounds, or else by what was seen; NaN stays."""
    lower, upper = getattr(parameter.domain, "lower", None), getattr(parameter.domain, "upper", None)
    if parameter.choices is not None:
        lower, upper = 0, len(parameter.choices) - 1
    known = values[np.isfinite(values)]
    if lower is None or upper is None:
        lower, upper = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    scale = np.log if parameter.log and lower > 0 else np.asarray
    low, high = scale(float(lower)), scale(float(upper))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.clip((scale(values) - low) / (high - low if high > low else 1.0), 0.0, 1.0)
