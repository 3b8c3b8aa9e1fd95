"""The storage in a folder, which may be shared by many processes and hosts.

`.neps/journal.jsonl` is the run: one JSON event a line. A writer holds the journal's lock, cuts off what a crashed
one left half-written at the end, writes its lines in one go, and syncs them once if they hold a result. Readers take
no lock: they read up to the last complete line.

A lock is an operating system's lock on a file, so it falls with its holder, however that ends.
"""

from __future__ import annotations

import errno
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout, lock_descriptor, unlock_descriptor

from neps_core import LeaseHeld, RunFolder, RunGoneError, Storage, hookimpl
from neps_core.errors import warn
from neps_core.events import Event, from_line, to_line
from neps_core.run_folder import INNER, as_storage_error

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: Seconds between two tries for a lock that is held.
POLL = 0.002

#: How long a worker's start may wait for somebody who only looks whether its id is taken, in seconds.
PATIENCE = 1.0

#: Bytes that are read from the journal at a time.
CHUNK = 1 << 22

_sync = getattr(os, "fdatasync", os.fsync)


@hookimpl
def neps_open_storage(location: str) -> Storage | None:
    """Any location without a scheme (`memory://...`) is a folder."""
    return None if "://" in location else folder_storage(Path(location))


def folder_storage(root: Path) -> Storage:
    """The storage in a folder, which need not exist."""
    folder = RunFolder(root)
    inner = folder.root_directory / INNER
    return Storage(FileJournal(inner), FileLocks(inner), folder)


class FileJournal:
    """A journal in a file; see `neps_core.storage.Journal`.

    Args:
        inner: The folder that it is in.
    """

    def __init__(self, inner: Path) -> None:
        self._inner = inner
        self._path = inner / "journal.jsonl"
        self._reader: int | None = None
        self._writer: int | None = None

    def __del__(self) -> None:
        self._close()

    def _close(self) -> None:
        for descriptor in (self._reader, self._writer):
            if descriptor is not None:
                os.close(descriptor)
        self._reader = self._writer = None

    def exists(self) -> bool:
        return self._path.is_file()

    def create(self) -> None:
        with as_storage_error(f"can't create a run in {self._inner.parent}", "Choose a folder that you may write to"):
            self._inner.mkdir(parents=True, exist_ok=True)
            self._path.touch(exist_ok=True)

    def destroy(self) -> None:
        self._close()
        with as_storage_error(f"can't delete {self._path}", "Delete it yourself"):
            self._path.unlink(missing_ok=True)

    def append(self, events: Sequence[Event], durable: bool = True) -> None:
        data = b"".join(to_line(event) for event in events)
        with as_storage_error(f"can't write to {self._inner.parent}", "Nothing stored before is lost"):
            if self._writer is None:
                self._writer = os.open(self._path, os.O_RDWR | os.O_APPEND)
            self._check_is_there()
            end = self._cut_torn_tail(self._writer)
            try:
                written = os.write(self._writer, data)
                if written < len(data):  # a short write to a file: the disk is full
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if durable:
                    _sync(self._writer)
            except OSError:
                os.ftruncate(self._writer, end)
                raise

    def _check_is_there(self) -> None:
        """Refuse to go on with a file that nobody will find again."""
        for descriptor in (self._reader, self._writer):
            if descriptor is not None and not os.fstat(descriptor).st_nlink:
                raise RunGoneError(f"{self._path} was deleted while the run was going on. Was the run overwritten?")

    def _cut_torn_tail(self, descriptor: int) -> int:
        """Remove an incomplete last line. Returns the journal's length."""
        end = os.fstat(descriptor).st_size
        whole = end
        while whole and os.pread(descriptor, 1, whole - 1) != b"\n":
            start = max(0, whole - CHUNK)
            whole = start + os.pread(descriptor, whole - start, start).rfind(b"\n") + 1
        if whole < end:
            os.ftruncate(descriptor, whole)
        return whole

    def read(self, since: int) -> tuple[list[Event], int]:
        events: list[Event] = []
        with as_storage_error(f"can't read {self._path}", "Check the folder and its permissions"):
            if self._reader is None:
                self._reader = os.open(self._path, os.O_RDONLY)
            self._check_is_there()
            tail = b""
            while chunk := os.pread(self._reader, CHUNK, since + len(tail)):
                *lines, tail = (tail + chunk).split(b"\n")
                for line in lines:
                    if line:
                        self._decode(line, since, events)
                    since += len(line) + 1
        return events, since

    def _decode(self, line: bytes, position: int, events: list[Event]) -> None:
        try:
            events.append(from_line(line))
        except ValueError as reason:
            warn(f"{self._path}, byte {position}: a damaged line is passed over, all others are kept; {reason}.")


class FileLocks:
    """Locks of the operating system on files; see `neps_core.storage.Locks`.

    Args:
        inner: The folder that the files are in.
    """

    def __init__(self, inner: Path) -> None:
        self._inner = inner
        self._leases = inner / "workers"
        self._locks: dict[str, _Lock] = {}

    def lock(self, name: str) -> AbstractContextManager[object]:
        if name not in self._locks:
            self._locks[name] = _Lock(f"{self._inner}/{name}.lock")
        return self._locks[name]

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

    def living_workers(self) -> list[str]:
        names = (
            sorted(p.name.removesuffix(".lock") for p in self._leases.glob("*.lock")) if self._leases.is_dir() else []
        )
        return [name for name in names if self.is_alive(name)]


class _Lock:
    """A lock on a file, held by one thread of one process, which may take it again.

    A trial takes three of them, and `FileLock`, which looks after paths as well, takes ten times as long.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._begin_anew()
        _all_locks.add(self)

    def _begin_anew(self) -> None:
        self._of_thread = threading.RLock()
        self._depth = 0
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        self._of_thread.acquire()
        try:
            if not self._depth:
                with as_storage_error(f"can't lock {self._path}", "Check the folder and its permissions"):
                    self._descriptor = _open(self._path)
                    lock_descriptor(self._descriptor, poll_interval=POLL)
            self._depth += 1
        except BaseException:  # an interrupt too
            self._close()
            self._of_thread.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._depth:  # a process that was forked meanwhile: it is the parent's
            return
        self._depth -= 1
        if not self._depth:
            assert self._descriptor is not None
            unlock_descriptor(self._descriptor)
            self._close()
        self._of_thread.release()

    def _close(self) -> None:
        if not self._depth and self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def leave_to_parent(self) -> None:
        """In a forked child: what was held is the parent's, and falls with it alone."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._begin_anew()


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except FileNotFoundError as reason:
        raise RunGoneError(f"can't lock {path}: there is no such folder. Was the run deleted meanwhile?") from reason


_all_locks: weakref.WeakSet[_Lock] = weakref.WeakSet()


def _after_fork() -> None:
    for lock in list(_all_locks):
        lock.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
