"""A journal in a file: one record a line.

A writer holds the journal's lock, cuts off what a crashed one left half-written at the end, writes its line in one
go, and syncs it if it holds a result. Readers take no lock: they read up to the last complete line. What is damaged
is passed over, with one warning that says where; everything else counts.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

from neps_core import RunGoneError
from neps_core.errors import warn
from neps_core.events import Event
from neps_core.files import BINARY, read_at, sync, sync_directory, write_all, write_atomically
from neps_core.run_folder import as_storage_error
from neps_plugins.storages.filesystem.locks import FileLocks
from neps_plugins.storages.filesystem.records import MOST, Damage, Place, Reading, encode, is_whole

#: Whether the file stays open between two uses. On Windows, nobody could delete or replace it then.
KEEPS_OPEN = os.name == "posix"

#: Bytes that are read from the journal at a time.
CHUNK = 1 << 22

#: Bytes of the longest record.
LONGEST = 1 << 30


class FileJournal:
    """A journal in a file; see `neps_core.storage.Journal`.

    Args:
        inner: The folder that it is in.
        locks: The locks beside it.

    Attributes:
        path: The file.
        damages: What could not be read of it so far.
    """

    def __init__(self, inner: Path, locks: FileLocks) -> None:
        self.path = inner / "journal.jsonl"
        self.damages: list[Damage] = []
        self._inner = inner
        self._locks = locks
        self._reader: int | None = None
        self._writer: int | None = None
        self._reached = Place()

    def __del__(self) -> None:
        self._close()

    def _close(self) -> None:
        for descriptor in (self._reader, self._writer):
            if descriptor is not None:
                os.close(descriptor)
        self._reader = self._writer = None

    def exists(self) -> bool:
        with as_storage_error(f"can't look into {self._inner.parent}", "Check the folder and its permissions"):
            return self.path.is_file()

    def create(self) -> None:
        with as_storage_error(f"can't create a run in {self._inner.parent}", "Choose a folder that you may write to"):
            self._inner.mkdir(parents=True, exist_ok=True)
            self._locks.settle()
            if not self.exists():
                self.path.touch(exist_ok=True)
                sync_directory(self._inner)

    def destroy(self) -> None:
        self._close()
        with as_storage_error(f"can't delete {self.path}", "Delete it yourself"):
            self.path.unlink(missing_ok=True)

    # ------------------------------------------------------------------ writing

    def append(self, events: Sequence[Event], durable: bool = True) -> None:
        with as_storage_error(f"can't write to {self._inner.parent}", "Nothing stored before is lost"):
            if self._writer is None:
                self._writer = os.open(self.path, os.O_RDWR | os.O_APPEND | BINARY)
            self._check_is_there()
            end = self._cut_torn_tail(self._writer)
            data = encode(events, self._last_number(self._writer, end) + 1)
            self._locks.check_held("journal")
            try:
                write_all(self._writer, data)
            except OSError:
                os.ftruncate(self._writer, end)
                raise
            if durable:
                sync(self._writer)
            self._let_go()

    def _check_is_there(self) -> None:
        """Refuse to go on with a file that nobody will find again."""
        for descriptor in (self._reader, self._writer):
            if descriptor is not None and not os.fstat(descriptor).st_nlink:
                raise RunGoneError(f"{self.path} was deleted while the run was going on. Was the run overwritten?")

    def _let_go(self) -> None:
        """Without locks that work, nothing but opening a file anew shows what other hosts have written."""
        if self._locks.use_heartbeats or not KEEPS_OPEN:
            self._close()

    def _cut_torn_tail(self, descriptor: int) -> int:
        """Remove an incomplete last line. Returns the journal's length."""
        end = os.fstat(descriptor).st_size
        whole = end
        while whole and read_at(descriptor, 1, whole - 1) != b"\n":
            start = max(0, whole - CHUNK)
            whole = start + read_at(descriptor, whole - start, start).rfind(b"\n") + 1
        if whole < end:
            if is_whole(read_at(descriptor, end - whole - 1, whole)):  # only its last byte was damaged
                os.ftruncate(descriptor, end - 1)
                write_all(descriptor, b"\n")
                return end
            os.ftruncate(descriptor, whole)
        return whole

    def _last_number(self, descriptor: int, end: int) -> int:
        """The number of the last line."""
        if self._reached.position != end:  # else it was read a moment ago
            reading = Reading(self._reached if self._reached.position < end else Place())
            self._scan(descriptor, reading)
            self._reached = reading.place
        return self._reached.number

    def rewrite(self, groups: Iterable[Sequence[Event]]) -> Path:
        """Replace the journal in one step. Whoever calls this holds the lock `"journal"`, and no worker is alive.

        Args:
            groups: What it shall hold: the events of each record.

        Returns:
            Where the old one is kept.

        Raises:
            StorageError: If it can't be written; the old one is still in its place then.
        """
        with as_storage_error(f"can't rewrite {self.path}", "It is as it was"):
            kept = next(p for i in count(1) if not (p := self._inner / f"journal-damaged-{i}.jsonl").exists())
            shutil.copy2(self.path, kept)
            self.fill(groups)
        return kept

    def fill(self, groups: Iterable[Sequence[Event]]) -> None:
        with as_storage_error(f"can't write {self.path}", "It is as it was"):
            content = b"".join(encode(group, i) for i, group in enumerate(groups, 1))
            self._close()  # before: Windows replaces no file that is open
            write_atomically(self.path, content, durable=True)
        self._reached = Place()

    # ------------------------------------------------------------------ reading

    def read(self, since: int) -> tuple[list[Event], int]:
        with as_storage_error(f"can't read {self.path}", "Check the folder and its permissions"):
            if since == 0 and self._reader is not None:  # a run begins, perhaps one that has overwritten this
                self._close()
            if self._reader is None:
                self._reader = os.open(self.path, os.O_RDONLY | BINARY)
            self._check_is_there()
            at = self._reached if self._reached.position == since else Place(since)
            reading = Reading(at)
            self._scan(self._reader, reading)
            self._let_go()
        self._reached = reading.place
        self._report(reading)
        return list(reading.events()), reading.place.position

    def _scan(self, descriptor: int, reading: Reading) -> None:
        """Read on, to the last complete line.

        Of a line that is no record from its first byte on, or longer than any, nothing is kept.
        """
        parts: list[bytes] = []
        length = 0  # of the line that has begun
        while chunk := read_at(descriptor, CHUNK, reading.place.position + length):
            first, *lines = chunk.split(b"\n")
            length += len(first)
            is_record = (parts[0] if parts else first)[:1] in (b"{", b"") and length <= LONGEST
            parts = [*parts, first] if is_record else [b"#"]
            if not lines:
                continue
            *lines, tail = lines
            if is_record:
                reading.take(b"".join(parts))
            else:
                reading.skip(length + 1, "it is no record")
            for line in lines:
                reading.take(line)  # it moves the position on
            parts, length = [tail], len(tail)
        if length and parts[0] != b"#" and is_whole(b"".join(parts)[:-1]):
            reading.note(Damage(reading.place.position, length, "the end of its line is damaged"))

    def _report(self, reading: Reading) -> None:
        if not reading.damages:
            return
        self.damages = [*self.damages, *reading.damages][:MOST]
        first = reading.damages[0]
        more = f" (and {reading.n_damages - 1} more)" if reading.n_damages > 1 else ""
        warn(
            f"{self.path} is damaged at byte {first.position}: {first.reason}{more}. All else is kept. "
            f"'neps repair {self._inner.parent}' shows and mends it."
        )
