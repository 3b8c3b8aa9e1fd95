"""NSGA-II."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps.testing import check_optimizer, simulate
from neps_core import OptimizerError
from neps_core import events as ev
from neps_core.trials import Report, State
from neps_plugins.toolkit import hypervolume
from tests.plugins.several import Driven

CUBE = {f"x{i}": neps.Float(0, 1) for i in range(5)}
SQUARE = {"x": neps.Float(0, 1), "y": neps.Float(0, 1)}


def zdt1(config, previous=None):
    """E. Zitzler, K. Deb and L. Thiele, "Comparison of multiobjective evolutionary algorithms", 2000."""
    x, *rest = config.values()
    g = 1 + 9 * sum(rest) / len(rest)
    return [x, g * (1 - math.sqrt(x / g))], 1.0


@pytest.mark.parametrize("keywords", [{}, {"ignore_fidelity": True, "population_size": 3, "mutation_rate": 0.5}])
def test_it_keeps_the_contract(keywords):
    check_optimizer("nsga2", keywords=keywords, n_trials=12)


@pytest.mark.parametrize("n_workers", [1, 8])
def test_it_is_much_better_than_random_search(n_workers):
    volumes = []
    for name in ("nsga2", "random_search"):
        run = simulate(name, CUBE, zdt1, n_workers=n_workers, max_evaluations=200, seed=1)
        volumes.append(hypervolume([trial.objectives for trial in run.ended], [1.0, 4.0]))
    assert volumes[0] > 3.0 and volumes[1] < 2.6  # at most 3.67


def test_one_objective():
    run = simulate("nsga2", CUBE, lambda c, p: (sum((x - 0.3) ** 2 for x in c.values()), 1.0), max_evaluations=200)
    assert run.trials and min(trial.objectives[0] for trial in run.ended) < 0.01


def test_constraints():
    """What is best of all breaks it, and at first everything does."""

    def evaluate(config):
        return [config["x"], 1 - config["x"] + config["y"]], [0.97 - config["x"], 0.9 - config["y"]]

    run = Driven("nsga2", SQUARE, evaluate).run(150, 4)
    feasible = [trial.is_feasible for trial in run.trials.values()]
    assert sum(feasible[:10]) == 0 and sum(feasible[-50:]) > 15


def test_the_best_are_the_parents():
    """Without mutation, children have nothing that the best four have not."""
    space = {f"c{i}": neps.Categorical(list(range(9))) for i in range(6)}
    run = Driven(
        ("nsga2", {"population_size": 4, "mutation_rate": 0.0, "crossover_rate": 1.0}),
        space,
        lambda config: ([float(config["c0"] > 1), float(config["c1"] > 1)], None),
    )
    for number in range(1, 41):
        config = {f"c{i}": number % 2 if number <= 4 else 2 + number % 7 for i in range(6)}
        config["c2"] = number % 9
        run.log.fold([ev.Sampled(str(number), config), ev.Started(str(number), 0.0, "w")])
        run.tell(str(number))
    for trial_id in run.ask(20):
        config = run.trials[trial_id].config
        assert {config[f"c{i}"] for i in (0, 1, 3, 4, 5)} <= {0, 1} and config["c2"] in (1, 2, 3, 4)


def test_all_that_nothing_dominates_are_parents():
    """However many they are: without mutation, children tell of more than four, and of nothing that is worse."""
    space = {f"c{i}": neps.Categorical(list(range(20))) for i in range(6)}
    run = Driven(
        ("nsga2", {"population_size": 4, "mutation_rate": 0.0, "crossover_rate": 1.0}),
        space,
        lambda config: ([config["c0"], -config["c0"] if config["c0"] < 15 else 0], None),
    )
    for number in range(20):
        run.log.fold([ev.Sampled(str(number + 1), dict.fromkeys(space, number)), ev.Started(str(number + 1), 0.0, "w")])
        run.tell(str(number + 1))
    children = [run.trials[i].config for i in run.ask(40)]
    found = {value for config in children for value in config.values()}
    assert len(found) > 10 and max(found) < 15


def test_what_was_infinite_or_failed_has_no_children():
    results = [
        (State.SUCCESS, Report([math.inf, 0.0])),
        (State.FAILED, Report(err="it raised", reported_as="failed")),
        (State.SUCCESS, Report([1.0, 1.0])),
    ]
    run = Driven(("nsga2", {"population_size": 3, "crossover_rate": 0.0}), SQUARE, None)
    for k, trial_id in enumerate(run.ask(3)):
        state, report = results[k]
        run.log.fold([ev.Finished(trial_id, 0.0, state, report)])
    parent = run.trials["3"].config
    children = [run.trials[i].config for i in run.ask(20)]
    assert all(config["x"] == parent["x"] or config["y"] == parent["y"] or near(config, parent) for config in children)


def near(a, b):
    return max(abs(a[path] - b[path]) for path in a) < 0.25


def test_the_first_are_spread_and_begin_with_the_prior():
    space = {"x": neps.Float(0, 1, prior=0.9), "y": neps.Float(0, 1)}
    run = Driven(("nsga2", {"population_size": 20}), space, None)
    first = [run.trials[i].config for i in run.ask(17)]
    assert first[0]["x"] == pytest.approx(0.9)
    cells = {(int(4 * config["x"]), int(4 * config["y"])) for config in first[1:]}
    assert len(cells) >= 14  # of 16; 10 if they were independent


def test_many_at_once_are_different():
    run = Driven("nsga2", SQUARE, lambda config: ([config["x"], config["y"]], None)).run(30)
    found = [tuple(run.trials[i].config.values()) for i in run.ask(40)]
    assert len(set(found)) == 40


@pytest.mark.parametrize("n_workers", [1, 3])
def test_a_finite_space_is_tried_once_and_then_it_ends(n_workers):
    space = {"a": neps.Integer(1, 6), "b": neps.Categorical(["u", "v", "w"])}
    run = simulate(("nsga2", {"population_size": 4}), space, lambda c, p: (c["a"], 1.0), n_workers=n_workers)
    assert len({tuple(trial.config.values()) for trial in run.ended}) == len(run.ended) == 18


@pytest.mark.parametrize(
    "keywords, message",
    [
        ({"population_size": 1}, "population_size=1 must be a whole number"),
        ({"population_size": True}, "population_size=True"),
        ({"crossover_rate": 1.1}, "crossover_rate=1.1 must be a number from 0 to 1"),
        ({"crossover_rate": None}, "crossover_rate=None"),
        ({"mutation_rate": float("nan")}, "mutation_rate=nan"),
        ({"ignore_fidelity": "low"}, "ignore_fidelity"),
    ],
)
def test_bad_keywords(keywords, message):
    with pytest.raises(OptimizerError, match=message):
        neps.algorithms.nsga2(SQUARE, **keywords)


def test_a_fidelity_is_refused_or_ignored():
    space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 27)}
    with pytest.raises(OptimizerError, match="'nsga2' does not use fidelities"):
        neps.algorithms.nsga2(space)
    for ignore, values in (("highest_fidelity", 1), (True, 9)):
        optimizer = ("nsga2", {"ignore_fidelity": ignore, "population_size": 4})
        run = Driven(optimizer, space, lambda config: (config["x"], None)).run(30)
        assert len({trial.config["epochs"] for trial in run.trials.values()}) >= values
        assert ignore is True or {trial.config["epochs"] for trial in run.trials.values()} == {27}


def test_hierarchies_and_batches_are_functions_of_the_trials():
    space = {
        "kind": neps.Categorical(["a", neps.Operation("b", kwargs={"z": neps.Float(0, 1)})]),
        "x": neps.Float(0, 1),
    }
    runs = [Driven("nsga2", space, lambda config: ([config["x"], len(config)], None)).run(50, 4) for _ in range(2)]
    assert [dict(t.config) for t in runs[0].trials.values()] == [dict(t.config) for t in runs[1].trials.values()]
    assert len({len(trial.config) for trial in runs[0].trials.values()}) == 2
    assert np.median([trial.config["x"] for trial in list(runs[0].trials.values())[30:]]) < 0.2
