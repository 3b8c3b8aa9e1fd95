"""CMA-ES."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

import neps
import neps_plugins.optimizers.cma_es as module
from neps.testing import check_optimizer, simulate
from neps_core import OptimizerError
from neps_core import events as ev
from neps_core.optimizers.choosing import choose
from neps_core.trials import Report, State
from neps_plugins.toolkit import hypervolume
from neps_plugins.toolkit.evolution.descent import Descent
from tests.plugins.several import Driven

CUBE = {f"x{i}": neps.Float(0, 1) for i in range(4)}
VALLEY = {f"x{i}": neps.Float(-5, 10) for i in range(4)}


def rosenbrock(config, previous=None):
    x = np.array(list(config.values()))
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()), 1.0


def sphere(config):
    return sum((x - 0.3) ** 2 for x in config.values()), None


@pytest.mark.parametrize("keywords", [{}, {"ignore_fidelity": True, "use_priors": False, "restarts": "bipop"}])
def test_it_keeps_the_contract(keywords):
    check_optimizer("cma_es", keywords={"population_size": 4, **keywords}, n_trials=12)


@pytest.mark.parametrize("n_workers", [1, 8])
def test_it_finds_its_way_along_a_valley(n_workers):
    def best(who, seed):
        run = simulate(who, VALLEY, rosenbrock, n_workers=n_workers, max_evaluations=250, seed=seed)
        return min(trial.objectives[0] for trial in run.ended)

    assert all(best("cma_es", seed) < 10 < best("random_search", seed) for seed in range(3))


def test_it_is_what_the_package_does():
    """With one worker, the distribution after any number of generations is that of the package, told the same."""
    from cmaes import CMA

    run = Driven("cma_es", CUBE, sphere).run(40)
    cma = CMA(mean=np.full(4, 0.5), sigma=1 / 6, bounds=np.tile([0.0, 1.0], (4, 1)))
    told = [(np.array(list(trial.config.values())), trial.objectives[0]) for trial in run.trials.values()]
    for i in range(0, 40, cma.population_size):
        cma.tell(told[i : i + cma.population_size])
    run.ask()
    assert np.array_equal(run.optimizer._descent._cma.mean, cma.mean)


def test_who_joins_later_proposes_the_same(monkeypatch):
    """Also after restarts, failures, and with batches; and who was there reads only what is new."""
    monkeypatch.setattr("neps_plugins.toolkit.evolution.descent.LEAST_SPREAD", 0.02)
    space = {"x": neps.Float(0, 1), "n": neps.Integer(1, 50, log=True), "c": neps.Categorical(["a", "b", "d"])}
    run = Driven(("cma_es", {"restarts": "bipop"}), space, lambda c: ((c["x"] - 0.4) ** 2 + c["n"] / 500, None))
    for k in range(40):
        for trial_id in run.ask(3):
            if k % 7 == 3:
                run.log.fold([ev.Finished(trial_id, 0.0, State.FAILED, Report(err="it raised", reported_as="failed"))])
            else:
                run.tell(trial_id)
    fresh = choose(("cma_es", {"restarts": "bipop"}), run.space).optimizer
    answers = [each(run.trials, None, 4, np.random.default_rng(7)) for each in (run.optimizer, fresh)]
    assert [p.config for p in answers[0]] == [p.config for p in answers[1]]
    assert fresh._n_restarts == run.optimizer._n_restarts > 0


def test_what_was_taken_in_is_not_taken_in_again(monkeypatch):
    taken = []
    take = module.CMAES._take
    monkeypatch.setattr(module.CMAES, "_take", lambda self, k, o: (taken.append(k), take(self, k, o)))
    Driven("cma_es", CUBE, sphere).run(60)
    assert taken == list(range(59))


def test_restarts_find_the_better_of_two_basins(monkeypatch):
    monkeypatch.setattr("neps_plugins.toolkit.evolution.descent.LEAST_SPREAD", 1e-2)

    def evaluate(config, previous):
        x = np.array(list(config.values()))
        return min(0.2 + ((x - 0.5) ** 2).sum(), ((x - 0.9) ** 2).sum()), 1.0

    def best(restarts):
        optimizer = ("cma_es", {"restarts": restarts, "sigma": 0.05})
        run = simulate(optimizer, {"x": neps.Float(0, 1), "y": neps.Float(0, 1)}, evaluate, max_evaluations=300)
        return min(trial.objectives[0] for trial in run.ended)

    assert best("ipop") < 0.01 and best(None) >= 0.2


@pytest.mark.parametrize("restarts", ["ipop", "bipop"])
def test_population_sizes_of_restarts(monkeypatch, restarts):
    monkeypatch.setattr("neps_plugins.toolkit.evolution.descent.LEAST_SPREAD", 0.3)
    begun = []
    descend = module.CMAES._descend
    monkeypatch.setattr(module.CMAES, "_descend", lambda self, *how: (begun.append(how), descend(self, *how))[1])
    Driven(("cma_es", {"restarts": restarts}), CUBE, sphere).run(400)
    doubled = [size for mean, sigma, size in begun if sigma == 1 / 6 and size is not None]
    small = [(sigma, size) for mean, sigma, size in begun if sigma < 1 / 6]
    assert doubled == [16, 32, 64, 128][: len(doubled)] and len(doubled) >= (2 if restarts == "ipop" else 1)
    assert bool(small) == (restarts == "bipop") and all(8 <= size <= doubled[-1] / 2 for _, size in small)


def test_failures_are_worse_than_anything():
    """Half of the space fails: it goes where it doesn't, whatever the results are there."""
    run = Driven("cma_es", CUBE, None)
    for k in range(160):
        [trial_id] = run.ask()
        x = run.trials[trial_id].config["x0"]
        failed = Report(err="it raised", reported_as="failed"), Report(math.inf)
        report = failed[k % 2] if x > 0.5 else Report(1e300 * (1 + x))
        state = State.FAILED if report.err is not None else State.SUCCESS
        run.log.fold([ev.Finished(trial_id, 0.0, state, report)])
    assert np.mean([trial.config["x0"] < 0.4 for trial in list(run.trials.values())[-40:]]) > 0.9


