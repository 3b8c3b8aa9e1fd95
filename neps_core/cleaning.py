"""Removing trials from a run, so that it can go on without them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from neps_core import events as ev
from neps_core.errors import TrialError
from neps_core.run import Run, open_run
from neps_core.run_result import result_of
from neps_core.run_status import running
from neps_core.trials import State, Trial, id_order

#: What `clean` removes unless it is told otherwise.
UNUSABLE = (State.FAILED, State.CRASHED, State.CORRUPTED)


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
        StorageError: If the run can only be looked at.
        TrialError: If there is no such trial, or a living worker evaluates it. Nothing is removed then.
    """
    run = open_run(root_directory)
    run.check_writable()
    with run.locked("sampling"):
        run.refresh()
        chosen = _chosen(run, trial_ids, frozenset(states))
        alive = {each.trial.id: each.worker for each in running(run) if each.is_alive}
        for trial in chosen:
            if trial.id in alive:
                raise TrialError(
                    f"trial {trial.id} is being evaluated by worker {alive[trial.id]}. Stop the worker first."
                )
        if chosen and not dry_run:
            run.record(*(ev.Deleted(trial.id) for trial in chosen))
    if chosen and not dry_run:
        run.tell("neps_run_finished", result=result_of(run, "trials were removed"))
    return chosen


def _chosen(run: Run, trial_ids: Sequence[str] | None, states: frozenset[State]) -> list[Trial]:
    if trial_ids is None:
        return [trial for trial in run.trials.values() if trial.state in states]
    if isinstance(trial_ids, (str, bytes)) or not isinstance(trial_ids, Iterable):
        raise TrialError(f"trial_ids must be a list of ids, not {type(trial_ids).__name__}: trial_ids=['1'].")
    trials = {trial.id: trial for trial in map(run.trial, trial_ids)}
    return [trials[trial_id] for trial_id in sorted(trials, key=id_order)]
