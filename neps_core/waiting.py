"""Waiting for what others have to do: to free a lock, to answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from neps_core import interrupts
from neps_core.errors import NotAnsweringError, StorageError

logger = logging.getLogger("neps.waiting")

#: Seconds that somebody else may hold a lock for good reasons: until then, not even a signal ends the wait.
CONTENTION = 0.35

#: Seconds of waiting after which the log says for whom, and between saying it again.
PATIENCE, REMINDER = 3.0, 60.0

#: Seconds before each further try where something does not answer.
RETRIES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)

T = TypeVar("T")


def until_it_answers(work: Callable[[], T]) -> T:
    """Do what needs a database that others have reached a moment ago; if it does not answer, try again for a minute.

    Not for the beginning of a search: there, whoever has mistyped something is to be told at once.

    Args:
        work: May be done again.

    Raises:
        NotAnsweringError: What it raised in the last try.
        StorageError: Whatever else it raises.
    """
    for delay in RETRIES:
        try:
            return work()
        except NotAnsweringError as error:
            logger.warning("%s Next try in %g s.", error, delay)
        with interrupts.anywhere():
            time.sleep(delay)
    return work()


class Wait:
    """A wait for a lock, in which nothing is half done. After a moment signals end it.

    Whoever holds it may be suspended, or on a host that nobody can reach.

    Args:
        what: What is waited for.
        holder: Says who has it, as far as that can be known.
    """

    def __init__(self, what: str, holder: Callable[[], str]) -> None:
        self._what = what
        self._holder = holder
        self._since = time.monotonic()
        self._says_at = PATIENCE

    def pause(self, seconds: float) -> None:
        """Wait a little longer.

        Args:
            seconds: How long.

        Raises:
            StorageError: If this process was told to leave before.
            BaseException: If a signal comes.
        """
        waited = time.monotonic() - self._since
        if waited < CONTENTION:
            time.sleep(seconds)
            return
        with interrupts.anywhere():
            if interrupts.is_told_to_leave():
                raise StorageError(f"{self._what} is held by {self._holder()}, and this process was told to leave.")
            if waited >= self._says_at:
                self._says_at = waited + REMINDER
                logger.warning("Waiting for %s since %.0f s; it is held by %s.", self._what, waited, self._holder())
            time.sleep(seconds)
