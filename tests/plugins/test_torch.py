"""Trainings with PyTorch that are interrupted, continued, stopped, and done by several processes."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys

import numpy as np
import pytest

import neps
import neps.torch
from neps_core import NePSError, NePSWarning, NotInTrialError
from neps_core.run import open_run
from neps_plugins.torch.epochs import CHECKPOINT
from neps_plugins.torch.files import whole


def test_without_torch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(NePSError, match=r"^neps\.torch\.Epochs needs PyTorch: pip install torch\.$"):
        neps.torch.Epochs(3, directory=tmp_path)


def test_without_lightning(tmp_path, monkeypatch):
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("lightning.pytorch.callbacks", "pytorch_lightning.callbacks"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(NePSError, match=r"needs PyTorch Lightning: pip install lightning\.$"):
        neps.torch.LightningCallback("val_loss", directory=tmp_path)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed")
def test_a_process_that_is_killed_while_it_writes_leaves_the_former_file(tmp_path, script):
    path = tmp_path / CHECKPOINT
    path.write_bytes(b"the former one")
    script.write("""
        import os, signal, sys
        from pathlib import Path
        from neps_plugins.torch.files import whole

        with whole(Path(sys.argv[1])) as draft:
            draft.write_bytes(b"half of the ne")
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    script.run(path, code=-signal.SIGKILL)
    assert path.read_bytes() == b"the former one"
    assert len(list(tmp_path.glob("*.tmp"))) == 1


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / CHECKPOINT
    with whole(path) as draft:
        draft.write_bytes(b"one")
    with pytest.raises(ZeroDivisionError), whole(path) as draft:
        draft.write_bytes(b"two")
        raise ZeroDivisionError
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"one"]


# ---------------------------------------------------------------------- the loop


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch isn't installed")


class Training:
    """A small one that draws from every generator."""

    def __init__(self, torch, scheduler="StepLR", seed=1, **options):
        self.torch = torch
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        self.model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.1)
        options = options or {"step_size": 1}
        self.scheduler = getattr(torch.optim.lr_scheduler, scheduler)(self.optimizer, **options)
        self.generator = torch.Generator().manual_seed(seed)

    def epochs(self, n, **places):
        parts = {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler}
        return neps.torch.Epochs(n, **parts, order=self.generator, **places)

    def step(self):
        x = self.torch.randn(8, 4, generator=self.generator) + random.random() + np.random.rand()
        self.optimizer.zero_grad()
        loss = self.model(x).square().mean()
        loss.backward()
        self.optimizer.step()
        value = loss.item()
        is_plateau = hasattr(self.scheduler, "patience")
        self.scheduler.step(*[value] * is_plateau)
        return value

    def run(self, n, **places):
        training = self.epochs(n, **places)
        for _ in training:
            training.report(self.step())
        return training

    @property
    def weights(self):
        return [value.tolist() for value in self.model.state_dict().values()]


@pytest.mark.parametrize(
    ("scheduler", "options"),
    [
        ("StepLR", {"step_size": 1}),
        ("MultiStepLR", {"milestones": [1, 2]}),
        ("ReduceLROnPlateau", {"patience": 0}),
        ("OneCycleLR", {"max_lr": 0.2, "total_steps": 9}),
    ],
)
def test_a_training_that_goes_on_is_the_one_that_was_never_interrupted(torch, tmp_path, scheduler, options):
    at_once = Training(torch, scheduler, **options)
    result = at_once.run(3, directory=tmp_path / "a").result()
    first = Training(torch, scheduler, **options)
    assert first.run(1, directory=tmp_path / "b", previous=None).result()["cost"] == 1
    then = Training(torch, scheduler, seed=9, **options)
    training = then.run(3, directory=tmp_path / "c", previous=tmp_path / "b")
    assert then.weights == at_once.weights != first.weights
    assert training.result() == {**result, "cost": 2}
    assert then.optimizer.param_groups[0]["lr"] == at_once.optimizer.param_groups[0]["lr"]

    # Killed after its last checkpoint: nothing is left to be trained, and the result is the same.
    again = Training(torch, scheduler, seed=5, **options)
    assert list(again.epochs(3, directory=tmp_path / "c", previous=tmp_path / "b")) == []
    assert again.run(3, directory=tmp_path / "c", previous=tmp_path / "b").result() == training.result()
    assert again.weights == at_once.weights


