"""Locks where the operating system's don't work: files that their holders touch again and again.

The protocol is that of `filelock.SoftFileLease`: whoever has seen a file untouched for `GRACE` seconds of its own
clock may take it; so clocks of hosts need not agree. The holder of such a lock can lose it (when it is suspended for
long), so it looks whether it still has it before it writes. A process that died on the same host is noticed at once.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import SoftFileLease, Timeout

from neps_core import LeaseHeld, RunGoneError, StorageError
from neps_core.run_folder import as_storage_error
from neps_core.waiting import Wait
from neps_plugins.toolkit.os_locks import ThreadLock

logger = logging.getLogger("neps.heartbeats")

#: Seconds without a heartbeat after which a holder is taken for dead, and between two heartbeats.
GRACE, BEAT = 12.0, 2.0

#: Seconds between two tries for a lock that is held: each costs a few requests to a file server.
POLL = 0.02

#: How long a worker's start may wait for somebody who only looks whether its id is taken, in seconds.
PATIENCE = 2.0


class HeartbeatLocks:
    """Locks that are kept by heartbeats; see `neps_core.storage.Locks`.

    Args:
        inner: The folder that the files are in.
    """

    def __init__(self, inner: Path) -> None:
        self._inner = inner
        self._leases = inner / "workers"
        self._locks: dict[str, HeartbeatLock] = {}
        self._watched: dict[str, SoftFileLease] = {}

    def lock(self, name: str) -> AbstractContextManager[object]:
        if name not in self._locks:
            self._locks[name] = HeartbeatLock(f"{self._inner}/{name}.lease")
        return self._locks[name]

    def check_held(self, name: str) -> None:
        """See `FileLocks.check_held`."""
        if name in self._locks:
            self._locks[name].check()

    def _lease_path(self, worker_id: str) -> Path:
        return self._leases / f"{worker_id}.lease"

    @contextmanager
    def lease(self, worker_id: str) -> Iterator[None]:
        path = self._lease_path(worker_id)
        with as_storage_error(f"can't write to {self._leases}", "Choose a folder that you may write to"):
            self._leases.mkdir(parents=True, exist_ok=True)
            lease = _Lease(path)
            try:
                # A worker of this name that died on another host has to be waited out.
                lease.take(PATIENCE + (GRACE if _is_stale(path) else 0))
            except Timeout:
                raise LeaseHeld(worker_id) from None
        try:
            yield
        finally:
            lease.free()

    def is_alive(self, worker_id: str) -> bool:
        # To find out, it is taken for an instant; it is watched by one object, as it counts for how long it was still.
        path = self._lease_path(worker_id)
        if not path.exists():
            return False
        if worker_id not in self._watched:
            self._watched[worker_id] = _lease_on(path)
        try:
            with self._watched[worker_id].acquire(timeout=GRACE + BEAT if _is_stale(path) else 0, poll_interval=POLL):
                return False
        except (Timeout, OSError):  # or it is another user's: better alive than evaluated twice
            return True

    def known_workers(self) -> list[str]:
        """The ids of the workers that have not said good-bye, in alphabetical order."""
        return sorted(p.name.removesuffix(".lease") for p in self._leases.glob("*.lease"))


def _is_stale(path: Path) -> bool:
    """Whether a file seems to be untouched for longer than its holder would leave it; clocks may be wrong."""
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > GRACE
    return False


def _lease_on(path: str | Path, **keywords: Any) -> SoftFileLease:
    return SoftFileLease(path, lease_duration=GRACE, heartbeat_interval=BEAT, thread_local=False, **keywords)


class _Lease:
    """What a worker holds. If it was lost, because the process stood still, it is taken again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_wanted = True
        self._lease = _lease_on(path, on_compromise=self._take_again)

    def take(self, patience: float) -> None:
        self._lease.acquire(timeout=patience, poll_interval=POLL)

    def _take_again(self, _: object) -> None:
        if self._is_wanted:
            logger.warning("This process has stood still, and others may have taken its trial (%s).", self._path.stem)
            self._lease = _lease_on(self._path, on_compromise=self._take_again)
            with suppress(Timeout, OSError):  # another one of this name, or no folder: what is written next says so
                self.take(0)

    def free(self) -> None:
        self._is_wanted = False
        self._lease.release()


class HeartbeatLock(ThreadLock):
    """A lock that is a file, which says whose it is."""

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._lease = _lease_on(self.path)
        self._taken: tuple[int, int] | None = None

    def take(self) -> None:
        wait: Wait | None = None
        while True:
            if not Path(self.path).parent.is_dir():  # it would be made
                raise RunGoneError(f"can't lock {self.path}: there is no such folder. Was the run deleted meanwhile?")
            try:
                self._lease.acquire(timeout=0)
                break
            except Timeout:
                wait = wait or Wait(f"the lock {self.path}", lambda: "another process")
                wait.pause(POLL)
        self._taken = self._identity()

    def _identity(self) -> tuple[int, int] | None:
        with suppress(OSError):
            file = os.lstat(self.path)
            return file.st_dev, file.st_ino
        return None

    def check(self) -> None:
        """Make sure that nobody has taken it.

        Raises:
            StorageError: If somebody has.
        """
        if self._taken is None or self._identity() != self._taken:
            raise StorageError(f"the lock {self.path} was lost: this process has stood still for too long.")

    def free(self) -> None:
        self._taken = None
        self._lease.release()

    def leave_to_parent(self) -> None:
        self._begin_anew()
