"""A process that ends another one, with all that it has started, once the worker that it belongs to is gone.

It is run as a script with the process, the worker and the seconds from SIGTERM to SIGKILL. The worker holds the other
end of its standard input, which the kernel closes however the worker dies; and where a child of the worker has
inherited that end, it sees that it has another parent. It is imported in no time: a little of the standard
library, no more.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

#: Seconds between looks at who the parent is, and at who is left.
LOOK, SHORT = 0.5, 0.05


def end_group(pid: int, number: int) -> None:
    """Send a signal to a process and to all in its group; on Windows, end it and all that it has started."""
    if sys.platform == "win32":
        import subprocess

        subprocess.run(["taskkill", "/T", "/F", "/PID", str(pid)], capture_output=True, check=False)
        return
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # nobody is left (macOS says the latter of those that are no more)
        return


def wait_for_end(pid: int, seconds: float, reap: Callable[[], object] = lambda: None) -> None:
    """Wait until nobody is left in a process's group, or for some time.

    Args:
        pid: The process that leads it.
        seconds: How long at most.
        reap: Called again and again; takes notice of our own child's end, without which it is still there.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        reap()
        if not _is_anybody_left(pid):
            return
        time.sleep(SHORT)


def _is_anybody_left(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    # Those that have ended are still there until their parent looks, which in many containers is never.
    has_proc = os.path.exists("/proc/self/stat")
    numbers = [name for name in os.listdir("/proc") if name.isdecimal()] if has_proc else []  # noqa: PTH208
    return not has_proc or any(map(partial(_is_living_in, group), numbers))


def _is_living_in(group: int, process: str) -> bool:
    """Whether a process, by its folder in Linux's /proc, is in a group and has not ended."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            state, _, its_group = file.read().rpartition(")")[2].split()[:3]  # behind its name, which may be anything
    except (OSError, ValueError):  # it is gone
        return False
    return int(its_group) == group and state not in ("Z", "X")


def _guard(pid: int, worker: int, grace: float) -> None:
    threading.Thread(target=_wait_for_end_of_input, daemon=True).start()
    while not _is_closed.wait(LOOK) and (os.name != "posix" or os.getppid() == worker):
        pass
    end_group(pid, signal.SIGTERM)
    if os.name == "posix":
        wait_for_end(pid, grace)
        end_group(pid, signal.SIGKILL)


_is_closed = threading.Event()


def _wait_for_end_of_input() -> None:
    sys.stdin.buffer.read()
    _is_closed.set()


if __name__ == "__main__":
    _guard(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
