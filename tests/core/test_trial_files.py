"""What the files of a trial show besides its decisions and its result."""

from __future__ import annotations

import json
import math
import shutil
import warnings

import pytest
import yaml

import neps
from neps_core import State
from neps_core.cli import main
from neps_core.run import open_run


def run(root, space, n=2, **settings):
    settings = {"optimizer": "random_search", **settings}
    return neps.run(lambda **arguments: 1.0, space, root_directory=root, evaluations_to_spend=n, **settings)


def config_of(root, trial_id="1"):
    return yaml.safe_load((root / f"configs/config_{trial_id}/config.yaml").read_text())


class Flat(neps.PipelineSpace):
    x = neps.Float(0, 1)
    k = neps.Categorical([(1, 2), "b"])
    batch = 64
    rate = math.inf
    name = "yes"
    flag = True
    nothing = None
    several = (1, 2)
    text = "long" * 1000
    _hidden = 3


SHOWN = {"batch": 64, "rate": math.inf, "name": "yes", "flag": True, "nothing": None}


class Deep(neps.PipelineSpace):
    op = neps.Operation("conv", kwargs={"k": neps.Integer(1, 3)})
    batch = 64


class TestConstants:
    def test_of_a_flat_space_are_shown_with_every_configuration(self, root):
        trials = run(root, Flat()).trials
        assert config_of(root) == {**SHOWN, **trials["1"].config}
        assert set(trials["1"].config) == {"x", "k"}

    def test_of_any_other_space_are_not(self, root):
        trials = run(root, Deep()).trials
        assert config_of(root) == trials["1"].config

    def test_a_configuration_with_them_is_read_without_a_warning(self, root):
        trials = run(root, Flat()).trials
        path = root / "configs/config_1"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            arguments = neps.load_config(path)
            shutil.copy(path / "config.yaml", root.parent / "mine.yaml")
            assert neps.load_config(root.parent / "mine.yaml", pipeline_space=Flat()) == arguments
        assert arguments["batch"] == 64
        assert arguments["x"] == trials["1"].config["x"]
        neps.import_trials([(config_of(root), 3.0)], root.parent / "other", Flat())
        (imported,) = open_run(root.parent / "other").trials.values()
        assert imported.config == trials["1"].config

    @pytest.mark.parametrize("is_space_lost", [False, True])
    def test_a_configuration_that_is_mended_from_its_file_lacks_them(self, root, is_space_lost, capsys):
        before = run(root, Flat()).trials
        journal = root / ".neps/journal.jsonl"
        lines = journal.read_text().splitlines(keepends=True)
        lost = ['"sampled","id":"1"', *(['"spacerecorded"'] if is_space_lost else [])]
        journal.write_text("".join("{}\n" if any(each in line for each in lost) else line for line in lines))
        assert main(["repair", str(root)]) == 0
        assert "its configuration is lost" in capsys.readouterr().out
        assert open_run(root).trials["1"].config == before["1"].config
        assert config_of(root) == {**SHOWN, **before["1"].config}
        assert main(["repair", str(root), "--dry_run"]) == 0
        assert "nothing is damaged" in capsys.readouterr().out


def test_metadata_of_a_continued_trial(root):
    space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 3)}
    trials = run(root, space, 4, optimizer="successive_halving").trials
    (trial,) = (each for each in trials.values() if each.metadata.previous_trial_id)
    folder = root / trial.metadata.location
    previous = trial.metadata.previous_trial_id
    shown = json.loads((folder / "metadata.json").read_text())
    assert shown["id"] == trial.metadata.id == trial.id
    assert shown["state"] == trial.metadata.state.value == "success"
    assert shown["previous_trial_location"] == trial.metadata.previous_trial_location == f"configs/config_{previous}"
    assert shown["evaluation_duration"] == trial.metadata.evaluation_duration == trial.report.evaluation_duration
    assert (folder / "previous_trial_id.txt").read_text() == previous
    assert trials[previous].metadata.previous_trial_location is None
    assert not (root / trials[previous].metadata.location / "previous_trial_id.txt").exists()
    (folder / "previous_trial_id.txt").unlink()
    assert open_run(root).folder.repair(open_run(root).log, thorough=True) == [trial.id]


def test_metadata_has_the_state_of_its_trial_whatever_happens(root):
    loop = neps.AskAndTell("random_search", root_directory=root, pipeline_space={"x": neps.Float(0, 1)})
    first, second, _ = loop.ask(3)
    loop.tell(first, 1.0)
    loop.tell(second, ValueError("no"))
    trials = open_run(root).trials.values()
    assert {each.state for each in trials} >= {State.SUCCESS, State.FAILED}
    assert all(each.metadata.state is each.state for each in trials)
