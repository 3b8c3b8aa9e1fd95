"""Several runs side by side, with their spread over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neps_core import NePSError
from neps_plugins.analysis.followed import Followed
from neps_plugins.analysis.overview import overview
from neps_plugins.analysis.plain import numbers

#: Places of the grid that the runs of a group share.
GRID = 200


def compare(
    analyses: Sequence[Followed], axis: str = "evaluations", groups: Sequence[str] | None = None
) -> dict[str, Any]:
    """The best so far of several runs, and the median and quartiles of those of a group.

    Args:
        analyses: The runs.
        axis: `"evaluations"`, `"cost"`, `"time"` or `"fidelity"`.
        groups: Which group each belongs to; None for the name of its optimizer.

    Raises:
        NePSError: There is no such axis, or not a group for each run.
    """
    if axis not in ("evaluations", "cost", "time", "fidelity"):
        raise NePSError(f"axis={axis!r} must be 'evaluations', 'cost', 'time' or 'fidelity'.")
    if groups is not None and len(groups) != len(analyses):
        raise NePSError(f"groups= names {len(groups)} groups for {len(analyses)} runs; give one for each.")
    runs, table, members = [], [], {}
    for i, analysis in enumerate(analyses):
        told, label = overview(analysis), analysis.run.root_directory.name
        curve = analysis.view("anytime")["axes"].get(axis, {"x": [], "y": []})
        runs.append({"label": label, "x": curve["x"], "y": curve["y"]})
        best = None if told["best"] is None else told["best"]["objectives"][0]
        table.append({"label": label, "n_trials": told["n_trials"], "best": best, **told["spent"]})
        if curve["x"]:
            group = told["optimizer"] or "" if groups is None else str(groups[i])
            members.setdefault(group, []).append(curve)
    return {"axis": axis, "runs": runs, "bands": [_band(*item) for item in members.items()], "table": table}


def _band(label: str, curves: list[dict[str, Any]]) -> dict[str, Any]:
    """On a grid from where every run has a result to where the first one ends."""
    start, end = max(curve["x"][0] for curve in curves), min(curve["x"][-1] for curve in curves)
    grid = np.linspace(start, end, GRID) if end > start else np.array([float(end)] * (end >= start))
    if not len(grid):
        return {"label": label, "n": len(curves), "x": [], "median": [], "low": [], "high": []}
    ys = [np.array(c["y"], dtype=float)[np.searchsorted(c["x"], grid, side="right") - 1] for c in curves]
    low, median, high = np.quantile(np.array(ys), [0.25, 0.5, 0.75], axis=0)
    return {
        "label": label,
        "n": len(curves),
        "x": numbers(grid),
        "median": numbers(median),
        "low": numbers(low),
        "high": numbers(high),
    }
