"""The files in `summary/`."""

from __future__ import annotations

import csv
import io
import math
import os
import time

import pytest

import neps
from neps_core import Report, State
from neps_core import events as ev
from neps_core.cleaning import clean
from neps_core.run import open_run
from neps_core.trial_log import TrialLog
from neps_plugins.observers import summary
from tests.summaries import trials_in

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
    assert short(root)["best_config_id"] == "5"
    assert float(short(root)["x"]) == run.best.config["x"]
    trajectory = trials_in(root / "summary/best_config_trajectory.txt")
    assert [b["Config ID"] for b in trajectory] == ["1", "4", "5"]
    (best,) = trials_in(root / "summary/best_config.txt")
    assert best == trajectory[-1]
    assert best["Config"] == run.best.config
    assert (best["Objective to minimize"], best["Cost"]) == ("-inf", "1.0")


def test_what_the_results_took_together(root):
    """Counted as NePS does: what failed is not in it, and a continued trial counts with all of its fidelity."""

    def evaluate(x, epochs, pipeline_id):
        if pipeline_id == "2_rung_0":
            raise ValueError
        return {"objective_to_minimize": 1 / epochs + x / 100, "cost": 0.5}

    run = neps.run(
        evaluate,
        {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 3)},
        root_directory=root,
        evaluations_to_spend=6,
        optimizer="successive_halving",
        ignore_errors=True,
    )
    ended = [trial for trial in run.trials.values() if trial.state is State.SUCCESS]
    trajectory = trials_in(root / "summary/best_config_trajectory.txt")
    assert len(trajectory) > 1
    for described in trajectory:
        number = [trial.id for trial in ended].index(described["Config ID"]) + 1
        assert int(described["Cumulative evaluations"]) == number
        assert float(described["Cumulative cost"]) == 0.5 * number
        assert float(described["Cumulative fidelities"]) == sum(trial.config["epochs"] for trial in ended[:number])
        seconds = sum(trial.report.evaluation_duration for trial in ended[:number])
        assert float(described["Cumulative time"]) == pytest.approx(seconds)
    totals = (root / "summary/best_config.txt").read_text().splitlines()
    assert f"cumulative_evaluations: {len(ended)}" in totals
    assert f"cumulative_cost: {0.5 * len(ended)}" in totals
    assert f"cumulative_fidelities: {float(sum(trial.config['epochs'] for trial in ended))}" in totals


def test_the_trajectory_follows_the_ends_of_trials_not_their_begins(root):
    log = TrialLog()
    log.fold(event for i in "12" for event in (ev.Sampled(i, {"x": 0.5}, 0.0), ev.Started(i, 1.0, "w")))
    log.fold([ev.Finished("2", 2.0, State.SUCCESS, Report(5.0)), ev.Finished("1", 3.0, State.SUCCESS, Report(4.0))])
    summary.Summary(root / "summary", log.trials).write()
    assert [row["id"] for row in rows(root)] == ["1", "2"]
    found = trials_in(root / "summary/best_config_trajectory.txt")
    assert [(each["Config ID"], each["Cumulative evaluations"]) for each in found] == [("2", "1"), ("1", "2")]


def test_a_parameter_called_like_one_of_our_numbers(root):
    neps.run(lambda trials, y: y, {"trials": neps.Integer(7, 9), "y": 3}, root_directory=root, evaluations_to_spend=2)
    assert short(root)["trials"] == "2"
    assert 7 <= int(short(root)["best_config.trials"]) <= 9


def test_the_log_says_where_it_is(root, caplog):
    with caplog.at_level("INFO", logger="neps"):
        neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=1)
    assert [r.message for r in caplog.records if r.name == "neps.summary"] == [f"The summary is in {root / 'summary'}"]


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
    fronts = trials_in(root / "summary/best_config.txt")
    assert [b["Config ID"] for b in fronts] == ["3", "1"]
    assert fronts[0]["Objective to minimize"] == [0.0, 9.0]


def named(error, size, kept):
    return {"objective_to_minimize": {"error": error, "size": size}, "constraints": {"memory": kept}}


