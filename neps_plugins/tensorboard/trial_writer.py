"""A `tensorboardX.SummaryWriter` that shares its folder with others."""

from __future__ import annotations

import os
import time
from itertools import count
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

_numbers = count()

#: Writers of the process that this one was forked from: letting go of them would write their buffers again.
_inherited: list[Any] = []


class TrialWriter(SummaryWriter):  # type: ignore[misc]
    """Writes into one folder, beside other processes, and other writers of this one.

    Args:
        directory: The folder.
        keywords: For `tensorboardX.SummaryWriter`.
    """

    file_writer: Any
    all_writers: Any

    def __init__(self, directory: Path, **keywords: Any) -> None:
        self._pid = os.getpid()
        self._own_suffix = keywords.pop("filename_suffix", None) or ""
        super().__init__(str(directory), **keywords)

    @property
    def log_dir(self) -> str:
        """The folder; as PyTorch's writer calls it."""
        return str(self.logdir)

    def _get_file_writer(self) -> Any:
        if self._pid != os.getpid():  # a forked child: threads are gone, and what the parent has buffered is its own
            _inherited.append(self.all_writers)
            self.file_writer = self.all_writers = None
            self._pid = os.getpid()
        if self.file_writer is None:
            # tensorboardX names files by second and host only, and begins one of the same name from nothing; and
            # TensorBoard reads them in the order of their names.
            self._filename_suffix = f".{time.time_ns()}.{self._pid}.{next(_numbers)}{self._own_suffix}"
        return super()._get_file_writer()

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """Add the trial's line to the page HPARAMS.

        Args:
            hparam_dict: The hyperparameters: numbers, texts, booleans; anything else is shown as text.
            metric_dict: The results, which are scalars of this log like any others.
            name: A log of its own, below this one, for what should get a line of its own.
            global_step: The step of the results.
        """
        plain = (bool, int, float, str, type(None))
        shown = {key: value if isinstance(value, plain) else _shown(value) for key, value in hparam_dict.items()}
        if name is not None:
            super().add_hparams(shown, dict(metric_dict), name, global_step)
            return
        for summary in hparams(shown, metric_dict):
            self._get_file_writer().add_summary(summary)
        for tag, value in metric_dict.items():
            self.add_scalar(tag, value, global_step)

    def flush(self) -> None:
        """Write what has arrived in the file, in the process that has opened it."""
        if self._pid == os.getpid():
            super().flush()

    def close(self) -> None:
        """Write everything, and close the file; what is added later goes into a new one."""
        if self._pid == os.getpid():
            super().close()


def _shown(value: Any) -> Any:
    """A NumPy scalar or the like as a number, anything else as text."""
    try:
        number = value.item()
    except Exception:  # an object of the user's, so anything
        return str(value)
    return number if isinstance(number, (bool, int, float)) else str(value)
