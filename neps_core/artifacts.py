"""Artifacts: what evaluations leave in the folders of their trials, kept where every host can get it.

The core says when, a plugin knows the stores.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from attrs import frozen

from neps_core.errors import RunError
from neps_core.plugins import plugins


@frozen
class TrialFolders:
    """The folders of one evaluation, here and in a store.

    Attributes:
        directory: That of the trial.
        name: What the store calls it: the same on all hosts, and no other trial of any run is called so.
        previous_directory: That of the trial which it continues; None if it continues none.
        previous_name: What the store calls that; None if there is none, or no evaluation has ever filled it.
        root_directory: The run's folder.
    """

    directory: Path
    name: str
    previous_directory: Path | None
    previous_name: str | None
    root_directory: Path


class Artifacts(Protocol):
    """A store for the folders of trials. It is pickled to get to the processes that evaluate."""

    def check(self) -> None:
        """Make sure that the store can be used, before anything is evaluated.

        Raises:
            StorageError: If it can't.
        """
        ...

    def evaluated(self, call: Callable[[], Any], folders: TrialFolders) -> Any:
        """Evaluate, with the previous folder on this host, and keep the trial's own one in the end.

        Args:
            call: Calls the user's function.
            folders: Where. They need not exist on this host.

        Returns:
            What the user's function returned. What it raised is raised.

        Raises:
            ArtifactsError: If the store can't be reached for the previous folder: the trial is put back.
            FileNotFoundError: If the previous folder is nowhere: the trial fails.
        """
        ...

    def keep(self, folders: TrialFolders) -> None:
        """Keep the folder of a trial as it is now. Never raises: what can't be kept is warned of."""
        ...


def open_artifacts(location: Any) -> Artifacts | None:
    """What keeps artifacts at a URL.

    Args:
        location: As a user gave it; None to keep nothing.

    Raises:
        RunError: If it is no URL.
        StorageError: If no plugin knows such a store, or it can't be used.
    """
    if location is None:
        return None
    if not isinstance(location, str) or "://" not in location:
        raise RunError("artifacts must be a URL, such as 's3://bucket/prefix' or 'file:///mnt/artifacts'.")
    found: Artifacts | None = plugins.first("neps_open_artifacts", location=location)
    if found is None:
        raise RunError(f"no installed plugin keeps artifacts in {location.partition('://')[0]}://...")
    return found
