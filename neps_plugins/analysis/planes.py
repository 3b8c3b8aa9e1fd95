"""Results by two parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from neps_plugins.analysis.anytime import rows_with
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Floats, Integers
from neps_plugins.analysis.parameters import Parameter
from neps_plugins.analysis.thinning import spread


@frozen(eq=False)
class Plane:
    """Results on a plane.

    Attributes:
        rows: The trials that are kept.
        values: Their objective.
        places: Their values of the parameters, x and y.
        n: How many there are.
        all_values: The objective of all of these.
    """

    rows: Integers
    values: Floats
    places: dict[str, list[Any]]
    n: int
    all_values: Floats


def on_plane(columns: Columns, x: Parameter, y: Parameter, objective: int, limit: int) -> Plane:
    """The results of the trials that have both parameters.

    Args:
        columns: The run.
        x: The one parameter.
        y: The other.
        objective: Of several.
        limit: How many are kept: those that were best once, and others evenly by their objective.
    """
    rows = rows_with(columns, objective)
    across, up = (parameter.dense(len(columns)) for parameter in (x, y))
    rows = rows[np.isfinite(across[rows]) & np.isfinite(up[rows])]
    values = columns.objectives[rows, objective] if len(rows) else np.empty(0)
    chosen = rows
    if len(rows) > limit:
        by_value = rows[np.argsort(values, kind="stable")]
        steps = np.intersect1d(columns.order.steps(objective), rows)
        chosen = np.union1d(by_value[spread(len(rows), max(1, limit - len(steps)))], steps)
    places = {"x": x.shown(across[chosen]), "y": y.shown(up[chosen])}
    return Plane(chosen, columns.objectives[chosen, objective] if len(chosen) else values, places, len(rows), values)
