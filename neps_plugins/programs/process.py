"""A program as a process, which ends with whatever it has started: when we say so, or when we are gone."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from neps_core import interrupts
from neps_plugins.programs import guard

#: Seconds between looks at whether it has ended: where the system can wake us up, and where it can't.
WAKEABLE, ASKED = 1.0, 0.02


class Process:
    """A program that runs, in a process group of its own. As a context manager it has ended after the block.

    Args:
        command: The program and its arguments.
        directory: Where it runs; None for here.
        environment: All of it.
        output, errors: What it prints to.
        grace: Seconds from SIGTERM (or SIGINT) to SIGKILL.

    Raises:
        OSError: If it can't be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        directory: Path | None,
        environment: Mapping[str, str],
        output: IO[bytes],
        errors: IO[bytes],
        grace: float,
    ) -> None:
        self._grace = grace
        child: subprocess.Popen[bytes] | None = None
        try:
            with interrupts.held():  # a signal as it starts, before we know of it, would leave it behind
                child = self._child = subprocess.Popen(
                    command,
                    cwd=directory,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                    creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                )
                self._guard = _guard_of(child.pid, grace)
        except BaseException as error:  # a signal, too
            if child is not None:
                self.end(_passed_on(error))
            raise
        self._selector = selectors.DefaultSelector()
        self._descriptor: int | None = None
        if hasattr(os, "pidfd_open"):
            try:
                self._descriptor = os.pidfd_open(self._child.pid)
            except OSError:  # an old kernel, or a sandbox that forbids it
                pass
            else:
                self._selector.register(self._descriptor, selectors.EVENT_READ)

    @property
    def exit_code(self) -> int | None:
        """What it has ended with, negative for a signal; None if it runs."""
        return self._child.poll()

    def wake_by(self, other: Any) -> None:
        """Have `wait` return when something else, with a `fileno()`, can be read, too."""
        self._selector.register(other, selectors.EVENT_READ)

    def wait(self, seconds: float) -> None:
        """Wait until it has ended or something else is there, or for some time; perhaps less."""
        longest = ASKED if self._descriptor is None else WAKEABLE
        self._selector.select(min(max(seconds, 0.0), longest))

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send it and its group a signal, and kill those who are there after its grace."""
        try:
            guard.end_group(self._child.pid, number)
            if number != signal.SIGTERM:  # which those in the background of a shell ignore
                with suppress(subprocess.TimeoutExpired):
                    self._child.wait(self._grace)
                guard.end_group(self._child.pid, signal.SIGTERM)
            if os.name == "posix":
                guard.wait_for_end(self._child.pid, self._grace, self._child.poll)
        finally:
            self._kill()

    def _kill(self) -> None:
        guard.end_group(self._child.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        self._child.wait()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if self.exit_code is None:
                self.end(_passed_on(error))
            elif os.name == "posix":
                self._kill()  # what it has left behind in its group
        finally:
            self._guard.kill()
            self._guard.communicate()
            self._selector.close()
            if self._descriptor is not None:
                os.close(self._descriptor)


def _passed_on(error: BaseException | None) -> int:
    """The signal for the program, when something has ended the block here."""
    return signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM


def _guard_of(pid: int, grace: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", guard.__file__, str(pid), str(os.getpid()), str(grace)]
    null = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=null, stderr=null, start_new_session=True)
