"""All parameters at once: a line for each trial."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_plugins.analysis.anytime import rows_with
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Integers
from neps_plugins.analysis.jsonable import numbers
from neps_plugins.analysis.options import as_count, as_objective
from neps_plugins.analysis.thinning import spread

#: Parameters that have an axis: those that most trials have.
MOST = 40


def parallel(columns: Columns, objectives: Any = 0, limit: Any = 500) -> dict[str, Any]:
    """The trials as lines through their parameters.

    Args:
        columns: The run.
        objectives: The objective that colours them: its number, or its name.
        limit: How many trials at most: all that were best once, a third of the best ones, and others, evenly by their
            objective.

    Returns:
        columns: path, kind, log, choices, lower, upper; lines: a value (or choice) for each of these, None where the
        trial hasn't the parameter; ids; value (the objective); objective (its name); n, kept.
    """
    which = as_objective(columns, objectives[0] if isinstance(objectives, list) and objectives else objectives or 0)
    rows = _chosen(columns, rows_with(columns, which), which, as_count("limit", limit, 1))
    common = sorted(columns.parameters.values(), key=lambda parameter: -len(parameter.rows))[:MOST]
    shown = [parameter for parameter in columns.parameters.values() if parameter in common and len(parameter.rows)]
    values = [parameter.shown(parameter.dense(len(columns))[rows]) for parameter in shown]
    return {
        "columns": [parameter.axis() for parameter in shown],
        "lines": [list(line) for line in zip(*values)] if values else [[] for _ in rows],
        "ids": columns.ids_of(rows),
        "value": numbers(columns.objectives[rows, which]) if len(rows) else [],
        "objective": columns.objective_names[which],
        "n": len(rows_with(columns, which)),
        "kept": len(rows),
    }


def _chosen(columns: Columns, rows: Integers, objective: int, most: int) -> Integers:
    if len(rows) <= most:
        return rows
    by_value = rows[np.argsort(columns.objectives[rows, objective], kind="stable")]
    best = np.union1d(by_value[: most // 3], np.intersect1d(columns.order.steps(objective), rows))
    best = np.union1d(best, np.intersect1d(columns.order.front, rows)[:most])
    others = by_value[~np.isin(by_value, best)]
    return np.union1d(best, others[spread(len(others), most - len(best))]) if most > len(best) else best
