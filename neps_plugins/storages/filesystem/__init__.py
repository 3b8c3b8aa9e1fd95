"""The storage in a folder, which may be shared by many processes and hosts.

`.neps/journal.jsonl` is the run, locks stand beside it. `records` says what a line of the journal is, `journal` how
lines are added and read, `locks` how users agree, by the operating system's locks (`neps_plugins.toolkit.os_locks`) or
by `heartbeats`, and `probing` finds out by which.
"""

from __future__ import annotations

import logging
from pathlib import Path

from neps_core import RunFolder, Storage, hookimpl
from neps_core.run_folder import INNER
from neps_plugins.storages.filesystem.journal import FileJournal
from neps_plugins.storages.filesystem.locks import FileLocks

# It tells of each lock that is taken and given back, which a user who asks for everything does not ask for.
if not logging.getLogger("filelock").level:
    logging.getLogger("filelock").setLevel(logging.WARNING)

__all__ = ["FileJournal", "FileLocks", "folder_storage", "neps_open_storage"]


@hookimpl
def neps_open_storage(location: str) -> Storage | None:
    """Any location without a scheme (`memory://...`) is a folder."""
    return None if "://" in location else folder_storage(Path(location))


def folder_storage(root: Path) -> Storage:
    """The storage in a folder, which need not exist."""
    folder = RunFolder(root)
    inner = folder.root_directory / INNER
    locks = FileLocks(inner)
    return Storage(FileJournal(inner, locks), locks, folder)