def test_minus_infinity_is_the_best_there_is():
    run = Driven("cma_es", CUBE, lambda config: ([-math.inf if config["x0"] > 0.5 else config["x0"]], None)).run(160)
    assert np.mean([trial.config["x0"] > 0.5 for trial in list(run.trials.values())[-40:]]) > 0.9


def test_whole_numbers_orders_and_choices():
    space = {
        "x": neps.Float(1e-5, 1, log=True),
        "n": neps.Integer(1, 1000, log=True),
        "k": neps.Integer(0, 10),
        "c": neps.Categorical(["a", "b", "d", "e"]),
    }

    def evaluate(config, previous):
        far = (math.log10(config["x"]) + 3) ** 2 + math.log(config["n"] / 60) ** 2 + (config["k"] - 7) ** 2 / 10
        return far + (config["c"] != "d"), 1.0

    for seed in range(3):
        run = simulate("cma_es", space, evaluate, max_evaluations=250, seed=seed)
        best = min(run.ended, key=lambda trial: trial.objectives)
        assert best.objectives[0] < 0.05 and best.config["c"] == "d" and best.config["k"] == 7


def test_hierarchies():
    space = {
        "kind": neps.Categorical(["a", neps.Operation("b", kwargs={"z": neps.Float(0, 1)})]),
        "x": neps.Float(0, 1),
    }

    def evaluate(config, previous):
        z = next((value for path, value in config.items() if path.endswith("z")), None)
        return (config["x"] - 0.2) ** 2 + (0.5 if z is None else (z - 0.7) ** 2), 1.0

    run = simulate("cma_es", space, evaluate, max_evaluations=150)
    assert min(trial.objectives[0] for trial in run.ended) < 1e-4


