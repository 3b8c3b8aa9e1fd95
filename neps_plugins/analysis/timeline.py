"""Which worker evaluated what, when."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.jsonable import as_float
from neps_plugins.analysis.options import as_count
from neps_plugins.analysis.workers import ends_of


def timeline(columns: Columns, start: Any = None, end: Any = None, limit: Any = 5000) -> dict[str, Any]:
    """The evaluations as bars.

    Args:
        columns: The run.
        start: Only what goes on after this time, in Unix seconds.
        end: Only what begins before this one.
        limit: How many bars at most: the longest ones, as shorter ones can hardly be seen before a part is looked at.

    Returns:
        workers (ids), bars: [index of the worker, start, end, trial id, state] by start; what goes on ends now; n (bars
        there would be), kept.
    """
    most = as_count("limit", limit, 1)
    ends = ends_of(columns)
    low, high = (-math.inf if start is None else as_float(start)), (math.inf if end is None else as_float(end))
    there = (columns.worker >= 0) & np.isfinite(columns.started) & np.isfinite(ends)
    rows = np.flatnonzero(there & (ends >= low) & (columns.started <= high))
    n = len(rows)
    if n > most:
        lengths = ends[rows] - columns.started[rows]
        rows = rows[np.argpartition(-lengths, most)[:most]]
    rows = rows[np.argsort(columns.started[rows], kind="stable")]
    used = np.unique(columns.worker[rows])
    bars = zip(
        np.searchsorted(used, columns.worker[rows]).tolist(),
        columns.started[rows].tolist(),
        np.maximum(ends[rows], columns.started[rows]).tolist(),
        columns.ids_of(rows),
        columns.states_of(rows),
    )
    return {
        "workers": [columns.workers[code] for code in used.tolist()],
        "bars": [list(bar) for bar in bars],
        "n": n,
        "kept": len(rows),
    }
