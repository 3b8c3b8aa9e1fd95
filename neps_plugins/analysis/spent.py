"""What a run has spent, in the order in which its evaluations ended: as axes for whatever came of it."""

from __future__ import annotations

import numpy as np

from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Floats

#: The axes that there may be.
AXES = ("evaluations", "cost", "time", "fidelity")


def first_time(columns: Columns) -> float | None:
    """When the run began, as far as anybody knows: when its first trial was sampled, or evaluated."""
    times = [column[np.isfinite(column)] for column in (columns.sampled, columns.started, columns.ended)]
    found = [float(column.min()) for column in times if len(column)]
    return min(found, default=None)


def last_time(columns: Columns) -> float | None:
    """When something happened last, as far as anybody knows."""
    times = [column[np.isfinite(column)] for column in (columns.sampled, columns.started, columns.ended)]
    found = [float(column.max()) for column in times if len(column)]
    return max(found, default=None)


def fidelity_added(columns: Columns) -> Floats:
    """The fidelity that each trial added to that of the one that it continues; 0 where it has none."""
    fidelity = np.nan_to_num(columns.fidelity, nan=0.0)
    before = np.where(columns.previous >= 0, fidelity[columns.previous], 0.0)
    return np.asarray(np.maximum(fidelity - before, 0.0))


def spent_by(columns: Columns) -> dict[str, Floats]:
    """What was spent by the end of each evaluation.

    Returns:
        By axis, as far as the run has it, in the order of `columns.order.ended`: evaluations; cost, in the user's unit;
        time, in seconds since the run began; fidelity, in its unit, without what was evaluated before already.
    """
    rows = columns.order.ended
    axes = {"evaluations": np.arange(1, len(rows) + 1, dtype=float)}
    cost = columns.cost[rows]
    with np.errstate(over="ignore"):
        if np.isfinite(cost).any():
            axes["cost"] = np.cumsum(np.where(np.isfinite(cost), cost, 0.0))
        times = columns.ended[rows]
        if np.isfinite(times).any():
            axes["time"] = np.maximum.accumulate(np.nan_to_num(times - (first_time(columns) or 0.0), nan=0.0))
        if np.isfinite(columns.fidelity[rows]).any():
            axes["fidelity"] = np.cumsum(fidelity_added(columns)[rows])
    return axes
