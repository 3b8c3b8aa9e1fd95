"""A callback for PyTorch Lightning: it reports, stops, writes checkpoints, and finds the one to go on from."""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path
from typing import Any

from neps_core import NePSError, StopTrial, nearest
from neps_plugins.torch import group, randomness
from neps_plugins.torch.files import clear_drafts
from neps_plugins.torch.progress import Progress
from neps_plugins.torch.training import Training

logger = logging.getLogger("neps.torch")

#: The file in the folder of a trial.
CHECKPOINT = "lightning.ckpt"

#: Lightning goes by two names, with classes of their own.
PACKAGES = ("lightning.pytorch", "pytorch_lightning")


class LightningCallback(Training):
    """Reports each validation, ends the training when the trial is stopped, and keeps where it stands.

    ```python
    callback = neps.torch.LightningCallback(monitor="val_loss")
    trainer = Trainer(max_epochs=epochs, callbacks=[callback])
    trainer.fit(model, data, ckpt_path=callback.ckpt_path)
    return callback.result()
    ```

    It is a `Checkpoint` callback of `lightning` and of `pytorch_lightning`, whichever is imported, so the Trainer adds
    none of its own, and `enable_checkpointing=False` would refuse it. After each epoch it writes one checkpoint in one
    step, with the states of the global generators of random numbers, so that a training which goes on is, on the CPU,
    bit for bit the one that was never interrupted. A damaged one is left out, with a warning. In distributed training,
    rank 0 reports and writes, and all ranks stop together.

    Args:
        monitor: What is minimised: the name under which the module logs it (`self.log("val_loss", ...)`); or several
            objectives, a list of names.
        mode: `"max"` if it is to be maximised instead, as an accuracy: then its negative is reported.
        directory: The trial's folder, `pipeline_directory`; asked of the trial if left out.
        previous: The folder of the trial that this one continues, as for `Epochs`.
        every: After how many epochs a checkpoint is written; there is always one at the end.

    Raises:
        NotInTrialError: If there is no `directory`, and this process is not evaluating a trial here.
        NePSError: If Lightning or PyTorch isn't installed, or there is no such mode.
    """

    def __new__(cls, *_args: Any, **_keywords: Any) -> LightningCallback:
        made: LightningCallback = object.__new__(_with_bases(cls, *_callback_classes()))
        return made

    def __init__(
        self,
        monitor: str | list[str] = "val_loss",
        *,
        mode: str = "min",
        directory: str | Path | None = None,
        previous: str | Path | None = None,
        every: int = 1,
    ) -> None:
        super().__init__("neps.torch.LightningCallback", CHECKPOINT, directory, previous, every)
        if mode not in (names := ("min", "max")):
            raise NePSError(f"mode must be 'min' or 'max', not {mode!r}. {nearest(str(mode), names)}")
        self._sign = 1 if mode == "min" else -1
        self._monitor = [monitor] if isinstance(monitor, str) else list(monitor)
        self._has_one = isinstance(monitor, str)
        self._done = 0  # epochs
        self._plateaus: dict[str, float] = {}  # what schedulers like ReduceLROnPlateau are told after the checkpoint
        self._is_own = True

    @property
    def ckpt_path(self) -> str | None:
        """The checkpoint to go on from, for `trainer.fit(..., ckpt_path=...)`; None to begin anew.

        It was looked into: loading it executes no code.
        """
        path, _ = next(self._usable(), (None, None))
        self._is_own = path == self._path
        return None if path is None else str(path)

    # What Lightning calls.

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.is_global_zero:
            clear_drafts(self._path)
        self._go_on(trainer)  # before the data is shuffled

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self._go_on(trainer)  # with strategies that load checkpoints late
        plateaus, self._plateaus = self._plateaus, {}
        for config in trainer.lr_scheduler_configs if plateaus else ():  # Lightning leaves these out
            if _waits_for_epochs(config, self._done) and config.monitor in plateaus:
                config.scheduler.step(plateaus[config.monitor])

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        self._end_here()

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        is_fitting = trainer.state.fn == "fit" and not trainer.sanity_checking  # and not trainer.validate()
        if is_fitting and all(name in trainer.callback_metrics for name in self._monitor):
            self._report(trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        missing = [name for name in self._monitor if name not in trainer.callback_metrics]
        step = self._done = trainer.current_epoch + 1
        is_validated = step % (trainer.check_val_every_n_epoch or 1) == 0
        if missing and (is_validated or not trainer.enable_validation):
            raise NePSError(
                f"the module has logged no {missing[0]!r}, which is to be reported; there are "
                f"{', '.join(sorted(map(repr, trainer.callback_metrics))) or 'none'}. Log it with self.log(...) in "
                "validation_step, or give its name as monitor=."
            )
        if not missing and not trainer.enable_validation:
            self._report(trainer)  # of the training itself
        self._plateaus = {
            config.monitor: float(trainer.callback_metrics[config.monitor])
            for config in trainer.lr_scheduler_configs
            if _waits_for_epochs(config, step) and config.monitor in trainer.callback_metrics
        }
        if step % self._every == 0 or step == trainer.max_epochs or trainer.should_stop:
            self._save(trainer)

    def state_dict(self) -> dict[str, Any]:
        random = group.from_all(self._torch, randomness.states(self._torch))
        return {
            "epochs": self._done,
            "progress": self._progress.as_plain(),
            "plateaus": dict(self._plateaus),
            "random": random,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._done, self._random = state_dict["epochs"], state_dict["random"]
        self._plateaus = state_dict["plateaus"]
        self._progress = Progress(**state_dict["progress"])

    # What these do.

    def _go_on(self, trainer: Any) -> None:
        """Go on where the checkpoint was written, once it is loaded."""
        states, self._random = self._random, []
        if not states:
            return
        if len(states) == trainer.world_size:  # or else other ranks have drawn them
            randomness.restore(self._torch, states[trainer.global_rank])
        if not self._is_own:
            self._progress.began = self._done
        try:
            self._progress.tell_again()
        except StopTrial as stop:
            self._end(trainer, stop)

    def _report(self, trainer: Any) -> None:
        values = [self._sign * float(trainer.callback_metrics[name]) for name in self._monitor]
        step = trainer.current_epoch + self._share_of_epoch(trainer)
        stop = None
        try:
            self._progress.tell(step, values[0] if self._has_one else dict(zip(self._monitor, values)), None, {})
        except StopTrial as reason:
            stop = reason
        if trainer.strategy.broadcast(stop is not None, src=0):
            self._end(trainer, stop or StopTrial("rank 0 ends the trial."))

    @staticmethod
    def _share_of_epoch(trainer: Any) -> float:
        loop = trainer.fit_loop.epoch_loop
        share = (loop.batch_idx + 1) / trainer.num_training_batches
        return 1 if loop.batch_progress.is_last_batch or not 0 < share < 1 else share

    def _end(self, trainer: Any, stop: StopTrial) -> None:
        self._stop = stop
        trainer.should_stop = True
        logger.info("The training ends: %s", stop)

    def _save(self, trainer: Any) -> None:
        """Write a checkpoint; all ranks call it, as each has a part of it."""
        draft_of_all = self._path.with_name(f"{self._path.name}.writing.tmp")  # the same in all ranks

        def write(draft: Path) -> None:
            trainer.save_checkpoint(str(draft_of_all))
            draft_of_all.replace(draft)

        if trainer.is_global_zero:
            self._write(self._done, write)
        else:
            trainer.save_checkpoint(str(draft_of_all))


def _waits_for_epochs(config: Any, epochs: int) -> bool:
    """Whether a scheduler that looks at a metric is told of it after so many epochs."""
    return bool(config.reduce_on_plateau and config.interval == "epoch" and epochs % config.frequency == 0)


def _callback_classes() -> tuple[type, ...]:
    """The classes that Lightning calls checkpoint callbacks, of each of its packages that is imported.

    Raises:
        NePSError: If it isn't installed.
    """
    for names in ([name for name in PACKAGES if name in sys.modules], PACKAGES[:1], PACKAGES[1:]):
        try:
            found = tuple(importlib.import_module(f"{name}.callbacks").Checkpoint for name in names)
        except ImportError as reason:
            missing = reason
            continue
        if found:
            return found
    raise NePSError("neps.torch.LightningCallback needs PyTorch Lightning: pip install lightning.") from missing


_made: dict[tuple[type, ...], type] = {}


def _with_bases(*classes: type) -> type:
    """A class that has all of these as its bases."""
    if classes not in _made:
        first = classes[0]
        names = {"__module__": first.__module__, "__qualname__": first.__qualname__}
        _made[classes] = type(first.__name__, classes, names)
    return _made[classes]
