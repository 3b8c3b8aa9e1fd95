"""What one parameter does."""

from __future__ import annotations

from typing import Any

from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.evaluated import evaluated, forest_of
from neps_plugins.analysis.importance.effects import effect, grid
from neps_plugins.analysis.jsonable import numbers
from neps_plugins.analysis.options import as_objective, as_parameter


def effects(columns: Columns, path: Any, objective: Any = 0) -> dict[str, Any]:
    """What the objective is on average for each value of a parameter, over all others, as a forest sees it.

    Args:
        columns: The run.
        path: The parameter's.
        objective: The number of the objective, or its name.

    Returns:
        path, kind, log, lower, upper; x (values; None for a category), choices (None for a number); mean, low and high
        (a standard deviation over the trees below and above) at each; empty if there is no telling.
    """
    parameter, which = as_parameter(columns, "path", path), as_objective(columns, objective)
    nothing = {**parameter.axis(), "x": None if parameter.is_category else [], "mean": [], "low": [], "high": []}
    forest, column = forest_of(columns, which), evaluated(columns, which).column(parameter)
    if forest is None or column is None:
        return nothing
    places = grid(len(parameter.choices) if parameter.is_category else None)
    found = effect(forest, column, places)
    return {
        **nothing,
        "x": None if parameter.is_category else numbers(parameter.from_unit(places)),
        "mean": numbers(found.mean),
        "low": numbers(found.low),
        "high": numbers(found.high),
    }
