"""What two parameters do together."""

from __future__ import annotations

from typing import Any

from neps_core import NePSError
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.evaluated import axis_of, evaluated, forest_of
from neps_plugins.analysis.importance.effects import grid, joint_effect
from neps_plugins.analysis.jsonable import numbers
from neps_plugins.analysis.options import as_count, as_objective, as_parameter
from neps_plugins.analysis.parameters import Parameter
from neps_plugins.analysis.planes import on_plane

#: Places of a number's axis.
PLACES = 30


def contour(columns: Columns, x: Any, y: Any, objective: Any = 0, limit: Any = 1000) -> dict[str, Any]:
    """What the objective is on average for the values of two parameters, over all others, as a forest sees it.

    Args:
        columns: The run.
        x: The path of the one parameter.
        y: Of the other.
        objective: The number of the objective, or its name.
        limit: How many trials are kept.

    Returns:
        x and y: path, kind, log, choices, lower, upper, ticks (None for a category); mean: a row for each place of y,
        empty if there is no telling; points: x, y, value, ids; n, kept.

    Raises:
        NePSError: If there is no such parameter, or both are the same.
    """
    first, second = two_parameters(columns, x, y)
    which = as_objective(columns, objective)
    forest, data = forest_of(columns, which), evaluated(columns, which)
    i, j = data.column(first), data.column(second)
    across, up = _places(first), _places(second)
    mean: list[Any] = []
    if forest is not None and i is not None and j is not None:
        mean = numbers(joint_effect(forest, i, j, across, up).mean.T)
    plane = on_plane(columns, first, second, which, as_count("limit", limit, 1))
    return {
        "x": axis_of(first, None if first.is_category else numbers(first.from_unit(across))),
        "y": axis_of(second, None if second.is_category else numbers(second.from_unit(up))),
        "mean": mean,
        "points": {**plane.places, "value": numbers(plane.values), "ids": columns.ids_of(plane.rows)},
        "n": plane.n,
        "kept": len(plane.rows),
    }


def _places(parameter: Parameter) -> Any:
    return grid(len(parameter.choices) if parameter.is_category else None, PLACES)


def two_parameters(columns: Columns, x: Any, y: Any) -> tuple[Parameter, Parameter]:
    """Two different parameters.

    Raises:
        NePSError: If there is no such parameter, or both are the same.
    """
    first, second = as_parameter(columns, "x", x), as_parameter(columns, "y", y)
    if first is second:
        raise NePSError(f"x and y are both {x!r}. Take two different parameters.")
    return first, second
