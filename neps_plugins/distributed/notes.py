"""What a leader tells those who follow it: a note in the run's folder, which it alone writes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen
from attrs.validators import instance_of, matches_re, optional

from neps_core.files import read_text, write_atomically
from neps_core.run_folder import INNER
from neps_core.trials import SAFE_ID

#: More reports than there ever are.
ALL = 1 << 53

#: Bytes of the largest note.
_LARGEST = 100_000


@frozen
class Note:
    """What a leader tells.

    Attributes:
        worker: Its worker's id.
        began: When its process called `neps.run` for the first time, in Unix seconds.
        judges: Whether a stopping rule judges what it reports.
        trial: The trial that it has judged last.
        started: When that was started, in Unix seconds.
        judged: How many reports of that were judged; `ALL` if no more will be.
        stopped: Whether the last of them has ended it.
        left: Why the worker has left; None as long as it has not.
    """

    # Checked, as anybody who can write there may have written it; and the worker's id is part of a path.
    worker: str = field(validator=matches_re(f"({SAFE_ID.pattern})?"))
    began: float = field(validator=instance_of((int, float)))
    judges: bool = field(default=False, validator=instance_of(bool))
    trial: str = field(default="", validator=instance_of(str))
    started: float | None = field(default=None, validator=optional(instance_of((int, float))))
    judged: int = field(default=0, validator=instance_of(int))
    stopped: bool = field(default=False, validator=instance_of(bool))
    left: str | None = field(default=None, validator=optional(instance_of(str)))

    def as_plain(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def note_path(root_directory: Path, job: str, call: int) -> Path:
    """Where the note is of the leader of a job.

    Args:
        root_directory: The run's folder.
        job: The job's name.
        call: Which call of `neps.run` with this folder it is in its process, from 1. All ranks run the same program.
    """
    name = hashlib.blake2b(job.encode(), digest_size=8).hexdigest()
    return root_directory / INNER / "ranks" / f"{name}-{call}.json"


def write_note(path: Path, note: Note) -> None:
    """Tell.

    Raises:
        OSError: If it can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(note.as_plain()))


def read_note(path: Path) -> Note | None:
    """What a leader has told; None if there is no such note."""
    try:
        return Note(**json.loads(read_text(path, _LARGEST)))
    except (OSError, ValueError, TypeError):  # none, or nothing that a leader has written
        return None