def test_a_checkpoint_every_two_epochs_and_after_the_last(torch, tmp_path):
    seen = []
    training = Training(torch).epochs(5, directory=tmp_path, every=2)
    for _ in training:
        seen.append(Training(torch).epochs(5, directory=tmp_path).done)
        training.report(0.5)
    assert seen == [0, 0, 2, 2, 4]
    assert Training(torch).epochs(5, directory=tmp_path).done == 5


def test_a_loop_that_is_left_keeps_the_last_whole_epoch(torch, tmp_path):
    one = Training(torch)
    for epoch in one.epochs(4, directory=tmp_path):
        one.step()
        if epoch == 2:
            break
    training = Training(torch).epochs(4, directory=tmp_path)
    assert (training.done, len(training)) == (2, 2)
    assert list(training) == [2, 3]


class Dangerous:
    def __reduce__(self):
        return os.mkdir, ("made-by-a-checkpoint",)


class TestDamage:
    @pytest.mark.parametrize("kind", ["cut", "head", "bit", "empty", "code", "other"])
    def test_a_damaged_checkpoint_is_left_out(self, torch, tmp_path, kind, monkeypatch):
        monkeypatch.chdir(tmp_path)
        Training(torch).run(1, directory="a")
        one = Training(torch)
        one.run(2, directory="b", previous="a")
        path = tmp_path / "b" / CHECKPOINT
        content = path.read_bytes()
        middle = content.index(one.model[0].weight.detach().numpy().tobytes()) + 7
        if kind == "code":
            torch.save({"a": Dangerous()}, path)
        elif kind == "other":
            torch.save({"a": 1}, path)
        else:
            bit = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            parts = {"cut": content[: len(content) // 2], "head": b"X" + content[1:], "bit": bit, "empty": b""}
            path.write_bytes(parts[kind])
        with pytest.warns(NePSWarning, match=r"left out, and the training begins earlier: b.training\.pth"):
            training = Training(torch).epochs(3, directory="b", previous="a")
        assert training.done == 1
        assert not (tmp_path / "made-by-a-checkpoint").exists()
        (tmp_path / "a" / CHECKPOINT).write_bytes(b"")
        with pytest.warns(NePSWarning):
            assert Training(torch).epochs(3, directory="b", previous="a").done == 0

    def test_one_of_more_epochs_than_wanted(self, torch, tmp_path):
        Training(torch).run(3, directory=tmp_path / "a")
        with pytest.warns(NePSWarning, match="3 epochs were trained there, and 2 are wanted"):
            assert Training(torch).epochs(2, directory=tmp_path / "b", previous=tmp_path / "a").done == 0

    def test_what_does_not_fit(self, torch, tmp_path):
        Training(torch).run(1, directory=tmp_path)
        with pytest.raises(NePSError, match=r"the state of model in .*training\.pth does not fit"):
            neps.torch.Epochs(2, directory=tmp_path, model=torch.nn.Linear(1, 1))
        with pytest.raises(NePSError, match=r"training\.pth has no state of scaler\."):
            neps.torch.Epochs(2, directory=tmp_path, scaler=torch.nn.Linear(1, 1))

    def test_what_could_not_be_loaded_again_is_refused_at_once(self, torch, tmp_path):
        class Odd(torch.nn.Linear):
            def get_extra_state(self):
                return Dangerous

            def set_extra_state(self, state):
                pass

        with pytest.raises(NePSError, match="more than tensors and plain data"):
            list(neps.torch.Epochs(2, directory=tmp_path, model=Odd(1, 1)))
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk_ends_no_training(self, torch, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(torch, "save", full)
        with pytest.warns(NePSWarning, match="no checkpoint could be written after epoch 1, .*No space left"):
            assert list(neps.torch.Epochs(1, directory=tmp_path)) == [0]

    def test_drafts_are_removed(self, torch, tmp_path):
        draft = tmp_path / f"{CHECKPOINT}.0badcafe.tmp"
        draft.touch()
        Training(torch).epochs(1, directory=tmp_path)
        assert not draft.exists()


class TestArguments:
    @pytest.mark.parametrize("epochs", [-1, 1.5, True, "3", None])
    def test_epochs(self, torch, tmp_path, epochs):
        with pytest.raises(NePSError, match="epochs must be a whole number of at least 0, not"):
            neps.torch.Epochs(epochs, directory=tmp_path)
        assert len(neps.torch.Epochs(np.int64(2), directory=tmp_path)) == 2

    def test_without_a_state(self, torch, tmp_path):
        with pytest.raises(NePSError, match="model=float has no state that could be kept"):
            neps.torch.Epochs(1, directory=tmp_path, model=1.0)
        assert list(neps.torch.Epochs(1, directory=tmp_path, scheduler=None)) == [0]

    def test_outside(self, torch, tmp_path):
        with pytest.raises(NotInTrialError):
            neps.torch.Epochs(1)
        training = neps.torch.Epochs(1, directory=tmp_path)
        with pytest.raises(NePSError, match="belongs into the loop"):
            training.report(1.0)
        with pytest.raises(NePSError, match="has reported nothing"):
            training.result()
        for _ in training:
            training.report({"loss": torch.tensor(0.5), "size": 3}, cost=7.0, constraints=[-1.0], note="a")
        expected = {"objective_to_minimize": {"loss": 0.5, "size": 3}, "cost": 7.0, "constraints": [-1.0]}
        assert training.result(more=1) == {**expected, "info_dict": {"note": "a", "more": 1}}


class Space(neps.PipelineSpace):
    x = neps.Float(0, 1)
    epochs = neps.IntegerFidelity(1, 4)


class TestTrials:
    def test_trials_go_on_where_the_ones_before_them_ended(self, torch, root):
        began = {}

        def evaluate(x, epochs, pipeline_id):
            one = Training(torch)
            training = one.epochs(epochs)  # asks the trial for the folders
            began[pipeline_id] = training.done
            for _ in training:
                training.report(one.step() + x)
            return training.result()

        optimizer = ("successive_halving", {"eta": 2})
        trials = neps.run(evaluate, Space(), root_directory=root, optimizer=optimizer, evaluations_to_spend=7).trials
        assert {began[name] for name in trials if name.endswith("rung_2")} == {2}
        for trial in trials.values():
            assert trial.report.cost == trial.config["epochs"] - began[trial.id]
            assert [point.step for point in trial.points] == list(
                range(began[trial.id] + 1, trial.config["epochs"] + 1)
            )

    def test_two_trainings_of_a_trial_need_two_folders(self, torch, root):
        def evaluate(x, pipeline_directory):
            folds = [Training(torch).epochs(1, directory=pipeline_directory / fold) for fold in "ab"]
            trained = [len(list(fold)) for fold in folds]
            Training(torch).epochs(2, directory=pipeline_directory / "b")
            return sum(trained)

        options = {"optimizer": "random_search", "evaluations_to_spend": 1, "ignore_errors": True}
        trial = neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=root, **options).trials["1"]
        assert "another training of this evaluation has ended in" in trial.report.err

    def test_a_stopped_trial(self, torch, root):
        def evaluate(x, epochs):
            one = Training(torch)
            training = one.epochs(epochs)
            for epoch in training:
                training.report(epoch + x)
            return training.result()

        rule = ("threshold", {"upper": 2.0})
        trial = neps.run(
            evaluate,
            {"x": neps.Float(0, 1), "epochs": 4},
            root_directory=root,
            stopping_rule=rule,
            optimizer="random_search",
            evaluations_to_spend=1,
            cost_to_spend=10,
        ).trials["1"]
        assert trial.report.stopped_at == 3
        assert trial.report.cost == 3

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed")
    def test_a_trial_whose_worker_was_killed(self, torch, root, script):
        script.write("""
            import os, signal, sys
            import torch
            import neps, neps.torch

            def evaluate(x, pipeline_directory, previous_pipeline_directory):
                torch.manual_seed(0)
                model = torch.nn.Linear(1, 1)
                training = neps.torch.Epochs(
                    4, model=model, directory=pipeline_directory, previous=previous_pipeline_directory
                )
                with open(sys.argv[2], "a") as file:
                    file.write(f"{training.done} ")
                for epoch in training:
                    torch.nn.init.normal_(model.weight)
                    training.report(model.weight.item())
                    if epoch == 2 and training.done == 2 and sys.argv[3] == "dies":
                        os.kill(os.getpid(), signal.SIGKILL)
                return training.result()

            neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], optimizer="random_search",
                     total_evaluations_to_spend=1)
        """)
        said = root.with_name("said")
        script.run(root, said, "dies", code=-signal.SIGKILL)
        script.run(root, said, "lives")
        assert said.read_text() == "0 2 "
        torch.manual_seed(0)
        weight = torch.nn.Linear(1, 1).weight
        expected = [torch.nn.init.normal_(weight).item() for _ in range(4)]
        trial = open_run(root).trials["1"]
        assert [point.objective for point in trial.points] == expected  # also those of the start that was killed
        assert (trial.report.objective_to_minimize, trial.report.cost) == (expected[-1], 4)


# ---------------------------------------------------------------------- two processes

PROGRAM = """
    import json, os, random, sys
    import torch
    from torch import distributed
    import neps, neps.torch

    def train(epochs, folder, previous=None, seed=0):
        rank = distributed.get_rank()
        torch.manual_seed(seed)
        layers = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1))
        model = torch.nn.parallel.DistributedDataParallel(layers)
        torch.manual_seed(seed + rank)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        training = neps.torch.Epochs(epochs, model=model, optimizer=optimizer, directory=folder, previous=previous)
        for epoch in training:
            optimizer.zero_grad()
            loss = model(torch.randn(4, 2)).square().mean()
            loss.backward()
            optimizer.step()
            training.report(loss)
        return training, [value.tolist() for value in layers.state_dict().values()]

    def evaluate(x, pipeline_directory, pipeline_id):
        trained = 0
        try:
            training, _ = train(3, None)
            trained = training.done
            return training.result()
        finally:
            said["trials"][pipeline_id] = trained

    root, out = sys.argv[1], sys.argv[2]
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    _, at_once = train(3, f"{root}-a")
    train(1, f"{root}-b")
    training, then = train(3, f"{root}-c", f"{root}-b", seed=9)
    said = {"same": at_once == then, "cost": training.result()["cost"], "weights": then, "trials": {}}
    rule = lambda trial, trials: trial.id == "2" and len(trial.points) == 2
    neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=root, optimizer="random_search", stopping_rule=rule,
             evaluations_to_spend=3)
    try:
        train(3, f"{root}-rank{distributed.get_rank()}" if distributed.get_rank() else f"{root}-d")
        torch.save({"a": 1}, f"{root}-d/training.pth")
        neps.torch.Epochs(4, nothing=torch.nn.Linear(1, 1), directory=f"{root}-a")
    except neps.NePSError as error:
        said["error"] = str(error)
    with open(f"{out}.{distributed.get_rank()}", "w") as file:
        json.dump(said, file)
    distributed.destroy_process_group()
    os._exit(0)  # as Python ends, threads of gloo abort the process now and then, with or without us
"""


def free_port():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


def test_two_processes_train_together(torch, root, script):
    if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
        pytest.skip("this PyTorch has no gloo")
    script.write(PROGRAM)
    port, out = free_port(), root.with_name("out")
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "test"}
    processes = []
    for rank in (0, 1):
        script.environment = {**script.environment, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)}
        processes.append(script.start(root, out))
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    first, second = (json.loads(root.with_name(f"out.{rank}").read_text()) for rank in (0, 1))
    assert first == second  # the same weights, the same trials stopped, the same error
    assert first["same"]  # also what each rank draws for itself
    assert first["cost"] == 2
    assert first["trials"] == {"1": 3, "2": 0, "3": 3}
    assert "has no state of nothing" in first["error"]
    trials = open_run(root).trials
    assert {trial.report.stopped_at for trial in trials.values()} == {None, 2}
    assert [len(trial.points) for trial in trials.values()] == [3, 2, 3]
    assert {path.name for path in (root / "configs/config_1").iterdir()} >= {CHECKPOINT}
    assert not list(root.parent.glob("run*/**/*.tmp"))
