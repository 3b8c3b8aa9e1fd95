"""The storage in this process's memory: for tests, and for whoever runs the loop himself.

`memory://NAME` is shared by all who name it in this process; `memory://` alone is a new one each time.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from neps_core import Trial, TrialLog, hookimpl
from neps_core.events import Event
from neps_core.storage import LeaseHeld

_named: dict[str, MemoryStorage] = {}
_naming = threading.Lock()


@hookimpl
def neps_open_storage(location: str) -> MemoryStorage | None:
    """Locations that begin with `memory://`."""
    if not location.startswith("memory://"):
        return None
    if location == "memory://":
        return MemoryStorage()
    with _naming:
        return _named.setdefault(location, MemoryStorage())


class MemoryStorage:
    """A run in memory; see `neps_core.storage.Storage`."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._alive: set[str] = set()
        self._folder: Path | None = None

    @property
    def root_directory(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="neps-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def exists(self) -> bool:
        return bool(self._events)

    def create(self) -> None:
        pass

    def destroy(self) -> None:
        self._events.clear()

    def append(self, events: Sequence[Event], durable: bool = True) -> None:
        with self.lock("journal"):
            self._events.extend(events)

    def read(self, since: int) -> tuple[list[Event], int]:
        new = self._events[since:]
        return new, since + len(new)

    def lock(self, name: str) -> AbstractContextManager[object]:
        return self._locks[name]

    @contextmanager
    def lease(self, worker_id: str) -> Iterator[None]:
        with self.lock("leases"):
            if worker_id in self._alive:
                raise LeaseHeld(worker_id)
            self._alive.add(worker_id)
        try:
            yield
        finally:
            self._alive.discard(worker_id)

    def is_alive(self, worker_id: str) -> bool:
        return worker_id in self._alive

    def living_workers(self) -> list[str]:
        return sorted(self._alive)

    def trial_directory(self, trial_id: str) -> Path:
        directory = self.root_directory / "configs" / f"config_{trial_id}"
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def publish(self, trials: Iterable[Trial]) -> None:
        pass

    def publish_run(self, log: TrialLog) -> None:
        pass

    def repair(self, log: TrialLog) -> None:
        pass

    def remove(self, trial_ids: Iterable[str]) -> None:
        pass
