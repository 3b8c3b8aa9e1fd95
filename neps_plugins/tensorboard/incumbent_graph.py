"""The best objective so far as a curve for TensorBoard, in one file that all workers share.

The file is a function of the journal: whoever writes makes its whole content anew, holding a lock, and adds what is
missing. So it is complete whichever worker died when, and ends with a whole record again after a crash in the middle
of one. To keep it small it has a point wherever there is a new best result, the point before it, and of the others
every one up to 100, every tenth up to 1000, and so on.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c
from tensorboardX.summary import scalar

from neps_core import Run, Trial, Trials
from neps_core.files import BINARY, NO_FOLLOW, make_directory, write_all, write_atomically
from neps_core.pareto import Front
from neps_plugins.toolkit.trial_follower import Follower, by_end

#: What upstream calls the curve.
TAG = "Summary/Incumbent_graph"

#: TensorBoard knows such files by the middle of their names.
FILE = "events.out.tfevents.0.neps"


class IncumbentGraph:
    """The curve of one run. It keeps no hold of the run itself.

    Args:
        folder: Where its file goes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._follower = Follower()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._content = bytearray()
        self._seen: set[str] = set()
        self._steps = 0
        self._front = Front()
        self._best: float | None = None
        self._last: tuple[int, float] = (-1, 0.0)  # the last step, and when it was
        self._shown = -1  # the last step that has a point

    def update(self, run: Run) -> None:
        """Write if there is a new point."""
        before = len(self._content)
        self._follow(run.trials)
        if len(self._content) != before:
            self.write(run)

    def write(self, run: Run) -> None:
        """Take in what has happened, and write what is missing in the file.

        Args:
            run: The run.

        Raises:
            StorageError: If the folder is a symbolic link.
            OSError: If the file can't be written.
        """
        with run.locked("tensorboard"):
            run.refresh()
            self._follow(run.trials)
            path = self._folder / FILE
            written = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
            if self._content == written:
                return
            make_directory(str(self._folder))
            if written and self._content.startswith(written):  # TensorBoard reads on in a file that grows
                descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | NO_FOLLOW | BINARY)
                try:
                    write_all(descriptor, bytes(self._content[len(written) :]))
                finally:
                    os.close(descriptor)
            else:  # the first one, or trials were removed
                write_atomically(path, bytes(self._content))

    def _follow(self, trials: Trials) -> None:
        anew, ids = self._follower.news(trials)
        if anew:
            self._begin_anew()
        for trial_id in by_end(trials, ids):
            if trial_id not in self._seen:
                self._seen.add(trial_id)
                self._take(trials[trial_id])

    def _take(self, trial: Trial) -> None:
        if trial.objectives is None or len(trial.objectives) != 1:
            return
        step, time = self._steps, trial.metadata.time_end or 0.0
        self._steps += 1
        if self._front.take(trial):
            if self._best is not None and self._shown < step - 1:  # up to here it was the old one
                self._add(*self._last, self._best)
            self._best = trial.objectives[0]
            self._add(step, time, self._best)
        elif self._best is not None and step % 10 ** max(0, len(str(step)) - 2) == 0:
            self._add(step, time, self._best)
        self._last = step, time

    def _add(self, step: int, time: float, value: float) -> None:
        if not self._content:
            self._content += _record(Event(wall_time=time, file_version="brain.Event:2"))
        self._content += _record(Event(wall_time=time, step=step, summary=scalar(TAG, value)))
        self._shown = step


def _record(event: Any) -> bytes:
    """An event as it stands in a file: its length and the event, each with its checksum."""
    data = event.SerializeToString(deterministic=True)
    length = struct.pack("<Q", len(data))
    return b"".join((length, struct.pack("<I", masked_crc32c(length)), data, struct.pack("<I", masked_crc32c(data))))
