"""Looking back at runs: configurations, imports, ask-and-tell."""

from __future__ import annotations

import math

import numpy as np
import pytest
import yaml

import neps
from neps_core import ConfigError, NePSWarning, OptimizerError, ResultError, RunError, SpaceError, TrialError
from neps_core.run import open_run
from neps_core.trials import State


class Net:
    def __init__(self, layers, act):
        self.layers, self.act = layers, act


class Space(neps.PipelineSpace):
    rate = neps.Float(1e-4, 1e-1, log=True)
    size = neps.Categorical([(3, 3), (5, 5)])
    net = neps.Operation(Net, kwargs={"layers": neps.Integer(1, 4), "act": neps.Categorical(["relu", "tanh"])})
    seed = 7


def evaluate(rate, size, net, seed):
    return rate * net.layers


@pytest.fixture
def run(root):
    neps.run(evaluate, Space(), root_directory=root, evaluations_to_spend=3, seed=1)
    return root


class TestLoadConfig:
    def test_in_all_its_forms(self, run):
        trial = open_run(run).trials["2"]
        folder = run / "configs" / "config_2"
        for arguments in (
            neps.load_config(folder / "config.yaml"),
            neps.load_config(folder),
            neps.load_config(str(run), config_id="2"),
            neps.load_config(run, config_id="config_2"),
            neps.load_config(folder, pipeline_space=Space()),
            neps.load_config(config=trial.config, pipeline_space=Space),
        ):
            assert arguments["rate"] == trial.config["rate"]
            assert arguments["size"] in ((3, 3), (5, 5))
            assert arguments["net"].layers == trial.config["net.layers"]
            assert arguments["seed"] == 7

    def test_a_single_file_with_its_space(self, tmp_path):
        (tmp_path / "mine.yaml").write_text("x: 0.5\n")
        assert neps.load_config(tmp_path / "mine.yaml", pipeline_space={"x": neps.Float(0, 1)}) == {"x": 0.5}

    def test_refusals(self, run, tmp_path):
        with pytest.raises(RunError, match="one of them"):
            neps.load_config()
        with pytest.raises(RunError, match="needs pipeline_space"):
            neps.load_config(config={})
        with pytest.raises(RunError, match="config_id="):
            neps.load_config(run)
        with pytest.raises(FileNotFoundError, match="no trial '9'"):
            neps.load_config(run, config_id="9")
        with pytest.raises(FileNotFoundError):
            neps.load_config(run, config_id="../../etc")
        with pytest.raises(FileNotFoundError):
            neps.load_config(tmp_path / "nothing.yaml")
        path = run / "configs" / "config_1" / "config.yaml"
        good = path.read_text()
        path.write_text(good.replace("rate: ", "rate: 9"))
        with pytest.raises(ConfigError, match="'rate'"):
            neps.load_config(path)
        path.write_text("- 1\n")
        with pytest.raises(ConfigError, match="holds list"):
            neps.load_config(path)
        path.write_text(f"rate: !!python/object/apply:os.system ['touch {tmp_path}/owned']")
        with pytest.raises(ConfigError, match="plain data"):
            neps.load_config(path)
        assert not (tmp_path / "owned").exists()


class TestOperatorsThatAreGone:
    @pytest.fixture
    def orphan(self, root, tmp_path, monkeypatch):
        (tmp_path / "zoo_of_layers.py").write_text("def layer(n):\n    return n\n")
        monkeypatch.syspath_prepend(tmp_path)
        import zoo_of_layers

        space = {"a": neps.Operation(zoo_of_layers.layer, (neps.Integer(1, 3),)), "x": neps.Float(0, 1)}
        neps.run(lambda a, x: a + x, space, root_directory=root, evaluations_to_spend=2)
        monkeypatch.delitem(__import__("sys").modules, "zoo_of_layers")
        (tmp_path / "zoo_of_layers.py").unlink()
        return root

    def test_the_rest_still_loads(self, orphan):
        assert "x = Float" in repr(neps.load_pipeline_space(orphan))
        assert len(neps.load_trials(orphan)) == 2
        full, _ = neps.status(orphan)
        assert len(full) == 2

    def test_using_them_names_them(self, orphan):
        with pytest.raises(SpaceError, match="zoo_of_layers:layer"):
            neps.load_config(orphan, config_id="1")
        with pytest.raises(SpaceError, match="a: 'zoo_of_layers:layer'"):
            neps.run(lambda a, x: x, root_directory=orphan, evaluations_to_spend=1)
        assert len(open_run(orphan).trials) == 2


