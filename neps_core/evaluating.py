"""What a trial's evaluation is: the user's function with everything that it gets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

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
    """What the user's function gets besides the configuration, if it names it.

    Raises:
        StorageError: If the trial's folder can't be made, or is none of ours.
    """
    previous = trial.metadata.previous_trial_id
    if previous not in run.trials:  # removed since
        previous = None
    return {
        "pipeline_directory": run.folder.trial_directory(trial.id),
        "previous_pipeline_directory": run.folder.trial_directory(previous) if previous else None,
        "pipeline_id": trial.id,
        "root_directory": run.root_directory,
    }
