"""Brackets with several objectives and constraints."""

from __future__ import annotations

import time

import numpy as np
import pytest

import neps
from neps.testing import check_optimizer
from neps_core import OptimizerError
from neps_core.optimizers.spec import optimizer_specs
from neps_plugins.toolkit import as_one_objective, non_dominated, promotion_order, violations
from tests.plugins.several import Driven

SPACE = {"x": neps.Float(0, 1), "y": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 27)}
PRIORS = {**SPACE, "x": neps.Float(0, 1, prior=0.1, prior_confidence="high")}


def traded_off(config):
    x, y = config["x"], config["y"]
    return [x + y, 1 - x + 0.5 * y + 1 / config["epochs"]], None


def constrained(config):
    return *traded_off(config)[:1], [config["y"] - 0.4, 1e3 * (0.2 - config["x"])]


def at_level(trials, level):
    """Numbers of what is done there, ascending, and a row of objectives and of constraints for each."""
    found = {}
    for trial_id, trial in trials.items():
        number, _, at = trial_id.partition("_rung_")
        if int(at) == level and trial.objectives is not None:
            found[int(number)] = trial
    numbers = sorted(found)
    values = np.array([found[i].objectives for i in numbers])
    return numbers, values, np.array([list(found[i].constraints) for i in numbers], ndmin=2)


@pytest.mark.parametrize("name, mo_selector", [("mo_hyperband", "epsnet"), ("moasha", "nsga2")])
def test_they_keep_the_contract(name, mo_selector):
    check_optimizer(name, keywords={"mo_selector": mo_selector}, spaces={"s": SPACE}, n_trials=32)


@pytest.mark.parametrize("evaluate", [traded_off, constrained])
@pytest.mark.parametrize("selector", ["epsnet", "nsga2"])
def test_a_rung_is_promoted_in_the_order_of_all_its_results(evaluate, selector):
    run = Driven(("successive_halving", {"mo_selector": selector}), SPACE, evaluate).run(40)
    for level, n in enumerate((9, 3, 1)):
        numbers, values, constraints = at_level(run.trials, level)
        order = promotion_order(values, violations(constraints), selector)
        promoted = [int(i.split("_")[0]) for i in run.trials if i.endswith(f"_{level + 1}")]
        assert promoted == [numbers[i] for i in order[:n]]


