"""Several runs side by side; those that differ in their seeds only as a band."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neps_core import NePSError
from neps_plugins.analysis.analysis import Analysis
from neps_plugins.analysis.growing import Floats
from neps_plugins.analysis.jsonable import number, numbers
from neps_plugins.analysis.options import as_objective, has_objective, one_of
from neps_plugins.analysis.spent import AXES, spent_by
from neps_plugins.analysis.thinning import spread

#: Steps of a run's curve, and points of a band, at most.
STEPS, GRID = 2000, 400


def compare(
    analyses: Sequence[Analysis], axis: str = "evaluations", groups: Sequence[str] | None = None, objective: Any = 0
) -> dict[str, Any]:
    """The best so far of several runs.

    Args:
        analyses: The runs.
        axis: Over what: `"evaluations"`, `"cost"`, `"time"` (seconds) or `"fidelity"`.
        groups: What each run is called: those of one name are seeds of one another. The optimizers, if left out.
        objective: Its number, or its name, in each run.

    Returns:
        axis; runs: label (the group), root, seed, x, y (to the end of the run); bands: label, n (runs),
        x, median, low and high (quartiles over runs, from where all of the group have a result to where the first one
        ends); table: label, root, optimizer, seed, n_trials, best, evaluations, cost, time, fidelity.

    Raises:
        NePSError: If there is no such axis or objective, or there are not as many groups as runs.
    """
    one_of("axis", axis, AXES)
    if groups is not None and (isinstance(groups, str) or not isinstance(groups, Sequence)):
        raise NePSError(f"groups={groups!r} must be a list of names, one for each run.")
    if groups is not None and len(groups) != len(analyses):
        raise NePSError(f"groups has {len(groups)} name(s) for {len(analyses)} run(s). Give one for each run.")
    labels = (
        [_optimizer(each) or _name(each) for each in analyses] if groups is None else [str(name) for name in groups]
    )
    curves = [_curve(analysis, axis, objective) for analysis in analyses]
    runs = []
    for analysis, label, curve in zip(analyses, labels, curves):
        x, y = _to_the_end(*curve)
        at = spread(len(x), STEPS)
        seed = analysis.run.log.seed
        runs.append({"label": label, "root": _name(analysis), "seed": seed, "x": numbers(x[at]), "y": numbers(y[at])})
    bands = []
    for label in dict.fromkeys(labels):
        of_group = [curve for each, curve in zip(labels, curves) if each == label and len(curve[0])]
        if of_group:
            bands.append({"label": label, "n": len(of_group), **_band(of_group)})
    table = [_row(analysis, label, curve[1]) for analysis, label, curve in zip(analyses, labels, curves)]
    return {"axis": axis, "runs": runs, "bands": bands, "table": table}


def _name(analysis: Analysis) -> str:
    return Path(analysis.run.root_directory).name


def _optimizer(analysis: Analysis) -> str | None:
    optimizers = analysis.run.log.optimizers
    return optimizers[-1].name if optimizers else None


def _curve(analysis: Analysis, axis: str, objective: Any) -> tuple[Floats, Floats, float]:
    """The steps of the best so far, and where the run ends; no steps if it hasn't the axis, or no result."""
    columns = analysis.columns
    which = as_objective(columns, objective)
    spent = spent_by(columns).get(axis)
    if spent is None or not has_objective(columns, which):
        return np.empty(0), np.empty(0), 0.0
    ended = columns.order.ended
    at = np.flatnonzero(np.isin(ended, columns.order.steps(which)))
    at = at[np.isfinite(columns.objectives[ended[at], which]) & np.isfinite(spent[at])]
    return spent[at], columns.objectives[ended[at], which], float(spent[-1]) if len(spent) else 0.0


def _to_the_end(x: Floats, y: Floats, end: float) -> tuple[Floats, Floats]:
    """The best one stays so until the run ends."""
    return (np.append(x, end), np.append(y, y[-1])) if len(x) and end > x[-1] else (x, y)


def _band(curves: Sequence[tuple[Floats, Floats, float]]) -> dict[str, Any]:
    """Median and quartiles of step curves, on all places where one of them steps."""
    start, end = max(x[0] for x, _, _ in curves), min(last for _, _, last in curves)
    grid = np.unique(np.concatenate([[start, max(start, end)], *(x for x, _, _ in curves)]))
    grid = grid[(grid >= start) & (grid <= max(start, end))]
    grid = grid[spread(len(grid), GRID)]
    values = np.array([y[np.searchsorted(x, grid, side="right") - 1] for x, y, _ in curves])
    low, median, high = _quantiles(values)
    return {"x": numbers(grid), "median": numbers(median), "low": numbers(low), "high": numbers(high)}


def _quantiles(values: Floats) -> Floats:
    """Quartiles and median over the first axis, also of numbers whose differences no float holds."""
    return np.asarray(np.quantile(values / 2, [0.25, 0.5, 0.75], axis=0) * 2)


def _row(analysis: Analysis, label: str, best: Floats) -> dict[str, Any]:
    columns = analysis.columns
    spent = spent_by(columns)
    totals = {name: number(spent[name][-1]) if len(spent.get(name, ())) else None for name in AXES}
    return {
        "label": label,
        "root": _name(analysis),
        "optimizer": _optimizer(analysis),
        "seed": analysis.run.log.seed,
        "n_trials": len(columns),
        "best": number(best[-1]) if len(best) else None,
        **totals,
    }
