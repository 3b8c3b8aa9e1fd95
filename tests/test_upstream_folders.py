"""What neural-pipeline-search wrote: its configurations, and its folders."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

import neps
from neps_core import ConfigError, NePSWarning, StorageError, open_run
from neps_core.cli import main
from neps_plugins.commands.repair import repair

DATA = Path(__file__).parent / "data" / "upstream"


def _gallery() -> dict[str, Any]:
    specification = importlib.util.spec_from_file_location("upstream_gallery", DATA / "gallery.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.spaces(neps)


SPACES = _gallery()
WRITTEN = json.loads((DATA / "configs.json").read_text())


def _same(arguments: Any) -> Any:
    """Arguments without the line breaks and empty brackets of another way to write operations as text."""
    if isinstance(arguments, str):
        return "".join(arguments.split()).replace("'", "").replace(",)", ")").replace("()", "")
    if isinstance(arguments, dict):
        return {key: _same(value) for key, value in arguments.items()}
    if isinstance(arguments, (list, tuple)):
        return [_same(value) for value in arguments]
    return arguments if isinstance(arguments, (int, float)) else _same(repr(arguments))


class TestConfigurations:
    @pytest.mark.parametrize("name", SPACES)
    def test_give_the_same_arguments_here(self, name):
        for each in WRITTEN[name]:
            arguments = neps.load_config(config=each["config"], pipeline_space=SPACES[name]())
            assert _same(arguments) == _same(each["arguments"]), each["config"]

    @pytest.mark.parametrize(
        "change, message",
        [
            ({"SAMPLING__Resolvable.kind::categorical__4": 0}, "'SAMPLING__Resolvable.kind::categorical__4' is a"),
            ({"SAMPLING__Resolvable.kind::categorical__3": 3}, "3 is no index into 3 choices"),
            ({"SAMPLING__Resolvable.kind::categorical__3": True}, "True is no index"),
            ({"SAMPLING__Resolvable.kind::categorical__3": None}, "no value for SAMPLING__Resolvable.kind"),
            ({"SAMPLING__Resolvable.layers::integer__1_5_False": 6}, "layers::integer__1_5_False': 6 is outside"),
            ({"SAMPLING__Resolvable.other::integer__1_5_False": 1}, "other::integer__1_5_False' decides nothing"),
            ({"ENVIRONMENT__epochs": 3}, "'ENVIRONMENT__epochs' decides nothing"),
            ({"layers": 3}, "'layers' is no key of a configuration whose keys"),
        ],
    )
    def test_that_do_not_fit_are_refused_by_their_key(self, change, message):
        kept = {
            key: value for key, value in WRITTEN["flat"][0]["config"].items() if key.split("::")[0] not in str(change)
        }
        config = {key: value for key, value in {**kept, **change}.items() if value is not None}
        with pytest.raises(ConfigError, match=message):
            neps.load_config(config=config, pipeline_space=SPACES["flat"]())

    def test_are_of_no_space_of_another_language(self):
        from ConfigSpace import ConfigurationSpace

        with pytest.raises(ConfigError, match="can be translated for a PipelineSpace or a dict only"):
            neps.load_config(
                config=WRITTEN["fidelity"][0]["config"], pipeline_space=ConfigurationSpace({"x": (0.0, 1.0)})
            )

    def test_need_their_fidelity_to_be_loaded_but_not_to_be_imported(self, tmp_path):
        config = {key: value for key, value in WRITTEN["fidelity"][0]["config"].items() if key.startswith("SAMPLING")}
        with pytest.raises(ConfigError, match="no value for 'epochs'"):
            neps.load_config(config=config, pipeline_space=SPACES["fidelity"]())
        (trial_id,) = neps.import_trials([(config, 1.0)], tmp_path / "run", SPACES["fidelity"]())
        assert trial_id == "1_rung_2"
        assert open_run(tmp_path / "run").trials[trial_id].config["epochs"] == 9


class Space(neps.PipelineSpace):
    """That of `random_017`."""

    lr = neps.Float(1e-4, 1e-1, log=True, prior=1e-2, prior_confidence="medium")
    layers = neps.Integer(1, 5)
    kind = neps.Categorical(("adam", "sgd", "rms"), prior=0, prior_confidence="low")
    batch = 64
    _w = neps.Integer(2, 4)
    op = neps.Operation(operator="conv", args=(_w,), kwargs={"k": neps.Categorical((3, 5))})


class Flat(neps.PipelineSpace):
    """That of `mo_017`."""

    x = neps.Float(0, 1)
    k = neps.Categorical(("a", "b"))
    n = neps.Integer(1, 4, log=True)


@pytest.fixture
def copy(tmp_path):
    """Makes a copy of a folder that may be changed."""
    return lambda name: Path(shutil.copytree(DATA / name, tmp_path / name))


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class TestFolders:
    def test_are_looked_at_and_left_alone(self, copy, capsys, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        root = copy("random_017")
        before = _files(root)
        full, short = neps.status(root)
        assert list(full.index) == ["1", "2", "3"] and short["num_success"] == 3
        assert (
            full.loc["2", "extra.note"] == "a"
            and full.loc["1", "config.SAMPLING__Resolvable.layers::integer__1_5_False"] == 5
        )
        assert main(["status", str(root)]) == 0
        printed = capsys.readouterr().out
        assert "Optimizer: neps_random_search\n" in printed and "3 (3 success)" in printed
        assert "neps.import_trials(" in printed
        assert neps.load_optimizer_info(root) == {
            "name": "neps_random_search",
            "info": {"ignore_fidelity": False, "use_priors": False},
        }
        trial = open_run(root).trials["1"]
        assert trial.metadata.time_end == 1795899391.39771 and trial.metadata.evaluating_worker_id == "worker_0"
        assert trial.report.evaluation_duration == 0.0006292759999837472 and trial.report.cost == 1.5
        assert _files(root) == before and not (tmp_path / "UNPICKLED").exists()

    def test_trials_that_failed(self):
        results = [result for _, result in neps.load_trials(DATA / "bo_016")]
        assert [result.get("objective_to_minimize") for result in results] == [0.9800801277160645, None, None, math.inf]
        assert "the second\nis bad" in str(results[1]["exception"]) and results[0]["extra"] == {"a": [1, "b"]}

    def test_one_configuration(self, copy):
        root = copy("random_017")
        expected = {"lr": 0.013167913336601833, "layers": 5, "kind": "adam", "batch": 64, "op": "conv(4, k=3)"}
        assert neps.load_config(root / "configs/config_1/config.yaml", pipeline_space=Space) == expected
        assert neps.load_config(root, config_id="1", pipeline_space=Space) == expected
        with pytest.raises(StorageError, match="its space is a pickle"):
            neps.load_config(root, config_id="1")
        with pytest.raises(StorageError, match="its space is a pickle"):
            neps.load_pipeline_space(root)

    @pytest.mark.parametrize(
        "use",
        [
            lambda root: neps.run(lambda **_: 1.0, Space, root_directory=root, evaluations_to_spend=1),
            lambda root: neps.run(lambda **_: 1.0, root_directory=root, evaluations_to_spend=1),
            lambda root: neps.run(
                lambda **_: 1.0, Space, root_directory=root, evaluations_to_spend=1, overwrite_root_directory=True
            ),
            lambda root: neps.AskAndTell("random_search", root_directory=root, pipeline_space=Space),
            lambda root: neps.save_pipeline_results(1.0, "1", root),
            lambda root: neps.clean(root),
            lambda root: neps.import_trials([], root, Space),
            lambda root: repair(root),
            lambda root: open_run(root).journal.destroy(),
        ],
    )
    def test_are_not_gone_on_with(self, copy, use):
        root = copy("random_017")
        before = _files(root)
        with pytest.raises(
            StorageError, match=r'To go on from them.*neps.import_trials\(".*random_017", root_directory='
        ):
            use(root)
        assert _files(root) == before

    def test_are_not_overwritten(self, copy):
        with pytest.raises(StorageError, match="not overwritten, either: delete it yourself"):
            neps.import_trials([], copy("mo_017"), Flat, overwrite_root_directory=True)

    def test_what_is_damaged_is_left_out_and_named(self, copy):
        root = copy("hyperband_017")
        (root / "configs/config_2_rung_0/report.yaml").write_text("cost: [1,")
        (root / "configs/config_4_rung_0/config.yaml").write_text("")
        (root / "configs/config_5_rung_0/report.yaml").unlink()
        (root / "configs/config_6_rung_0/metadata.json").write_text("{")
        (root / "configs/config_7_rung_0/metadata.json").unlink()
        (root / "configs/config_8_rung_0/config.yaml").write_text("a: &a [1]\nb: *a\n")
        (root / "configs/config_9_rung_0/report.yaml").write_text("objective_to_minimize: many\nreported_as: success\n")
        (root / "configs/config_no id").mkdir()
        odd = {"time_sampled": 10**400, "time_end": math.nan, "previous_trial_id": "../1", "evaluating_worker_id": 7}
        (root / "configs/config_1_rung_1/metadata.json").write_text(json.dumps(odd))
        (root / "optimizer_info.yaml").write_text("[]")
        with pytest.warns(NePSWarning, match=r"7 file\(s\) of .*config_\d_rung_0/.*and 4 more"):
            found = neps.load_trials(root)
        assert len(found) == 6  # those without metadata that make sense are among them
        with pytest.warns(NePSWarning):
            metadata = open_run(root).trials["1_rung_1"].metadata
        assert (metadata.time_sampled, metadata.previous_trial_id) == (None, None) and metadata.time_end > 0

    def test_what_had_not_ended(self, copy, capsys):
        root = copy("random_017")
        for name, state in (("config_2", "evaluating"), ("config_3", "pending")):
            folder = root / "configs" / name
            (folder / "report.yaml").unlink()
            metadata = json.loads((folder / "metadata.json").read_text())
            times = {"time_end": None} if state == "evaluating" else {"time_end": None, "time_started": None}
            (folder / "metadata.json").write_text(json.dumps({**metadata, "state": state, **times}))
        assert len(neps.load_trials(root)) == 1
        main(["status", str(root)])
        printed = capsys.readouterr().out
        assert "3 (1 pending, 1 evaluating, 1 success)" in printed
        assert "that worker has died\n" in printed

    def test_a_run_of_ours_in_the_same_place_is_the_one_that_counts(self, copy):
        root = copy("random_017")
        for path in root.iterdir():
            if path.name != "pipeline_space.pkl":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=2)
        assert len(neps.run(lambda x: x, root_directory=root, evaluations_to_spend=1).trials) == 3


class TestImport:
    def test_of_a_hierarchical_space(self, tmp_path):
        new = tmp_path / "new"
        assert neps.import_trials(DATA / "random_017", new, Space, optimizer="random_search") == ["1", "2", "3"]
        assert neps.import_trials(root=DATA / "random_017", root_directory=new) == []  # they are there
        for wrong in ({}, {"root": new, "evaluated_trials": []}):
            with pytest.raises(neps.NePSError, match="give it or root="):
                neps.import_trials(root_directory=new, **wrong)
        config = open_run(new).trials["1"].config
        assert config == {"lr": 0.013167913336601833, "layers": 5, "kind": "adam", "_w": 4, "op.k": 3}
        assert neps.import_trials(str(DATA / "random_017"), new) == []
        result = neps.run(lambda lr, layers, kind, batch, op: lr * layers, root_directory=new, evaluations_to_spend=1)
        assert len(result.trials) == 4

    def test_of_brackets_that_go_on(self, tmp_path):
        new = tmp_path / "new"
        space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}
        ids = neps.import_trials(DATA / "hyperband_017", new, space, optimizer="hyperband")
        before = open_run(DATA / "hyperband_017").trials
        assert ids == list(before)  # the same names, for the rungs are the same
        assert [open_run(new).trials[i].metadata.previous_trial_id for i in ids] == [
            before[i].metadata.previous_trial_id for i in ids
        ]
        result = neps.run(lambda x, epochs: x / epochs, root_directory=new, evaluations_to_spend=1)
        best = min((t for i, t in before.items() if i.endswith("rung_1")), key=lambda t: t.objectives)
        assert list(result.trials)[-1] == best.id.replace("rung_1", "rung_2")  # the best of the three, to the top

    def test_of_several_objectives_and_constants(self, tmp_path):
        neps.import_trials(DATA / "mo_017", tmp_path / "mo", Flat, optimizer="random_search")
        assert len(neps.status(tmp_path / "mo")[0]) == 3
        space = {"x": neps.Float(0, 1), "k": neps.Categorical(("a", "b")), "n": neps.Integer(1, 9), "batch": 64}
        assert len(neps.import_trials(DATA / "bo_016", tmp_path / "bo", space)) == 4
        with pytest.raises(ConfigError, match="constant 32"):
            neps.import_trials(DATA / "bo_016", tmp_path / "other", {**space, "batch": 32})
