"""What a program that is evaluated says to the worker that has started it, while it runs.

The worker listens on this machine's loopback address, and puts where, and a word that only the program knows, into the
program's environment. One report is one connection: a line of JSON there, and one back. Nothing but the standard
library is imported here, so that a program may say something in no time:

```python
from neps_plugins.programs.reports import send

if send(0.25, step=3) == "stop":
    sys.exit()
```
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from typing import Any

#: Names in a program's environment: where it reports to, and where it may leave its result.
REPORT_TO, RESULT_FILE = "NEPS_REPORT_TO", "NEPS_RESULT_FILE"

#: What it is evaluated for: a JSON object, an id, and folders. There is no previous folder unless it goes on.
CONFIG, TRIAL_ID, ROOT_DIRECTORY = "NEPS_CONFIG", "NEPS_TRIAL_ID", "NEPS_ROOT_DIRECTORY"
DIRECTORY, PREVIOUS_DIRECTORY = "NEPS_PIPELINE_DIRECTORY", "NEPS_PREVIOUS_PIPELINE_DIRECTORY"

#: The exit code of `neps report` that says that the evaluation is to stop (EX_TEMPFAIL of sysexits.h).
STOP = 75

#: Bytes of one report, and seconds that one side waits for the other's line.
LARGEST, PATIENCE = 1_000_000, 60.0

#: Seconds that a worker waits for a line that somebody has begun to send.
_HURRY = 5.0


class ReportRefused(RuntimeError):
    """A report that the worker did not take, and why."""


def is_in_program() -> bool:
    """Whether this process was started by a worker that can be reported to."""
    return bool(os.environ.get(REPORT_TO))


def send(
    objective: Any, step: float | None = None, *, cost: float | None = None, extra: Mapping[str, Any] | None = None
) -> str:
    """Report an intermediate result of the evaluation that this program is: `neps.report`, from outside.

    Args:
        objective: The objective at this point, or several, in a list or by name.
        step: Of the evaluation; one more than the last one if left out.
        cost: What it has cost so far.
        extra: Further plain data, by name.

    Returns:
        `"go on"`, or `"stop"` if the stopping rule says that it is not worth going on.

    Raises:
        ReportRefused: If this is no program that a worker evaluates, the worker is gone, or it can't mean the report.
    """
    host, _, rest = os.environ.get(REPORT_TO, "").partition(":")
    port, _, word = rest.partition(":")
    if not port.isdecimal():
        raise ReportRefused(f"a report is made by a program that `neps run` has started; {REPORT_TO} is not set here.")
    message = {"word": word, "objective": objective, "step": step, "cost": cost, "extra": dict(extra or {})}
    try:
        with socket.create_connection((host, int(port)), PATIENCE) as connection:
            connection.sendall(json.dumps(message).encode() + b"\n")
            answer = json.loads(_line(connection))
    except (OSError, ValueError) as reason:
        raise ReportRefused(f"the worker that started this program does not answer: {reason}.") from None
    if "error" in answer:
        raise ReportRefused(str(answer["error"]))
    return str(answer["then"])


class Mailbox:
    """Takes the reports of one program, one at a time.

    Attributes:
        address: For the program's environment.
    """

    def __init__(self) -> None:
        self._word = secrets.token_urlsafe(16)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.address = ":".join((*map(str, self._listener.getsockname()), self._word))

    def fileno(self) -> int:
        """For selectors: it is ready to read when there is a report."""
        return self._listener.fileno()

    def take(self, answer: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> bool:
        """Take one report, if there is one, and answer it.

        Args:
            answer: Gives what is sent back: `then`, or `error`.

        Returns:
            Whether somebody was there.
        """
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return False
        with connection:
            connection.settimeout(_HURRY)
            try:
                message = json.loads(_line(connection))
                if not isinstance(message, dict) or not secrets.compare_digest(
                    str(message.get("word")).encode(), self._word.encode()
                ):
                    return True  # somebody else on this machine
                connection.sendall(json.dumps(answer(message)).encode() + b"\n")
            except (OSError, ValueError, RecursionError):  # who sent it has ended, or is no program of ours
                return True
        return True

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()


def _line(connection: socket.socket) -> bytes:
    """What was sent up to the end of the line.

    Raises:
        OSError: If it doesn't come.
        ValueError: If it is too long.
    """
    with connection.makefile("rb") as file:
        line = file.readline(LARGEST)
    if not line.endswith(b"\n"):
        raise ValueError("the line is too long, or ended too soon")
    return line
