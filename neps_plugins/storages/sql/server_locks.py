"""Locks that a database server keeps for a connection: when that ends, however that happens, they fall."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from typing import Protocol

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from neps_core import LeaseHeld, LockLostError, StorageError
from neps_core.waiting import Wait
from neps_plugins.storages.sql.ahead import Ahead
from neps_plugins.storages.sql.session import Session
from neps_plugins.storages.sql.tables import has_tables, workers
from neps_plugins.toolkit.os_locks import ThreadLock

logger = logging.getLogger("neps.sql")

#: Seconds between two looks of a worker whether its connection is there.
BEAT = 2.0

#: Seconds after a lost connection in which other workers, who have lost theirs as well, may come back.
GRACE = 10.0


class Means(Protocol):
    """The locks of a kind of server, each with a number of 64 bits: as queries."""

    def taking(self, key: int, waits: bool) -> str:
        """Take a lock; wait for it for at most a second or so. True if it was taken."""
        ...

    def is_timeout(self, error: DBAPIError) -> bool:
        """Whether that error says that the lock was not to be had in this time."""
        ...

    def freeing(self, key: int) -> str:
        """Give a lock back."""
        ...

    def looking(self, keys: Collection[int]) -> str:
        """The numbers of the locks that anybody holds, at least of those among these."""
        ...


class PostgresMeans:
    """Advisory locks of a PostgreSQL session; they belong to a database."""

    def taking(self, key: int, waits: bool) -> str:
        return f"SELECT true FROM pg_advisory_lock('{key}')" if waits else f"SELECT pg_try_advisory_lock('{key}')"

    def is_timeout(self, error: DBAPIError) -> bool:  # lock_not_available: the session's lock_timeout
        return "55P03" in (getattr(error.orig, "sqlstate", None), getattr(error.orig, "pgcode", None))

    def freeing(self, key: int) -> str:
        return f"SELECT pg_advisory_unlock('{key}')"

    def looking(self, keys: Collection[int]) -> str:
        return (
            "SELECT classid::bigint << 32 | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 "
            "AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )


class MysqlMeans:
    """Named locks of a MySQL or MariaDB connection; they belong to a server, so the database is part of the name."""

    def _name(self, key: int) -> str:
        return f"CONCAT('neps:', LEFT(MD5(DATABASE()), 16), ':{key}')"

    def taking(self, key: int, waits: bool) -> str:
        return f"SELECT GET_LOCK({self._name(key)}, {int(waits)})"  # NULL for an error

    def is_timeout(self, error: DBAPIError) -> bool:
        return False

    def freeing(self, key: int) -> str:
        return f"SELECT RELEASE_LOCK({self._name(key)})"

    def looking(self, keys: Collection[int]) -> str:
        return " UNION ALL ".join(
            f"SELECT {key} FROM DUAL WHERE IS_USED_LOCK({self._name(key)}) IS NOT NULL" for key in keys
        )


class ServerLocks:
    """The locks of a run in a database server; see `neps_core.storage.Locks`.

    Args:
        session: The connection.
        name: The run's.
        ahead: What is read along with taking a lock.
    """

    def __init__(self, session: Session, name: str, ahead: Ahead) -> None:
        self._session = session
        self._ahead = ahead
        self._name = name
        self._means: Means = PostgresMeans() if session.kind == "postgresql" else MysqlMeans()
        self._locks: dict[str, ServerLock] = {}
        self._leases: set[str] = set()
        self._missing: set[str] = set()  # those of them that an earlier connection has still
        session.on_connect.append(self._take_again)

    def _key(self, kind: str, name: str) -> int:
        digest = blake2b(f"neps\0{self._name}\0{kind}\0{name}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)

    def lock(self, name: str) -> ServerLock:
        if name not in self._locks:
            shown = f"{name!r} of the run {self._name!r} in {self._session.address}"
            key = self._key("lock", name)
            self._locks[name] = ServerLock(shown, self._session, self._means, key, self._ahead)
        return self._locks[name]

    def check_held(self, name: str) -> None:
        """Make sure that the locks which this process has taken, this one among them, are still its own.

        Raises:
            LockLostError: If one fell, with the connection.
        """
        for lock in self._locks.values():
            lock.check()

    # ------------------------------------------------------------------ leases

    @contextmanager
    def lease(self, worker_id: str) -> Iterator[None]:
        def take(connection: Connection) -> bool:
            with suppress(IntegrityError):  # one of this name was there before
                connection.execute(insert(workers).values(run=self._name, worker=worker_id))
            return worker_id not in self._leases and self._take(connection, worker_id)

        if not self._session.repeated(take):
            raise LeaseHeld(worker_id)
        self._leases.add(worker_id)
        is_over = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(is_over,), name="neps-sql-lease", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            is_over.set()
            self._leases.discard(worker_id)
            self._missing.discard(worker_id)
            with suppress(StorageError), self._session.used() as connection:  # else it falls with the connection
                self._session.ask(connection, self._means.freeing(self._key("worker", worker_id)))
                theirs = workers.c.run == self._name, workers.c.worker == worker_id
                connection.execute(delete(workers).where(*theirs))

    def _take(self, connection: Connection, worker_id: str) -> bool:
        ((row,),) = self._session.ask(connection, self._means.taking(self._key("worker", worker_id), waits=False))
        return bool(row[0])

    def _held(self, keys: Collection[int]) -> set[int]:
        """Those of some locks that anybody holds."""
        if not keys:
            return set()
        (rows,) = self._session.repeated(lambda connection: self._session.ask(connection, self._means.looking(keys)))
        return {key for (key,) in rows}.intersection(keys)

    def _keep(self, is_over: threading.Event) -> None:
        """While the user's function runs: notice that the connection is lost, and make it again."""
        while not is_over.wait(BEAT):
            self._session.ping()
            if self._missing:
                with suppress(StorageError), self._session.used() as connection:
                    self._take_missing(connection)

    def _take_again(self, connection: Connection) -> None:
        """Take all leases, in a new connection."""
        self._missing = set(self._leases)
        self._take_missing(connection)

    def _take_missing(self, connection: Connection) -> None:
        for worker_id in sorted(self._missing):
            if self._take(connection, worker_id):
                self._missing.discard(worker_id)
            else:  # often the server has just not noticed yet that the old connection is gone
                logger.warning("The lease of worker %s is held by a connection that was lost.", worker_id)

    def is_alive(self, worker_id: str) -> bool:
        if self._held([self._key("worker", worker_id)]):
            return True
        # After a restart of the server all have lost their leases, and whoever comes back first must not take the
        # others for dead.
        return time.monotonic() < self._session.reconnected + GRACE and worker_id in self._known()

    def _known(self) -> list[str]:
        """The ids of the workers that have not said good-bye."""
        query = select(workers.c.worker).where(workers.c.run == self._name)
        return self._session.repeated(lambda c: list(c.scalars(query)) if has_tables(c) else [])

    def living_workers(self) -> list[str]:
        keys = {self._key("worker", worker_id): worker_id for worker_id in self._known()}
        return sorted(keys[key] for key in self._held(keys))


