"""What a run is kept in. `Storage` is all that the rest of the framework knows of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from neps_core.events import Event
from neps_core.trials import Trial

if TYPE_CHECKING:
    from neps_core.trial_log import TrialLog


class LeaseHeld(Exception):
    """A worker of this id is alive."""


class Storage(Protocol):
    """An append-only sequence of events, and the locks by which workers agree.

    A storage plugin gives one from `neps_open_storage`. It knows nothing of what the events mean.
    """

    @property
    def root_directory(self) -> Path:
        """Where the run's files are; for a storage without files, a folder for those that trials write."""
        ...

    def exists(self) -> bool:
        """Whether a run is stored here."""
        ...

    def create(self) -> None:
        """Make room for a run. Does nothing if there is one.

        Raises:
            StorageError: If that's impossible here.
        """
        ...

    def append(self, events: Sequence[Event], durable: bool = True) -> None:
        """Add events at the end, all of them or (after an error) none.

        When this returns, every process sees them, and they outlive the death of any process.

        Args:
            events: The events.
            durable: Whether they, and all before them, must also outlive a power cut.

        Raises:
            StorageError: If they could not be stored.
        """
        ...

    def read(self, since: int) -> tuple[list[Event], int]:
        """The events after a position, and the position after them. A run begins at position 0.

        Raises:
            StorageError: If the events can't be read.
        """
        ...

    def lock(self, name: str) -> AbstractContextManager[object]:
        """A lock between all users of the run, in every process; it falls when its holder dies.

        A holder may take it again. `"journal"` is the one that `append` takes: while somebody else holds
        it, the events do not change.
        """
        ...

    def lease(self, worker_id: str) -> AbstractContextManager[object]:
        """What a worker holds while it lives; it falls when the worker dies, however it dies.

        Raises:
            LeaseHeld: On entering, if a living worker has this id.
        """
        ...

    def is_alive(self, worker_id: str) -> bool:
        """Whether the lease of this worker is held."""
        ...

    def living_workers(self) -> list[str]:
        """The ids of the workers whose lease is held."""
        ...

    def trial_directory(self, trial_id: str) -> Path:
        """The folder of a trial, which exists when this returns."""
        ...

    def publish(self, trials: Iterable[Trial]) -> None:
        """Show the present state of trials to people. Nothing reads it back."""
        ...

    def publish_run(self, log: TrialLog) -> None:
        """Show the run's space, optimizer and seed to people. Called under the lock `"journal"`.

        Raises:
            StorageError: If what was shown before was changed by somebody.
        """
        ...

    def repair(self, log: TrialLog) -> None:
        """Show again what a crash kept `publish` from showing. Called under the lock `"journal"`."""
        ...

    def remove(self, trial_ids: Iterable[str]) -> None:
        """Delete the folders of trials."""
        ...

    def destroy(self) -> None:
        """Delete the run and everything in its folder.

        Raises:
            StorageError: If what is there doesn't look like a run, or workers are alive in it.
        """
        ...
