"""How trials rank, by two parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.contour import two_parameters
from neps_plugins.analysis.evaluated import axis_of
from neps_plugins.analysis.importance.points import relative_ranks
from neps_plugins.analysis.jsonable import numbers
from neps_plugins.analysis.options import as_count, as_objective
from neps_plugins.analysis.planes import on_plane


def rank(columns: Columns, x: Any, y: Any, objective: Any = 0, limit: Any = 2000) -> dict[str, Any]:
    """The trials by two parameters, and their rank among all that have both.

    Args:
        columns: The run.
        x: The path of the one parameter.
        y: Of the other.
        objective: The number of the objective, or its name.
        limit: How many trials are kept.

    Returns:
        x and y: path, kind, log, choices, lower, upper, ticks (None); points: x, y, rank (0 for the best, 1 for the
        worst), ids; n, kept.

    Raises:
        NePSError: If there is no such parameter, or both are the same.
    """
    first, second = two_parameters(columns, x, y)
    plane = on_plane(columns, first, second, as_objective(columns, objective), as_count("limit", limit, 1))
    ranks = relative_ranks(plane.all_values) if plane.n else np.empty(0)
    order = np.argsort(plane.all_values, kind="stable")
    at = order[np.searchsorted(plane.all_values[order], plane.values)] if plane.n else order
    return {
        "x": axis_of(first),
        "y": axis_of(second),
        "points": {**plane.places, "rank": numbers(ranks[at]), "ids": columns.ids_of(plane.rows)},
        "n": plane.n,
        "kept": len(plane.rows),
    }
