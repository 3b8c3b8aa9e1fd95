"""SIGTERM, SIGUSR1 and SIGINT, taken where nothing can be lost by them."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType
from typing import Any

#: Seconds after which a signal that Python could not deliver is acted upon in another thread, and how long that may
#: take.
STUCK, TO_LEAVE = 0.3, 0.6

#: What Python does with the signals unless somebody says otherwise.
_DEFAULTS: dict[int, Any] = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}

#: The usual word of a cluster that a worker's time is nearly over; None on Windows.
TIME_IS_OVER = getattr(signal, "SIGUSR1", None)
if TIME_IS_OVER is not None:
    _DEFAULTS[TIME_IS_OVER] = signal.SIG_DFL


class Interrupts:
    """Lets signals interrupt the user's code and waiting, and nothing else.

    Inside `allowed()` a signal raises at once (`KeyboardInterrupt` for SIGINT, else `SystemExit`); elsewhere it is kept
    until the next `allowed()` begins, so that a result is always recorded whole. A second SIGINT raises at once
    wherever it comes. A handler of the program's own is called in the same places, instead, and is back when the
    block ends. Only the main thread gets signals, so only there is anything done. A forked child gets the default
    behaviour.

    Attributes:
        error: What the first signal has raised; None as long as none has.
        is_urgent: Whether there was a second SIGINT.
    """

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.is_urgent = False
        self._pid = os.getpid()
        self._allowed = False
        self._pending: int | None = None
        self._before: dict[int, Any] = {}
        self._is_told = False  # to leave, by a signal that no handler of the program's own takes
        self._handled_at = float("-inf")
        self._outer: Interrupts | None = None
        self._watch: _Watch | None = None

    @property
    def raised(self) -> bool:
        """Whether a signal has raised here."""
        return self.error is not None

    @property
    def time_is_over(self) -> bool:
        """Whether it was the signal that this worker's time is nearly over."""
        return isinstance(self.error, SystemExit) and self.error.code == 128 + (TIME_IS_OVER or 0)

    @contextmanager
    def installed(self, leave: Callable[[int], None] | None = None) -> Iterator[None]:
        """Handle the signals in this block.

        Args:
            leave: What is to be done before the process ends, given the signal's number, where the main thread is in
                code that never comes back to Python, so that nothing can be raised there. Called in another thread.
                None to wait for it.
        """
        global _innermost
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._outer, _innermost = _innermost, self
        before = {number: signal.getsignal(number) for number in _DEFAULTS}
        # Not those that are ignored, nor those that are not Python's.
        self._before = {
            n: handler
            for n, handler in before.items()
            if callable(handler) or (handler == _DEFAULTS[n] and not _is_taken_in_c(n))
        }
        if leave is not None and os.name == "posix":  # elsewhere, no pipe can be read without waiting
            self._watch = _Watch(self, leave)
        try:
            self.install()
            yield
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            if not self.in_child:
                if self._watch is not None:
                    self._watch.end()
                _innermost = self._outer
                if self._pending is not None:
                    self._raise(self._pending, None)  # also after an error, which is then its context

    def install(self) -> None:
        """Take the signals (back, where the user's code has left handlers of its own)."""
        if _innermost is not self or threading.current_thread() is not threading.main_thread() or self.in_child:
            return
        for number in self._before:
            if signal.getsignal(number) != self._handle:
                signal.signal(number, self._handle)
        if self._watch is not None:
            self._watch.listen()

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Let signals raise in this block."""
        before, self._allowed = self._allowed, True
        try:
            if self._pending is not None:
                self._raise(self._pending, None)
            yield
        finally:
            self._allowed = before

    def leave_if_told(self) -> None:
        """Raise once more what the user's code has caught, and should not have."""
        if self._is_told and self.error is not None:
            raise self.error

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
            self._raise(self._pending, None)

    @property
    def in_child(self) -> bool:
        """Whether this process was forked off the one that runs the worker."""
        return os.getpid() != self._pid

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.in_child:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self._note_time()
        is_default = self._is_default(number)
        is_second = is_default and number == signal.SIGINT and self._is_told
        self._is_told |= is_default
        self.is_urgent |= is_second
        if self._allowed or is_second:
            self._raise(number, frame)
        else:
            self._pending = number

    def _note_time(self) -> None:
        self._handled_at = time.monotonic()
        if self._outer is not None:
            self._outer._note_time()

    def _is_default(self, number: int) -> bool:
        handler = self._before[number]
        outer = getattr(handler, "__self__", None)
        if isinstance(outer, Interrupts):  # a run inside an evaluation
            return outer._is_default(number)
        return bool(handler == _DEFAULTS[number])

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self._pending = None
        if self._is_default(number):
            error: BaseException = KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
            self._mark(error)
            raise error
        try:
            self._before[number](number, frame)
        except BaseException as raised:
            self._mark(raised)
            raise

    def _mark(self, error: BaseException) -> None:
        self.error = error
        if self._outer is not None:
            self._outer._is_told |= self._is_told
            self._outer._mark(error)


