"""Locks of the operating system on files: they fall with their holder, however that ends."""

from __future__ import annotations

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout, lock_descriptor, unlock_descriptor

from neps_core import LeaseHeld, RunGoneError
from neps_core.run_folder import as_storage_error
from neps_core.waiting import Wait

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: Seconds between two tries for a lock that is held.
POLL = 0.002

#: How long a worker's start may wait for somebody who only looks whether its id is taken, in seconds.
PATIENCE = 1.0


class OsLocks:
    """Locks that the operating system keeps; see `neps_core.storage.Locks`.

    Args:
        inner: The folder that the files are in.
    """

    def __init__(self, inner: Path) -> None:
        self._inner = inner
        self._leases = inner / "workers"
        self._locks: dict[str, OsLock] = {}

    def lock(self, name: str) -> ThreadLock:
        if name not in self._locks:
            self._locks[name] = OsLock(f"{self._inner}/{name}.lock")
        return self._locks[name]

    def check_held(self, name: str) -> None:
        """What the operating system gives, it doesn't take away."""

    def _lease_path(self, worker_id: str) -> Path:
        return self._leases / f"{worker_id}.lock"

    @contextmanager
    def lease(self, worker_id: str) -> Iterator[None]:
        with as_storage_error(f"can't write to {self._leases}", "Choose a folder that you may write to"):
            self._leases.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._lease_path(worker_id), thread_local=False)
            try:
                lock.acquire(timeout=PATIENCE, poll_interval=POLL)
            except Timeout:
                raise LeaseHeld(worker_id) from None
        try:
            yield
        finally:
            lock.release()

    def is_alive(self, worker_id: str) -> bool:
        # A shared lock: those who look don't take each other for the worker, and need no right to write. A worker that
        # starts at this instant tries again.
        try:
            descriptor = os.open(self._lease_path(worker_id), os.O_RDONLY)
        except FileNotFoundError:
            return False
        except OSError:  # another user's: better alive than evaluated twice
            return True
        try:
            if fcntl is None:  # there is no shared one: a second one who looks at the same instant may be misled
                return not lock_descriptor(descriptor, blocking=False)
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def known_workers(self) -> list[str]:
        """The ids of all workers that ever were, in alphabetical order."""
        return (
            sorted(p.name.removesuffix(".lock") for p in self._leases.glob("*.lock")) if self._leases.is_dir() else []
        )


class ThreadLock(ABC):
    """A lock between processes that is held by one thread of one of them, which may take it again.

    Args:
        path: Of its file.

    Attributes:
        turn: How often it was asked for by a process that didn't hold it.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._begin_anew()
        _all_locks.add(self)

    def _begin_anew(self) -> None:
        self._of_thread = threading.RLock()
        self._depth = 0
        self.turn = 0

    @property
    def is_held(self) -> bool:
        """Whether a thread of this process holds it."""
        return self._depth > 0

    @abstractmethod
    def take(self) -> None:
        """Take it from other processes.

        Raises:
            OSError: If that's impossible.
        """

    @abstractmethod
    def free(self) -> None:
        """Give it back, also after a `take` that was interrupted."""

    @abstractmethod
    def leave_to_parent(self) -> None:
        """In a forked child: what was held is the parent's, and falls with it alone."""

    def __enter__(self) -> None:
        self._wait_for_threads()
        try:
            if not self._depth:
                with as_storage_error(f"can't lock {self.path}", "Check the folder and its permissions"):
                    self.turn += 1
                    self.take()
            self._depth += 1
        except BaseException:  # an interrupt too
            if not self._depth:
                self.free()
            self._of_thread.release()
            raise

    def _wait_for_threads(self) -> None:
        if self._of_thread.acquire(blocking=False):
            return
        wait = Wait(f"the lock {self.path}", lambda: "another thread of this process")
        while not self._of_thread.acquire(timeout=POLL):
            wait.pause(0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._depth:  # a process that was forked meanwhile: it is the parent's
            return
        self._depth -= 1
        if not self._depth:
            self.free()
        self._of_thread.release()


class OsLock(ThreadLock):
    """A lock on an open file.

    A trial takes three of them, and `FileLock`, which looks after paths as well, takes ten times as long.
    """

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._descriptor: int | None = None

    def take(self) -> None:
        self._descriptor = _open(self.path)
        if lock_descriptor(self._descriptor, blocking=False):
            return
        wait = Wait(f"the lock {self.path}", self._holder)
        while not lock_descriptor(self._descriptor, blocking=False):
            wait.pause(POLL)

    def _holder(self) -> str:
        return "another process" if self._descriptor is None else holder_of(os.fstat(self._descriptor))

    def free(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            try:
                unlock_descriptor(descriptor)
            finally:
                os.close(descriptor)

    def leave_to_parent(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._begin_anew()


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError as reason:
        raise RunGoneError(f"can't lock {path}: there is no such folder. Was the run deleted meanwhile?") from reason


def holder_of(file: os.stat_result, proc: Path = Path("/proc")) -> str:
    """Who holds the lock on a file, in words, as far as this host knows (Linux only).

    Args:
        file: The file.
        proc: Where the kernel says what it knows.
    """
    inode = f":{file.st_ino}"  # not the device: an overlay shows another one than the kernel counts
    try:
        locks = [line.split() for line in (proc / "locks").read_text(encoding="utf-8").splitlines()]
        pid = next(fields[4] for fields in locks if fields[1] == "FLOCK" and fields[5].endswith(inode))
        state = (proc / pid / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except (OSError, StopIteration, IndexError):
        return "another process, perhaps on another host"
    return f"process {pid}" + (", which is suspended" if state in "Tt" else "")


_all_locks: weakref.WeakSet[ThreadLock] = weakref.WeakSet()


def _after_fork() -> None:
    for lock in list(_all_locks):
        lock.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
