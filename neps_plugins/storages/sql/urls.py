"""Which database and which run a location means. Passwords are kept out of everything that is shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeGuard

from attrs import frozen
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from neps_core import StorageError
from neps_core.storage import shown_location

#: The environment variable with the password of a URL that has none. It is for processes that get the URL from a file.
VARIABLE = "NEPS_STORAGE_PASSWORD"

#: The longest name of a run, in characters.
LONGEST = 255


@frozen
class Address:
    """A run in a database.

    Attributes:
        url: The database.
        run: The run's name; None where only the database is said.
        file: Of SQLite; None for a server.
    """

    url: URL
    run: str | None
    file: Path | None = None

    def __str__(self) -> str:
        return shown_location(self.url.render_as_string(hide_password=True))

    def without_secrets(self, text: str) -> str:
        """A driver's message, should it hold the password."""
        return text.replace(str(self.url.password), "***") if self.url.password else text


def parse_location(location: str, root_directory: Path | None) -> Address:
    """The database and the run that a location means.

    Args:
        location: An SQLAlchemy URL. `run=NAME` in its query is the run's name, and not for the database.
        root_directory: The folder whose name is the run's where the URL has none.

    The password of a URL that has none is taken from the environment variable `NEPS_STORAGE_PASSWORD`; if that is not
    set, the driver looks in its own places (`PGPASSWORD`, `~/.pgpass`).

    Raises:
        StorageError: If it is no URL of a database that a run can be in.
    """
    try:
        url = make_url(location)
    except (ArgumentError, ValueError):  # whose message may hold the password
        raise StorageError(
            f"storage={shown_location(location)!r} is no URL of a database. It should look like "
            "'postgresql+psycopg://user@host/database', 'mysql+pymysql://user@host/database' or 'sqlite:///runs.db'."
        ) from None
    name = url.query.get("run", root_directory.name if root_directory is not None else None)
    if name is not None and not _is_name(name):
        raise StorageError(
            f"storage={shown_location(location)!r}: give the run a name of one line, of at most {LONGEST} characters, "
            "without spaces around it: ...?run=NAME"
        )
    url = url.difference_update_query(["run"])
    if url.get_backend_name() != "sqlite":
        if url.password is None and url.username is not None:
            url = url.set(password=os.environ.get(VARIABLE))
        return Address(url, name)
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StorageError(
            f"storage={shown_location(location)!r} names no file. Write 'sqlite:///runs.db' for one in this folder, "
            "'sqlite:////home/me/runs.db' for an absolute path."
        )
    file = Path(url.database).expanduser().absolute()
    return Address(url.set(database=str(file)), name, file)


def _is_name(name: object) -> TypeGuard[str]:
    """Whether it can be a run's. MySQL takes names for the same that differ in spaces behind them."""
    return isinstance(name, str) and 0 < len(name) <= LONGEST and name.isprintable() and name == name.strip()
