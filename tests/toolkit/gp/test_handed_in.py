"""Terms and kernels of other people's, handed to the Bayesian optimizer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from attrs import frozen

import neps
from neps.testing import check_optimizer, gallery, simulate
from neps_core import BudgetInfo, OptimizerError, parse_space
from neps_plugins.toolkit import (
    BayesianOptimizer,
    DecayingPrior,
    Features,
    Hyperparameters,
    Matern52,
    Posterior,
    PredictedCost,
    Surrogate,
    cost_terms,
    drawn,
    expected_improvement,
    fit,
    fixed_at_highest,
    prior_mode,
)

SQUARE = {"x": neps.Float(0, 1), "y": neps.Float(0, 1)}


def bowl(config, previous):
    return (config["x"] - 0.8) ** 2 + (config["y"] - 0.2) ** 2, 1.0


@frozen
class Below:
    """A term: what has a larger `x` is worth less."""

    strength: float

    def __call__(self, points):
        return self.with_gradient(points)[0]

    def with_gradient(self, points):
        gradient = np.zeros_like(points.values)
        gradient[:, 0] = -self.strength
        return -self.strength * points.values[:, 0], gradient


@frozen
class Gaussian:
    """A kernel: exp(-d2 / 2)."""

    def __call__(self, d2):
        value = np.exp(-0.5 * d2)
        return value, value.copy()


def made(**keywords):
    return lambda space: BayesianOptimizer("mine", space, **keywords)


def configs(run):
    return [dict(trial.config) for trial in run.trials.values()]


class TestTerms:
    def test_a_term_of_ones_own(self):
        def mean_x(*terms):
            run = simulate(made(terms=(expected_improvement, *terms)), SQUARE, bowl, max_evaluations=16)
            late = [c["x"] for i, c in enumerate(configs(run)) if i >= 4 and i % 8 != 7]
            return float(np.mean(late))

        assert mean_x(lambda situation: (1.0, Below(1e9))) < 0.1 < 0.5 < mean_x()

    def test_one_that_plays_no_part_changes_nothing(self):
        alone = simulate(made(), SQUARE, bowl, max_evaluations=12)
        beside = simulate(made(terms=(expected_improvement, lambda s: None)), SQUARE, bowl, max_evaluations=12)
        assert configs(alone) == configs(beside)

    def test_what_terms_are_told(self):
        seen, observed = [], []

        def watch(situation):
            seen.append(situation)
            data = situation.data  # goes on with the run, so now is the time
            observed.append(len(data.objectives))
            assert situation.best == situation.model.predict(data.values, data.active)[0].min()
            assert isinstance(situation.budget_info, BudgetInfo)

        terms = (watch, expected_improvement)
        simulate(made(initial_design_size=3, terms=terms), SQUARE, bowl, max_evaluations=9)
        assert observed == [3, 4, 5, 6, 7, 8]
        assert [s.n_modelled for s in seen] == [1, 2, 3, 4, 5, 6]

    def test_the_plugins_are_sums_of_terms(self):
        space = {"x": neps.Float(0, 1, prior=0.3), "y": neps.Float(0, 1)}
        plain = simulate("bayesian_optimization", space, bowl, max_evaluations=10)
        assert configs(simulate(made(), space, bowl, max_evaluations=10)) == configs(plain)
        pibo = simulate("pibo", space, bowl, max_evaluations=10)

        def mine(space):
            return BayesianOptimizer("m", space, from_prior=True, terms=[expected_improvement, DecayingPrior()])

        assert configs(simulate(mine, space, bowl, max_evaluations=10)) == configs(pibo)

    @pytest.mark.parametrize("after_other_runs", [False, True])
    def test_makers_remember_nothing_of_another_run(self, after_other_runs):
        """What they keep belongs to an encoder: one optimizer's serve another."""
        space = {"x": neps.Float(0, 1, prior=0.3), "y": neps.Float(0, 1)}
        terms = [expected_improvement, DecayingPrior(), PredictedCost()]

        def mine(space):
            return BayesianOptimizer("m", space, from_prior=True, terms=terms)

        def evaluate(config, previous):
            return {"objective_to_minimize": bowl(config, previous)[0], "cost": 1 + config["x"]}, 1.0

        if after_other_runs:
            simulate(mine, {"y": neps.Float(-1, 1, prior=0.9), "x": neps.Float(0, 9)}, evaluate, max_evaluations=8)
        run = simulate(mine, space, evaluate, max_evaluations=8)
        assert configs(run) == configs(simulate(("pibo", {"cost_aware": True}), space, evaluate, max_evaluations=8))

    @pytest.mark.parametrize("cost_aware, n", [(False, 0), (True, 1), ("log", 1)])
    def test_cost_terms(self, cost_aware, n):
        assert len(cost_terms(cost_aware)) == n

    @pytest.mark.parametrize("wrong", ["exp", None, 2, 0.5])
    def test_no_cost_terms(self, wrong):
        with pytest.raises(OptimizerError, match="must be True, False or 'log'"):
            cost_terms(wrong)


