"""What a run is kept in: a journal of events, locks by which workers agree, and a folder for people.

A storage plugin brings a journal and locks. The folder is the same code for every one of them
(`neps_core.run_folder`), written from what the journal says and never read back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from attrs import evolve, field, frozen

from neps_core.errors import RunError, StorageError
from neps_core.events import Event
from neps_core.files import to_path
from neps_core.plugins import plugins
from neps_core.run_folder import INNER, RunFolder


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

    def fill(self, groups: Iterable[Sequence[Event]]) -> None:
        """Store the history of a run that was just created: all of it, or none however this process ends.

        Whoever calls this holds the lock `"journal"`.

        Args:
            groups: The events of the history, as they could be appended one group after the other.

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


def open_storage(root_directory: str | Path, storage: str | None = None) -> Storage:
    """The storage of a run; nothing is created.

    Args:
        root_directory: A folder, or whatever else a plugin knows (`memory://NAME`).
        storage: Where the journal and the locks are, if not there: the URL of a database, say. The files of trials and
            those for people are in the folder all the same; each host may have its own.

    Raises:
        RunError: If it can't be a location.
        StorageError: If no plugin knows such a location, or the operating system refuses to look at it.
    """
    if storage is None:
        has_scheme = isinstance(root_directory, str) and "://" in root_directory
        return storage_at(str(root_directory if has_scheme else to_path("root_directory", root_directory)), None)
    if not isinstance(storage, str) or "://" not in storage:
        raise RunError(
            f"storage must be a URL, such as 'sqlite:///runs.db', not {shown_location(storage)!r}. "
            "A folder is given as root_directory."
        )
    root = to_path("root_directory", root_directory).expanduser().absolute()
    found = storage_at(storage, root)
    if (root / INNER).is_dir() and storage_at(str(root), None).journal.exists():
        raise StorageError(
            f"the folder {root} holds a run of its own, and storage={shown_location(storage)!r} was given. Leave it "
            "out to go on with that run, copy the run with 'neps copy', or choose another root_directory."
        )
    return evolve(found, folder=RunFolder(root, kept_in=shown_location(storage)))


def storage_at(location: str, root: Path | None = None) -> Storage:
    """What a plugin finds in one place; see `open_storage`.

    Args:
        location: A folder or a URL.
        root: The folder of the run's files, if it is another place.

    Raises:
        StorageError: If no plugin knows such a location, or it can't be used.
    """
    found: Storage | None = plugins.first("neps_open_storage", location=location, root_directory=root)
    if found is None:
        raise StorageError(
            f"no installed plugin stores runs in {shown_location(location)!r}. Give a folder"
            + ("." if plugins.installed() else " (no plugin is installed: install neps-framework with pip).")
        )
    return found


#: Where passwords are in a URL: after the user's name, and in the query.
_OF_USER = re.compile(r"(://[^:/?#]*):.*@")
_IN_QUERY = re.compile(r"([?&][^=&]*(?:pass|pw|secret|token|key)[^=&]*)=[^&]*", re.IGNORECASE)


def shown_location(location: object) -> str:
    """A location as it may be shown: with stars for the passwords of a URL."""
    text = str(location)
    return _IN_QUERY.sub(r"\1=***", _OF_USER.sub(r"\1:***@", text)) if "://" in text else text


def without_passwords(url: str) -> str:
    """A URL as it may be written into a file: who opens it there has to know the passwords from elsewhere."""
    place, _, query = _OF_USER.sub(r"\1@", url).partition("?")
    left = "&".join(part for part in query.split("&") if part and not _IN_QUERY.match(f"&{part}"))
    return f"{place}?{left}" if left else place
