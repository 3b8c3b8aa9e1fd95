"""How the results are distributed."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_plugins.analysis.anytime import rows_with
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.jsonable import numbers
from neps_plugins.analysis.options import as_count, as_objective
from neps_plugins.analysis.thinning import spread


def distribution(columns: Columns, objective: Any = 0, limit: Any = 500) -> dict[str, Any]:
    """The empirical distribution of an objective.

    Args:
        columns: The run.
        objective: Its number, or its name.
        limit: How many steps at most.

    Returns:
        objective (its name), x (results, rising, each value once), y (the share of results that are as
        low); n (finite results).
    """
    which = as_objective(columns, objective)
    rows = rows_with(columns, which)
    values = np.sort(columns.objectives[rows, which]) if len(rows) else np.empty(0)
    steps = np.unique(values)
    steps = steps[spread(len(steps), as_count("limit", limit, 1))]
    shares = np.searchsorted(values, steps, side="right") / max(1, len(values))
    return {"objective": columns.objective_names[which], "x": numbers(steps), "y": numbers(shares), "n": len(rows)}
