"""What a run is kept in: a journal of events, locks by which workers agree, and a folder for people.

A storage plugin brings a journal and locks. The folder is the same code for every one of them
(`neps_core.run_folder`), written from what the journal says and never read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from attrs import field, frozen

from neps_core.errors import StorageError
from neps_core.events import Event
from neps_core.files import to_path
from neps_core.plugins import plugins
from neps_core.run_folder import RunFolder


class LeaseHeld(Exception):
    """A worker of this id is alive."""


class Journal(Protocol):
    """An append-only sequence of events. It knows nothing of what they mean."""

    def exists(self) -> bool:
        """Whether a run is stored here. Changes nothing."""
        ...

    def create(self) -> None:
        """Make room for a run. Does nothing if there is one.

        Raises:
            StorageError: If that's impossible here.
        """
        ...

    def append(self, events: Sequence[Event], durable: bool = True) -> None:
        """Add events at the end, all of them or (after an error) none.

        When this returns, every process sees them, and they outlive the death of any process. Whoever calls this holds
        the lock `"journal"`.

        Args:
            events: The events.
            durable: Whether they, and all before them, must also outlive a power cut.

        Raises:
            StorageError: If they could not be stored.
        """
        ...

    def read(self, since: int) -> tuple[list[Event], int]:
        """The events after a position, and the position after them. A run begins at position 0. Changes nothing.

        Raises:
            StorageError: If the events can't be read.
        """
        ...

    def destroy(self) -> None:
        """Delete the run's events.

        Raises:
            StorageError: If that's impossible.
        """
        ...


class Locks(Protocol):
    """Agreement between the users of a run, in every process that the storage is shared by."""

    def lock(self, name: str) -> AbstractContextManager[object]:
        """A lock between all users of the run; it falls when its holder dies.

        A holder may take it again. While somebody holds `"journal"`, nobody else appends.
        """
        ...

    def lease(self, worker_id: str) -> AbstractContextManager[object]:
        """What a worker holds while it lives; it falls when the worker dies, however it dies.

        Raises:
            LeaseHeld: On entering, if a living worker has this id.
        """
        ...

    def is_alive(self, worker_id: str) -> bool:
        """Whether the lease of this worker is held. Found out without taking it, and nothing is changed."""
        ...

    def living_workers(self) -> list[str]:
        """The ids of the workers whose lease is held, in alphabetical order; as for `is_alive`."""
        ...


@frozen(eq=False)
class Storage:
    """What a storage plugin gives from `neps_open_storage`.

    Attributes:
        journal: The events.
        locks: Of the same run.
        folder: The files of trials and those for people; a temporary one where nobody is meant to look.
        crosses_processes: Whether other processes see the same run. If not, neither they nor their locks do.
        read_only: Why the run can only be looked at, and what to do instead; None if it can be gone on with. The folder
            of such a run is somebody else's, and nothing in it is checked or changed.
    """

    journal: Journal
    locks: Locks
    folder: RunFolder = field(factory=RunFolder)
    crosses_processes: bool = True
    read_only: str | None = None


def open_storage(location: str | Path) -> Storage:
    """The storage for a `root_directory`; nothing is created.

    Args:
        location: A folder, or whatever else a plugin knows (`memory://NAME`).

    Raises:
        RunError: If it can't be a location.
        StorageError: If no plugin knows such a location, or the operating system refuses to look at it.
    """
    location = str(location) if isinstance(location, str) and "://" in location else to_path("root_directory", location)
    storage: Storage | None = plugins.first("neps_open_storage", location=str(location))
    if storage is None:
        raise StorageError(
            f"no installed plugin stores runs in {str(location)!r}. Give a folder"
            + ("." if plugins.installed() else " (no plugin is installed: install neps-framework with pip).")
        )
    return storage
