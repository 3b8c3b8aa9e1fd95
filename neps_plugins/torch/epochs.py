"""The loop over the epochs of a training: it goes on where the trial, or the one that it continues, has ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from neps_core import NePSError
from neps_core.errors import warn
from neps_plugins.torch import group, randomness
from neps_plugins.torch.files import CheckpointError, clear_drafts
from neps_plugins.torch.progress import Progress, as_count
from neps_plugins.torch.training import Training

logger = logging.getLogger("neps.torch")

#: The file in the folder of a trial.
CHECKPOINT = "training.pth"

#: In which form it is.
FORMAT = 1


class Epochs(Training):
    """The epochs of a training that are still to be trained, in order, as `range(epochs)` has them.

    ```python
    training = neps.torch.Epochs(epochs, model=model, optimizer=optimizer, scheduler=scheduler)
    for epoch in training:
        train(model, optimizer)
        training.report(loss_of(model))
    return training.result()
    ```

    When this is made, everything in `stateful` gets the state from the checkpoint of the trial, if it was begun before
    and interrupted, and otherwise from that of the trial which it continues at a higher fidelity. When the loop begins,
    so do the global generators of random numbers of Python, NumPy and PyTorch. So a training that goes on is, on the
    CPU, bit for bit the one that was never interrupted. After each epoch, a checkpoint is written in one step. One that
    is damaged is left out, with a warning.

    In a process group (DDP), all ranks do the same, and rank 0 writes. They have to see the same folder.

    Args:
        epochs: How many the training has in the end, those that were trained before included.
        directory: The trial's folder, `pipeline_directory`; asked of the trial if left out.
        previous: The folder of the trial that this one continues, `previous_pipeline_directory`, or None. If both are
            left out, it is asked of the trial, too. Artifacts are only brought to a function that names it in its
            signature.
        every: After how many epochs a checkpoint is written; there is always one after the last.
        stateful: By any name, whatever has `state_dict` and `load_state_dict` (models, optimizers, schedulers,
            scalers), and each `torch.Generator`. None is passed over.

    Attributes:
        done: The epochs that are trained.

    Raises:
        NotInTrialError: If there is no `directory`, and this process is not evaluating a trial here.
        NePSError: If PyTorch isn't installed, a number is none, something has no state, or a state in the checkpoint
            does not fit.
    """

    def __init__(
        self,
        epochs: int,
        *,
        directory: str | Path | None = None,
        previous: str | Path | None = None,
        every: int = 1,
        **stateful: Any,
    ) -> None:
        super().__init__("neps.torch.Epochs", CHECKPOINT, directory, previous, every)
        self._epochs = as_count("epochs", epochs, 0)
        self._stateful = {
            name: _checked(self._torch, name, part) for name, part in stateful.items() if part is not None
        }
        self._epoch: int | None = None
        self.done = 0
        self._resume()

    def __len__(self) -> int:
        """The epochs that are still to be trained."""
        return max(0, self._epochs - self.done)

    def __iter__(self) -> Iterator[int]:
        self._progress.tell_again()
        states, self._random = self._random, []
        if len(states) == len(group.from_all(self._torch, None)):  # or else other ranks have drawn them
            randomness.restore(self._torch, states[group.rank(self._torch)])
        try:
            for epoch in range(self.done, self._epochs):
                self._epoch = epoch
                yield epoch
                self.done = epoch + 1
                if self.done % self._every == 0 or self.done == self._epochs:
                    self._save()
            self._end_here()
        finally:
            self._epoch = None

    def report(self, objective: Any, *, cost: float | None = None, **extra: Any) -> None:
        """Report the result of the epoch that is being trained, as `neps.report` does, and keep it.

        Where no trial is being evaluated here (by hand, or with ask-and-tell), it is only kept. In a process group,
        call it in all ranks; what counts is what rank 0 reports.

        Args:
            objective: The objective, or several.
            cost: What this trial has cost so far, in your unit; the epochs that it has added if left out.
            extra: Further plain data, by name; `constraints` are the trial's.

        Raises:
            StopTrial: If the stopping rule says that it is not worth going on, in all ranks. Let it pass.
            NePSError: If it is called outside of the loop, or as `neps.report`.
        """
        if self._epoch is None:
            raise NePSError("report() belongs into the loop over the epochs, once in each: its step is the epoch.")
        self._progress.tell(self._epoch + 1, objective, cost, extra)

    def _resume(self) -> None:
        """Take the states from the first checkpoint that can be used; all ranks from the same."""
        torch = self._torch
        found, error = None, ""
        if group.rank(torch) == 0:
            clear_drafts(self._path)
            found = next(filter(self._is_wanted, self._usable()), None)
        path = group.from_first(torch, None if found is None else found[0])
        if path is None:
            return
        try:
            self._take(path, found[1] if found else self._loaded(path))
        except NePSError as reason:
            error = str(reason)
        errors = group.from_all(torch, error)
        if any(errors):  # none goes on alone
            raise NePSError(next(filter(None, errors)))
        logger.info("The training goes on after epoch %s of %s, from %s.", self.done, self._epochs, path)

    def _is_wanted(self, found: tuple[Path, dict[str, Any]]) -> bool:
        path, values = found
        if values["epochs"] > self._epochs:
            warn(f"{path} is left out, as {values['epochs']} epochs were trained there, and {self._epochs} are wanted.")
        return bool(values["epochs"] <= self._epochs)

    def _loaded(self, path: Path) -> dict[str, Any]:
        values = super()._loaded(path)
        wanted = {"format": int, "epochs": int, "progress": dict, "random": list, "states": dict}
        if values.get("format") != FORMAT or not all(isinstance(values.get(key), kind) for key, kind in wanted.items()):
            raise CheckpointError(f"{path} is no checkpoint of neps.torch.Epochs, or of a later version.")
        return values

    def _take(self, path: Path, values: dict[str, Any]) -> None:
        missing = sorted(set(self._stateful) - set(values["states"]))
        if missing:
            raise NePSError(
                f"{path} has no state of {', '.join(missing)}. Give neps.torch.Epochs what it was saved with."
            )
        for name, part in self._stateful.items():
            state = values["states"][name]
            try:
                part.load_state_dict(state) if hasattr(part, "load_state_dict") else part.set_state(state)
            except Exception as reason:  # another library's object, so anything
                raise NePSError(
                    f"the state of {name} in {path} does not fit: {reason} Has the program changed since? Then remove "
                    "the file, and the training begins anew."
                ) from reason
        self.done = values["epochs"]
        self._random = values["random"]
        self._progress = Progress(**values["progress"])
        if path != self._path:
            self._progress.began = self.done

    def _save(self) -> None:
        torch = self._torch
        random = group.from_all(torch, randomness.states(torch))
        if group.rank(torch) != 0:
            return
        values = {
            "format": FORMAT,
            "epochs": self.done,
            "progress": self._progress.as_plain(),
            "random": random,
            "states": {
                name: part.state_dict() if hasattr(part, "state_dict") else part.get_state()
                for name, part in self._stateful.items()
            },
        }
        self._write(self.done, lambda draft: torch.save(values, draft))


def _checked(torch: Any, name: str, part: Any) -> Any:
    if isinstance(part, torch.Generator) or all(hasattr(part, each) for each in ("state_dict", "load_state_dict")):
        return part
    raise NePSError(
        f"{name}={type(part).__name__} has no state that could be kept. Give neps.torch.Epochs what has state_dict and "
        "load_state_dict, or a torch.Generator."
    )
