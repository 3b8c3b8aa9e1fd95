"""The results of a run as the models of `importance` take them."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen

from neps_plugins.analysis.anytime import rows_with
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Integers
from neps_plugins.analysis.importance.forest import Forest, grow_forest
from neps_plugins.analysis.importance.points import Points, kept, points
from neps_plugins.analysis.parameters import Parameter

#: Parameters that are looked at, those that most trials have; and choices of one.
MOST, CHOICES = 48, 500

#: Results that a forest whose effects are shown is fitted to, at most: so many that it is there at once.
FITTED = 1000

#: Results without which a model says nothing.
LEAST = 4


@frozen(eq=False)
class Evaluated:
    """Results that tell something of the parameters: neither errors that stand for numbers, nor what was stopped early.

    Attributes:
        parameters: The columns of the points: those that vary.
        points: Positions and values of the objective.
        rows: The trials.
    """

    parameters: list[Parameter]
    points: Points
    rows: Integers

    def column(self, parameter: Parameter) -> int | None:
        """The column of a parameter; None if it isn't looked at, or doesn't vary."""
        paths = [each.path for each in self.parameters]
        return paths.index(parameter.path) if parameter.path in paths else None


def evaluated(columns: Columns, objective: int) -> Evaluated:
    """The results of one objective."""
    found: Evaluated = columns.derived(("evaluated", objective), lambda: _evaluated(columns, objective))
    return found


def _evaluated(columns: Columns, objective: int) -> Evaluated:
    rows = rows_with(columns, objective)
    rows = rows[~columns.stopped[rows] & ~columns.stands_for_error[rows]]
    parameters: list[Parameter] = []
    cells = []
    for parameter in sorted(columns.parameters.values(), key=lambda each: -len(each.rows)):
        if len(parameters) == MOST or len(parameter.choices) > CHOICES:
            continue
        values = parameter.dense(len(columns))[rows]
        values[~np.isfinite(values)] = np.nan
        known = values[~np.isnan(values)]
        if len(known) and (known != known[0]).any():
            parameters.append(parameter)
            cells.append(parameter.to_unit(values))
    y = columns.objectives[rows, objective] if len(rows) else np.empty(0)
    x = np.column_stack(cells) if cells else np.empty((len(rows), 0))
    kinds = [len(parameter.choices) if parameter.is_category else None for parameter in parameters]
    return Evaluated(parameters, points(x, kinds, y), rows)


def forest_of(columns: Columns, objective: int) -> Forest | None:
    """A forest of the results of one objective; None if there are too few results, or nothing varies."""
    found: Forest | None = columns.derived(("forest", objective), lambda: _forest(evaluated(columns, objective)))
    return found


def _forest(data: Evaluated) -> Forest | None:
    if len(data.rows) < LEAST or not data.parameters:
        return None
    return grow_forest(data.points.rows(kept(data.points.y, FITTED)))


def axis_of(parameter: Parameter, ticks: Any = None) -> dict[str, Any]:
    """An axis, with the places at which something is known."""
    return {**parameter.axis(), "ticks": ticks}
