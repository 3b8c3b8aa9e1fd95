"""The connection to a database: made when it is needed, and made again when it was lost."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from neps_core import NePSError, NotAnsweringError, RunGoneError, StorageError, interrupts
from neps_plugins.storages.sql.urls import VARIABLE, Address

logger = logging.getLogger("neps.sql")

#: Seconds for which a database that was there, and is not there any more, is waited for; and between two tries.
PATIENCE, SHORTEST, LONGEST = 120.0, 0.1, 2.0

#: Keywords of drivers by which a host that is gone is noticed, and one that does not answer.
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "sqlite": {"timeout": 30.0, "check_same_thread": False},
    "psycopg": {
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "prepare_threshold": None,  # what is prepared is one statement only
    },
    "psycopg2": {"connect_timeout": 10, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3},
    "pymysql": {"connect_timeout": 10, "client_flag": 1 << 16},  # CLIENT.MULTI_STATEMENTS
}

#: Drivers that take several statements at once, and give the rows of each.
_TAKE_SEVERAL = ("psycopg", "pymysql")

#: What drivers say where a server has answered, or can't, and will say no a moment later, too.
_NO = re.compile(r"FATAL(?!.*(starting up|shutting down|recovery|too many|reserved))|password|\((1044|1045|1049)\b")

#: Of a statement that holds all it needs: nothing in it stands for a parameter.
_AS_IT_IS = {"no_parameters": True}

#: What a connection begins with. A server, too, has to notice that the other host is gone.
_BEGINNINGS: dict[str, tuple[str, ...]] = {
    "sqlite": ("PRAGMA journal_mode=WAL", "PRAGMA foreign_keys=ON", "PRAGMA synchronous=NORMAL"),
    "postgresql": (
        "SET lock_timeout = '1s'",
        "SET tcp_keepalives_idle = 10",
        "SET tcp_keepalives_interval = 5",
        "SET tcp_keepalives_count = 3",
        "SET default_transaction_isolation = 'read committed'",  # what is read after a lock was taken is as of then
    ),
    "mysql": ("SET SESSION wait_timeout = 600",),
}

T = TypeVar("T")


class ConnectionLostError(StorageError):
    """The connection is gone, and with it the locks; what was under way may have been done or not."""


class Session:
    """A connection to a database, for all threads of this process; each statement is a transaction.

    Args:
        address: The database.

    Attributes:
        epoch: How many connections there were. What was locked in an earlier one is not locked any more.
        reconnected: When a lost connection was last made again, by `time.monotonic`.
        on_connect: Called with each new connection.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.epoch = 0
        self.reconnected = float("-inf")
        self.on_connect: list[Callable[[Connection], None]] = []
        self._held = _Held()
        # Not by __del__: of what refers to each other, the driver's connection may be the first that is thrown away.
        weakref.finalize(self, self._held.close)
        self._mutex = threading.RLock()
        self._is_busy = False
        self._file: tuple[int, int] | None = None  # that SQLite has opened
        try:
            self._driver = address.url.get_dialect().driver if address.file is None else "sqlite"
            arguments = _ARGUMENTS.get(self._driver, {})
            how: dict[str, Any] = {"connect_args": arguments}
            if address.file is not None and _can_only_be_read(address.file):
                uri = f"{address.file.as_uri()}?immutable=1"
                how = {"creator": partial(sqlite3.connect, uri, uri=True, **arguments)}
            self._engine = create_engine(
                address.url,
                poolclass=NullPool,
                pool_reset_on_return=None,  # there is no transaction to end, and perhaps no connection
                isolation_level="AUTOCOMMIT",
                hide_parameters=True,
                **how,
            )
        except (ImportError, NoSuchModuleError) as reason:
            raise StorageError(
                f"storage={str(address)!r} needs a driver that isn't installed ({reason}). Install it with pip; the "
                "usual ones are psycopg ('postgresql+psycopg://...') and pymysql ('mysql+pymysql://...')."
            ) from None
        _all_sessions.add(self)

    @property
    def _connection(self) -> Connection | None:
        return self._held.connection

    @property
    def kind(self) -> str:
        """Of the database: `"sqlite"`, `"postgresql"` or `"mysql"`, which MariaDB is, too."""
        name = self.address.url.get_backend_name()
        return "mysql" if name == "mariadb" else name

    @contextmanager
    def used(self) -> Iterator[Connection]:
        """The connection, for this thread alone.

        Raises:
            ConnectionLostError: If it is lost, or can't be made again.
            StorageError: If the database refuses what is asked for.
        """
        with self._mutex:
            if self._is_busy:  # a signal came in the middle of a statement
                raise StorageError(f"the connection to {self.address} is in use.")
            self._is_busy = True
            try:
                yield self._connected()
            except NePSError:
                raise
            except DBAPIError as error:
                raise self._understood(error.orig, error.connection_invalidated) from None
            except self._engine.dialect.loaded_dbapi.Error as error:  # of a later one of several statements
                raw = None if self._connection is None else self._connection.connection.dbapi_connection
                raise self._understood(error, self._engine.dialect.is_disconnect(error, raw, None)) from None
            except BaseException:  # in the middle of a statement: nobody knows what the server would say next
                self._drop()
                raise
            finally:
                self._is_busy = False

    def _understood(self, error: BaseException | None, is_lost: bool) -> StorageError:
        said = self.address.without_secrets(str(error).strip().partition("\n")[0]).rstrip(".")
        if is_lost or (self._connection is None and self.epoch):
            self._drop()
            return ConnectionLostError(f"the connection to {self.address} is lost: {said}.")
        if self._connection is not None:
            return StorageError(f"{self.address} refuses: {said}.")
        url = self.address.url
        has_one = self.address.file is not None or url.password or "password" in url.query
        hint = "" if has_one else f" No password was given: put it into the environment variable {VARIABLE}."
        kind = StorageError if self.address.file is not None or _NO.search(said) else NotAnsweringError
        return kind(f"can't connect to {self.address}: {said}.{hint}")

    def _connected(self) -> Connection:
        if self._connection is not None and self._connection.closed:
            self._drop()
        if self._connection is not None and self._file != self._file_now():
            raise RunGoneError(f"{self.address} was deleted or replaced while a run in it was going on.")
        if self._connection is None:
            try:
                connection = self._engine.connect()
            except (TypeError, ValueError) as reason:  # drivers check no types: what a URL has behind its `?`
                said = self.address.without_secrets(str(reason))
                raise StorageError(f"can't connect to {self.address}: its driver takes no such URL ({said}).") from None
            try:
                for statement in _BEGINNINGS[self.kind]:
                    connection.execute(text(statement))
                for begin in self.on_connect:
                    begin(connection)
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            if self.epoch:
                self.reconnected = time.monotonic()
                logger.warning("Connected to %s again.", self.address)
            self._held.connection = connection
            self._file = self._file_now()
            self.epoch += 1
            return connection
        return self._connection

    def _file_now(self) -> tuple[int, int] | None:
        """Which file is in the place of SQLite's; what goes on being written to another one nobody will find again."""
        if self.address.file is None:
            return None
        with suppress(FileNotFoundError):
            found = self.address.file.stat()
            return found.st_dev, found.st_ino
        return 0, 0

    def _drop(self) -> None:
        self._held.close()

    def ask(self, connection: Connection, *queries: str) -> list[Sequence[Any]]:
        """The rows of each query, which go to the database in one trip where the driver can do that.

        Args:
            connection: The connection, from `used`.
            queries: What gives rows; each sees what was committed before it began. They hold no parameters, so nothing
                of a user's may be in them.
        """
        if len(queries) == 1 or self._driver not in _TAKE_SEVERAL:
            return [connection.exec_driver_sql(query, execution_options=_AS_IT_IS).all() for query in queries]
        result = connection.exec_driver_sql("; ".join(queries), execution_options=_AS_IT_IS)
        cursor: Any = result.cursor
        answers = [cursor.fetchall()]
        while cursor.nextset():
            answers.append(cursor.fetchall())
        result.close()
        return answers

    def repeated(self, work: Callable[[Connection], T]) -> T:
        """Do something that may be done twice; if the connection is lost, it is made again and that is done again.

        Args:
            work: Is given the connection.

        Raises:
            StorageError: If the database refuses it, or is away for too long.
        """
        end, delay = 0.0, SHORTEST
        while True:
            try:
                with self.used() as connection:
                    return work(connection)
            except ConnectionLostError as error:
                end = end or time.monotonic() + PATIENCE
                if time.monotonic() > end:
                    raise
                logger.warning("%s Next try in %.1f s.", error, delay)
            with interrupts.anywhere():
                if interrupts.is_told_to_leave():
                    raise StorageError(f"there is no connection to {self.address}, and this process was told to leave.")
                time.sleep(delay)
            delay = min(2 * delay, LONGEST)

    def ping(self) -> None:
        """Find out whether the connection is there; make it again if not. Nothing, if somebody uses it."""
        if self._mutex.acquire(blocking=False):
            try:
                with suppress(StorageError), self.used() as connection:
                    connection.execute(text("SELECT 1"))
            finally:
                self._mutex.release()

    def leave_to_parent(self) -> None:
        """In a forked child: the connection is the parent's, and is neither used nor closed here."""
        if self._connection is not None:
            _of_parents.append(self._connection)
            _let_go(self._connection)
        self._held.connection = None
        self._mutex = threading.RLock()
        self._is_busy = False


