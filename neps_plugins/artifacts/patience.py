"""Work that takes long, or has to be tried again, beside a main thread that listens to signals."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from neps_core import interrupts
from neps_plugins.artifacts.store import StoreAwayError

logger = logging.getLogger("neps.artifacts")

S = TypeVar("S")
T = TypeVar("T")

#: Seconds before each further try.
RETRIES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

#: Seconds after the first failure when no further try is made, however long the tries take.
PATIENCE = 60.0

#: Seconds for which work goes on after a signal has told this process to leave.
GRACE = 5.0

#: How many files are on their way at a time.
AT_A_TIME = 8

#: Seconds between looks whether this process was told to leave.
POLL = 0.05


class LeavingError(StoreAwayError):
    """This process was told to leave."""


def patiently(work: Callable[[], T], delays: tuple[float, ...] | None = None) -> T:
    """Do something that may be done twice, until it works or all tries have failed.

    Args:
        work: Is done in another thread, which ends with this process. So no store that hangs can hold it.
        delays: Seconds before each further try; `RETRIES` by default.

    Raises:
        StoreAwayError: What it raised in the last try.
        LeavingError: When this process was told to leave, `GRACE` seconds ago or while it waited for another try.
        Exception: What it raised that another try can't help.
    """
    end = 0.0
    for delay in (*(RETRIES if delays is None else delays), None):
        try:
            return _aside(work)
        except LeavingError:
            raise
        except StoreAwayError as reason:
            end = end or time.monotonic() + PATIENCE
            if delay is None or time.monotonic() > end:
                raise
            logger.warning("%s; next try in %g s.", reason, delay)
        until = time.monotonic() + delay
        while (left := until - time.monotonic()) > 0:
            if interrupts.is_told_to_leave():
                raise LeavingError("this process was told to leave")
            time.sleep(min(left, POLL))
    raise AssertionError("the last try returns or raises")


def _aside(work: Callable[[], T]) -> T:
    done: list[T] = []
    raised: list[BaseException] = []

    def do() -> None:
        try:
            done.append(work())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=do, name="neps-artifacts", daemon=True)
    thread.start()
    told = 0.0
    while thread.is_alive():
        thread.join(POLL)
        if interrupts.is_told_to_leave():
            told = told or time.monotonic()
            if time.monotonic() - told > GRACE and thread.is_alive():
                raise LeavingError("this process was told to leave")
    if raised:
        raise raised[0]
    return done[0]


def several(work: Callable[[S], T], items: list[S]) -> list[T]:
    """Do something with each of several, some at a time; after the first error nothing more is begun.

    Raises:
        Exception: The first error.
    """
    results: dict[int, T] = {}
    raised: list[BaseException] = []
    rest = iter(range(len(items)))
    taking = threading.Lock()

    def do() -> None:
        while not raised:
            with taking:
                i = next(rest, None)
            if i is None:
                return
            try:
                results[i] = work(items[i])
            except BaseException as error:
                raised.append(error)

    threads = [threading.Thread(target=do, daemon=True) for _ in range(min(AT_A_TIME, len(items)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
    return [results[i] for i in range(len(items))]
