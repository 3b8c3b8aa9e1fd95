"""What went wrong, grouped by what it says."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.jsonable import number, plain
from neps_plugins.analysis.states import STATES, WRONG

#: Groups, and trials of each, that are named; the largest groups, and the last of their trials.
GROUPS, EXAMPLES = 100, 5


def errors(columns: Columns) -> dict[str, Any]:
    """What went wrong.

    Returns:
        states (how many trials are in each that is none to be in), groups (largest first): message, in which numbers,
        addresses and paths are left out; n; ids of the last few; last_time; example (the last one's own message) and tb
        (its traceback); n_groups. What was wrong and stands for a number since (`objective_value_on_error`) is among
        them.
    """
    rows = np.flatnonzero(columns.message >= 0)
    codes = columns.message[rows]
    counts = np.bincount(codes, minlength=len(columns.messages.texts))
    largest = np.argsort(-counts, kind="stable")[: min(GROUPS, int((counts > 0).sum()))]
    states = np.bincount(columns.state, minlength=len(STATES)) if len(columns) else np.zeros(len(STATES), dtype=int)
    return {
        "states": {STATES[code].value: int(states[code]) for code in WRONG if states[code]},
        "groups": [_group(columns, code, rows[codes == code]) for code in largest.tolist()],
        "n_groups": int((counts > 0).sum()),
    }


def _group(columns: Columns, code: int, rows: np.ndarray[Any, Any]) -> dict[str, Any]:
    times = np.nan_to_num(columns.ended[rows], nan=0.0)
    newest = rows[np.argsort(-times, kind="stable")[:EXAMPLES]]
    report = columns.run.trials[columns.ids[newest[0]]].report
    return {
        "message": columns.messages.texts[code],
        "n": len(rows),
        "ids": columns.ids_of(newest),
        "last_time": number(columns.ended[newest[0]]),
        "example": None if report is None else plain(report.err),
        "tb": None if report is None else plain(report.tb),
    }
