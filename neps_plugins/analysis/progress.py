"""How results came in: the best so far, learning curves, rungs."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_plugins.analysis.columns import STATES, SUCCESS
from neps_plugins.analysis.followed import Followed
from neps_plugins.analysis.plain import largest_triangles, number, numbers
from neps_plugins.analysis.table import first

#: Results that are drawn, besides those that were the best.
DRAWN = 2000

#: How many times larger the largest must be than the smallest for a log scale.
ORDERS = 100.0


def incumbent_rows(analysis: Followed, objective: int = 0) -> tuple[Any, Any]:
    """Of what has ended, in that order: the rows, and the places among them where the best so far changed."""
    columns = analysis.columns
    rows = np.array(columns.ends, dtype=int)
    y = columns.objective(objective)[rows]
    counted = np.where(columns.comparable[rows] & np.isfinite(y), y, np.inf)
    best = np.minimum.accumulate(counted) if len(rows) else counted
    before = np.concatenate([[np.inf], best])[:-1]
    return rows, np.flatnonzero(best < before)


def axes_of(analysis: Followed, rows: Any) -> dict[str, Any]:
    """What had been spent by the end of each of some rows, for what the run has."""
    columns = analysis.columns
    axes = {"evaluations": np.arange(1.0, len(rows) + 1)}
    for name, values in (("cost", columns.cost[rows]), ("fidelity", columns.added[rows])):
        if np.isfinite(values).any():
            axes[name] = np.cumsum(np.where(np.isfinite(values), values, 0.0))
    starts = columns.started[np.isfinite(columns.started)]
    if len(starts) and np.isfinite(columns.ended[rows]).all():
        axes["time"] = np.maximum.accumulate(columns.ended[rows] - starts.min())
    return axes


def anytime(analysis: Followed, objective: int = 0) -> dict[str, Any]:
    """The best so far over what was spent, and all results."""
    columns = analysis.columns
    rows, steps = incumbent_rows(analysis, objective)
    y = columns.objective(objective)[rows]
    axes = {}
    for name, x in axes_of(analysis, rows).items():
        ids = [columns.ids[row] for row in rows[steps]]
        xs, ys = numbers(x[steps]), numbers(y[steps])
        if len(steps):  # to where the run stands now
            xs, ys, ids = [*xs, number(x[-1])], [*ys, ys[-1]], [*ids, ids[-1]]
        axes[name] = {"x": xs, "y": ys, "ids": ids}
    finite = np.flatnonzero(np.isfinite(y))
    kept_places = np.searchsorted(finite, steps)
    chosen = finite[largest_triangles(finite.astype(float), y[finite], DRAWN, kept_places)]
    values = y[finite]
    is_log = bool(len(values) and values.min() > 0 and values.max() / ORDERS > values.min())
    succeeded = columns.state[rows] == SUCCESS
    return {
        "objective": columns.objective_names[objective] if columns.objective_names else None,
        "log": is_log,
        "axes": axes,
        "results": {
            "x": [int(place) + 1 for place in chosen],
            "y": numbers(y[chosen]),
            "ids": [columns.ids[row] for row in rows[chosen]],
            "states": [STATES[int(code)].value for code in columns.state[rows[chosen]]],
        },
        "n": len(rows),
        "kept": len(chosen),
        "not_finite": int((succeeded & ~np.isfinite(y)).sum()),
    }


def curves(analysis: Followed, limit: int = 200) -> dict[str, Any]:
    """The learning curves of the best trials and the newest; live reports before what the result holds."""
    columns, trials = analysis.columns, analysis.run.trials
    having = [row for row, i in enumerate(columns.ids) if len(trials[i].points) or _has_curve(trials[i])]
    y = columns.objective(0)
    ranked = sorted(having, key=lambda row: (not np.isfinite(y[row]), y[row] if np.isfinite(y[row]) else 0.0))
    half = max(1, limit // 2)
    chosen = list(dict.fromkeys([*ranked[:half], *reversed(having)]))[: max(1, limit)]
    lines = []
    for row in sorted(chosen):
        trial = trials[columns.ids[row]]
        if len(trial.points):
            steps, values = [p.step for p in trial.points], [first(p.objective) for p in trial.points]
        else:
            curve = trial.report.learning_curve if trial.report is not None else None
            try:
                values = [first(value) for value in curve or ()]
            except (OSError, ValueError):  # it is kept in a file that is gone
                continue
            steps = [float(step) for step in range(1, len(values) + 1)]
        stride = max(1, len(steps) // 500)
        places = sorted({*range(0, len(steps), stride), len(steps) - 1})
        lines.append(
            {
                "id": trial.id,
                "steps": numbers(steps[i] for i in places),
                "values": numbers(values[i] for i in places),
                "state": trial.state.value,
                "stopped_early": trial.was_stopped_early,
            }
        )
    return {"lines": lines, "n": len(having), "kept": len(lines)}


def _has_curve(trial: Any) -> bool:
    return trial.report is not None and trial.report.learning_curve is not None


def rungs(analysis: Followed) -> dict[str, Any]:
    """Trials by fidelity. A bracket is told from the ids: those of one number are one configuration, rung by rung."""
    columns = analysis.columns
    fidelity = columns.fidelity
    if fidelity is None:
        return {"fidelity": None, "levels": None, "brackets": None, "results": None}
    at, y = fidelity.values.first(len(columns)), columns.objective(0)
    levels = np.unique(at[np.isfinite(at)])
    shown = levels[:: max(1, len(levels) // 64)]
    previous = {t.metadata.previous_trial_id for t in analysis.run.trials.values()}
    continued = np.array([trial_id in previous for trial_id in columns.ids], dtype=bool)
    table = []
    for level in shown:
        here = at == level
        good = here & columns.comparable & np.isfinite(y)
        table.append(
            {
                "level": number(level),
                "n": int(here.sum()),
                "finished": int((here & np.isin(columns.state, _FINISHED)).sum()),
                "promoted": int((here & continued).sum()),
                "running": int((here & (columns.state == _EVALUATING)).sum()),
                "best": number(y[good].min()) if good.any() else None,
            }
        )
    some = np.flatnonzero(np.isfinite(at) & np.isfinite(y))
    _, steps = incumbent_rows(analysis)
    best = np.array(columns.ends, dtype=int)[steps]
    some = some[largest_triangles(some.astype(float), y[some], DRAWN, np.searchsorted(some, best[np.isin(best, some)]))]
    return {
        "fidelity": fidelity.path,
        "levels": numbers(shown),
        "brackets": [{"name": "all", "rungs": table}],
        "results": {"x": numbers(at[some]), "y": numbers(y[some]), "ids": [columns.ids[row] for row in some]},
    }


_FINISHED = [code for code, state in enumerate(STATES) if state.is_finished]
_EVALUATING = next(code for code, state in enumerate(STATES) if state.value == "evaluating")
