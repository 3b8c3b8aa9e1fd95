"""A run as one process sees it: the storage, what has been read of it, and what may be added."""

from __future__ import annotations

import errno
import json
import logging
import secrets
import time
from pathlib import Path
from typing import Any

from neps_core import documents
from neps_core import events as ev
from neps_core.errors import RunError, StorageError
from neps_core.optimizers import Chosen
from neps_core.parsing import load_space, parse_space
from neps_core.plugins import plugins
from neps_core.spaces.protocol import SearchSpace
from neps_core.storage import Storage
from neps_core.trial_log import TrialLog, Trials

logger = logging.getLogger("neps.run")


def open_storage(location: str | Path) -> Storage:
    """The storage for a `root_directory`; nothing is created.

    Raises:
        StorageError: If no plugin knows such a location.
    """
    storage: Storage | None = plugins.hook.neps_open_storage(location=str(location))
    if storage is None:
        raise StorageError(
            f"no installed plugin stores runs in {str(location)!r}. Give a folder"
            + ("." if plugins.installed() else " (no plugin is installed: install neps-framework with pip).")
        )
    return storage


class Run:
    """A run, followed and added to.

    Attributes:
        storage: What it is kept in.
        log: What has happened, as of the last `refresh` or `record`.
        worker_id: The worker that this process is for the run; "" for one that only looks.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.log = TrialLog()
        self.worker_id = ""
        self._position = 0
        self._space: SearchSpace | None = None

    @property
    def trials(self) -> Trials:
        """All trials by id."""
        return self.log.trials

    @property
    def root_directory(self) -> Path:
        """The run's folder."""
        return self.storage.root_directory

    @property
    def space(self) -> SearchSpace:
        """The search space: the one that this process was given, or else the stored one.

        Raises:
            SpaceError: If the stored one can't be read.
        """
        if self._space is None:
            self._space = parse_space(load_space(self.log.space or {}))
        return self._space

    def refresh(self) -> None:
        """Read what others have added."""
        events, self._position = self.storage.read(self._position)
        self.log.fold(events)

    def record(self, *events: ev.Event) -> None:
        """Add events and take them in.

        Once this returns they outlive the death of this process; and a power cut, too, unless they only say
        that trials were sampled and started. Those cost nothing yet, and waiting for the disk twice a trial
        would be most of what a trial costs.

        Raises:
            StorageError: If they could not be stored.
        """
        durable = not all(isinstance(event, (ev.Sampled, ev.Started)) for event in events)
        touched = dict.fromkeys(event.id for event in events if isinstance(event, _OF_TRIALS))
        with self.storage.lock("journal"):  # nobody shows an older state after a newer one
            self.storage.append(events, durable)
            self.refresh()
            try:
                self.storage.publish([self.trials[i] for i in touched if i in self.trials])
            except OSError as reason:
                # Only for people, and written again when the run is opened the next time.
                logger.warning("The files of trial %s could not be written: %s", ", ".join(touched), reason)

    def begin(self, space: SearchSpace | None, seed: int | None) -> None:
        """Create the run, or join it.

        Args:
            space: The space; None to use the stored one.
            seed: The seed; None to use the stored one, or to draw one.

        Raises:
            RunError: If there is no run and no space, or the run has another space or seed.
            StorageError: If the run can't be written.
        """
        if not self.storage.exists() and space is None:
            raise RunError(f"there is no run in {self.root_directory} yet, so pipeline_space= is needed.")
        self.storage.create()
        with self.storage.lock("journal"):
            self.refresh()
            if self.log.seed is None:
                drawn = secrets.randbits(32) if seed is None else seed
                self.record(ev.Created(ev.FORMAT, drawn, time.time()))
            elif seed is not None and seed != self.log.seed:
                raise RunError(
                    f"the run in {self.root_directory} has the seed {self.log.seed}, and seed={seed} was given. "
                    "Leave it out: the workers of a run share one seed and still never repeat each other."
                )
            if self.log.space is None:
                if space is None:
                    raise RunError(f"the run in {self.root_directory} has no space yet, so pipeline_space= is needed.")
                self.record(ev.SpaceRecorded(_plain_document(space)))
            elif space is not None:
                lines = documents.differences(self.log.space, _plain_document(space))
                if lines:
                    raise RunError(
                        f"the space differs from the one of the run in {self.root_directory}:\n  "
                        + "\n  ".join(lines)
                        + "\nLeave pipeline_space out to go on with the stored one, or choose another root_directory."
                    )
            self._space = space

    def use(self, chosen: Chosen) -> None:
        """Record the optimizer, where it isn't the one in force; then show people what they miss."""
        with self.storage.lock("journal"):
            self.refresh()
            record = ev.OptimizerRecorded(chosen.name, chosen.info, chosen.details)
            if chosen.details:
                logger.info("Optimizer %s: %s", chosen.name, chosen.details)
            if not self.log.optimizers or self.log.optimizers[-1] != record:
                self.record(record)
            self.storage.publish_run(self.log)
            self.storage.repair(self.log)


_OF_TRIALS = (ev.Sampled, ev.Started, ev.Detached, ev.Finished, ev.Requeued)


def _plain_document(space: SearchSpace) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(space.to_document()))
    return document


def open_run(location: str | Path, check: bool = False) -> Run:
    """A run that exists, as it is now.

    Args:
        location: Its `root_directory`.
        check: Hold the files for people against the journal.

    Raises:
        FileNotFoundError: If there is no run.
        StorageError: If it can't be read, or (with `check`) a file was changed by somebody.
    """
    run = Run(open_storage(location))
    if not run.storage.exists():
        raise FileNotFoundError(f"there is no run in {run.root_directory}.")
    run.refresh()
    if check:
        try:
            with run.storage.lock("journal"):
                run.refresh()
                run.storage.publish_run(run.log)
        except StorageError:
            raise
        except OSError as reason:
            if reason.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):  # a folder that is only to be looked at
                raise
    return run