class TestKernels:
    def test_another_kernel_makes_another_search_that_keeps_the_contract(self):
        few = {name: gallery()[name] for name in ("mixed", "hierarchical")}
        check_optimizer(made(kernel=Gaussian()), spaces=few, n_trials=8, n_objectives=(2,))
        run = simulate(made(kernel=Gaussian()), SQUARE, bowl, max_evaluations=24)
        assert min(t.objectives[0] for t in run.ended) < 1e-2
        assert configs(run) != configs(simulate(made(), SQUARE, bowl, max_evaluations=24))
        same = simulate(made(kernel=Matern52()), SQUARE, bowl, max_evaluations=24)
        assert configs(same) == configs(simulate(made(), SQUARE, bowl, max_evaluations=24))

    def test_it_is_used_throughout(self):
        """For predicting, extending, fitting and drawing, beside the formulas."""
        rng = np.random.default_rng(0)
        Z, y, new, group = rng.random((8, 2)), rng.standard_normal(8), rng.random((3, 2)), np.arange(2)
        h = Hyperparameters(np.log([0.4, 0.7]), math.log(1.3), math.log(1e-2))

        def k(a, b):
            d2 = (((a[:, None] - b[None]) / [0.4, 0.7]) ** 2).sum(axis=2)
            return 1.3 * np.exp(-0.5 * d2)

        posterior = Posterior(Z, group, h, Gaussian())
        posterior.observe(y)
        solved = np.linalg.solve(k(Z, Z) + 1e-2 * np.eye(8), np.column_stack([y, k(Z, new)]))
        mean, variance = posterior.predict(new)
        assert mean == pytest.approx(k(new, Z) @ solved[:, 0], rel=1e-8)
        assert variance == pytest.approx(1.3 - np.einsum("ij,ji->i", k(new, Z), solved[:, 1:]), rel=1e-6)
        step = 1e-6
        for f in range(2):
            moved = new + step * np.eye(2)[f]
            by_mean = posterior.predict_with_gradient(new)[2][:, f]
            assert by_mean == pytest.approx((posterior.predict(moved)[0] - mean) / step, rel=1e-3, abs=1e-4)
        posterior.extend(new)
        longer = Posterior(np.vstack([Z, new]), group, h, Gaussian())
        for each in (posterior, longer):
            each.observe(np.append(y, mean))
        at = rng.random((4, 2))
        assert posterior.predict(at)[0] == pytest.approx(longer.predict(at)[0], rel=1e-6)
        found = fit(Z, y, group, [prior_mode(2)], kernel=Gaussian())
        assert found.loss != fit(Z, y, group, [prior_mode(2)]).loss
        draws = [drawn(Z, group, h, np.random.default_rng(1), each).theta for each in (Gaussian(), Matern52())]
        assert (draws[0] != draws[1]).any()

    def test_a_surrogate_with_it(self):
        values = np.linspace(0, 1, 9)[:, None]
        active = np.ones_like(values, dtype=bool)
        columns = BayesianOptimizer("mine", parse_space({"x": neps.Float(0, 1)}))._data.encoder.columns
        objectives = np.sin(5 * values[:, 0])
        models = [Surrogate(kernel=k).update(columns, values, active, objectives) for k in (Gaussian(), Matern52())]
        assert all(isinstance(model.features, Features) for model in models)
        means = [model.predict(np.array([[0.33]]), np.array([[True]]))[0][0] for model in models]
        assert means[0] != means[1] and means[0] == pytest.approx(means[1], abs=0.3)


def test_fixed_things_stay_fixed():
    space = {**SQUARE, "epochs": neps.IntegerFidelity(1, 9)}
    parsed = parse_space(space)
    fixed = fixed_at_highest(parsed, True, "mine")
    optimizer = BayesianOptimizer("mine", parsed, fixed=fixed, terms=[expected_improvement])
    assert optimizer({}, None)[0].config["epochs"] == 9
