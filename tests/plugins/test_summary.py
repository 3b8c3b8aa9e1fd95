"""The files in `summary/`."""

from __future__ import annotations

import csv
import io
import math
import os
import time

import yaml

import neps
from neps_core.cleaning import clean
from neps_core.run import open_run
from neps_plugins.observers import summary

SPACE = {"x": neps.Float(0, 1)}


def rows(root):
    return list(csv.DictReader(io.StringIO((root / "summary/full.csv").read_text())))


def short(root):
    return dict(list(csv.reader(io.StringIO((root / "summary/short.csv").read_text())))[1:])


def test_they_say_what_the_run_holds(root):
    values = iter([3.0, 5.0, math.nan, 1.0, -math.inf])
    run = neps.run(
        lambda x: {"objective_to_minimize": next(values), "cost": 1, "info_dict": {"a": 1}},
        SPACE,
        root_directory=root,
        evaluations_to_spend=5,
    )
    table = rows(root)
    assert [row["id"] for row in table] == ["1", "2", "3", "4", "5"]
    assert [row["state"] for row in table] == ["success", "success", "crashed", "success", "success"]
    assert [row["objective_to_minimize"] for row in table] == ["3.0", "5.0", "", "1.0", "-inf"]
    assert float(table[1]["config.x"]) == run.trials["2"].config["x"]
    assert table[0]["extra.a"] == "1"
    assert short(root)["num_crashed"] == "1"
    assert short(root)["best_id"] == "5"
    trajectory = [yaml.safe_load(b) for b in (root / "summary/best_config_trajectory.txt").read_text().split("\n\n")]
    assert [b["trial"] for b in trajectory] == ["1", "4", "5"]
    best = yaml.safe_load((root / "summary/best_config.txt").read_text())
    assert best["config"] == run.best.config


def test_columns_that_turn_up_late_do_not_shift_others(root):
    extras = iter([{"a": 1}, {"b": 2}, {"a": 3, "c": 4}])
    neps.run(
        lambda x: {"objective_to_minimize": x, "info_dict": next(extras)},
        SPACE,
        root_directory=root,
        evaluations_to_spend=3,
    )
    found = [(row["extra.a"], row["extra.b"], row["extra.c"]) for row in rows(root)]
    assert found == [("1", "", ""), ("", "2", ""), ("3", "", "4")]


def test_several_objectives(root):
    values = iter([(1, 4), (2, 5), (0, 9)])
    neps.run(lambda x: next(values), SPACE, root_directory=root, evaluations_to_spend=3, optimizer="random_search")
    fronts = [yaml.safe_load(b) for b in (root / "summary/best_config.txt").read_text().split("\n\n")]
    assert [b["trial"] for b in fronts] == ["3", "1"]


def test_cleaned_trials_leave_it(root):
    def fails(x, pipeline_id):
        if pipeline_id == "1":
            raise ValueError
        return x

    neps.run(fails, SPACE, root_directory=root, evaluations_to_spend=3, ignore_errors=True)
    clean(root)
    assert [row["id"] for row in rows(root)] == ["2", "3"]
    assert short(root)["num_failed"] == "0"
    assert len(open_run(root).trials) == 2


def test_text_with_commas_and_lines(root):
    neps.run(
        lambda x: {"objective_to_minimize": x, "info_dict": {"t": 'a,"b"\nc'}},
        SPACE,
        root_directory=root,
        evaluations_to_spend=2,
    )
    assert [row["extra.t"] for row in rows(root)] == ['a,"b"\nc'] * 2


def test_writing_takes_a_small_share_of_the_time_however_many_trials(root, monkeypatch):
    clock = [1e9]
    writes = []

    def slow_write(path, text):
        writes.append(path.name)
        clock[0] += 0.25  # four files: a second
        path.write_text(text)
        os.utime(path, (clock[0], clock[0]))

    monkeypatch.setattr(summary.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(summary.time, "time", lambda: clock[0])
    monkeypatch.setattr(summary, "write_atomically", slow_write)

    def evaluate(x):
        clock[0] += 1.0
        return x

    neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=200)
    assert len(writes) / 4 <= 200 / summary.PAUSE + 2
    assert writes[-1] == "best_config.txt"


def test_what_one_worker_has_just_written_no_other_writes(root):
    neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=3)
    run = open_run(root)
    os.utime(root / "summary" / "full.csv", (time.time() - 60, time.time() - 60))
    assert summary.Summary(root / "summary", run.trials).is_due
    os.utime(root / "summary" / "full.csv", (time.time() + 60, time.time() + 60))
    assert not summary.Summary(root / "summary", run.trials).is_due
