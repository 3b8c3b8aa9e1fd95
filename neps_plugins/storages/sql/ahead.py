"""What is read of the journal in the same trip to the database as something else.

A trip costs more than what is done in it, and whoever takes a lock of a run reads next what is new in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from neps_plugins.toolkit.os_locks import ThreadLock


class Ahead:
    """Rows of the journal that were read already, for whoever reads it next.

    Attributes:
        question: Gives the position that the journal would read from next, and the query; None if it doesn't know yet.
    """

    def __init__(self) -> None:
        self.question: Callable[[], tuple[int, str] | None] = lambda: None
        self._rows: Sequence[Any] | None = None
        self._since = 0
        self._lock: ThreadLock | None = None
        self._turn = 0

    def keep(self, rows: Sequence[Any], since: int, lock: ThreadLock) -> None:
        """Rows that were read under a lock: they are what is new as long as that is held.

        Args:
            rows: From the one at the position on.
            since: The position that they were read from.
            lock: The lock.
        """
        self._rows, self._since, self._lock, self._turn = rows, since, lock, lock.turn

    def forget(self) -> None:
        """They are not what is new any more."""
        self._rows = None

    def taken(self, since: int) -> Sequence[Any] | None:
        """The rows from a position on, once; None if they have to be read."""
        rows, self._rows = self._rows, None
        is_held = self._lock is not None and self._lock.is_held and self._lock.turn == self._turn
        return rows if is_held and self._since == since else None
