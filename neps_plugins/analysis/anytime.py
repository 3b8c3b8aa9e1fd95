"""What was best by when: the curve that only falls, over everything that was spent."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Floats, Integers
from neps_plugins.analysis.jsonable import numbers
from neps_plugins.analysis.options import as_count, as_objective, has_objective
from neps_plugins.analysis.spent import spent_by
from neps_plugins.analysis.thinning import POINTS, kept

#: From how many orders of magnitude on a log scale shows more.
ORDERS = 2.0


def anytime(columns: Columns, objective: Any = 0, limit: Any = POINTS) -> dict[str, Any]:
    """The best so far of one objective, and all results.

    Args:
        columns: The run.
        objective: Its number, or its name.
        limit: About how many results are kept.

    Returns:
        objective (its name), log (whether a log scale suits it), axes: for each thing spent, x, y and ids of the
        steps of the best so far, none of which is ever left out; results: x (evaluations), y, ids, states, feasible,
        and x by the other axes under their names; n, kept, not_finite (results that can't be drawn).
    """
    which = as_objective(columns, objective)
    ended = columns.order.ended
    spent = spent_by(columns)
    values = columns.objectives[ended, which] if has_objective(columns, which) else np.full(len(ended), np.nan)
    steps = columns.order.steps(which) if has_objective(columns, which) else ended[:0]
    at = np.flatnonzero(np.isin(ended, steps))
    success = columns.success[ended]
    log = spans_orders(values[success], values[at])
    chosen = kept(spent["evaluations"], values, at, as_count("limit", limit, 1), log)
    return {
        "objective": columns.objective_names[which],
        "log": log,
        "axes": {
            name: {"x": numbers(x[at]), "y": numbers(values[at]), "ids": columns.ids_of(ended[at])}
            for name, x in spent.items()
        },
        "results": {
            "x": numbers(spent["evaluations"][chosen]),
            "y": numbers(values[chosen]),
            "ids": columns.ids_of(ended[chosen]),
            "states": columns.states_of(ended[chosen]),
            "feasible": columns.order.feasible[ended[chosen]].tolist(),
            **{name: numbers(x[chosen]) for name, x in spent.items() if name != "evaluations"},
        },
        "n": int(success.sum()),
        "kept": len(chosen),
        "not_finite": int((success & ~np.isfinite(values)).sum()),
    }


def spans_orders(values: Floats, best: Floats) -> bool:
    """Whether results are drawn on a log scale: they are positive, and the best falls over orders of magnitude.

    Args:
        values: All.
        best: The best so far, falling.
    """
    finite, falling = values[np.isfinite(values)], best[np.isfinite(best)]
    if not len(finite) or not len(falling) or finite.min() <= 0:
        return False
    return bool(np.log10(falling.max()) - np.log10(falling.min()) >= ORDERS)


def rows_with(columns: Columns, objective: int) -> Integers:
    """The rows of the results that have a finite value of an objective, in the order in which they ended."""
    ended = columns.order.ended
    if not has_objective(columns, objective):
        return ended[:0]
    return np.asarray(ended[columns.success[ended] & np.isfinite(columns.objectives[ended, objective])])
