"""A record: a line of the journal, with the events that were added together, its number, and a checksum.

    {"n":17,"events":[{"event":"sampled",...},{"event":"started",...}],"crc":"9ae0daaf"}

So what is added together is there together or not at all: a line counts once it is complete. The checksum is the
CRC-32 (as in zlib) of everything before `,"crc"`. The numbers count the lines from 1, so that what is missing,
doubled or out of order is seen. Runs of format 1 began with one bare event a line; once a run has a line with a
checksum, every later one must have one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

from attrs import define, evolve, field, frozen

from neps_core.events import Event, from_plain, to_plain

#: What stands before the checksum, and how long a line's end is: `,"crc":"9ae0daaf"}`.
_BEFORE, _LENGTH = b',"crc":"', 18


#: How many damages are remembered one by one.
MOST = 1000


@frozen
class Damage:
    """What can't be read of a journal.

    Attributes:
        position: Where it begins, in bytes.
        length: How many bytes are concerned; 0 where something is missing.
        reason: What is wrong.
    """

    position: int
    length: int
    reason: str


@frozen
class Place:
    """How far a journal was read.

    Attributes:
        position: In bytes: where the next line begins.
        number: Of the last line; 0 before the first one.
        is_checked: Whether every later line must have a checksum.
    """

    position: int = 0
    number: int = 0
    is_checked: bool = False


def encode(events: Sequence[Event], number: int) -> bytes:
    """The line that holds some events."""
    return seal([to_plain(event) for event in events], number)


def seal(events: Sequence[Mapping[str, Any]], number: int) -> bytes:
    """The line that holds some events, which are plain data already."""
    content = json.dumps(events, separators=(",", ":")).encode()
    body = b'{"n":%d,"events":%s' % (number, content)
    return b'%s%s%08x"}\n' % (body, _BEFORE, crc32(body))


def is_whole(line: bytes) -> bool:
    """Whether this is a record with its checksum, and the checksum is right."""
    return line[-_LENGTH : 8 - _LENGTH] == _BEFORE and line[8 - _LENGTH :] == b'%08x"}' % crc32(line[:-_LENGTH])


def decode(line: bytes) -> tuple[int | None, list[Event]]:
    """The number and the events of a line; the number is None for one of format 1.

    Raises:
        ValueError: If it is damaged.
    """
    has_checksum = line[-_LENGTH : 8 - _LENGTH] == _BEFORE
    if has_checksum and not is_whole(line):
        raise ValueError("its checksum is wrong")
    try:
        document = json.loads(line)
        if not has_checksum:
            return None, [from_plain(document)]
        return int(document["n"]), [from_plain(event) for event in document["events"]]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as reason:
        raise ValueError(f"it is no record ({reason!r})") from reason


@define
class Reading:
    """Lines, one after the other.

    Attributes:
        place: How far it has come.
        damages: What could not be read: the first `MOST` of it.
        n_damages: How much that is altogether.
    """

    place: Place
    damages: list[Damage] = field(factory=list)
    n_damages: int = 0
    _records: list[tuple[int, list[Event]]] = field(factory=list)
    _is_disordered: bool = False

    def take(self, line: bytes) -> None:
        """The next line, without its newline."""
        at = self.place
        if not line:  # of somebody's editor
            self.place = evolve(at, position=at.position + 1)
            return
        number, is_checked = at.number + 1, at.is_checked
        try:
            given, events = decode(line)
            if given is None and is_checked:
                raise ValueError("it has no checksum")
        except ValueError as reason:
            self.note(Damage(at.position, len(line) + 1, str(reason)))
        else:
            if given is not None:
                if given > number and is_checked:
                    self.note(Damage(at.position, 0, f"{given - number} record(s) are missing before it"))
                elif given < number:
                    self.note(Damage(at.position, 0, f"record {given} stands behind record {at.number}"))
                    self._is_disordered = True
                is_checked = True
            self._records.append((number if given is None else given, events))
            number = max(at.number, number if given is None else given)
        self.place = Place(at.position + len(line) + 1, number, is_checked)

    def skip(self, length: int, reason: str) -> None:
        """Pass over a line that is not worth keeping, newline included."""
        self.note(Damage(self.place.position, length, reason))
        self.place = evolve(self.place, position=self.place.position + length, number=self.place.number + 1)

    def note(self, damage: Damage) -> None:
        """Remember what is damaged, but not without bound."""
        self.n_damages += 1
        if len(self.damages) < MOST:
            self.damages.append(damage)

    def events(self) -> Iterator[Event]:
        """What was read: in the order in which it was written, and everything once."""
        records = self._records
        if self._is_disordered:
            records = sorted(records, key=lambda record: record[0])
            # Two that were written at once, where locks fail, have one number and different events: both count.
            records = [record for i, record in enumerate(records) if i == 0 or record != records[i - 1]]
        return (event for _, events in records for event in events)
