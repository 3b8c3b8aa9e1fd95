"""Saving and loading checkpoints: with PyTorch where it is, and a stand-in elsewhere."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import neps
from neps_core import NePSError, NotInTrialError
from neps_plugins.compat.checkpoints import load_checkpoint, load_lightning_checkpoint, save_checkpoint

SPACE = {"x": neps.Float(0, 1)}


class State:
    """What has a state, like a model or an optimizer."""

    def __init__(self, value):
        self.value = value

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state):
        self.value = state["value"]


@pytest.fixture
def torch(monkeypatch):
    def load(path, weights_only):
        assert weights_only
        return json.loads(Path(path).read_text())

    fake = SimpleNamespace(save=lambda values, path: Path(path).write_text(json.dumps(values)), load=load)
    monkeypatch.setitem(sys.modules, "torch", fake)
    return fake


class Staged(neps.PipelineSpace):
    lr = neps.Float(1e-3, 1e-1, log=True)
    epochs = neps.IntegerFidelity(1, 4)


def test_a_trial_goes_on_where_the_one_before_it_ended(root, torch):
    began = {}

    def train(lr, epochs, pipeline_id):
        model, optimizer = State(0), State(10)
        values = load_checkpoint(model=model, optimizer=optimizer)
        began[pipeline_id] = None if values is None else (values["epoch"], model.value, optimizer.value)
        save_checkpoint(values_to_save={"epoch": epochs}, model=State(lr), optimizer=State(epochs + 10))
        return lr

    optimizer = ("successive_halving", {"eta": 2, "early_stopping_rate": 1})
    trials = neps.run(train, Staged(), root_directory=root, evaluations_to_spend=6, optimizer=optimizer).trials
    assert any(t.metadata.previous_trial_id for t in trials.values())
    for trial in trials.values():
        previous = trial.metadata.previous_trial_id
        expected = (2, trials[previous].config["lr"], 12) if previous else None
        assert began[trial.id] == expected
        assert [p.name for p in (root / f"configs/config_{trial.id}").glob("*check*")] == ["checkpoint.pth"]


def test_a_trial_that_was_interrupted_goes_on(root, torch):
    seen = []

    def train(x):
        seen.append(load_checkpoint())
        if len(seen) == 1:
            save_checkpoint(values_to_save={"epoch": 3})
            raise KeyboardInterrupt
        return x

    with pytest.raises(KeyboardInterrupt):
        neps.run(train, SPACE, root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    neps.run(train, root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    assert seen == [None, {"epoch": 3}]


class TestFolders:
    @pytest.mark.parametrize("name", ["best", "best.pth", "epoch.1"])
    def test_names(self, tmp_path, torch, name):
        save_checkpoint(tmp_path / "made", name, {"a": 1})
        assert [p.name for p in (tmp_path / "made").iterdir()] == [name.removesuffix(".pth") + ".pth"]
        assert load_checkpoint(str(tmp_path / "made"), name) == {"a": 1}
        assert load_checkpoint(tmp_path / "made", "other") is None

    def test_what_can_not_be_saved_leaves_the_last_one(self, tmp_path, torch):
        save_checkpoint(tmp_path, values_to_save={"a": 1})
        with pytest.raises(TypeError):
            save_checkpoint(tmp_path, values_to_save={"a": object()})
        assert load_checkpoint(tmp_path) == {"a": 1}
        assert len(list(tmp_path.iterdir())) == 1

    def test_a_state_that_is_not_there(self, tmp_path, torch):
        save_checkpoint(tmp_path, values_to_save={"a": 1}, model=State(1))
        with pytest.raises(NePSError, match="no 'optimizer_state_dict'"):
            load_checkpoint(tmp_path, model=State(0), optimizer=State(0))

    @pytest.mark.parametrize("content", ["[1]", "{", ""])
    def test_what_is_no_checkpoint(self, tmp_path, torch, content):
        (tmp_path / "checkpoint.pth").write_text(content)
        with pytest.raises(NePSError, match=r"checkpoint\.pth"):
            load_checkpoint(tmp_path)

    def test_outside_of_a_trial(self, torch):
        for call in (save_checkpoint, load_checkpoint, lambda: load_lightning_checkpoint("checkpoints")):
            with pytest.raises(NotInTrialError):
                call()


class TestLightning:
    def test_the_latest_one(self, tmp_path, torch):
        assert load_lightning_checkpoint(tmp_path, tmp_path) == (None, None)
        for age, name in enumerate(["epoch=2.ckpt", "epoch=1.ckpt"]):
            (tmp_path / name).write_text(json.dumps({"name": name}))
            os.utime(tmp_path / name, (1000 - age, 1000 - age))
        (tmp_path / "notes.txt").touch()
        assert load_lightning_checkpoint(tmp_path, tmp_path) == (tmp_path / "epoch=2.ckpt", {"name": "epoch=2.ckpt"})

    def test_only_a_trial_that_continues_one_loads_it(self, root, torch, tmp_path):
        (tmp_path / "last.ckpt").write_text("{}")
        found = {}

        def train(lr, epochs, pipeline_id):
            found[pipeline_id] = load_lightning_checkpoint(tmp_path)[0]
            return lr

        optimizer = ("successive_halving", {"eta": 2, "early_stopping_rate": 1})
        trials = neps.run(train, Staged(), root_directory=root, evaluations_to_spend=6, optimizer=optimizer).trials
        assert {i for i, path in found.items() if path} == {
            i for i, t in trials.items() if t.metadata.previous_trial_id
        }
        assert set(found.values()) == {None, tmp_path / "last.ckpt"}


def test_without_torch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "last.ckpt").touch()
    for call in (save_checkpoint, load_checkpoint, lambda d: load_lightning_checkpoint(d, d)):
        with pytest.raises(NePSError, match=r"needs PyTorch: pip install torch\."):
            call(tmp_path)


class Dangerous:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.mark.filterwarnings("default")  # PyTorch's own
def test_with_torch(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch isn't installed")
    monkeypatch.chdir(tmp_path)
    model, other = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.125)
    model(torch.ones(2)).backward()
    optimizer.step()
    save_checkpoint(tmp_path, values_to_save={"epoch": 3}, model=model, optimizer=optimizer)
    fresh = torch.optim.Adam(other.parameters())
    assert load_checkpoint(tmp_path, model=other, optimizer=fresh)["epoch"] == 3
    assert torch.equal(model.weight, other.weight)
    assert fresh.param_groups[0]["lr"] == 0.125
    for name in ("checkpoint.pth", "last.ckpt"):
        torch.save({"a": Dangerous()}, tmp_path / name)
    for call in (load_checkpoint, lambda d: load_lightning_checkpoint(d, d)):
        with pytest.raises(NePSError, match="could execute code"):
            call(tmp_path)
    assert not (tmp_path / "executed").exists()
