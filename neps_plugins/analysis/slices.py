"""The results by one parameter."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_plugins.analysis.anytime import rows_with
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Floats, Integers
from neps_plugins.analysis.jsonable import numbers
from neps_plugins.analysis.options import as_count, as_objective, as_parameter
from neps_plugins.analysis.parameters import Parameter
from neps_plugins.analysis.thinning import POINTS, kept


def slices(columns: Columns, path: Any, objective: Any = 0, limit: Any = POINTS) -> dict[str, Any]:
    """The results by a parameter, of the trials that have it.

    Args:
        columns: The run.
        path: The parameter's.
        objective: The number of the objective, or its name.
        limit: About how many results are kept.

    Returns:
        path, kind, log, choices, lower, upper; x (values, or choices), y, ids; n, kept.
    """
    parameter, which = as_parameter(columns, "path", path), as_objective(columns, objective)
    rows, values = of_parameter(columns, parameter, rows_with(columns, which))
    order = np.argsort(values, kind="stable")
    rows, values = rows[order], values[order]
    y = columns.objectives[rows, which] if len(rows) else values
    steps = columns.order.steps(which) if len(rows) else rows
    chosen = kept(values, y, np.flatnonzero(np.isin(rows, steps)), as_count("limit", limit, 1))
    return {
        **parameter.axis(),
        "x": parameter.shown(values[chosen]),
        "y": numbers(y[chosen]),
        "ids": columns.ids_of(rows[chosen]),
        "n": len(rows),
        "kept": len(chosen),
    }


def of_parameter(columns: Columns, parameter: Parameter, rows: Integers) -> tuple[Integers, Floats]:
    """Those of some trials that have a parameter, and its value in each (the index of a choice)."""
    values = parameter.dense(len(columns))[rows]
    there = np.isfinite(values)
    return rows[there], values[there]
