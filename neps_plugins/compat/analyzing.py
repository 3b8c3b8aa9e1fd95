"""`neps.analyze`: everything for people that is made of a run, made again."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from neps_core import open_run
from neps_core.run_result import result_of
from neps_plugins.pictures import plot


def analyze(root_directory: str | Path, *, storage: str | None = None) -> None:
    """Write the summary of a run again, and its pictures if matplotlib is installed.

    Args:
        root_directory: The run's folder.
        storage: What the run is kept in, if not in the folder; as for `run`.

    Raises:
        FileNotFoundError: If there is no run.
    """
    run = open_run(root_directory, storage=storage)
    run.tell("neps_run_finished", result=result_of(run, "it is analyzed"))
    if importlib.util.find_spec("matplotlib") is not None:
        plot(root_directory, storage=storage)
