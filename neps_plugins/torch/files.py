"""Checkpoints as files: written whole or not at all, and loaded without executing code."""

from __future__ import annotations

import os
import secrets
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neps_core import NePSError
from neps_core.files import replace, sync, sync_directory, to_path
from neps_core.live import get_in_progress_run, get_in_progress_trial


class CheckpointError(NePSError):
    """A file is no checkpoint that can be loaded."""


def import_torch(user: str) -> Any:
    """PyTorch.

    Args:
        user: Who needs it, for the message.

    Raises:
        NePSError: If it isn't installed.
    """
    try:
        import torch
    except ImportError as reason:
        raise NePSError(f"{user} needs PyTorch: pip install torch.") from reason
    return torch


def folders_of_trial() -> list[Path]:
    """Where a checkpoint may be: the folder of the trial that is being evaluated, then that of the one it continues.

    Raises:
        NotInTrialError: If this process is not evaluating a trial here.
    """
    run, trial = get_in_progress_run(), get_in_progress_trial()
    previous = run.trials.get(trial.metadata.previous_trial_id or "")
    return [run.folder.trial_directory(each.id) for each in (trial, previous) if each is not None]


def folders(directory: str | Path | None, previous: str | Path | None) -> list[Path]:
    """The same, as a user may give them: what is left out is asked of the trial.

    Args:
        directory: The trial's folder.
        previous: That of the trial that it continues. Not asked for if there is a `directory`.

    Raises:
        NotInTrialError: If there is no `directory`, and this process is not evaluating a trial here.
        RunError: If one can't be a path.
    """
    asked = folders_of_trial() if directory is None else [to_path("directory", directory)]
    return asked if previous is None else [asked[0], to_path("previous", previous)]


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file to write in this block, which then takes the place of another in one step, and outlives a power cut.

    Whoever dies in the block leaves the other one, and beside it what `clear_drafts` removes.

    Raises:
        OSError: If the disk is full, the folder isn't there, or there's no permission.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")  # several processes of one training may save
    try:
        yield draft
        descriptor = os.open(draft, os.O_RDWR)  # Windows syncs only what may be written
        try:
            sync(descriptor)
        finally:
            os.close(descriptor)
        replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def clear_drafts(path: Path) -> None:
    """Remove what processes that were killed have left half written. Nobody else may be writing this file."""
    for draft in path.parent.glob(f"{path.name}.*.tmp"):
        draft.unlink(missing_ok=True)


def load(torch: Any, path: Path, map_location: Any = None) -> dict[str, Any]:
    """What is in a file.

    Args:
        torch: PyTorch.
        path: The file.
        map_location: Onto which device tensors are loaded; None for where they were.

    Raises:
        CheckpointError: If it is damaged, or holds objects of classes: unpickling them could execute code.
    """
    try:
        _check_sums(torch, path)
        where = {} if map_location is None else {"map_location": map_location}
        values: Any = torch.load(path, weights_only=True, **where)
    except Exception as reason:  # for a damaged file, torch raises almost anything
        raise CheckpointError(
            f"{path} can't be loaded, as it is damaged or holds more than tensors and plain data, which could execute "
            f"code ({str(reason).partition(chr(10))[0]}). Save plain values, or, if you trust a class, allow it: "
            "torch.serialization.add_safe_globals([...])."
        ) from reason
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds no checkpoint but {type(values).__name__}. Save a dict of values.")
    return values


def _check_sums(torch: Any, path: Path) -> None:
    """Compare what is in a file with the checksums that `torch.save` has put there, which `torch.load` doesn't look at.

    Raises:
        ValueError: If a part is damaged.
        BadZipFile: If all is.
    """
    if not zipfile.is_zipfile(path) or not getattr(torch.serialization, "get_crc32_options", lambda: True)():
        return
    with zipfile.ZipFile(path) as file:
        damaged = file.testzip()
    if damaged is not None:
        raise ValueError(f"the checksum of {damaged} is wrong")
