"""A process that ends another one, with all that it has started, once the worker that it belongs to is gone.

It is run as a script with the process, the worker and the seconds from SIGTERM to SIGKILL. The worker holds the other
end of its standard input, which the kernel closes however the worker dies; and where a child of the worker has
inherited that end, it sees that it has another parent. Nothing but the standard library is imported.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

#: Seconds between looks at who the parent is, and at who is left.
LOOK, SHORT = 0.5, 0.02


def end_group(pid: int, number: int) -> None:
    """Send a signal to a process and to all in its group; on Windows, end it and all that it has started."""
    if sys.platform == "win32":
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
        try:
            os.killpg(pid, 0)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(SHORT)


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
