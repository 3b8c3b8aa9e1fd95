"""The storage in a database, through SQLAlchemy: for machines that share nothing else. Extra `sql`.

A database holds many runs. `urls` says which database and which run a location means, `session` is the connection,
`tables` what is in the database, `journal` how events are added and read, `ahead` what saves it trips. Users agree by
what the database has: `server_locks` (advisory locks of PostgreSQL, MySQL and MariaDB, which fall with the connection)
or `file_locks` (those of the operating system, beside a file of SQLite).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neps_core import RunFolder, Storage, StorageError, hookimpl

if TYPE_CHECKING:
    from neps_plugins.storages.sql.file_locks import SqliteLocks
    from neps_plugins.storages.sql.server_locks import ServerLocks

#: The databases whose locks are known, as their URLs begin.
KINDS = ("sqlite", "postgresql", "mysql", "mariadb")


@hookimpl
def neps_open_storage(location: str, root_directory: Path | None) -> Storage | None:
    """Locations that begin with `sqlite://`, `postgresql://`, `mysql://` or `mariadb://`, or `...+DRIVER://`."""
    if location.partition("://")[0].partition("+")[0] not in KINDS or "://" not in location:
        return None
    try:
        import sqlalchemy  # noqa: F401
    except ImportError:
        raise StorageError("a run in a database needs SQLAlchemy: pip install 'neps-framework[sql]'.") from None
    return _opened(location, root_directory)


def _opened(location: str, root_directory: Path | None) -> Storage:
    from neps_plugins.storages.sql.ahead import Ahead
    from neps_plugins.storages.sql.file_locks import SqliteLocks
    from neps_plugins.storages.sql.journal import SqlJournal
    from neps_plugins.storages.sql.server_locks import ServerLocks
    from neps_plugins.storages.sql.session import Session
    from neps_plugins.storages.sql.tables import only_run
    from neps_plugins.storages.sql.urls import parse_location

    address = parse_location(location, root_directory)
    session = Session(address)
    name = only_run(session) if address.run is None else address.run
    locks: SqliteLocks | ServerLocks
    ahead = Ahead()
    locks = ServerLocks(session, name, ahead) if address.file is None else SqliteLocks(address.file, name)
    journal = SqlJournal(session, name, locks, ahead)
    return Storage(journal, locks, RunFolder(kept_in=str(journal)))