def _can_only_be_read(file: Path) -> bool:
    """Whether nothing can be written beside a file of SQLite, as it must be even to read it, and nobody writes to it.

    So what somebody else has left can be looked at where only they may write, or nobody.
    """
    return file.is_file() and not os.access(file.parent, os.W_OK) and not Path(f"{file}-wal").exists()


class _Held:
    """The connection of a session, which outlives it until it is closed.

    Attributes:
        connection: The connection; None while there is none.
    """

    def __init__(self) -> None:
        self.connection: Connection | None = None

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            with suppress(Exception):  # it is lost, perhaps
                connection.invalidate() if connection.dialect.name != "sqlite" else None
            with suppress(Exception):
                connection.close()


def _let_go(connection: Connection) -> None:
    """Have the system know that this process doesn't use a connection: when the parent dies, it ends."""
    raw = connection.connection.dbapi_connection
    number = getattr(raw, "fileno", None) or getattr(getattr(raw, "_sock", None), "fileno", None)
    if number is not None:
        with suppress(Exception):
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, number(), inheritable=False)
            os.close(nothing)


_of_parents: list[Connection] = []
_all_sessions: weakref.WeakSet[Session] = weakref.WeakSet()


def _after_fork() -> None:
    for session in list(_all_sessions):
        session.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
