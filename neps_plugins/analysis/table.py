"""Trials as rows, a page at a time, and one trial with everything that is known of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from neps_core import NePSError, State, nearest
from neps_plugins.analysis.columns import STATES
from neps_plugins.analysis.followed import Followed
from neps_plugins.analysis.plain import number, numbers, plain

#: The most rows of a page, points of a curve, and characters of a log.
MOST_ROWS, MOST_POINTS, TAIL = 1000, 5000, 20_000


def row_of(analysis: Followed, row: int) -> dict[str, Any]:
    """A trial as a row."""
    columns = analysis.columns
    trial = analysis.run.trials[columns.ids[row]]
    fidelity = columns.fidelity
    return {
        "id": trial.id,
        "state": trial.state.value,
        "objectives": numbers(trial.objectives or ()),
        "cost": number(columns.cost[row]),
        "duration": number(columns.duration[row]),
        "fidelity": None if fidelity is None else number(fidelity.values.first(len(columns))[row]),
        "time_end": number(columns.ended[row]),
        "worker": trial.metadata.evaluating_worker_id,
        "config": {path: plain(value) for path, value in trial.config.items()},
        "note": None,
    }


def table(
    analysis: Followed,
    page: int = 1,
    size: int = 50,
    sort: str = "id",
    descending: bool = False,
    filter: str = "",
    state: str | None = None,
    columns: Sequence[str] | None = None,
) -> dict[str, Any]:
    """A page of the table of trials; `filter` is text that an id, state, worker, error or decision contains."""
    data = analysis.columns
    known = _keys(analysis)
    shown = list(known) if columns is None else list(columns)
    for key in (sort, *shown):
        if key not in known:
            raise NePSError(f"the table has no column {key!r}. {nearest(str(key), known)}")
    if state is not None and state not in list(State):
        raise NePSError(f"there is no state {state!r}. {nearest(str(state), [s.value for s in State])}")
    rows = np.arange(len(data))
    if state is not None:
        rows = rows[data.state == STATES.index(State(state))]
    if filter:
        rows = np.array([row for row in rows if filter.lower() in _text(analysis, row)], dtype=int)
    rows = rows[_order(analysis, sort, rows)]
    if descending:
        missing = _missing(analysis, sort, rows)
        rows = np.concatenate([rows[~missing][::-1], rows[missing]])
    size = min(max(int(size), 1), MOST_ROWS)
    pages = max(1, math.ceil(len(rows) / size))
    page = min(max(int(page), 1), pages)
    here = rows[(page - 1) * size : page * size]
    return {
        "columns": [{"key": key, "label": known[key][0], "kind": known[key][1]} for key in shown],
        "rows": [row_of(analysis, int(row)) for row in here],
        "n": len(rows),
        "pages": pages,
        "page": page,
    }


def _keys(analysis: Followed) -> dict[str, tuple[str, str]]:
    data = analysis.columns
    keys = {"id": ("id", "id"), "state": ("state", "state")}
    keys |= {f"objectives.{k}": (name, "number") for k, name in enumerate(data.objective_names)}
    keys |= {"cost": ("cost", "number"), "duration": ("duration", "seconds")}
    if data.fidelity is not None:
        keys["fidelity"] = (data.fidelity.path, "number")
    keys |= {"time_end": ("ended", "time"), "worker": ("worker", "text")}
    return keys | {f"config.{p.path}": (p.path, p.kind) for p in data.parameters.values()}


def _values(analysis: Followed, key: str) -> np.ndarray[Any, Any]:
    data = analysis.columns
    if key.startswith("objectives."):
        return data.objective(int(key.partition(".")[2]))
    if key.startswith("config."):
        return data.parameters[key.partition(".")[2]].values.first(len(data))
    if key == "id":
        return np.arange(len(data), dtype=float)
    if key == "fidelity" and data.fidelity is not None:
        return data.fidelity.values.first(len(data))
    return np.asarray(getattr(data, {"time_end": "ended"}.get(key, key)))


def _order(analysis: Followed, key: str, rows: Any) -> Any:
    return np.argsort(_values(analysis, key)[rows], kind="stable")  # NaN comes last


def _missing(analysis: Followed, key: str, rows: Any) -> Any:
    return np.isnan(_values(analysis, key)[rows])


def _text(analysis: Followed, row: int) -> str:
    trial = analysis.run.trials[analysis.columns.ids[row]]
    parts = [trial.id, trial.state.value, trial.metadata.evaluating_worker_id or "", analysis.columns.errors.get(row)]
    parts += [f"{path}={value}" for path, value in trial.config.items()]
    return " ".join(part or "" for part in parts).lower()


def trial(analysis: Followed, id: str) -> dict[str, Any]:
    """Everything that is known of a trial."""
    data, run = analysis.columns, analysis.run
    if id not in data.rows:
        raise NePSError(f"there is no trial {id!r} in {run.root_directory}. {nearest(str(id), data.ids[:2000])}")
    found = run.trials[id]
    report, meta = found.report, found.metadata
    points = list(found.points[-MOST_POINTS:])
    folder = run.root_directory / meta.location if meta.location else None
    return row_of(analysis, data.rows[id]) | {
        "tree": _tree(found.config),
        "metadata": {name: plain(getattr(meta, name)) for name in meta.__slots__ if not name.startswith("__")},
        "report": None if report is None else _report(report),
        "points": {
            "steps": numbers(point.step for point in points),
            "values": numbers(first(point.objective) for point in points),
            "costs": numbers(point.cost for point in points),
        },
        "previous": meta.previous_trial_id,
        "continued_by": [t.id for t in run.trials.values() if t.metadata.previous_trial_id == id],
        "files": _files(folder),
        "log_tail": _log_tail(folder),
    }


def first(value: Any) -> Any:
    """The value, or the first of several."""
    value = value[0] if isinstance(value, (list, tuple)) and value else value
    return value if isinstance(value, (int, float)) else None


def _report(report: Any) -> dict[str, Any]:
    names = [name for name in report.__slots__ if not name.startswith("__") and name != "learning_curve"]
    return {name: plain(getattr(report, name)) for name in names}


def _tree(config: Any) -> str:
    """The decisions by path, indented by how they are nested."""
    lines, seen = [], set()
    for path, value in config.items():
        parts = path.split(".")
        for depth in range(len(parts) - 1):
            head = ".".join(parts[: depth + 1])
            if head not in seen and head not in config:
                lines.append("  " * depth + parts[depth])
            seen.add(head)
        seen.add(path)
        lines.append("  " * (len(parts) - 1) + f"{parts[-1]}: {value}")
    return "\n".join(lines)


def _files(folder: Any) -> list[dict[str, Any]]:
    try:
        found = sorted(path for path in folder.iterdir() if path.is_file()) if folder is not None else []
        return [{"name": path.name, "size": path.stat().st_size} for path in found[:200]]
    except OSError:  # it is nowhere, or vanishes
        return []


def _log_tail(folder: Any) -> str | None:
    """The end of the newest file that is called like a log."""
    try:
        logs = [p for p in folder.iterdir() if p.suffix in (".log", ".out")] if folder is not None else []
        if not logs:
            return None
        with max(logs, key=lambda path: path.stat().st_mtime).open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - TAIL))
            return stream.read(TAIL).decode("utf-8", "replace")
    except OSError:
        return None
