"""Lightning's trainings inside trials: reported, stopped, continued."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest

import neps
import neps.torch
from neps_core import NePSError, NePSWarning
from neps_core.run import open_run

pytestmark = pytest.mark.filterwarnings("ignore")  # Lightning's advice

#: What the tests train; also in processes of their own.
PROGRAM = """
import json
import sys

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

import neps
import neps.torch

DATA = TensorDataset(torch.linspace(-1, 1, 24).reshape(12, 2))


class Module(pl.LightningModule):
    def __init__(self, plateau):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
        self.plateau = plateau

    def training_step(self, batch, _):
        loss = self.layers(batch[0] + torch.randn(1)).square().mean()
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", (self.layers(batch[0]) - 1).square().mean(), sync_dist=True)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.1)
        if not self.plateau:
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=10)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": "val_loss"}}


def trainer(epochs, callback, **options):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return pl.Trainer(max_epochs=epochs, callbacks=[callback], accelerator="cpu", **quiet, **options)


def fit(epochs, seed=1, plateau=False, monitor="val_loss", options=None, validates=True, **places):
    torch.manual_seed(seed)
    module = Module(plateau)
    callback = neps.torch.LightningCallback(monitor, **places)
    data = [DataLoader(DATA, 2, shuffle=True), *[DataLoader(DATA, 12)] * validates]
    trainer(epochs, callback, **(options or {})).fit(module, *data, ckpt_path=callback.ckpt_path)
    return module, callback

"""
DDP = """
if __name__ == "__main__":
    import os

    torch.set_num_threads(1)

    def evaluate(x, pipeline_directory):
        module, callback = fit(3, options={"devices": 2, "strategy": "ddp"})
        rank = os.environ["LOCAL_RANK"]
        weights = [value.tolist() for value in module.state_dict().values()]
        (pipeline_directory / f"rank-{rank}").write_text(json.dumps([len(callback._progress.reports), weights]))
        return callback.result()

    rule = lambda trial, trials: trial.id == "2" and len(trial.points) == 2
    neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], optimizer="random_search",
             stopping_rule=rule, evaluations_to_spend=2)
