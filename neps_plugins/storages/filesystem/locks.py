"""How the users of a run in a folder agree: by the operating system's locks, or by heartbeats where those don't
work."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Union

from neps_core.errors import warn
from neps_core.run_folder import as_storage_error
from neps_plugins.storages.filesystem.heartbeats import GRACE, HeartbeatLocks
from neps_plugins.storages.filesystem.probing import why_locks_fail
from neps_plugins.toolkit.os_locks import OsLocks


class FileLocks:
    """Locks between processes; see `neps_core.storage.Locks`.

    Args:
        inner: The folder that their files are in.
    """

    def __init__(self, inner: Path) -> None:
        self._inner = inner
        self._notice = inner / "heartbeats"  # says to all hosts that the operating system's locks don't work here

    @property
    def use_heartbeats(self) -> bool:
        """Whether the users of the run agree by heartbeats."""
        return isinstance(self._means, HeartbeatLocks)

    @cached_property
    def _means(self) -> Union[OsLocks, HeartbeatLocks]:
        return HeartbeatLocks(self._inner) if self._notice.exists() else OsLocks(self._inner)

    def settle(self) -> None:
        """Find out whether the operating system's locks work here; from now on all go by that.

        Raises:
            StorageError: If the folder can't be written to.
        """
        if not self._notice.exists():
            with as_storage_error(f"can't write to {self._inner}", "Choose a folder that you may write to"):
                reason = why_locks_fail(self._inner)
                if reason is None:
                    return
                self._notice.write_text(f"The operating system's locks don't work here: {reason}.\n", encoding="utf-8")
            self.__dict__.pop("_means", None)
        notice = self._notice.read_text(encoding="utf-8").strip()
        warn(
            f"{notice} Workers agree by heartbeats instead: a worker that dies on another "
            f"host is noticed after {GRACE:.0f} s, and one that is suspended for longer may have its trial evaluated "
            "twice. Put root_directory= on a filesystem with locks to be safe from both."
        )

    def check_held(self, name: str) -> None:
        """Make sure that a lock which this process has taken is still its own.

        Raises:
            StorageError: If somebody else has it by now.
        """
        self._means.check_held(name)

    def lock(self, name: str) -> AbstractContextManager[object]:
        return self._means.lock(name)

    def lease(self, worker_id: str) -> AbstractContextManager[object]:
        return self._means.lease(worker_id)

    def is_alive(self, worker_id: str) -> bool:
        return self._means.is_alive(worker_id)

    def living_workers(self) -> list[str]:
        return [name for name in self._means.known_workers() if self.is_alive(name)]