def test_names_constraints_and_the_hypervolume(root):
    """By hand: the reference point is a tenth of the range beyond the worst feasible results, 10 and 10."""
    values = iter([named(1, 1, 2), named(6, 4, -1), named(10, 9, 0), named(5, 10, 0), named(0, 10, 0)])
    neps.run(lambda x: next(values), SPACE, root_directory=root, evaluations_to_spend=5, optimizer="random_search")
    trajectory = trials_in(root / "summary/best_config_trajectory.txt")
    assert [each["Config ID"] for each in trajectory] == ["1", "2", "4", "5"]
    assert [(each["error"], each["size"]) for each in trajectory[:2]] == [("1.0", "1.0"), ("6.0", "4.0")]
    assert [each["Constraints"] for each in trajectory[:2]] == [{"memory": 2.0}, {"memory": -1.0}]
    assert [each["Feasible"] for each in trajectory] == ["False", "True", "True", "True"]
    assert "Hypervolume" not in trajectory[0]
    volumes = [each["Hypervolume"].split(" ", 1) for each in trajectory[1:]]
    assert {said for _, said in volumes} == {"(reference point: [11.0, 10.6])"}
    assert [float(volume) for volume, _ in volumes] == pytest.approx([33, 33 + 0.6, 33 + 6 * 0.6])
    best = (root / "summary/best_config.txt").read_text()
    assert best.splitlines()[-2].startswith("Hypervolume: 36.6")
    assert [each["Config ID"] for each in trials_in(root / "summary/best_config.txt")] == ["5", "2"]
    assert (short(root)["num_pareto_front"], short(root)["pareto_front_ids"]) == ("2", "5 2")
    table = rows(root)
    assert [row["objective.size"] for row in table] == ["1.0", "4.0", "9.0", "10.0", "10.0"]
    assert [row["constraint.memory"] for row in table] == ["2.0", "-1.0", "0.0", "0.0", "0.0"]
    assert [row["is_feasible"] for row in table] == ["False", "True", "True", "True", "True"]
    assert table[0]["objective_to_minimize"] == "[1.0, 1.0]"
    full, said = neps.status(root)
    assert list(full["objective.error"]) == [1, 6, 10, 5, 0]
    assert {key: str(value) for key, value in said.items()} == short(root)


def test_hypervolumes_are_reckoned_anew_when_the_reference_point_moves(root):
    log = TrialLog()
    written = summary.Summary(root / "summary", log.trials)

    def add(trial_id, *objectives):
        log.fold([ev.Sampled(trial_id, {}, 0.0), ev.Started(trial_id, 1.0, "w")])
        log.fold([ev.Finished(trial_id, 2.0, State.SUCCESS, Report(list(map(float, objectives))))])
        written.write()
        found = trials_in(root / "summary/best_config_trajectory.txt")
        return [float(each["Hypervolume"].split()[0]) for each in found]

    assert add("1", 1, 1) == pytest.approx([0.01])
    assert add("2", 0, 2) == pytest.approx([0.1 * 1.1, 0.1 * 1.1 + 0.1])
    assert add("3", 0, math.inf) == pytest.approx([0.11, 0.21])
    assert add("4", 11, 21) == pytest.approx([11.1 * 22, 11.1 * 22 + 21])
    trajectory = (root / "summary/best_config_trajectory.txt").read_text()
    assert trajectory.count("(reference point: [12.1, 23.0])") == 2


def test_one_objective_with_a_constraint(root):
    values = iter([{"objective_to_minimize": 1, "constraints": 1}, {"objective_to_minimize": 2, "constraints": 0}])
    neps.run(lambda x: next(values), SPACE, root_directory=root, evaluations_to_spend=2)
    assert (short(root)["best_id"], short(root)["best_is_feasible"]) == ("2", "True")
    assert [row["constraint.1"] for row in rows(root)] == ["1.0", "0.0"]


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

    neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=200, optimizer="random_search")
    assert len(writes) / 4 <= 200 / summary.PAUSE + 2
    assert writes[-1] == "best_config.txt"


def test_what_one_worker_has_just_written_no_other_writes(root):
    neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=3)
    run = open_run(root)
    os.utime(root / "summary" / "full.csv", (time.time() - 60, time.time() - 60))
    assert summary.Summary(root / "summary", run.trials).is_due
    os.utime(root / "summary" / "full.csv", (time.time() + 60, time.time() + 60))
    assert not summary.Summary(root / "summary", run.trials).is_due
