"""Results that hold a lot: each is stored once, and everything else only says where."""

from __future__ import annotations

import csv
import json
import sys
import time

import numpy as np
import pytest
import yaml

import neps
from neps_core import NePSError, StorageError
from neps_core.files import from_yaml, to_yaml
from neps_core.large import LIMIT, MANY, StoredList
from neps_core.run import open_run

N = 20_000
NUMBERS = np.random.default_rng(0).random(N).tolist()
SPACE = {"x": neps.Float(0, 1)}


def run(result, root, n=1, **keywords):
    def evaluate(x):
        return {"objective_to_minimize": x, **result}

    return neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=n, optimizer="random_search", **keywords)


def size(path):
    return path.stat().st_size


def stored_in(root, value):
    assert list(value) == ["stored_in"]
    return json.loads((root / value["stored_in"]).read_text())


@pytest.mark.parametrize("value", [NUMBERS, np.array(NUMBERS), tuple(NUMBERS)], ids=["list", "array", "tuple"])
def test_many_numbers_are_written_once(root, value):
    trial = run({"info_dict": {"losses": value, "lr": 0.5}}, root).trials["1"]
    assert trial.report.extra["lr"] == 0.5
    assert stored_in(root, trial.report.extra["losses"]) == NUMBERS
    file = root / trial.report.extra["losses"]["stored_in"]
    assert file.parent == root / trial.metadata.location
    others = [path for path in root.rglob("*") if path.is_file() and path != file]
    assert sum(map(size, others)) < 20_000


def test_who_reads_sees_where(root):
    run({"info_dict": {"losses": NUMBERS}}, root)
    where = open_run(root).trials["1"].report.extra["losses"]["stored_in"]
    report = yaml.safe_load((root / "configs/config_1/report.yaml").read_text())
    assert report["extra"] == {"losses": {"stored_in": where}}
    (row,) = csv.DictReader((root / "summary/full.csv").read_text().splitlines())
    assert where in row["extra.losses"]
    assert where in str(neps.status(root)[0]["extra.losses"]["1"])


@pytest.mark.parametrize(
    "extra",
    [
        {"a": NUMBERS, "b": 1},
        {"nested": {"deep": {"losses": NUMBERS}}, "text": "ab\n" * N},
        {str(i): i for i in range(N)},
        {f"list{i}": NUMBERS[:2000] for i in range(MANY + 1)},
        {"../../a/b": NUMBERS, "..__a_b": NUMBERS[1:], "": NUMBERS[2:], "ü" * 300: NUMBERS[3:], "\0": NUMBERS[4:]},
        {"A": NUMBERS, "a": NUMBERS[1:]},
        {"stored_in": "s3://bucket", "own": {"stored_in": "../../.neps/journal.jsonl"}},
        {"stored_in": "s3://bucket", **{str(i): i for i in range(N)}},
        {"nan": [float("nan")] * N},
    ],
    ids=["one", "nested", "names", "many", "odd names", "case", "own", "own and large", "nan"],
)
def test_nothing_is_lost_between_runs(root, tmp_path, extra):
    run({"info_dict": extra}, root)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert all(root in path.parents for path in before)
    ((config, result),) = neps.load_trials(root)
    assert repr(dict(result["extra"])) == repr(extra)
    neps.import_trials([(config, result)], tmp_path / "second", SPACE)
    ((_, again),) = neps.load_trials(tmp_path / "second")
    assert repr(dict(again["extra"])) == repr(extra)
    assert size(tmp_path / "second/.neps/journal.jsonl") < 10 * LIMIT


def test_values_are_read_when_they_are_looked_at(root):
    run({"info_dict": {"a": NUMBERS, "b": 2}}, root)
    where = root / open_run(root).trials["1"].report.extra["a"]["stored_in"]
    where.unlink()
    ((_, result),) = neps.load_trials(root)
    assert result["extra"]["b"] == 2
    assert "a" in result["extra"]
    with pytest.raises(StorageError, match=r"can't read .*No such file"):
        result["extra"]["a"]


