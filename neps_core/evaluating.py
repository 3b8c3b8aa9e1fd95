"""What a trial's evaluation is: the user's function with everything that it gets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from neps_core.artifacts import TrialFolders
from neps_core.run import Run
from neps_core.spaces.sources import replay
from neps_core.trials import Trial
from neps_core.user_function import UserFunction


def prepared(run: Run, function: UserFunction, trial: Trial) -> Callable[[], Any]:
    """The evaluation of a trial, ready to be called.

    Raises:
        SpaceError: If an argument can't be made here.
        StorageError: If the trial's folder can't be made, or is none of ours.
    """
    return partial(function, replay(run.space, trial.config).arguments(), injected(run, trial))


def injected(run: Run, trial: Trial) -> dict[str, Any]:
    """What the user's function gets besides the configuration, if it names it; and the trial's `folders`.

    Raises:
        StorageError: If the trial's folder can't be made, or is none of ours.
    """
    folders = folders_of(run, trial)
    return {
        "pipeline_directory": folders.directory,
        "previous_pipeline_directory": folders.previous_directory,
        "pipeline_id": trial.id,
        "root_directory": run.root_directory,
        "folders": folders,
    }


def folders_of(run: Run, trial: Trial) -> TrialFolders:
    """The folders of a trial's evaluation, which exist on this host when this returns.

    Raises:
        StorageError: If one can't be made, or is none of ours.
    """
    previous = run.trials.get(trial.metadata.previous_trial_id or "")  # it may have been removed since
    was_evaluated = previous is not None and previous.metadata.time_started is not None  # and not imported
    return TrialFolders(
        run.folder.trial_directory(trial.id),
        _kept_as(run, trial),
        run.folder.trial_directory(previous.id) if previous is not None else None,
        _kept_as(run, previous) if previous is not None and was_evaluated else None,
        run.root_directory,
    )


def _kept_as(run: Run, trial: Trial) -> str:
    """What a store calls the folder of a trial.

    A run that overwrites another one has another name, a copy has the same; where both go on, their trials differ.
    """
    config = json.dumps(dict(trial.config), sort_keys=True, default=repr)
    return f"run-{_digest(f'{run.log.seed} {run.log.began!r}')}/config_{trial.id}-{_digest(config)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="backslashreplace"), digest_size=6).hexdigest()
