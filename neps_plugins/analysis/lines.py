"""The learning curves of trials: what was reported while they ran, or came with the result."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neps_core import StorageError, Trial
from neps_plugins.analysis.growing import Floats
from neps_plugins.analysis.jsonable import as_float, numbers
from neps_plugins.analysis.thinning import kept

#: Points of a curve that are shown.
POINTS = 300


def line_of(trial: Trial, objective: int = 0) -> tuple[Floats, Floats, Floats]:
    """A trial's learning curve.

    Args:
        trial: The trial.
        objective: Which of several.

    Returns:
        Steps, values, and costs by then (NaN where nobody said): empty if there is no curve, or it can't be read.
    """
    points: list[tuple[float, Any, float | None]] = [
        (point.step, point.objective, point.cost) for point in trial.points
    ]
    if not points and trial.report is not None and trial.report.learning_curve is not None:
        try:
            points = [(i + 1, value, None) for i, value in enumerate(trial.report.learning_curve)]
        except (StorageError, TypeError):  # its file is gone; or it is none, in a folder of somebody else's
            points = []
    steps = [as_float(step) for step, _, _ in points]
    values = [_one(value, objective) for _, value, _ in points]
    costs = [math.nan if cost is None else as_float(cost) for _, _, cost in points]
    return np.array(steps), np.array(values), np.array(costs)


def points_of(trial: Trial) -> dict[str, Any]:
    """A trial's learning curve as a document: steps, values and costs, thinned out; n is how many points it has."""
    steps, values, costs = line_of(trial)
    at = kept(steps, values, np.arange(0), POINTS)
    shown_costs = numbers(costs[at]) if np.isfinite(costs).any() else []
    return {"steps": numbers(steps[at]), "values": numbers(values[at]), "costs": shown_costs, "n": len(steps)}


def _one(value: Any, objective: int) -> float:
    if isinstance(value, (list, tuple)):
        return as_float(value[objective]) if objective < len(value) else math.nan
    if isinstance(value, dict):
        items = list(value.values())
        return as_float(items[objective]) if objective < len(items) else math.nan
    return as_float(value)
