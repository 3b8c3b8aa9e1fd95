"""Looking at a run, and tidying it up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from neps_core import events as ev
from neps_core.errors import NePSError, TrialError, nearest
from neps_core.pareto import best_of
from neps_core.run import Run, open_run
from neps_core.tables import count_states, row_of, summary_of
from neps_core.trials import State, Trial, id_order, without_folder
from neps_core.worker import notify, result_of

#: What `clean` removes unless it is told otherwise.
UNUSABLE = (State.FAILED, State.CRASHED, State.CORRUPTED)


@frozen
class Running:
    """A trial that is being evaluated.

    Attributes:
        trial: The trial.
        worker: Who evaluates it; "" for an asynchronous evaluation.
        is_alive: Whether that worker lives.
    """

    trial: Trial
    worker: str
    is_alive: bool


def running(run: Run) -> list[Running]:
    """The trials of a run that are being evaluated, and by whom."""
    found = []
    for trial_id in run.log.evaluating:
        trial = run.trials[trial_id]
        worker = "" if trial.metadata.is_asynchronous else trial.metadata.evaluating_worker_id or ""
        found.append(Running(trial, worker, bool(worker) and run.storage.is_alive(worker)))
    return found


def status(root_directory: str | Path, print_summary: bool = False) -> tuple[Any, Any]:
    """The trials of a run as a table, and the numbers that say how it stands.

    Args:
        root_directory: The run's folder.
        print_summary: Print the numbers, too.

    Returns:
        A `pandas.DataFrame` with a row per trial, indexed by id (`config.*`, the report's fields, `extra.*`,
        the metadata's fields), and a `pandas.Series` with the counts by state and the best trial.

    Raises:
        FileNotFoundError: If there is no run.
        NePSError: If pandas isn't installed.
    """
    try:
        import pandas as pd
    except ImportError as reason:
        raise NePSError("neps.status needs pandas: pip install 'neps-framework[analysis]'.") from reason
    run = open_run(root_directory)
    trials = list(run.trials.values())
    short = pd.Series(summary_of(count_states(trials), best_of(trials)), name="value", dtype=object)
    rows = [row_of(trial) for trial in trials]
    full = pd.DataFrame(rows or None, columns=None if rows else list(row_of(Trial("", {})))).set_index("id")
    if print_summary:
        print(short.to_string())
    return full, short


def clean(
    root_directory: str | Path,
    trial_ids: Sequence[str] | None = None,
    states: Iterable[State] = UNUSABLE,
    dry_run: bool = False,
) -> list[Trial]:
    """Remove trials from a run, with their folders.

    Args:
        root_directory: The run's folder.
        trial_ids: Which; None for all in one of `states`.
        states: Used without `trial_ids`.
        dry_run: Remove nothing.

    Returns:
        The trials that were removed, or (with `dry_run`) would be.

    Raises:
        FileNotFoundError: If there is no run.
        TrialError: If there is no such trial, or a living worker evaluates it. Nothing is removed then.
    """
    run = open_run(root_directory)
    with run.storage.lock("sampling"):
        run.refresh()
        chosen = _chosen(run, trial_ids, frozenset(states))
        alive = {r.trial.id: r.worker for r in running(run) if r.is_alive}
        for trial in chosen:
            if trial.id in alive:
                raise TrialError(
                    f"trial {trial.id} is being evaluated by worker {alive[trial.id]}. Stop the worker first."
                )
        if chosen and not dry_run:
            run.record(*(ev.Deleted(trial.id) for trial in chosen))
            run.storage.remove(trial.id for trial in chosen)
    if chosen and not dry_run:
        notify("neps_run_finished", run=run, result=result_of(run, "trials were removed"))
    return chosen


def _chosen(run: Run, trial_ids: Sequence[str] | None, states: frozenset[State]) -> list[Trial]:
    if trial_ids is None:
        return [trial for trial in run.trials.values() if trial.state in states]
    ids = dict.fromkeys(without_folder(str(trial_id)) for trial_id in trial_ids)
    for trial_id in ids:
        if trial_id not in run.trials:
            raise TrialError(f"there is no trial {trial_id!r} in {run.root_directory}. {nearest(trial_id, run.trials)}")
    return [run.trials[trial_id] for trial_id in sorted(ids, key=id_order)]