@pytest.mark.parametrize("evaluate", [traded_off, constrained])
@pytest.mark.parametrize("selector", ["epsnet", "nsga2"])
def test_asha_promotes_the_best_third_at_once(evaluate, selector):
    """At each proposal, against all results sorted anew."""
    run = Driven(("asha", {"mo_selector": selector}), SPACE, evaluate)
    running = []
    for _ in range(90):
        expected = None
        for level in (2, 1, 0):
            numbers, values, constraints = at_level(run.trials, level)
            if numbers:
                order = promotion_order(values, violations(constraints), selector)[: len(numbers) // 3]
                due = [i for i in order if f"{numbers[i]}_rung_{level + 1}" not in run.trials]
                if due:
                    expected = f"{numbers[due[0]]}_rung_{level + 1}"
                    break
        [trial_id] = run.ask()
        assert trial_id == expected or (expected is None and trial_id.endswith("_rung_0"))
        running.append(trial_id)
        if len(running) == 3:
            run.tell(running.pop(0))
    assert any(i.endswith("_rung_2") for i in run.trials)


def test_several_at_once_are_those_one_after_the_other():
    one, many = (Driven("asha", SPACE, traded_off) for _ in range(2))
    for run in (one, many):
        for trial_id in [i for _ in range(60) for i in run.ask()]:
            run.tell(trial_id)
    promoted = [i for _ in range(12) for i in one.ask()]
    assert many.ask(12) == promoted and all(i.endswith("_rung_1") for i in promoted)


def test_the_names_for_several_objectives_lead_to_the_same_brackets():
    for new, old in (("moasha", "asha"), ("mo_hyperband", "hyperband")):
        assert getattr(neps.algorithms, new) is getattr(neps.algorithms, old)


def test_every_built_in_optimizer_says_that_it_takes_several_objectives():
    built_in = [spec for plugin, spec in optimizer_specs() if plugin.target.startswith("neps_plugins.optimizers.")]
    assert len(built_in) >= 12
    assert [spec.name for spec in built_in if not spec.several_objectives] == []


def test_the_selector_says_nothing_about_one_objective():
    def single(config):
        return config["x"], None

    runs = [Driven(("asha", {"mo_selector": s}), SPACE, single).run(60, 2) for s in ("epsnet", "nsga2")]
    assert list(runs[0].trials) == list(runs[1].trials)


def test_no_such_selector():
    for name in ("successive_halving", "hyperband", "asha", "async_hb", "mo_hyperband", "moasha"):
        with pytest.raises(OptimizerError, match="mo_selector='eps' is unknown.*epsnet"):
            getattr(neps.algorithms, name)(SPACE, mo_selector="eps")
    with pytest.raises(OptimizerError, match="mo_selector"):
        neps.algorithms.priorband(PRIORS, mo_selector=None)


def test_a_thousand_results_cost_little():
    run = Driven("asha", SPACE, traded_off)
    for trial_id in [i for _ in range(1000) for i in run.ask()]:
        run.tell(trial_id)
    run.ask()
    took = []
    for _ in range(40):
        began = time.perf_counter()
        [trial_id] = run.ask()
        took.append(time.perf_counter() - began)
        run.tell(trial_id)
    assert np.median(took) < 0.005  # sorting all of it takes longer each time


class TestPriorBand:
    def test_the_incumbent_is_any_of_the_front(self):
        run = Driven("priorband", PRIORS, constrained).run(120)
        optimizer = run.optimizer
        optimizer._run.follow(run.trials)
        sampler = optimizer._sampler
        best = [sampler.best(optimizer._run, run.trials, np.random.default_rng(i)) for i in range(60)]
        assert {len(configs) for configs in best} == {3}
        numbers, values, constraints = at_level(run.trials, 3)
        kept = (constraints <= 0).all(axis=1)
        assert kept.sum() > 1 and not kept.all()
        front = {numbers[i] for i in np.flatnonzero(kept)[non_dominated(values[kept])]}
        assert len(front) > 1
        x_of = {run.trials[f"{number}_rung_3"].config["x"] for number in front}
        assert {configs[0]["x"] for configs in best} == x_of

    def test_a_model_may_take_over(self):
        run = Driven(("priorband", {"bayesian_optimization_kick_in_point": 0.5}), PRIORS, constrained).run(18)
        assert len(run.trials) == 18


class TestSingleObjective:
    def seen(self, evaluate, seed=0):
        run = Driven(("random_search", {"ignore_fidelity": True}), SPACE, evaluate).run(30)
        return run.trials, as_one_objective(run.trials, np.random.default_rng(seed))

    def test_one_objective_stays_as_it_is(self):
        trials, seen = self.seen(lambda config: (config["x"], None))
        assert seen is trials

    def test_what_is_dominated_is_worse_and_weights_differ(self):
        trials, seen = self.seen(traded_off)
        assert list(seen) == list(trials)
        single = {i: trial.objectives for i, trial in seen.items()}
        assert {len(objectives) for objectives in single.values()} == {1}
        for i, a in trials.items():
            for j, b in trials.items():
                if a.objectives != b.objectives and all(np.less_equal(a.objectives, b.objectives)):
                    assert single[i] < single[j]
        best = {min(s, key=lambda i, s=s: s[i].objectives) for s in (self.seen(traded_off, k)[1] for k in range(8))}
        assert len(best) > 1

    def test_what_breaks_a_constraint_is_worse_than_all_that_does_not(self):
        trials, seen = self.seen(constrained)
        kept = [seen[i].objectives[0] for i, trial in trials.items() if trial.is_feasible]
        broken = [seen[i].objectives[0] for i, trial in trials.items() if not trial.is_feasible]
        assert kept and broken and max(kept) < min(broken)

    def test_the_model_proposes(self):
        run = Driven(("asha", {"sampler": "bayesian_optimization"}), SPACE, traded_off).run(12)
        x = [trial.config["x"] for trial in run.trials.values()]
        assert len(set(x)) > 6
