"""Checkpoints of PyTorch in the folders of trials. Loading one never executes code: only tensors and plain data are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from neps_core import NePSError
from neps_core.files import make_directory, to_path
from neps_plugins.torch.files import folders, folders_of_trial, import_torch, load, whole

if TYPE_CHECKING:
    import torch

#: Under which keys the states are in a file.
MODEL, OPTIMIZER = "model_state_dict", "optimizer_state_dict"


def save_checkpoint(
    directory: str | Path | None = None,
    checkpoint_name: str = "checkpoint",
    values_to_save: dict[str, Any] | None = None,
    model: torch.nn.Module | None = None,
    optimizer: torch.optim.Optimizer | None = None,
) -> None:
    """Save where a training stands. The file is replaced in one step: whoever dies meanwhile leaves the last one.

    Args:
        directory: Where; the folder of the trial that is being evaluated if left out.
        checkpoint_name: The file's name, to which `.pth` is added.
        values_to_save: Tensors and plain data, by name: the epoch, say.
        model: Whose state to save.
        optimizer: Whose state to save.

    Raises:
        NotInTrialError: If there is no `directory`, and this process is not evaluating a trial here.
        NePSError: If torch isn't installed.
        OSError: If the file can't be written.
    """
    torch = import_torch("neps.utils.save_checkpoint")
    values = dict(values_to_save or {})
    if model is not None:
        values[MODEL] = model.state_dict()
    if optimizer is not None:
        values[OPTIMIZER] = optimizer.state_dict()
    folder = folders(directory, None)[0]
    make_directory(str(folder))
    with whole(_file(folder, checkpoint_name)) as draft:
        torch.save(values, draft)


def load_checkpoint(
    directory: str | Path | None = None,
    checkpoint_name: str = "checkpoint",
    model: torch.nn.Module | None = None,
    optimizer: torch.optim.Optimizer | None = None,
) -> dict[str, Any] | None:
    """Load what `save_checkpoint` has saved, and go on from there.

    Args:
        directory: Where. If left out, the folder of the trial that is being evaluated, which has a checkpoint if it was
            begun before and interrupted, and otherwise that of the trial which it continues.
        checkpoint_name: The file's name, without `.pth`.
        model: What gets the state of the model.
        optimizer: What gets the state of the optimizer.

    Returns:
        Everything in the file; None if there is none.

    Raises:
        NotInTrialError: If there is no `directory`, and this process is not evaluating a trial here.
        NePSError: If torch isn't installed, the file holds more than tensors and plain data, or it lacks a state.
    """
    torch = import_torch("neps.utils.load_checkpoint")
    places = folders(directory, None)
    path = next((file for folder in places if (file := _file(folder, checkpoint_name)).is_file()), None)
    if path is None:
        return None
    values = load(torch, path)
    for key, target, argument in ((MODEL, model, "model"), (OPTIMIZER, optimizer, "optimizer")):
        if target is None:
            continue
        if key not in values:
            raise NePSError(f"{path} has no {key!r}. It was saved without {argument}=, so load it without, too.")
        target.load_state_dict(values[key])
    return values


def load_lightning_checkpoint(
    checkpoint_dir: str | Path, previous_pipeline_directory: str | Path | None = None
) -> tuple[Path, dict[str, Any]] | tuple[None, None]:
    """The latest checkpoint that PyTorch Lightning has left in a folder, if this trial continues another one.

    Args:
        checkpoint_dir: The folder with files `*.ckpt`.
        previous_pipeline_directory: The folder of the trial that this one continues; if left out, it is asked of the
            trial that is being evaluated.

    Returns:
        The file and what is in it; `(None, None)` if there is none, or no trial is continued.

    Raises:
        NotInTrialError: If there is no `previous_pipeline_directory`, and this process is not evaluating a trial here.
        NePSError: If torch isn't installed, or the file holds more than tensors and plain data.
    """
    if previous_pipeline_directory is None and len(folders_of_trial()) == 1:
        return None, None
    files = list(to_path("checkpoint_dir", checkpoint_dir).glob("*.ckpt"))
    if not files:
        return None, None
    path = max(files, key=lambda file: (file.stat().st_mtime_ns, file.name))
    return path, load(import_torch("neps.utils.load_lightning_checkpoint"), path)


def _file(folder: Path, name: str) -> Path:
    return folder / (name if name.endswith(".pth") else f"{name}.pth")
