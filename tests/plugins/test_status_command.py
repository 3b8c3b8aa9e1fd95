"""`neps status --json` and `--watch`."""

from __future__ import annotations

import json

import pytest

import neps
from neps_core import run_status
from neps_core.cli import main
from neps_core.run import open_run

KEYS = {"root_directory", "optimizer", "states", "best", "pareto_front", "workers", "spent"}


def document(root, capsys):
    assert main(["status", str(root), "--json"]) == 0

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(capsys.readouterr().out, parse_constant=refuse)


def test_json(root, capsys):
    space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}
    answers = iter([{"objective_to_minimize": 0.5, "cost": 2}, float("inf"), ValueError("no")])

    def evaluate(x, epochs):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    neps.run(evaluate, space, root_directory=root, evaluations_to_spend=3, optimizer="asha", ignore_errors=True)
    found = document(root, capsys)
    assert set(found) == KEYS
    assert found["root_directory"] == str(root)
    assert found["optimizer"] == "asha"
    assert found["states"] == {"success": 2, "failed": 1}
    assert found["best"]["id"] == "1_rung_0"
    assert found["best"]["objective_to_minimize"] == 0.5
    assert set(found["best"]["config"]) == {"x", "epochs"}
    assert found["pareto_front"] == [found["best"]]
    assert found["workers"] == []
    assert found["spent"].pop("time") >= 0
    assert found["spent"] == {"evaluations": 3, "cost": 2.0, "fidelity": 3.0}


@pytest.mark.parametrize("value", [float("inf"), [1.0, float("-inf")]])
def test_json_has_null_for_what_is_infinite(root, capsys, value):
    neps.run(
        lambda x: value, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=1, optimizer="random_search"
    )
    found = document(root, capsys)
    assert found["pareto_front"][0]["objective_to_minimize"] == ([1.0, None] if isinstance(value, list) else None)
    assert found["spent"]["cost"] is None
    assert found["spent"]["fidelity"] is None


def test_json_of_costs_whose_sum_no_float_holds(root, capsys):
    neps.run(
        lambda x: {"objective_to_minimize": x, "cost": 1e308},
        {"x": neps.Float(0, 1)},
        root_directory=root,
        evaluations_to_spend=2,
        optimizer="random_search",
    )
    assert document(root, capsys)["spent"]["cost"] is None


def test_what_evaluations_say_neither_reaches_the_terminal_nor_fills_it(root, capsys):
    def evaluate(x):
        raise ValueError("\x1b[31m\x07\u202e" + "x" * 100_000)

    space = {"x": neps.Float(0, 1)}
    neps.run(
        evaluate, space, root_directory=root, evaluations_to_spend=1, optimizer="random_search", ignore_errors=True
    )
    assert main(["status", str(root)]) == 0
    shown = capsys.readouterr().out
    assert r"ValueError: \x1b[31m\x07\u202exxx" in shown
    assert all(line.isprintable() and len(line) < 1000 for line in shown.splitlines())


def test_values_of_several_lines_stay_in_theirs(root, capsys):
    space = {"x": neps.Categorical(["a\nb" + "c" * 1000, "a\nbc"])}
    neps.run(lambda x: 1.0, space, root_directory=root, evaluations_to_spend=1, optimizer="random_search")
    assert main(["status", str(root)]) == 0
    shown = capsys.readouterr().out
    assert r"x: a\nbc" in shown
    assert all(len(line) < 500 for line in shown.splitlines())


def test_looking_warns_of_nothing_that_was_warned_of_when_the_run_began(root, capsys, caplog):
    space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 3)}
    neps.run(lambda x, epochs: x, space, root_directory=root, evaluations_to_spend=1, optimizer="priorband")
    assert "no prior" in caplog.text
    caplog.clear()
    assert main(["status", str(root)]) == 0
    capsys.readouterr()
    document(root, capsys)
    assert not caplog.text


def test_json_of_a_run_without_results(root, capsys):
    neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=0)
    found = document(root, capsys)
    assert (found["best"], found["pareto_front"], found["states"]) == (None, [], {})
    with neps.AskAndTell("auto", root_directory=root, worker_id="w") as loop:
        loop.ask()
        assert document(root, capsys)["workers"] == ["w"]


def test_watching_ends_when_nobody_works_any_more(root, capsys, monkeypatch):
    loop = neps.AskAndTell("random_search", root_directory=root, pipeline_space={"x": neps.Float(0, 1)})
    naps = []

    def sleep(seconds):
        naps.append(seconds)
        if len(naps) == 1:
            loop.tell(loop.ask(), 0.5)
        else:
            loop.close()

    monkeypatch.setattr("time.sleep", sleep)
    assert main(["status", str(root), "--watch", "0.5"]) == 0
    out = capsys.readouterr().out
    assert naps == [0.5, 0.5]
    assert [line for line in out.splitlines() if line.startswith("Trials:")] == [
        "Trials:    0 (none yet)",
        "Trials:    1 (1 success)",
        "Trials:    1 (1 success)",
    ]
    assert out.endswith("No worker is alive.\n")


def test_watching_as_json_is_an_object_a_line(root, capsys, monkeypatch):
    loop = neps.AskAndTell("random_search", root_directory=root, pipeline_space={"x": neps.Float(0, 1)})
    trial = loop.ask()

    def sleep(seconds):
        loop.tell(trial, 0.5)
        loop.close()

    monkeypatch.setattr("time.sleep", sleep)
    assert main(["status", str(root), "--json", "--watch"]) == 0
    first, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["states"], last["states"]) == ({"evaluating": 1}, {"success": 1})


def test_watching_ends_by_interrupt(root, monkeypatch):
    def sleep(seconds):
        raise KeyboardInterrupt

    with neps.AskAndTell("random_search", root_directory=root, pipeline_space={"x": neps.Float(0, 1)}):
        monkeypatch.setattr("time.sleep", sleep)
        assert main(["status", str(root), "--watch"]) == 0


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "soon"])
def test_watching_needs_a_time(root, capsys, seconds):
    with pytest.raises(SystemExit):
        main(["status", str(root), "--watch", seconds])
    assert "is no number of seconds above 0" in capsys.readouterr().err


def test_the_optimizer_that_says_how_it_stands_is_made_once(root, monkeypatch):
    space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}
    neps.run(lambda x, epochs: x, space, root_directory=root, optimizer="hyperband", evaluations_to_spend=3)
    made = []
    choose = run_status.choose
    monkeypatch.setattr(run_status, "choose", lambda *given: made.append(1) or choose(*given))
    told = run_status.Told(open_run(root))
    assert told.lines()
    assert told.lines() == told.lines()
    assert len(made) == 1
