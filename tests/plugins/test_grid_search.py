"""Grid search."""

from __future__ import annotations

import itertools

import pytest

import neps
from neps_core import OptimizerError
from neps_core.budgets import BudgetInfo
from neps_core.cleaning import clean
from neps_core.run import open_run

SPACE = {
    "rate": neps.Float(1e-4, 1.0, log=True),
    "layers": neps.Integer(1, 3),
    "kind": neps.Categorical(["a", "b"]),
    "k": 7,
}


def configs(result):
    return [tuple(t.config.values()) for t in result.trials.values()]


def test_every_combination_once_and_then_the_end(root):
    result = neps.run(
        lambda rate, layers, kind, k: rate,
        SPACE,
        root_directory=root,
        optimizer=("grid_search", {"size_per_numerical_dimension": {"rate": 3}}),
        evaluations_to_spend=1000,
    )
    assert "nothing more to propose" in result.stopped_because
    expected = list(itertools.product([1e-4, 1e-2, 1.0], [1, 2, 3], ["a", "b"]))
    assert [c[1:] for c in configs(result)] == [c[1:] for c in expected]
    assert [c[0] for c in configs(result)] == pytest.approx([c[0] for c in expected])
    again = neps.run(lambda rate, layers, kind, k: rate, root_directory=root, evaluations_to_spend=5)
    assert len(again.trials) == len(expected)


def test_what_was_cleaned_is_proposed_again(root):
    def fails(x):
        if x > 0.9:
            raise ValueError
        return x

    run = {"root_directory": root, "optimizer": "grid_search", "evaluations_to_spend": 10, "ignore_errors": True}
    neps.run(fails, {"x": neps.Float(0, 1)}, **run)
    clean(root)
    result = neps.run(lambda x: x, **run)
    assert sorted(t.config["x"] for t in result.trials.values()) == [0, 0.25, 0.5, 0.75, 1]
    assert list(result.trials) == ["1", "2", "3", "4", "6"]


def test_several_workers_share_it_and_end(root, script):
    script.write(
        """
        import sys, time, neps
        result = neps.run(lambda x, y: time.sleep(0.02) or x, {"x": neps.Integer(1, 5), "y": neps.Integer(1, 5)},
                          root_directory=sys.argv[1], optimizer="grid_search", evaluations_to_spend=100)
        assert "nothing more to propose" in result.stopped_because
        """
    )
    workers = [script.start(root) for _ in range(3)]
    for worker in workers:
        _, err = worker.communicate(timeout=60)
        assert worker.returncode == 0, err
    points = [tuple(t.config.values()) for t in open_run(root).trials.values()]
    assert sorted(points) == list(itertools.product(range(1, 6), range(1, 6)))


def test_batches_and_plain_mappings():
    optimizer = neps.algorithms.grid_search({"x": neps.Integer(1, 4)})
    assert [p.config["x"] for p in optimizer({}, BudgetInfo(), 3)] == [1, 2, 3]
    assert [p.config["x"] for p in optimizer({}, BudgetInfo(), 3)] == [1, 2, 3]
    trials = {"1": neps.Trial("1", {"x": 2})}
    assert [p.config["x"] for p in optimizer(trials, BudgetInfo(), 9)] == [1, 3, 4]


def test_choices_that_python_calls_equal_are_different_points():
    optimizer = neps.algorithms.grid_search({"x": neps.Categorical([1, True, 1.0])})
    trials = {"1": neps.Trial("1", {"x": 1})}
    assert [type(p.config["x"]) for p in optimizer(trials, BudgetInfo(), 9)] == [bool, float]


@pytest.mark.parametrize("log, values", [(False, [1, 25, 50, 75, 100]), (True, [1, 3, 10, 32, 100])])
def test_integers(log, values):
    optimizer = neps.algorithms.grid_search({"x": neps.Integer(1, 100, log=log)})
    found = [p.config["x"] for p in optimizer({}, BudgetInfo(), 10)]
    assert found[0] == 1 and found[-1] == 100
    assert found == pytest.approx(values, abs=1)


def test_fidelities():
    space = {"x": neps.Integer(1, 2), "epochs": neps.IntegerFidelity(1, 9)}
    with pytest.raises(OptimizerError, match="epochs"):
        neps.algorithms.grid_search(space)
    high = neps.algorithms.grid_search(space, ignore_fidelity="highest_fidelity")({}, BudgetInfo(), 99)
    assert [p.config for p in high] == [{"x": 1, "epochs": 9}, {"x": 2, "epochs": 9}]
    assert len(neps.algorithms.grid_search(space, ignore_fidelity=True)({}, BudgetInfo(), 99)) == 10


@pytest.mark.parametrize("size", [0, -1, 1.5, "3", True, {"x": 0}])
def test_bad_sizes(size):
    with pytest.raises(OptimizerError, match="size_per_numerical_dimension"):
        neps.algorithms.grid_search({"x": neps.Float(0, 1)}, size_per_numerical_dimension=size)


def test_a_name_that_is_not_there():
    with pytest.raises(OptimizerError, match="'y', which is not in the space"):
        neps.algorithms.grid_search({"x": neps.Float(0, 1)}, size_per_numerical_dimension={"y": 3})


def test_one_value_per_dimension_is_the_middle():
    optimizer = neps.algorithms.grid_search({"x": neps.Float(0, 1)}, size_per_numerical_dimension=1)
    assert [p.config for p in optimizer({}, BudgetInfo(), 5)] == [{"x": 0.5}]


def test_a_grid_too_large_to_list_is_begun_at_once():
    space = {f"x{i}": neps.Float(0, 1) for i in range(40)}
    assert len(neps.algorithms.grid_search(space)({}, BudgetInfo(), 5)) == 5
