"""What is in a database: runs, their events, and the workers that have not said good-bye."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
)
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.exc import DBAPIError

from neps_core import StorageError
from neps_plugins.storages.sql.session import Session

#: The version of these tables; a database with a later one is refused.
SCHEMA = 1

#: Tries to make the tables, while others do the same.
TRIES = 5

metadata = MetaData()


versions = Table("neps_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

runs = Table(
    "neps_runs",
    metadata,
    Column("id", Integer, primary_key=True),  # of a run that is overwritten, no other one gets it
    Column("name", String(255), nullable=False, unique=True),
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
    mysql_engine="InnoDB",
    sqlite_autoincrement=True,
)

#: A record is the JSON list of the events that were added together; the records of a run are numbered from 1.
events = Table(
    "neps_events",
    metadata,
    Column("run", Integer, ForeignKey(runs.c.id, ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("record", Text().with_variant(LONGTEXT(), "mysql", "mariadb"), nullable=False),
    mysql_charset="utf8mb4",
    mysql_engine="InnoDB",
)

workers = Table(
    "neps_workers",
    metadata,
    Column("run", String(255), primary_key=True),
    Column("worker", String(255), primary_key=True),
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
    mysql_engine="InnoDB",
)


def has_tables(connection: Connection) -> bool:
    """Whether the database has these tables.

    Raises:
        StorageError: If it has those of a later version.
    """
    if not inspect(connection).has_table(versions.name):
        return False
    found = connection.scalar(select(versions.c.version))
    if found is not None and found > SCHEMA:
        raise StorageError(
            f"the tables of the database are of version {found}, and this version of neps-framework knows those up to "
            f"{SCHEMA}. Install a newer one to go on with its runs."
        )
    return found is not None


def make_tables(connection: Connection) -> None:
    """Make what isn't there. Others may do the same at this moment."""
    for left in reversed(range(TRIES)):
        if has_tables(connection):
            return
        try:
            metadata.create_all(connection)
            connection.execute(insert(versions).values(version=SCHEMA))
        except DBAPIError as error:
            if not left or error.connection_invalidated:
                raise


class NoRunError(StorageError, FileNotFoundError):
    """A database holds no run; both what whoever opens a run expects, and what a plugin refuses on purpose."""


def only_run(session: Session) -> str:
    """The name of the run in a database that holds a single one.

    Raises:
        NoRunError: If it holds none.
        StorageError: If it holds several.
    """
    file = session.address.file
    if file is not None and not file.exists():
        raise NoRunError(f"there is no run in {session.address}.")
    query = select(runs.c.name).order_by(runs.c.name)
    names: list[str] = session.repeated(lambda c: list(c.scalars(query)) if has_tables(c) else [])
    if not names:
        raise NoRunError(f"there is no run in {session.address}.")
    if len(names) > 1:
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise StorageError(f"{session.address} holds {len(names)} runs. Say which: ...?run=NAME. There is {shown}.")
    return names[0]