class ServerLock(ThreadLock):
    """A lock of this process's connection.

    Args:
        shown: What it is, in words.
        session: The connection.
        means: How it is taken.
        key: Its number.
        ahead: What is read along with taking it.
    """

    def __init__(self, shown: str, session: Session, means: Means, key: int, ahead: Ahead) -> None:
        self._session, self._means, self._key, self._ahead = session, means, key, ahead
        super().__init__(shown)

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._epoch: int | None = None  # of the connection that it was taken in

    def take(self) -> None:
        wait: Wait | None = None
        while not self._session.repeated(self._try):
            wait = wait or Wait(f"the lock {self.path}", lambda: "another connection")
            wait.pause(0)

    def _try(self, connection: Connection) -> bool:
        since, *queries = self._ahead.question() or (0,)
        try:
            taken, *answers = self._session.ask(connection, self._means.taking(self._key, waits=True), *queries)
        except DBAPIError as error:
            if self._means.is_timeout(error):
                return False
            raise
        if not taken[0][0]:
            return False
        self._epoch = self._session.epoch
        for rows in answers:
            self._ahead.keep(rows, since, self)
        return True

    def check(self) -> None:
        """See `ServerLocks.check_held`."""
        if self._depth and self._epoch != self._session.epoch:
            raise LockLostError(f"the lock {self.path} fell, as the connection was lost.")

    def free(self) -> None:
        epoch, self._epoch = self._epoch, None
        if epoch is not None and epoch == self._session.epoch:
            with suppress(StorageError), self._session.used() as connection:
                if epoch == self._session.epoch:
                    self._session.ask(connection, self._means.freeing(self._key))

    def leave_to_parent(self) -> None:
        self._begin_anew()
