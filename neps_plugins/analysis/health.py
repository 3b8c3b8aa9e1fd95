"""Who works, and what went wrong."""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np

from neps_core import State
from neps_plugins.analysis.columns import STATES
from neps_plugins.analysis.followed import Followed
from neps_plugins.analysis.plain import number

_WRONG = [code for code, state in enumerate(STATES) if state in (State.FAILED, State.CRASHED, State.CORRUPTED)]
_PATH = re.compile(r"(?:[A-Za-z]:)?[/\\][^\s'\":,]+")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def workers(analysis: Followed) -> dict[str, Any]:
    """Each worker: whether it lives, what it does, and which part of its time it evaluates."""
    columns, run = analysis.columns, analysis.run
    alive = set(run.locks.living_workers())
    current = {run.trials[i].metadata.evaluating_worker_id: i for i in run.log.evaluating}
    now, code = time.time(), columns.worker
    rows = []
    codes = {worker: i for i, worker in enumerate(columns.workers)}
    for worker in dict.fromkeys([*codes, *sorted(alive)]):
        mine = np.flatnonzero(code == codes.get(worker, -1))
        starts, ends = columns.started[mine], columns.ended[mine]
        ends = np.where(np.isnan(ends) & (worker in alive), now, ends)
        known = np.isfinite(starts) & np.isfinite(ends)
        busy = float(np.maximum(ends - starts, 0.0)[known].sum())
        first = float(starts[known].min()) if known.any() else None
        last = float(ends[known].max()) if known.any() else None
        span = 0.0 if first is None or last is None else last - first
        rows.append(
            {
                "id": worker,
                "alive": worker in alive,
                "n": len(mine),
                "failed": int(np.isin(columns.state[mine], _WRONG).sum()),
                "busy": number(busy),
                "utilisation": number(min(busy / span, 1.0)) if span > 0 else None,
                "first": number(first),
                "last": number(last),
                "current": current.get(worker),
            }
        )
    spans = sum(row["last"] - row["first"] for row in rows if row["utilisation"] is not None)
    total = sum(row["busy"] for row in rows if row["utilisation"] is not None)
    return {"workers": rows, "utilisation": number(min(total / spans, 1.0)) if spans > 0 else None}


def timeline(
    analysis: Followed, start: float | None = None, end: float | None = None, limit: int = 5000
) -> dict[str, Any]:
    """Who evaluated what and when; beyond the limit, the longest evaluations."""
    columns = analysis.columns
    starts = columns.started
    running = np.isnan(columns.ended) & (columns.state == STATES.index(State.EVALUATING))
    ends = np.where(running, time.time(), columns.ended)
    some = np.isfinite(starts) & np.isfinite(ends) & np.isfinite(columns.worker)
    if start is not None:
        some &= ends >= start
    if end is not None:
        some &= starts <= end
    rows = np.flatnonzero(some)
    n = len(rows)
    if n > limit:
        rows = np.sort(rows[np.argsort(starts[rows] - ends[rows], kind="stable")[: max(1, limit)]])
    bars = [
        [int(w), s, e, columns.ids[row], STATES[int(c)].value]
        for row, w, s, e, c in zip(
            rows.tolist(),
            columns.worker[rows].tolist(),
            starts[rows].tolist(),
            ends[rows].tolist(),
            columns.state[rows],
        )
    ]
    return {"workers": columns.workers, "bars": bars, "n": n, "kept": len(bars)}


def errors(analysis: Followed) -> dict[str, Any]:
    """What went wrong, alike messages together: numbers, addresses and paths are left out."""
    columns, trials = analysis.columns, analysis.run.trials
    groups: dict[str, list[int]] = {}
    for row, message in columns.errors.items():
        groups.setdefault(alike(message), []).append(row)
    told = []
    for message, rows in sorted(groups.items(), key=lambda item: -len(item[1])):
        report = trials[columns.ids[rows[-1]]].report
        times = columns.ended[rows]
        told.append(
            {
                "message": message,
                "n": len(rows),
                "ids": [columns.ids[row] for row in rows[:10]],
                "last_time": number(times[np.isfinite(times)].max()) if np.isfinite(times).any() else None,
                "tb": None if report is None else report.tb,
            }
        )
    return {"states": columns.counts, "groups": told}


def alike(message: str) -> str:
    """A message without what differs from trial to trial."""
    return _NUMBER.sub("#", _ADDRESS.sub("0x#", _PATH.sub("<path>", message)))[:500]