"""


@pytest.fixture(scope="module")
def lightning():
    pytest.importorskip("torch", reason="PyTorch isn't installed")
    pytest.importorskip("lightning.pytorch", reason="Lightning isn't installed")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    names: dict[str, object] = {"__name__": "lightning_program"}
    exec(PROGRAM, names)
    return type("Program", (), {name: staticmethod(value) for name, value in names.items() if callable(value)})


def weights(module):
    return [value.tolist() for value in module.state_dict().values()]


@pytest.mark.parametrize("plateau", [False, True])
def test_a_training_that_goes_on_is_the_one_that_was_never_interrupted(lightning, tmp_path, plateau):
    def fit(epochs, seed, **places):
        return lightning.fit(epochs, seed, plateau, **places)

    at_once, whole = fit(3, 1, directory=tmp_path / "a")
    first, _ = fit(1, 1, directory=tmp_path / "b")
    then, callback = fit(3, 9, directory=tmp_path / "c", previous=tmp_path / "b")
    assert weights(at_once) == weights(then) != weights(first)
    assert callback.result() == {**whole.result(), "cost": 2}
    # Killed before its result was there: nothing is left to be trained.
    again, callback = fit(3, 5, directory=tmp_path / "c", previous=tmp_path / "b")
    assert weights(at_once) == weights(again)
    assert callback.result() == {**whole.result(), "cost": 2}
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["lightning.ckpt"]


def test_a_damaged_checkpoint_is_left_out(lightning, tmp_path):
    lightning.fit(1, directory=tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/lightning.ckpt").write_bytes((tmp_path / "a/lightning.ckpt").read_bytes()[:-99])
    callback = neps.torch.LightningCallback(directory=tmp_path / "b", previous=tmp_path / "a")
    with pytest.warns(NePSWarning, match=r"left out, and the training begins earlier: .*b.lightning\.ckpt"):
        assert callback.ckpt_path == str(tmp_path / "a/lightning.ckpt")
    assert neps.torch.LightningCallback(directory=tmp_path / "new").ckpt_path is None


def test_a_metric_that_is_not_logged(lightning, tmp_path):
    with pytest.raises(NePSError, match="the module has logged no 'loss', .* there are 'train_loss', 'val_loss'"):
        lightning.fit(1, monitor="loss", directory=tmp_path)


def test_of_the_training_where_there_is_no_validation(lightning, tmp_path):
    _, callback = lightning.fit(2, monitor="train_loss", validates=False, directory=tmp_path)
    assert [step for step, *_ in callback._progress.reports] == [1, 2]


def test_several_validations_an_epoch_and_several_objectives(lightning, tmp_path):
    names = ["val_loss", "train_loss"]
    module, callback = lightning.fit(2, options={"val_check_interval": 3}, directory=tmp_path)
    module.trainer.validate(module, module.trainer.val_dataloaders, verbose=False)
    assert [step for step, *_ in callback._progress.reports] == [0.5, 1, 1.5, 2]  # what was validated by hand is none
    every_other = {"check_val_every_n_epoch": 2}
    _, other = lightning.fit(2, monitor=names, mode="max", options=every_other, directory=tmp_path / "other")
    assert [step for step, *_ in other._progress.reports] == [2]
    assert set(other.objective) == set(names) and max(other.objective.values()) < 0
    with pytest.raises(NePSError, match="mode must be 'min' or 'max', not 'maximise'"):
        neps.torch.LightningCallback("val_acc", mode="maximise", directory=tmp_path)


def test_it_is_one_of_lightnings_own_by_either_name(lightning, tmp_path):
    from lightning.pytorch.callbacks import Checkpoint

    callback = neps.torch.LightningCallback(directory=tmp_path)
    assert isinstance(callback, (neps.torch.LightningCallback, Checkpoint))
    other = pytest.importorskip("pytorch_lightning", reason="it isn't installed by this name")
    callback = neps.torch.LightningCallback(directory=tmp_path)
    assert isinstance(callback, Checkpoint) and isinstance(callback, other.callbacks.Checkpoint)


def test_the_stopping_rule_ends_the_trainer(lightning, root):
    done = []

    def evaluate(x):
        module, callback = lightning.fit(4)
        done.append(module.trainer.current_epoch)
        return callback.result()

    def rule(trial, trials):
        return trial.id == "1" and len(trial.points) == 2

    trials = neps.run(
        evaluate,
        {"x": neps.Float(0, 1)},
        root_directory=root,
        stopping_rule=rule,
        optimizer="random_search",
        evaluations_to_spend=2,
    ).trials
    assert done == [2, 4]
    assert [trial.report.stopped_at for trial in trials.values()] == [2, None]
    assert [len(trial.points) for trial in trials.values()] == [2, 4]
    assert trials["1"].report.cost == 2


def test_two_processes(lightning, root, script):
    if sys.platform == "win32":
        pytest.skip("Lightning starts no gloo there")
    script.write(PROGRAM + DDP)
    script.environment |= {"PYTHONWARNINGS": "ignore"}
    script.run(root, seconds=180)
    trials = open_run(root).trials
    assert [trial.report.stopped_at for trial in trials.values()] == [None, 2]
    assert [len(trial.points) for trial in trials.values()] == [3, 2]
    for name, reports in (("1", 3), ("2", 2)):
        folder = Path(root) / f"configs/config_{name}"
        first, second = (json.loads((folder / f"rank-{rank}").read_text()) for rank in (0, 1))
        assert first[0] == second[0] == reports
        assert first == second
        assert (folder / "lightning.ckpt").is_file() and not list(folder.glob("*.tmp"))
