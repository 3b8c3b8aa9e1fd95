"""What a program has given: its result, or the end of what it has printed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from neps_core.files import read_text

#: Bytes at the end of an output in which the result, or an error, is looked for.
TAIL = 1_000_000

#: Lines and characters of an output that a message shows, and characters of the line that it begins with.
LINES, CHARACTERS, LONGEST = 20, 4000, 300

#: Bytes of a result's file.
LARGEST = 50_000_000


def parsed(text: str) -> Any:
    """A result that a program has written: a number, or a JSON object or list.

    Raises:
        ValueError: If it is none.
    """
    try:
        return float(text)
    except ValueError:
        value = _json(text)
    if not isinstance(value, (dict, list)):
        raise ValueError(f"{text[:100]!r} is neither a number nor a JSON object")
    return value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def from_file(path: Path) -> Any:
    """The result in a file.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If the file holds none, or is no file.
    """
    return parsed(read_text(path, LARGEST))


def tail_of(path: Path, start: int = 0) -> list[str]:
    """The last lines of an output, without empty ones; of a line that was written over, what it shows at the end.

    Args:
        path: The output.
        start: Where it begins in the file.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(start, size - TAIL))
        text = file.read(TAIL).decode("utf-8", "replace")
    lines = (line.rstrip().rpartition("\r")[2] for line in text.split("\n"))
    return [line for line in lines if line.strip()]


def from_output(lines: list[str]) -> Any:
    """The result on the last line of an output; None if there is none."""
    try:
        return parsed(lines[-1]) if lines else None
    except ValueError:
        return None


class ProgramFailed(Exception):
    """A program that has given no result. The first line of the message says it all; then comes what it printed."""


def failure(problem: str, output: list[str], errors: list[str], folder: Path) -> ProgramFailed:
    """What is recorded of a program that went wrong.

    Args:
        problem: What is known of it.
        output: The last lines of its standard output.
        errors: Of its standard error.
        folder: Where both are.
    """
    lines = errors or output
    if not lines:
        return ProgramFailed(f"{problem}; it printed nothing.")
    shown = "\n".join(lines[-LINES:])[-CHARACTERS:]
    last = lines[-1].strip()
    last = last if len(last) <= LONGEST else f"{last[:LONGEST]}..."
    return ProgramFailed(f"{problem}: {last}\nIts last lines (all of them are in {folder}):\n{shown}")


def described(exit_code: int) -> str:
    """An exit code, for people."""
    if exit_code >= 0:
        return f"it ended with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    hint = " (is there too little memory?)" if name == "SIGKILL" else ""
    return f"it was ended by {name}{hint}"
