"""A trial as a row of a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from neps_core import Run, Trial
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Integers
from neps_plugins.analysis.jsonable import number, numbers, plain


def rows(columns: Columns, which: Iterable[int] | Integers) -> list[dict[str, Any]]:
    """Some trials as rows."""
    return [row(columns, columns.run.trials[trial_id]) for trial_id in columns.ids_of(which)]


def row(columns: Columns, trial: Trial) -> dict[str, Any]:
    """What is shown of a trial at a glance.

    Returns:
        id, state, objectives, constraints (by name), feasible, stopped_early, cost, duration (seconds), fidelity,
        time_end, worker, config (by path), note.
    """
    report = trial.report
    at = columns.row_of[trial.id]
    return {
        "id": trial.id,
        "state": trial.state.value,
        "objectives": None if trial.objectives is None else numbers(list(trial.objectives)),
        "constraints": {name: number(value) for name, value in trial.constraints_by_name.items()},
        "feasible": trial.is_feasible if trial.objectives is not None else None,
        "stopped_early": trial.was_stopped_early,
        "cost": None if report is None else number(report.cost),
        "duration": number(columns.duration[at]),
        "fidelity": number(columns.fidelity[at]),
        "time_end": number(trial.metadata.time_end),
        "worker": trial.metadata.evaluating_worker_id,
        "config": {path: plain(value) for path, value in trial.config.items()},
        "note": note_of(columns.run, trial.id),
    }


def note_of(run: Run, trial_id: str) -> str | None:
    """What somebody remarked on a trial."""
    return run.log.notes.get(trial_id)
