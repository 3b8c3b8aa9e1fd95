"""What a training keeps in its trial's folder, whoever has the loop: a checkpoint, and what was reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from neps_core import NePSError, StopTrial
from neps_core.errors import warn
from neps_core.files import make_directory
from neps_core.live import get_in_progress_trial, is_in_progress_trial_set
from neps_plugins.torch.files import CheckpointError, folders, import_torch, load, whole
from neps_plugins.torch.progress import Progress, as_count

#: Checkpoints of trainings that have come to their end, each with the evaluation in which they did. Another training of
#: the same evaluation (the next fold) would take one for its own.
_ended: set[tuple[Path, Any]] = set()


class Training:
    """A training that reports, writes checkpoints, and goes on from them.

    Args:
        user: The class that it is for, for messages.
        checkpoint: The checkpoint's name in a folder.
        directory: The trial's folder, `pipeline_directory`; asked of the trial if None.
        previous: The folder of the trial that this one continues, `previous_pipeline_directory`, or None.
        every: After how many epochs a checkpoint is written.

    Raises:
        NotInTrialError: If there is no `directory`, and this process is not evaluating a trial here.
        NePSError: If PyTorch isn't installed, `every` is no number, or another training of this evaluation has its
            checkpoint there.
    """

    def __init__(
        self, user: str, checkpoint: str, directory: str | Path | None, previous: str | Path | None, every: int
    ) -> None:
        self._torch = import_torch(user)
        self._every = as_count("every", every, 1)
        places = folders(directory, previous)
        make_directory(str(places[0]))
        self._candidates = [folder / checkpoint for folder in places]
        self._path = self._candidates[0]
        if (self._path, _evaluation()) in _ended:
            raise NePSError(
                f"another training of this evaluation has ended in {places[0]}, and this one would go on from its "
                'checkpoint. Give each a folder of its own: directory=pipeline_directory / "fold_1".'
            )
        self._progress = Progress()
        self._random: list[Any] = []  # states of each rank, until the training goes on from them
        self._is_proven = False  # whether what is saved can be loaded
        self._stop: StopTrial | None = None  # by which a loop was ended that isn't ours

    @property
    def objective(self) -> Any:
        """What was reported last, also if nothing was left to be trained.

        Raises:
            NePSError: If nothing was reported.
        """
        return self._progress.objective

    def result(self, **extra: Any) -> dict[str, Any]:
        """What `evaluate_pipeline` may return: the last report, with what this trial has added as its cost.

        Args:
            extra: Further plain data, by name.

        Raises:
            StopTrial: If the stopping rule has ended this training. Let it pass.
            NePSError: If nothing was reported.
        """
        if self._stop is not None:
            raise self._stop
        return self._progress.result(extra)

    def _usable(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """The checkpoints to go on from, the latest first; with a warning for each that is damaged."""
        for path in filter(Path.is_file, self._candidates):
            try:
                values = self._loaded(path)
            except CheckpointError as reason:
                warn(f"a checkpoint is left out, and the training begins earlier: {reason}")
                continue
            yield path, values

    def _loaded(self, path: Path) -> dict[str, Any]:
        return load(self._torch, path, "cpu")

    def _end_here(self) -> None:
        """Take notice that this training has come to its end."""
        if (evaluation := _evaluation()) is not None:
            _ended.add((self._path, evaluation))

    def _write(self, epochs: int, write: Callable[[Path], object]) -> None:
        """Write a checkpoint whole; a full disk is no reason to lose the training.

        Raises:
            CheckpointError: If what is written could not be loaded again.
        """
        try:
            with whole(self._path) as draft:
                write(draft)
                if not self._is_proven:
                    load(self._torch, draft, "cpu")
                    self._is_proven = True
        except (OSError, RuntimeError) as reason:  # for a full disk, torch raises either
            warn(f"no checkpoint could be written after epoch {epochs}, and the training goes on: {reason}")


def _evaluation() -> Any:
    """What tells the evaluation that is under way in this process from all others; None if there is none."""
    if not is_in_progress_trial_set():
        return None
    trial = get_in_progress_trial()
    return trial.id, trial.metadata.time_started
