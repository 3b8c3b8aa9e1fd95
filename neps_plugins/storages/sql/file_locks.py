"""Locks beside a file of SQLite: the operating system's."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from urllib.parse import quote

from neps_core.run_folder import as_storage_error
from neps_plugins.toolkit.os_locks import OsLocks, ThreadLock

#: The longest name of a folder of locks.
LONGEST = 200


class SqliteLocks(OsLocks):
    """The locks of a run in a file of SQLite, in a folder beside it; see `neps_core.storage.Locks`.

    Args:
        file: The database.
        name: The run's.
    """

    def __init__(self, file: Path, name: str) -> None:
        folder = quote(name, safe=" ").replace(".", "%2E")
        if len(folder) > LONGEST:  # more than file systems take: names that begin alike are told apart by a digest
            folder = f"{folder[: LONGEST - 33]}-{blake2b(name.encode(), digest_size=16).hexdigest()}"
        self._folder = Path(f"{file}-locks", folder)
        super().__init__(self._folder)

    def lock(self, name: str) -> ThreadLock:
        if not self._folder.is_dir():  # nobody copies it with the database
            with as_storage_error(f"can't create {self._folder}", "Choose a place that you may write to"):
                self._folder.mkdir(parents=True, exist_ok=True)
        return super().lock(name)

    def living_workers(self) -> list[str]:
        return [name for name in self.known_workers() if self.is_alive(name)]