def test_it_begins_with_the_prior_and_around_it():
    space = {"x": neps.Float(0, 1, prior=0.9), "y": neps.Float(0, 1)}
    configs = [t.config for t in Driven("cma_es", space, lambda c: (c["x"], None)).run(6).trials.values()]
    assert configs[0]["x"] == pytest.approx(0.9)
    assert np.median([config["x"] for config in configs]) > 0.7
    other = Driven(("cma_es", {"use_priors": False}), space, lambda c: (c["x"], None)).run(6).trials.values()
    assert np.median([trial.config["x"] for trial in other]) < 0.7


def test_several_objectives_and_constraints():
    def evaluate(config):
        x = np.array(list(config.values()))
        return [float(((x - 0.2) ** 2).sum()), float(((x - 0.7) ** 2).sum())], [float(x[0]) - 0.5]

    volumes = []
    for who in ("cma_es", "random_search"):
        run = Driven(who, CUBE, evaluate).run(200)
        volumes.append(hypervolume([t.objectives for t in run.trials.values() if t.is_feasible], [1.1, 1.1]))
    assert volumes[0] > volumes[1]


def test_a_finite_space_ends():
    space = {"a": neps.Integer(1, 6), "b": neps.Categorical(["u", "v", "w"])}
    run = simulate(("cma_es", {"population_size": 4}), space, lambda c, p: (c["a"], 1.0), n_workers=2)
    assert len({tuple(trial.config.values()) for trial in run.ended}) == len(run.ended) == 18


@pytest.mark.parametrize(
    "keywords, message",
    [
        ({"population_size": 3}, "population_size=3 must be a whole number of at least 4, or None"),
        ({"sigma": 0}, "sigma=0 must be None, or a number from 1e-06 to 1"),
        ({"sigma": 1e-300}, "sigma=1e-300"),  # its first generation has come together, and its squares are 0
        ({"use_priors": "no"}, "use_priors='no' must be True or False"),
        ({"sigma": True}, "sigma=True"),
        ({"restarts": "often"}, "restarts='often' must be 'ipop', 'bipop' or None"),
        ({"ignore_fidelity": "low"}, "ignore_fidelity"),
    ],
)
def test_bad_keywords(keywords, message):
    with pytest.raises(OptimizerError, match=message):
        neps.algorithms.cma_es(CUBE, **keywords)


def test_fidelities_are_refused_or_kept_at_the_highest():
    space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 27)}
    with pytest.raises(OptimizerError, match="'cma_es' does not use fidelities"):
        neps.algorithms.cma_es(space)
    for ignore in (True, "highest_fidelity"):
        run = Driven(("cma_es", {"ignore_fidelity": ignore}), space, lambda c: (c["x"], None)).run(12)
        assert {trial.config["epochs"] for trial in run.trials.values()} == {27}


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(OptimizerError, match=r"^'cma_es' needs the package cmaes: pip install .*\[cmaes\]'\.$"):
        neps.algorithms.cma_es(CUBE)


def test_a_descent_ends_on_a_plateau_and_where_it_has_come_together():
    rng = np.random.default_rng(0)
    flat = Descent(np.full(2, 0.5), 0.2, 4, [False, False])
    while not flat.is_over:
        flat.tell(np.array([flat.ask(rng) for _ in range(4)]), range(4), [1.0] * 4)
    assert flat.n_told == 4 * 25
    round_bowl = Descent(np.full(2, 0.5), 0.2, 6, [False, False])
    while not round_bowl.is_over and round_bowl.n_told < 3000:
        points = np.array([round_bowl.ask(rng) for _ in range(6)])
        values = ((points - 0.4) ** 2).sum(axis=1)
        round_bowl.tell(points, values, values)
    assert round_bowl.is_over and np.abs(points - 0.4).max() < 1e-5
