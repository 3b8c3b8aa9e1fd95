"""Small helpers for scripts."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neps_core.live import get_in_progress_run, get_in_progress_trial
from neps_core.results import UserResultDict
from neps_plugins.importing import load_trials


def extract_keyword_defaults(f: Callable[..., Any]) -> dict[str, Any]:
    """The parameters of a callable that have defaults, with these."""
    parameters = inspect.signature(f).parameters
    return {name: p.default for name, p in parameters.items() if p.default is not p.empty}


def load_trials_from_pickle(root_dir: str | Path) -> list[tuple[dict[str, Any], UserResultDict]]:
    """The finished trials of a run: `neps.load_trials`. No pickle is read.

    Args:
        root_dir: The run's folder.

    Raises:
        FileNotFoundError: If there is no run.
    """
    return load_trials(root_dir)


def get_initial_directory(pipeline_directory: str | Path | None = None) -> Path:
    """The folder of the trial with which a configuration began that was continued at higher fidelities.

    Args:
        pipeline_directory: A trial's folder; that of the trial which is being evaluated if left out.

    Raises:
        FileNotFoundError: If it is none.
        NotInTrialError: If it is left out, and this process is not evaluating a trial here.
    """
    if pipeline_directory is None:
        pipeline_directory = get_in_progress_run().folder.trial_directory(get_in_progress_trial().id)
    directory = Path(pipeline_directory)
    while (
        previous := json.loads((directory / "metadata.json").read_text(encoding="utf-8"))["previous_trial_id"]
    ) is not None:
        directory = directory.parent / f"config_{previous}"
    return directory