@pytest.mark.parametrize("content", ["[1]", "[" * 100_000, "\0", ""])
def test_a_stored_value_that_was_changed_is_told(root, content):
    run({"info_dict": {"a": NUMBERS}, "learning_curve": NUMBERS}, root)
    for file in (root / "configs/config_1").glob("*.json"):
        if file.name != "metadata.json":
            file.write_text(content)
    ((_, result),) = neps.load_trials(root)
    with pytest.raises(StorageError, match="changed"):
        result["extra"]["a"]
    with pytest.raises(StorageError, match="changed"):
        len(result["learning_curve"])


def test_learning_curves(root, tmp_path):
    trial = run({"learning_curve": NUMBERS}, root).trials["1"]
    assert isinstance(trial.report.learning_curve, StoredList)
    assert trial.report.learning_curve == NUMBERS
    assert trial.report.learning_curve[-1] == NUMBERS[-1]
    assert size(root / ".neps/journal.jsonl") < LIMIT
    assert size(root / "configs/config_1/report.yaml") < LIMIT
    neps.import_trials(neps.load_trials(root), tmp_path / "second", SPACE)
    assert open_run(tmp_path / "second").trials["1"].report.learning_curve == NUMBERS
    small = run({"learning_curve": NUMBERS[:100]}, tmp_path / "third").trials["1"]
    assert small.report.learning_curve == NUMBERS[:100]
    assert isinstance(small.report.learning_curve, list)


def test_reports_while_it_runs(root):
    def evaluate(x):
        for step in range(5000):
            neps.report(x, step, **({"weights": NUMBERS} if step == 0 else {}))
        return x

    neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    trial = open_run(root).trials["1"]
    assert stored_in(root, trial.points[0].extra["weights"]) == NUMBERS
    assert len(trial.report.learning_curve) == 5000
    shown = from_yaml((root / "configs/config_1/report.yaml").read_text())["learning_curve"]
    assert len(shown) == 1001
    assert shown[500] == "(4000 more)"


def test_errors_are_shortened(root):
    def evaluate(x):
        raise ValueError("begin" + "x" * 1_000_000 + "end")

    neps.run(
        evaluate, SPACE, root_directory=root, evaluations_to_spend=2, optimizer="random_search", ignore_errors=True
    )
    report = open_run(root).trials["1"].report
    assert report.err.startswith("ValueError: begin")
    assert report.err.endswith("end")
    assert "left out" in report.err
    assert len(report.err) < 3000
    assert len(report.tb) < 30_000
    assert "in evaluate" in report.tb
    assert size(root / ".neps/journal.jsonl") < 100_000