def test_a_stored_operator_of_the_standard_library_is_not_called_for_others(root, tmp_path, monkeypatch):
    import os

    space = {"a": neps.Operation(os.system, (f"touch {tmp_path}/owned",)), "x": neps.Float(0, 1)}
    neps.run(lambda a, x: x, space, root_directory=root, evaluations_to_spend=0)
    neps.import_trials([({"x": 0.5}, 1.0)], root)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "of somebody else"))
    with pytest.raises(SpaceError, match="Pass the space"):
        neps.load_config(root, config_id="1")
    assert not (tmp_path / "owned").exists()


class TestCreateConfig:
    def test_from_standard_input(self, script):
        script.write(
            """
            import neps
            space = {"rate": neps.Float(1e-4, 1e-1, log=True), "n": neps.Integer(1, 9, prior=4),
                     "c": neps.Categorical(["adam", "sgd"]), "e": neps.IntegerFidelity(1, 9), "k": 3}
            print(neps.create_config(space))
            """
        )
        import subprocess
        import sys

        answers = "5\nabc\n0.01\n\n1\n7\n"
        done = subprocess.run(
            [sys.executable, str(script.path)], input=answers, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "{'rate': 0.01, 'n': 4, 'c': 'sgd', 'e': 7}" in done.stdout
        assert "5.0 is outside" in done.stdout and "'abc' is not a number" in done.stdout
        assert "0: adam, 1: sgd" in done.stdout

    def test_input_that_ends(self, monkeypatch):
        answers = iter(["0.5"])

        def ask(_):
            try:
                return next(answers)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("builtins.input", ask)
        with pytest.raises(ConfigError, match="ended before 'y'"):
            neps.create_config({"x": neps.Float(0, 1), "y": neps.Float(0, 1)})

    def test_from_a_run_and_hierarchical(self, run, monkeypatch):
        answers = iter(["0.01", "(5, 5)", "2", "tanh"])
        monkeypatch.setattr("builtins.input", lambda _: next(answers))
        config, arguments = neps.create_config(root_directory=run)
        assert config == {"rate": 0.01, "size": "(5, 5)", "net.layers": 2, "net.act": "tanh"}
        assert arguments["size"] == (5, 5) and arguments["net"].act == "tanh"

    def test_needs_something(self):
        with pytest.raises(RunError, match="pipeline_space= or root_directory="):
            neps.create_config()


class TestImport:
    FLAT = {"x": neps.Float(0, 1), "size": neps.Categorical([(3, 3), (5, 5)]), "k": 3}

    def test_plain_arguments_into_a_new_run(self, root):
        trials = [
            ({"x": 0.5, "size": (5, 5), "k": 3}, 0.25),
            ({"x": 0.75, "size": "(3, 3)"}, {"objective_to_minimize": 0.5, "cost": 2, "info_dict": {"a": 1}}),
            ({"x": 0.1, "size": (3, 3)}, {"exception": ValueError("no")}),
        ]
        assert neps.import_trials(trials, root, self.FLAT) == ["1", "2", "3"]
        found = open_run(root).trials
        assert found["1"].config == {"x": 0.5, "size": "(5, 5)"}
        assert found["2"].report.cost == 2
        assert found["3"].state is State.FAILED
        assert (root / "configs/config_2/report.yaml").exists()
        assert "0.25" in (root / "summary/best_config.txt").read_text()
        result = neps.run(lambda x, size, k: x, root_directory=root, total_evaluations_to_spend=2)
        assert len(result.trials) == 5  # imported ones are not spent

    def test_from_another_run(self, run, root):
        other = root.parent / "other"
        assert neps.import_trials(neps.load_trials(run), other, Space()) == ["1", "2", "3"]
        assert [dict(t.config) for t in open_run(other).trials.values()] == [
            dict(t.config) for t in open_run(run).trials.values()
        ]
        assert neps.import_trials(neps.load_trials(other), run) == []  # they are there already

    def test_seeds_are_not_disturbed(self, tmp_path):
        neps.import_trials([({"x": 0.5}, 1.0)], tmp_path / "a", {"x": neps.Float(0, 1)})
        seed = open_run(tmp_path / "a").log.seed
        runs = [
            neps.run(
                lambda x: x,
                {"x": neps.Float(0, 1)},
                root_directory=tmp_path / name,
                seed=seed,
                evaluations_to_spend=3,
                optimizer="random_search",
            )
            for name in "ab"
        ]
        assert [t.config for t in runs[0].trials.values()][1:] == [t.config for t in runs[1].trials.values()]

    @pytest.mark.parametrize(
        "bad, error, message",
        [
            (({"x": 2, "size": (3, 3)}, 1.0), ConfigError, r"evaluated_trials\[1\].*'x': 2.0 is outside"),
            (({"x": 0.5}, 1.0), ConfigError, r"evaluated_trials\[1\].*'size'"),
            (({"x": 0.5, "size": (3, 3), "y": 1}, 1.0), ConfigError, r"evaluated_trials\[1\].*'y'"),
            (({"x": 0.5, "size": (3, 3), "k": 4}, 1.0), ConfigError, r"evaluated_trials\[1\].*constant 3"),
            (({"x": 0.5, "size": (3, 3)}, "good"), ResultError, r"evaluated_trials\[1\]"),
            (({"x": 0.5, "size": (3, 3)}, [1, 2]), ResultError, r"evaluated_trials\[1\].*2 value"),
        ],
    )
    def test_all_or_none(self, root, bad, error, message):
        good = ({"x": 0.5, "size": (3, 3)}, 1.0)
        with pytest.raises(error, match=message):
            neps.import_trials([good, bad], root, self.FLAT)
        assert not root.exists()
        neps.import_trials([good], root, self.FLAT)
        with pytest.raises(error):
            neps.import_trials([good, bad], root)
        assert len(open_run(root).trials) == 1

    def test_what_is_there_already_is_passed_over(self, root, caplog):
        caplog.set_level("INFO", "neps.importing")
        trials = [
            ({"x": 0.5, "size": (3, 3)}, 1.0),
            ({"x": 0.5, "size": "(3, 3)"}, {"objective_to_minimize": 1, "cost": 2.0}),  # the same once more
            ({"x": 0.5, "size": (3, 3)}, 1.5),  # a noisy one
            ({"x": 0.5, "size": (5, 5)}, ValueError("no")),
            ({"x": 0.5, "size": (5, 5)}, ValueError("still no")),
        ]
        assert neps.import_trials(trials, root, self.FLAT) == ["1", "2", "3"]
        assert "3 of 5 evaluations were imported" in caplog.text and "2 were there already" in caplog.text
        journal = (root / ".neps/journal.jsonl").read_bytes()
        assert neps.import_trials(trials, root) == [] and neps.import_trials(root, root) == []
        assert (root / ".neps/journal.jsonl").read_bytes() == journal
        assert neps.import_trials([({"x": 0.5, "size": (5, 5)}, 1.0)], root) == ["4"]

    def test_what_fits(self, root, caplog):
        good = ({"x": 0.5, "size": (3, 3)}, 1.0)
        bad = [({"x": 2, "size": (3, 3)}, 1.0), ({"x": 0.5, "size": (3, 3)}, "good"), good, ({}, 1.0), ([], 1.0)]
        with pytest.warns(NePSWarning, match=r"(?s)4 evaluation\(s\).*\[0\].*outside.*\[1\].*and 1 more"):
            assert neps.import_trials(bad, root, self.FLAT, strict=False) == ["1"]
        assert caplog.text.count("Not imported: evaluated_trials[") == 4
        with pytest.raises(RunError, match="pair"):
            neps.import_trials([good, 3], root, strict=False)

    def test_a_folder_without_a_run(self, root):
        with pytest.raises(RunError, match="or the folder of a run, and there is no run in"):
            neps.import_trials(root / "nothing", root, self.FLAT)
        assert not root.exists()

    def test_overwriting(self, run):
        neps.import_trials([({"x": 0.5}, 1.0)], run, {"x": neps.Float(0, 1)}, overwrite_root_directory=True)
        assert len(open_run(run).trials) == 1

    def test_infinite_and_failed_trials_travel(self, root):
        values = iter([math.inf, math.nan, 1.0])
        neps.run(lambda x: next(values), {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=3)
        other = root.parent / "other"
        neps.import_trials(neps.load_trials(root), other, {"x": neps.Float(0, 1)})
        assert [t.state.value for t in open_run(other).trials.values()] == ["success", "failed", "success"]


class TestAskAndTell:
    def test_a_loop(self):
        loop = neps.AskAndTell(neps.algorithms.random_search({"x": neps.Float(0, 1)}), seed=3)
        first = loop.ask()
        assert first.id == "1" and set(first.config) == {"x"}
        assert loop.tell(first, 0.5).state is State.SUCCESS
        batch = loop.ask(3)
        assert [t.id for t in batch] == ["2", "3", "4"]
        assert loop.tell("2", {"objective_to_minimize": 1, "cost": 3}).report.cost == 3
        assert loop.tell("3", ValueError("x")).state is State.FAILED
        assert loop.tell("4", math.nan).state is State.CRASHED
        assert loop.tell_custom(config_id="mine", config={"x": 0.1}, result=0.1).report.objective_to_minimize == 0.1
        assert list(loop.trials) == ["1", "2", "3", "4", "mine"]

    def test_it_proposes_what_a_run_would(self, root):
        space = {"x": neps.Float(0, 1)}
        run = neps.run(lambda x: x, space, root_directory=root, seed=5, evaluations_to_spend=4)
        loop = neps.AskAndTell(neps.algorithms.bayesian_optimization(space), seed=5)
        asked = []
        for _ in range(4):
            trial = loop.ask()
            loop.tell(trial, trial.config["x"])
            asked.append((trial.id, trial.config))
        assert asked == [(t.id, t.config) for t in run.trials.values()]

    def test_exhaustion(self):
        loop = neps.AskAndTell(neps.algorithms.grid_search({"x": neps.Integer(1, 2)}))
        assert len(loop.ask(5)) == 2
        assert loop.ask(5) == []
        with pytest.raises(OptimizerError, match="nothing to propose"):
            loop.ask()

    def test_your_own_optimizer(self):
        def middle(trials, budget_info, n=None):
            return neps.SampledConfig({"x": len(trials)})

        loop = neps.AskAndTell(middle)
        loop.tell(loop.ask(), 1.0)
        assert loop.ask().config == {"x": 1}

    def test_refusals(self):
        loop = neps.AskAndTell(neps.algorithms.random_search({"x": neps.Float(0, 1)}))
        trial = loop.ask()
        with pytest.raises(TrialError, match="no trial '7'"):
            loop.tell("7", 1.0)
        with pytest.raises(ResultError):
            loop.tell(trial, "good")
        loop.tell(trial, 1.0)
        with pytest.raises(TrialError, match="has a result"):
            loop.tell(trial, 1.0)
        with pytest.raises(ResultError, match="2 value"):
            loop.tell(loop.ask(), [1, 2])
        with pytest.raises(TrialError, match="already"):
            loop.tell_custom(config_id="1", config={}, result=1.0)
        with pytest.raises(OptimizerError, match="is no optimizer"):
            neps.AskAndTell("random_search")


class TestYamls:
    def test_merge(self, tmp_path):
        (tmp_path / "a.yaml").write_text("a: 1\n")
        (tmp_path / "b.yaml").write_text("b: [1, 2]\n")
        assert neps.load_and_merge_yamls(tmp_path / "a.yaml", tmp_path / "b.yaml") == {"a": 1, "b": [1, 2]}

    @pytest.mark.parametrize(
        "text, message", [("a: 2", "'a' is both in"), ("- 1", "holds list"), ("!!python/name:os.system", "plain")]
    )
    def test_refusals(self, tmp_path, text, message):
        (tmp_path / "a.yaml").write_text("a: 1\n")
        (tmp_path / "b.yaml").write_text(text)
        with pytest.raises(RunError, match=message):
            neps.load_and_merge_yamls(tmp_path / "a.yaml", tmp_path / "b.yaml")


def test_configs_on_disk_are_readable(run):
    config = yaml.safe_load((run / "configs/config_1/config.yaml").read_text())
    assert set(config) == {"rate", "size", "net.layers", "net.act"}
    assert np.isfinite(config["rate"])