def _is_taken_in_c(number: int) -> bool:
    """Whether a library has a handler for SIGUSR1 that Python doesn't know, as `faulthandler.register` has.

    SIGTERM means the process, whatever libraries do with it.
    """
    if number == signal.SIGTERM:
        return False
    ask = ctypes.pythonapi.PyOS_getsig
    ask.restype = ctypes.c_void_p
    return ask(number) is not None


#: The block of the main thread that signals go to.
_innermost: Interrupts | None = None


@contextmanager
def anywhere() -> Iterator[None]:
    """Let signals raise in this block, if this is the main thread of a process that handles them."""
    if _innermost is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    with _innermost.allowed():
        yield


def hold() -> None:
    """Keep signals for later until the block ends in which they may raise: what is there by now must not be lost."""
    if _innermost is not None and threading.current_thread() is threading.main_thread():
        _innermost._allowed = False


def held() -> AbstractContextManager[object]:
    """Keep signals for later in a block: what is begun there must not be left behind half-made."""
    return nullcontext() if _innermost is None else _innermost.held()


def is_told_to_leave() -> bool:
    """Whether a signal has told this process to leave."""
    return _innermost is not None and _innermost._is_told


class _Watch:
    """Hears of signals in a thread of its own.

    Python calls handlers between two steps of the main thread. While that is in a call of C that doesn't return, none
    is called; but if the call lets other threads run, this one can do what has to be done, and end the process.
    """

    def __init__(self, interrupts: Interrupts, leave: Callable[[int], None]) -> None:
        self._interrupts = interrupts
        self._leave = leave
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._before = -1
        self._since = time.monotonic()  # a signal that was handled after this was one of those that are looked at
        self._thread: threading.Thread | None = None
        self.listen()
        self.begin()
        _watches.append(self)

    def listen(self) -> None:
        """Be told of signals (again, where the user's code has asked to be told instead)."""
        before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        if before != self._writer:
            self._before = before

    def begin(self) -> None:
        self._thread = threading.Thread(target=self._listen, name="neps-signals", daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """End the thread, until it is begun again."""
        if self._thread is not None:
            os.write(self._writer, b"\0")
            self._thread.join()
            self._thread = None

    def end(self) -> None:
        _watches.remove(self)
        signal.set_wakeup_fd(self._before)
        self.pause()
        os.close(self._reader)
        os.close(self._writer)

    def _listen(self) -> None:
        os.set_blocking(self._reader, True)
        numbers = os.read(self._reader, 64)
        while 0 not in numbers:
            self._pass_on(numbers)
            now = time.monotonic()
            time.sleep(STUCK)
            if self._interrupts._handled_at < self._since:
                self._see_to(numbers)
            os.set_blocking(self._reader, False)
            try:
                numbers = os.read(self._reader, 64)
                self._since = now
            except BlockingIOError:
                self._since = time.monotonic()
                os.set_blocking(self._reader, True)
                numbers = os.read(self._reader, 64)

    def _pass_on(self, numbers: bytes) -> None:
        """Tell whoever was told before this one came."""
        if self._before != -1:
            with suppress(OSError):
                os.write(self._before, numbers)

    def _see_to(self, numbers: bytes) -> None:
        """Leave, as the main thread can't, unless it is not in the user's code, or that handles the signal itself."""
        interrupts = self._interrupts
        for number in numbers:
            if interrupts._allowed and number in interrupts._before and interrupts._is_default(number):
                leaving = threading.Thread(target=self._leave, args=(number,), daemon=True)
                leaving.start()
                leaving.join(TO_LEAVE)
                os._exit(128 + number)


_watches: list[_Watch] = []


class _Forking(threading.local):
    """What a thread that forks had blocked before.

    A child that gets a signal before it has come to itself loses it, as Python forgets there what its parent has not
    handled yet. `multiprocessing.Pool` ends its processes by SIGTERM, and then waits for them for ever.
    """

    blocked: set[int] | None = None

    def begin(self) -> None:
        if _innermost is not None:
            self.blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _DEFAULTS)

    def end(self) -> None:
        if self.blocked is not None:
            blocked, self.blocked = self.blocked, None
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


_forking = _Forking()


def _before_fork() -> None:
    for watch in _watches:
        watch.pause()
    _forking.begin()


def _after_fork_in_parent() -> None:
    for watch in _watches:
        watch.begin()
    _forking.end()


def _after_fork_in_child() -> None:
    global _innermost
    if _watches:
        with suppress(ValueError):  # forked by a thread other than the main one
            signal.set_wakeup_fd(-1)
    _watches.clear()
    _innermost = None
    _forking.end()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