def test_by_every_way_in(root, tmp_path):
    neps.run(lambda x: None, SPACE, root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    neps.save_pipeline_results({"objective_to_minimize": 1.0, "extra": {"a": NUMBERS}}, "1", root)
    assert stored_in(root, open_run(root).trials["1"].report.extra["a"]) == NUMBERS

    with neps.AskAndTell("random_search", root_directory=tmp_path / "loop", pipeline_space=SPACE) as loop:
        told = loop.tell(loop.ask(), {"objective_to_minimize": 1.0, "a": NUMBERS})
        custom = loop.tell_custom(
            config_id="mine", config={"x": 0.5}, result={"objective_to_minimize": 1.0, "a": NUMBERS}
        )
    assert stored_in(tmp_path / "loop", told.report.extra["a"]) == NUMBERS
    assert stored_in(tmp_path / "loop", custom.report.extra["a"]) == NUMBERS


def test_a_run_in_memory_keeps_everything():
    loop = neps.AskAndTell(neps.algorithms.random_search(SPACE))
    trial = loop.tell(loop.ask(), {"objective_to_minimize": 1.0, "a": NUMBERS, "learning_curve": NUMBERS})
    assert trial.report.extra["a"] == NUMBERS
    assert trial.report.learning_curve == NUMBERS


def test_a_folder_that_takes_nothing_does_not_cost_the_result(root):
    def evaluate(x, pipeline_directory):
        pipeline_directory.rmdir() if not list(pipeline_directory.iterdir()) else __import__("shutil").rmtree(
            pipeline_directory
        )
        pipeline_directory.write_text("a file of the user's own")
        return {"objective_to_minimize": x, "a": NUMBERS}

    neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    assert open_run(root).trials["1"].report.extra["a"] == NUMBERS


def test_a_result_that_is_stored_again_is_the_same_file(root, monkeypatch):
    monkeypatch.setattr("neps_core.claims.RETRIES", (0.0,))
    from neps_plugins.storages.filesystem import FileJournal

    append, failed = FileJournal.append, []

    def fails_once(self, events, durable=True):
        if durable and not failed and any(hasattr(event, "report") for event in events):
            failed.append(1)
            raise StorageError("no room")
        append(self, events, durable)

    monkeypatch.setattr(FileJournal, "append", fails_once)
    run({"a": NUMBERS}, root)
    assert failed
    assert len(list((root / "configs/config_1").glob("extra*"))) == 1


def test_it_is_synced_before_the_journal_has_it(root, monkeypatch):
    done = []
    import os

    from neps_plugins.storages.filesystem import journal

    sync = journal.sync
    for name in {"fsync", "fdatasync"} & set(dir(os)):
        call = getattr(os, name)
        monkeypatch.setattr(os, name, lambda fd, call=call: (done.append(os.readlink(f"/proc/self/fd/{fd}")), call(fd)))
    monkeypatch.setattr(journal, "sync", lambda fd: (sync(fd), done.append("journal")))
    if sys.platform != "linux":
        pytest.skip("asks Linux which file a descriptor is of")
    run({"a": NUMBERS}, root)
    last = len(done) - 1 - done[::-1].index("journal")
    assert done[last - 1].endswith("journal.jsonl")
    assert "extra.a-" in done[last - 3]
    assert done[last - 2].endswith("config_1")


def test_going_on_costs_nothing_more(root):
    run({"info_dict": {"a": NUMBERS * 10}, "learning_curve": NUMBERS}, root, n=10)
    began = time.process_time()
    open_run(root)
    run({}, root, n=0)
    assert time.process_time() - began < 0.5  # 10 s if all were read


def test_removing_a_trial_removes_its_files(root):
    run({"info_dict": {"a": NUMBERS}}, root)
    neps.clean(root, ["1"])
    assert not (root / "configs/config_1").exists()


class TestNumbersInYaml:
    @pytest.mark.parametrize(
        "numbers", [NUMBERS, list(range(200)), [1e-5, 1e300, -1e-300, 1.5e-7, 5e-324, -0.0] * 50, [float("inf")] * 101]
    )
    def test_read_back_the_same(self, numbers):
        data = {"a": numbers, "b": [numbers, {"c": numbers}], "d": "end"}
        for read in (from_yaml, yaml.safe_load):
            assert read(to_yaml(data)) == data

    def test_not_a_number(self):
        (value,) = set(map(str, from_yaml(to_yaml([float("nan")] * 200))))
        assert value == "nan"

    def test_other_lists_are_as_before(self):
        assert to_yaml({"a": [1, 2.5], "b": ["x"] * 2}) == "a:\n- 1\n- 2.5\nb:\n- x\n- x\n"
        assert yaml.safe_load(to_yaml([True] * 200)) == [True] * 200


def test_numpy_that_is_odd(root):
    values = {
        "complex": np.array([1j] * 3),
        "object": np.array([object()]),
        "text": np.array(["a"]),
        "empty": np.empty(0),
    }
    extra = run({"info_dict": values}, root).trials["1"].report.extra
    assert extra["text"] == ["a"]
    assert extra["empty"] == []
    with pytest.raises(NePSError):
        run({"learning_curve": "text"}, root)


def test_a_list_that_contains_itself_twice(root):
    twice: list = [1]
    twice += [twice, twice]
    run({"info_dict": {"twice": twice}}, root)
    assert open_run(root).trials["1"].report.extra == {"twice": [1, "[1, [...], [...]]", "[1, [...], [...]]"]}
