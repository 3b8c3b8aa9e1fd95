"""The storage in this process's memory: for tests, and for whoever runs the loop himself.

`memory://NAME` is shared by all who name it in this process; `memory://` alone is a new one each time.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain

from neps_core import LeaseHeld, RunGoneError, Storage, hookimpl
from neps_core.events import Event

_named: dict[str, Storage] = {}
_naming = threading.Lock()


@hookimpl
def neps_open_storage(location: str) -> Storage | None:
    """Locations that begin with `memory://`."""
    if not location.startswith("memory://"):
        return None
    if location == "memory://":
        return memory_storage()
    with _naming:
        return _named.setdefault(location, memory_storage())


def memory_storage() -> Storage:
    """A new run in memory."""
    return Storage(MemoryJournal(), MemoryLocks(), crosses_processes=False)


class MemoryJournal:
    """A journal in a list; see `neps_core.storage.Journal`."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._first = 0  # the position of the first of them; those of runs that were destroyed come before

    def exists(self) -> bool:
        return bool(self._events)

    def create(self) -> None:
        pass

    def destroy(self) -> None:
        self._first += len(self._events) + 1
        self._events.clear()

    def append(self, events: Sequence[Event], durable: bool = True) -> None:
        self._events.extend(events)  # in one step, for all threads

    def fill(self, groups: Iterable[Sequence[Event]]) -> None:
        self._events.extend(chain.from_iterable(groups))

    def read(self, since: int) -> tuple[list[Event], int]:
        if 0 < since < self._first:
            raise RunGoneError("the run in memory was overwritten while it was going on.")
        new = self._events[max(0, since - self._first) :]
        return new, max(since, self._first) + len(new)


class MemoryLocks:
    """Locks between threads; see `neps_core.storage.Locks`."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        self._alive: set[str] = set()

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
