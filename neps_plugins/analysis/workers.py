"""Who works on a run, and how much of the time."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Floats
from neps_plugins.analysis.jsonable import number
from neps_plugins.analysis.spent import last_time
from neps_plugins.analysis.states import EVALUATED, EVALUATING, WRONG

#: Workers that are named at most: those that live, and those that worked last.
MOST = 500


def workers(columns: Columns) -> dict[str, Any]:
    """The workers, those that live first, then in the order of their ids.

    Returns:
        workers: id, alive, n (evaluations that ended), failed, busy (seconds of evaluation), utilisation (the share of
        the time from its first to its last evaluation, for one that lives until now), first and last (Unix seconds),
        current (the trial that it evaluates); utilisation (of all together); n.
    """
    alive = set(columns.run.locks.living_workers())
    known = [*columns.workers, *sorted(alive - set(columns.workers))]
    k = len(known)
    ends = ends_of(columns)
    begun = (columns.worker >= 0) & np.isfinite(columns.started)
    who = columns.worker[begun]
    lengths = np.nan_to_num(np.maximum(ends[begun] - columns.started[begun], 0.0))
    busy = np.bincount(who, lengths, minlength=k)
    first, last = np.full(k, math.inf), np.full(k, -math.inf)
    np.minimum.at(first, who, columns.started[begun])
    np.maximum.at(last, who, np.nan_to_num(ends[begun], nan=-math.inf))
    current = current_trials(columns)
    for code, worker in enumerate(known):
        if worker in alive and worker in current:
            last[code] = max(last[code], time.time())
    spans = np.where(np.isfinite(last - first), last - first, 0.0)

    def count(states: tuple[int, ...]) -> list[int]:
        chosen = (columns.worker >= 0) & np.isin(columns.state, states)
        found: list[int] = np.bincount(columns.worker[chosen], minlength=k).tolist()
        return found

    n, failed = count(EVALUATED), count(WRONG)
    documents: list[dict[str, Any]] = [
        {
            "id": worker,
            "alive": worker in alive,
            "n": n[code],
            "failed": failed[code],
            "busy": number(busy[code]),
            "utilisation": _share(busy[code], spans[code]),
            "first": number(first[code]),
            "last": number(last[code]),
            "current": current.get(worker),
        }
        for code, worker in enumerate(known)
    ]
    documents.sort(key=lambda each: (not each["alive"], -(each["last"] or 0.0)))
    shown = sorted(documents[:MOST], key=lambda each: (not each["alive"], each["id"]))
    return {"workers": shown, "utilisation": _share(busy.sum(), spans.sum()), "n": k}


def current_trials(columns: Columns) -> dict[str, str]:
    """The trial that each worker evaluates, by the worker's id; not those whose result comes from elsewhere."""
    found = {}
    for trial_id in columns.run.log.evaluating:
        metadata = columns.run.trials[trial_id].metadata
        if metadata.evaluating_worker_id is not None and not metadata.is_asynchronous:
            found[metadata.evaluating_worker_id] = trial_id
    return found


def ends_of(columns: Columns) -> Floats:
    """When each evaluation ended: now, if it goes on; at the last time that is known, if its worker is dead."""
    ends: Floats = columns.ended.copy()
    going_on = np.flatnonzero(columns.state == EVALUATING)
    now, last = time.time(), last_time(columns)
    for row in going_on.tolist():
        code = int(columns.worker[row])
        lives = code >= 0 and columns.run.locks.is_alive(columns.workers[code])
        is_elsewhere = columns.run.trials[columns.ids[row]].metadata.is_asynchronous
        ends[row] = now if lives or is_elsewhere or last is None else max(last, columns.started[row])
    return ends


def _share(part: float, whole: float) -> float | None:
    return None if not whole > 0 else number(min(1.0, part / whole))
