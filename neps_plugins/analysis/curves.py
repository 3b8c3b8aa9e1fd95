"""The learning curves of many trials."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Integers
from neps_plugins.analysis.jsonable import numbers
from neps_plugins.analysis.lines import line_of
from neps_plugins.analysis.options import as_count, as_objective
from neps_plugins.analysis.states import EVALUATING
from neps_plugins.analysis.thinning import kept, spread

#: Points of each of many curves.
POINTS = 120


def curves(columns: Columns, limit: Any = 200, objective: Any = 0) -> dict[str, Any]:
    """What trials reported while they ran, or gave as their learning curve.

    Args:
        columns: The run.
        limit: How many trials at most: half of them the best ones and those that run, and others, evenly, in the order
            in which they were sampled.
        objective: Of several.

    Returns:
        lines: id, steps, values, state, stopped_early; n (trials that have one), kept.
    """
    which, most = as_objective(columns, objective), as_count("limit", limit, 1)
    rows = np.flatnonzero(columns.has_curve)
    lines = []
    for row in _chosen(columns, rows, which, most).tolist():
        trial = columns.run.trials[columns.ids[row]]
        steps, values, _ = line_of(trial, which)
        at = kept(steps, values, np.arange(0), POINTS)
        if len(at):
            lines.append(
                {
                    "id": trial.id,
                    "steps": numbers(steps[at]),
                    "values": numbers(values[at]),
                    "state": trial.state.value,
                    "stopped_early": trial.was_stopped_early,
                }
            )
    return {"lines": lines, "n": len(rows), "kept": len(lines)}


def _chosen(columns: Columns, rows: Integers, objective: int, most: int) -> Integers:
    if len(rows) <= most:
        return rows
    values = columns.objectives[rows, objective] if columns.objectives.shape[1] > objective else np.full(len(rows), 0.0)
    urgent = np.where(columns.state[rows] == EVALUATING, -np.inf, np.nan_to_num(values, nan=np.inf))
    first = rows[np.argsort(urgent, kind="stable")[: max(1, most // 2)]]
    others = np.setdiff1d(rows, first)
    return np.union1d(first, others[spread(len(others), most - len(first))]) if most > len(first) else np.sort(first)
