"""Cleaning a run by the functions that NePS has for it; ours is `neps.clean`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Union

from neps_core import State, Trial
from neps_core.cleaning import UNUSABLE, clean, known_ids


def clean_failed_trials(
    root_directory: str | Path,
    *,
    desired_states: Sequence[State] | None = None,
    trial_ids: Sequence[str] | None = None,
    dry_run: bool = False,
    delete: bool = False,
) -> dict[Union[State, str], int]:
    """`clean_trials_by_id` if there are only ids, else `clean_trials_by_state`.

    Args:
        root_directory: The run's folder.
        desired_states: Clean the trials in these states.
        trial_ids: Clean these trials.
        dry_run: Only count.
        delete: Remove the trials, instead of having them evaluated once more.

    Returns:
        As the function that was called.

    Raises:
        FileNotFoundError: If there is no run.
        TrialError: If a living worker evaluates one of them. Nothing is changed then.
    """
    if desired_states is None and trial_ids is not None:
        return {**clean_trials_by_id(root_directory, trial_ids, dry_run=dry_run, delete=delete)}
    return clean_trials_by_state(root_directory, desired_states=desired_states, dry_run=dry_run, delete=delete)


def clean_trials_by_state(
    root_directory: str | Path,
    *,
    desired_states: Sequence[State] | None = None,
    dry_run: bool = False,
    delete: bool = False,
) -> dict[Union[State, str], int]:
    """Clean the trials that are in some states.

    Args:
        root_directory: The run's folder.
        desired_states: The states; failed, crashed and corrupted if left out.
        dry_run: Only count.
        delete: Remove the trials, instead of having them evaluated once more.

    Returns:
        How many trials there were in each of the states, in `"total_removed"` how many there were together, and in
        `"errors_cleaned"` how many of them had an error.

    Raises:
        FileNotFoundError: If there is no run.
        TrialError: If a living worker evaluates one of them. Nothing is changed then.
    """
    states = [State(state) for state in (UNUSABLE if desired_states is None else desired_states)]
    cleaned = clean(root_directory, states=states, dry_run=dry_run, again=not delete)
    counts: dict[Union[State, str], int] = {s: sum(trial.state is s for trial in cleaned) for s in states}
    return {**counts, "errors_cleaned": _errors(cleaned), "total_removed": len(cleaned)}


def clean_trials_by_id(
    root_directory: str | Path, trial_ids: Sequence[str], *, dry_run: bool = False, delete: bool = False
) -> dict[str, int]:
    """Clean some trials, whatever state they are in.

    Args:
        root_directory: The run's folder.
        trial_ids: Their ids. One that there is not is counted, and stops nothing.
        dry_run: Only count.
        delete: Remove the trials, instead of having them evaluated once more.

    Returns:
        In `"removed"` how many there were, in `"not_found"` how many there were not, and in `"errors_cleaned"` how many
        of them had an error.

    Raises:
        FileNotFoundError: If there is no run.
        TrialError: If `trial_ids` is no list, or a living worker evaluates one of them. Nothing is changed then.
    """
    known, unknown = known_ids(root_directory, trial_ids)
    cleaned = clean(root_directory, known, dry_run=dry_run, again=not delete)
    return {"removed": len(cleaned), "not_found": len(unknown), "errors_cleaned": _errors(cleaned)}


def _errors(trials: Sequence[Trial]) -> int:
    return sum(trial.report is not None and trial.report.err is not None for trial in trials)
