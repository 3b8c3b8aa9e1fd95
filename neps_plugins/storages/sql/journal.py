"""A journal in a table: one record a row, the rows of a run numbered from 1.

A writer holds the journal's lock in the same connection that it writes with, so that what it writes can't come after
the lock was lost. Should the connection be lost while it writes, it looks whether its row is there: nothing is written
twice, and nothing that was written is taken for lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress

from sqlalchemy import Connection, delete, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from neps_core import LockLostError, RunGoneError, StorageError
from neps_core.events import Event, from_plain, to_plain
from neps_plugins.storages.sql.ahead import Ahead
from neps_plugins.storages.sql.file_locks import SqliteLocks
from neps_plugins.storages.sql.server_locks import ServerLocks
from neps_plugins.storages.sql.session import ConnectionLostError, Session
from neps_plugins.storages.sql.tables import events, has_tables, make_tables, runs, workers

#: How SQLite is told not to wait for the disk at each commit, and to. A server always waits: if it forgot, in a crash
#: of its own, what its clients have seen, they would go on with what nobody else knows.
_DURABLE = "PRAGMA synchronous=NORMAL", "PRAGMA synchronous=FULL"

#: What is said of a run whose last row is not what it was.
GONE = "was deleted while it was going on, or its end was lost. Was it overwritten, or restored?"


class SqlJournal:
    """A journal in a database; see `neps_core.storage.Journal`. A position is the number of a record.

    Args:
        session: The connection.
        name: The run's.
        locks: Those of the run.
        ahead: What was read already.
    """

    def __init__(self, session: Session, name: str, locks: SqliteLocks | ServerLocks, ahead: Ahead) -> None:
        self._session = session
        self._name = name
        self._locks = locks
        self._run: int | None = None  # the id of the run that was read last
        self._reached = 0
        self._ahead = ahead
        ahead.question = self._question
        self._durability = (0, True)  # of which connection, and what it was told

    def __str__(self) -> str:
        return f"the run {self._name!r} in {self._session.address}"

    def _found(self, connection: Connection) -> int | None:
        query = select(runs.c.id).where(runs.c.name == self._name)
        return connection.scalar(query) if has_tables(connection) else None

    def exists(self) -> bool:
        file = self._session.address.file
        if file is not None and not file.exists():  # connecting would make it
            return False
        return self._session.repeated(self._found) is not None

    def create(self) -> None:
        if (file := self._session.address.file) is not None:
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as reason:
                raise StorageError(f"can't create {file}: {reason.strerror}. Choose another place.") from reason
        self._session.repeated(self._make)

    def _make(self, connection: Connection) -> None:
        make_tables(connection)
        try:
            if self._found(connection) is None:
                connection.execute(insert(runs).values(name=self._name))
        except IntegrityError:  # somebody else just did
            pass

    def destroy(self) -> None:
        def work(connection: Connection) -> None:
            if has_tables(connection):
                connection.execute(delete(runs).where(runs.c.name == self._name))  # and with it, its events
                connection.execute(delete(workers).where(workers.c.run == self._name))

        self._session.repeated(work)
        self._run, self._reached = None, 0

    # ------------------------------------------------------------------ writing

    def append(self, events: Sequence[Event], durable: bool = True) -> None:
        record = json.dumps([to_plain(event) for event in events], separators=(",", ":"))
        number = self._reached + 1
        self._ahead.forget()
        try:
            with self._session.used() as connection:
                self._locks.check_held("journal")
                self._be(durable, connection)
                if self._run is None:
                    self._run, number = self._found(connection), 0
                if not number or not self._insert(connection, number, record):
                    number = self._next_number(connection)
                    self._insert(connection, number, record)
        except ConnectionLostError as reason:
            if not number or not self._has(number, record):
                raise LockLostError(f"{reason} Nothing was written meanwhile.") from None
        else:
            if number == self._reached + 1 > 1:  # what is new is known, as long as nobody else can add something
                self._ahead.keep([(self._reached, None), (number, record)], self._reached, self._locks.lock("journal"))

    def fill(self, groups: Iterable[Sequence[Event]]) -> None:
        records = [json.dumps([to_plain(event) for event in group], separators=(",", ":")) for group in groups]
        with self._session.used() as connection:
            self._locks.check_held("journal")
            self._be(True, connection)
            self._run = self._found(connection)
            self._next_number(connection)  # that is, if there is a run
            connection.execute(text("BEGIN"))
            try:
                for number, record in enumerate(records, 1):
                    connection.execute(insert(events), {"run": self._run, "number": number, "record": record})
                connection.execute(text("COMMIT"))
            except DBAPIError:
                with suppress(DBAPIError):
                    connection.execute(text("ROLLBACK"))
                raise

    def _be(self, durable: bool, connection: Connection) -> None:
        if self._session.kind == "sqlite" and self._durability != (self._session.epoch, durable):
            connection.exec_driver_sql(_DURABLE[durable])
            self._durability = self._session.epoch, durable

    def _insert(self, connection: Connection, number: int, record: str) -> bool:
        """Add a row. False if there is one of this number, or no run any more."""
        try:
            connection.execute(insert(events), {"run": self._run, "number": number, "record": record})
        except IntegrityError:
            return False
        return True

    def _next_number(self, connection: Connection) -> int:
        if self._run is None or connection.scalar(select(runs.c.id).where(runs.c.id == self._run)) is None:
            raise RunGoneError(f"{self} {GONE}")
        return 1 + (connection.scalar(select(func.max(events.c.number)).where(events.c.run == self._run)) or 0)

    def _has(self, number: int, record: str) -> bool:
        query = select(events.c.record).where(events.c.run == self._run, events.c.number == number)
        return self._session.repeated(lambda connection: connection.scalar(query)) == record

    # ------------------------------------------------------------------ reading

    def _question(self) -> tuple[int, str] | None:
        """What will be read next, if all goes on as before."""
        return None if self._run is None or not self._reached else (self._reached, self._query(self._reached))

    def _query(self, since: int) -> str:
        """The rows from a position on, and what is in those after it."""
        return (
            f"SELECT number, CASE WHEN number > {since:d} THEN record END FROM {events.name} "
            f"WHERE run = {self._run:d} AND number >= {since:d} ORDER BY number"
        )

    def read(self, since: int) -> tuple[list[Event], int]:
        if since == 0 or self._run is None:  # a run begins, perhaps one that has overwritten this
            self._run = self._session.repeated(self._found)
            if self._run is None:
                raise StorageError(f"there is no {str(self).removeprefix('the ')}.")
        rows = self._ahead.taken(since)
        if rows is None:
            (rows,) = self._session.repeated(lambda connection: self._session.ask(connection, self._query(since)))
        if since:  # the row that was the last one tells whether it is the same run still
            if not rows or rows[0][0] != since:
                raise RunGoneError(f"{self} {GONE}")
            rows = rows[1:]
        try:
            found = [from_plain(plain) for _, record in rows for plain in json.loads(record)]
        except (ValueError, TypeError, RecursionError) as reason:
            raise StorageError(f"{self} is damaged: {reason}.") from reason
        self._reached = rows[-1][0] if rows else since
        return found, self._reached
