"""SIGTERM and SIGINT, taken where nothing can be lost by them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupts:
    """Lets signals interrupt the user's code and waiting, and nothing else.

    Inside `allowed()` a signal raises at once (`KeyboardInterrupt`, or `SystemExit` for SIGTERM); elsewhere it is kept
    until the next `allowed()` begins, so that a result is always recorded whole. Only the default handlers are replaced
    (and those of a run inside whose evaluation this one is), and only in the main thread: a program that handles a
    signal itself goes on doing so. A forked child gets the default behaviour.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._allowed = False
        self._pending: int | None = None
        self.raised = False
        self._outer: Interrupts | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the signals in this block."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        replaced: list[tuple[int, Any]] = []
        defaults: list[tuple[int, Any]] = [
            (signal.SIGTERM, signal.SIG_DFL),
            (signal.SIGINT, signal.default_int_handler),
        ]
        for number, default in defaults:
            before = signal.getsignal(number)
            outer = getattr(before, "__self__", None)
            is_nested = isinstance(outer, Interrupts)  # a run inside an evaluation
            if is_nested:
                self._outer = outer
            if before == default or is_nested:
                replaced.append((number, signal.signal(number, self._handle)))
        try:
            yield
        finally:
            for number, handler in replaced:
                signal.signal(number, handler)
            if self._pending is not None and not self.in_child:
                self._raise(self._pending)  # also after an error, which is then its context

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Let signals raise in this block."""
        self._allowed = True
        try:
            if self._pending is not None:
                self._raise(self._pending)
            yield
        finally:
            self._allowed = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep signals for later in this block, also inside `allowed()`. Other threads get none, and change nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before, self._allowed = self._allowed, False
        try:
            yield
        finally:
            self._allowed = before
        if before and self._pending is not None and not self.in_child:
            self._raise(self._pending)

    @property
    def in_child(self) -> bool:
        """Whether this process was forked off the one that runs the worker."""
        return os.getpid() != self._pid

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.in_child:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif self._allowed:
            self._raise(number)
        else:
            self._pending = number

    def _raise(self, number: int) -> None:
        self._pending = None
        each: Interrupts | None = self
        while each is not None:
            each.raised = True
            each = each._outer
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)
