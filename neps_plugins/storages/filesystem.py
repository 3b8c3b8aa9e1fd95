"""The storage in a folder, which may be shared by many processes and hosts.

`.neps/journal.jsonl` is the run: one JSON event a line. A writer holds the journal's lock, cuts off what
a crashed one left half-written at the end, writes its lines in one go, and syncs them once if they hold a
result. Readers take
no lock: they read up to the last complete line. Everything else in the folder is written for people
from the journal (`readable.py`), and made again if it is missing.

A lock is an operating system's lock on a file, so it falls with its holder, however that ends.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from neps_core import NePSWarning, StorageError, Trial, TrialLog, hookimpl
from neps_core.events import Event, from_line, to_line
from neps_core.storage import LeaseHeld
from neps_plugins.storages import readable

#: Seconds between two tries for a lock that is held.
POLL = 0.002

#: How long a worker's start may wait for somebody who only looks whether its id is taken, in seconds.
PATIENCE = 1.0

#: Bytes that are read from the journal at a time.
CHUNK = 1 << 22

_sync = getattr(os, "fdatasync", os.fsync)


@hookimpl
def neps_open_storage(location: str) -> FilesystemStorage | None:
    """Any location without a scheme (`memory://...`) is a folder."""
    return None if "://" in location else FilesystemStorage(Path(location))


class FilesystemStorage:
    """A run in a folder; see `neps_core.storage.Storage`.

    Args:
        root: The run's folder. It need not exist.
    """

    def __init__(self, root: Path) -> None:
        self.root_directory = root.expanduser().absolute()
        self._inner = self.root_directory / ".neps"
        self._journal = self._inner / "journal.jsonl"
        self._configs = f"{self.root_directory}/configs/config_"
        self._leases = self._inner / "workers"
        self._locks: dict[str, FileLock] = {}
        self._reader: int | None = None
        self._writer: int | None = None

    def __del__(self) -> None:
        for descriptor in (self._reader, self._writer):
            if descriptor is not None:
                os.close(descriptor)

    # ------------------------------------------------------------------ the folder

    def exists(self) -> bool:
        return self._journal.is_file()

    def create(self) -> None:
        root = self.root_directory
        if root.exists() and not root.is_dir():
            raise StorageError(f"the root directory {root} is a file. Choose another folder.")
        if root.is_dir() and not self.exists() and (root / "optimizer_info.yaml").exists():
            raise StorageError(
                f"{root} holds a run of another version of this framework, which has no journal. "
                "Choose another folder; the old one is left as it is."
            )
        with _as_storage_error(f"can't create a run in {root}", "Choose a folder that you may write to"):
            self._leases.mkdir(parents=True, exist_ok=True)
            (root / "configs").mkdir(exist_ok=True)
            self._journal.touch(exist_ok=True)

    def destroy(self) -> None:
        root = self.root_directory
        if not root.exists():
            return
        if not root.is_dir():
            raise StorageError(f"the root directory {root} is a file, not a run; it is not overwritten.")
        looks_like_run = self._inner.is_dir() or (
            (root / "configs").is_dir() and (root / "optimizer_info.yaml").exists()
        )
        if any(root.iterdir()) and not looks_like_run:
            raise StorageError(
                f"{root} is not empty and does not look like a run, so it is not deleted. "
                "Check root_directory=, or delete the folder yourself."
            )
        if alive := self.living_workers():
            raise StorageError(f"workers are alive in {root}: {', '.join(alive)}. Stop them before overwriting it.")
        with _as_storage_error(f"can't delete {root}", "Delete it yourself"):
            for path in root.iterdir():  # not the folder itself, which may be a symbolic link
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    # ------------------------------------------------------------------ the journal

    def append(self, events: Sequence[Event], durable: bool = True) -> None:
        data = b"".join(to_line(event) for event in events)
        root = self.root_directory
        with self.lock("journal"), _as_storage_error(f"can't write to {root}", "Nothing stored before is lost"):
            if self._writer is None:
                self._writer = os.open(self._journal, os.O_RDWR | os.O_APPEND)
            end = self._cut_torn_tail(self._writer)
            try:
                written = os.write(self._writer, data)
                if written < len(data):
                    raise OSError(28, os.strerror(28))  # a short write to a file: the disk is full
                if durable:
                    _sync(self._writer)
            except OSError:
                os.ftruncate(self._writer, end)
                raise

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
        with _as_storage_error(f"can't read {self._journal}", "Check the folder and its permissions"):
            if self._reader is None:
                self._reader = os.open(self._journal, os.O_RDONLY)
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
            warnings.warn(
                f"{self._journal}, byte {position}: a damaged line is passed over, all others are kept; {reason}.",
                NePSWarning,
                stacklevel=2,
            )

    # ------------------------------------------------------------------ locks and leases

    def lock(self, name: str) -> AbstractContextManager[object]:
        if name not in self._locks:
            self._locks[name] = FileLock(self._inner / f"{name}.lock", poll_interval=POLL, thread_local=False)
        return self._locks[name]

    def _lease_path(self, worker_id: str) -> Path:
        return self._leases / f"{worker_id}.lock"

    @contextmanager
    def lease(self, worker_id: str) -> Iterator[None]:
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
        path = self._lease_path(worker_id)
        if not path.exists():
            return False
        try:
            with FileLock(path, timeout=0, thread_local=False):
                return False
        except Timeout:
            return True
        except OSError:  # another user's, or on a disk that can't be written: better alive than evaluated twice
            return True

    def living_workers(self) -> list[str]:
        names = (
            sorted(p.name.removesuffix(".lock") for p in self._leases.glob("*.lock")) if self._leases.is_dir() else []
        )
        return [name for name in names if self.is_alive(name)]

    # ------------------------------------------------------------------ what people see

    def trial_directory(self, trial_id: str) -> Path:
        return Path(self._make_directory(trial_id))

    def _make_directory(self, trial_id: str) -> str:
        directory = f"{self._configs}{trial_id}"
        with suppress(FileExistsError):
            os.mkdir(directory)  # noqa: PTH102 - once a trial, and pathlib costs as much again
        return directory

    def publish(self, trials: Iterable[Trial]) -> None:
        for trial in trials:
            readable.write_trial(self._make_directory(trial.id), trial)

    def publish_run(self, log: TrialLog) -> None:
        readable.write_run(self.root_directory, log)

    def repair(self, log: TrialLog) -> None:
        for trial in log.trials.values():
            if not trial.state.is_finished or not readable.is_complete(f"{self._configs}{trial.id}"):
                readable.write_trial(self._make_directory(trial.id), trial)

    def remove(self, trial_ids: Iterable[str]) -> None:
        for trial_id in trial_ids:
            shutil.rmtree(f"{self._configs}{trial_id}", ignore_errors=True)


@contextmanager
def _as_storage_error(what: str, advice: str) -> Iterator[None]:
    try:
        yield
    except OSError as reason:
        if isinstance(reason, StorageError):
            raise
        raise StorageError(f"{what}: {reason.strerror or reason}. {advice}.") from reason
