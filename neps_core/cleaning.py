"""Removing trials from a run, so that it can go on without them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
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
    again: bool = False,
    *,
    storage: str | None = None,
) -> list[Trial]:
    """Remove trials from a run, with their folders.

    Args:
        root_directory: The run's folder.
        trial_ids: Which; None for all in one of `states`.
        states: Used without `trial_ids`.
        dry_run: Remove nothing.
        again: Have their configurations evaluated once more: each is a pending trial then, and its folder keeps what
            `evaluate_pipeline` has put there, such as checkpoints.
        storage: What the run is kept in, if not in the folder; as for `neps.run`.

    Returns:
        The trials that were removed, or (with `dry_run`) would be.

    Raises:
        FileNotFoundError: If there is no run.
        StorageError: If the run can only be looked at.
        TrialError: If there is no such trial, or a living worker evaluates it. Nothing is removed then.
    """
    run = open_run(root_directory, storage=storage)
    run.check_writable()
    with nullcontext() if dry_run else run.locked("sampling"):  # who only looks makes no file
        run.refresh()
        chosen = _chosen(run, trial_ids, frozenset(states))
        alive = {each.trial.id: each.worker for each in running(run) if each.is_alive}
        for trial in chosen:
            if trial.id in alive:
                raise TrialError(
                    f"trial {trial.id} is being evaluated by worker {alive[trial.id]}. Stop the worker first."
                )
        if chosen and not dry_run:
            run.record(*(event for trial in chosen for event in _events(trial, again)))
    if chosen and not dry_run:
        run.tell("neps_run_finished", result=result_of(run, "trials were removed"))
    return chosen


def _events(trial: Trial, again: bool) -> Iterator[ev.Event]:
    yield ev.Deleted(trial.id)
    if again:
        of = trial.metadata
        yield ev.Sampled(trial.id, dict(trial.config), of.time_sampled, of.sampling_worker_id, of.previous_trial_id)


def known_ids(
    root_directory: str | Path, trial_ids: Iterable[str], storage: str | None = None
) -> tuple[list[str], list[str]]:
    """Those of some ids that are trials of a run, and those that aren't.

    Raises:
        FileNotFoundError: If there is no run.
        TrialError: If they are no list.
    """
    run = open_run(root_directory, storage=storage)
    known: list[str] = []
    unknown: list[str] = []
    for trial_id in _listed(trial_ids):
        try:
            known.append(run.trial(trial_id).id)
        except TrialError:
            unknown.append(trial_id)
    return known, unknown


def _chosen(run: Run, trial_ids: Sequence[str] | None, states: frozenset[State]) -> list[Trial]:
    if trial_ids is None:
        return [trial for trial in run.trials.values() if trial.state in states]
    trials = {trial.id: trial for trial in map(run.trial, _listed(trial_ids))}
    return [trials[trial_id] for trial_id in sorted(trials, key=id_order)]


def _listed(trial_ids: Iterable[str]) -> Iterable[str]:
    if isinstance(trial_ids, (str, bytes)) or not isinstance(trial_ids, Iterable):
        raise TrialError(f"trial_ids must be a list of ids, not {type(trial_ids).__name__}: trial_ids=['1'].")
    return trial_ids
