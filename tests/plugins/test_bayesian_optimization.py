"""`bayesian_optimization`, `pibo`, and a model as the sampler of brackets, through the public API."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps.testing import check_optimizer, gallery, simulate
from neps_core import BudgetInfo, OptimizerError, Uniform, parse_space, replay
from neps_core.spaces.identity import config_hash

SQUARE = {"x": neps.Float(0, 1), "y": neps.Float(0, 1)}


def branin(config, previous=None):
    x, y = 15 * config["x"] - 5, 15 * config["y"]
    inner = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return inner**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.397887, 1.0


def best(run):
    return min(trial.objectives[0] for trial in run.ended if trial.objectives)


def configs(run):
    return [trial.config for trial in run.trials.values()]


@pytest.mark.parametrize("space", gallery())
def test_the_contract(space):
    keywords = {"ignore_fidelity": True}
    check_optimizer(
        "bayesian_optimization", spaces={space: gallery()[space]}, n_trials=7, keywords=keywords, n_objectives=()
    )


@pytest.mark.parametrize("space", ["priors", "real fidelity and priors"])
def test_the_contract_of_pibo(space):
    check_optimizer(
        "pibo", spaces={space: gallery()[space]}, n_trials=8, keywords={"ignore_fidelity": True}, n_objectives=()
    )


def test_the_prior_of_paths_that_turn_up_later():
    """One that has followed the run knows the priors of new paths as well as one that has just come."""
    branches = [
        neps.Operation(f"o{i}", kwargs={f"p{i}": neps.Float(0, 1, prior=0.9, prior_confidence="high")})
        for i in range(12)
    ]
    space = {"m": neps.Categorical(branches), "x": neps.Float(0, 1)}
    check_optimizer(
        "pibo", spaces={"branches": space}, n_trials=14, keywords={"initial_design_size": 3}, n_objectives=()
    )


class TestQuality:
    def test_it_finds_the_minimum(self):
        for seed in range(3):
            assert best(simulate("bayesian_optimization", SQUARE, branin, seed=seed, max_evaluations=40)) < 0.05

    def test_it_is_better_than_random_search_where_there_are_choices(self):
        space = {
            "rate": neps.Float(1e-5, 1, log=True),
            "layers": neps.Integer(1, 8),
            "act": neps.Categorical(["relu", "tanh", "gelu", "elu"]),
            "x": neps.Float(0, 1),
        }

        def evaluate(config, previous):
            shift = {"relu": 0.0, "tanh": 0.3, "gelu": 0.1, "elu": 0.5}[config["act"]]
            rate = math.log10(config["rate"]) + 3 - shift
            return rate**2 / 4 + (config["layers"] - 5) ** 2 / 10 + shift + (config["x"] - 0.7) ** 2, 1.0

        def mean(optimizer):
            return np.mean([best(simulate(optimizer, space, evaluate, seed=s, max_evaluations=35)) for s in range(4)])

        assert mean("bayesian_optimization") < 0.25 * mean("random_search")

    def test_it_finds_the_branch_of_a_conditional_space(self):
        class Space(neps.PipelineSpace):
            model = neps.Categorical(
                [
                    neps.Operation("linear", kwargs={"c": neps.Float(0, 1)}),
                    neps.Operation("tree", kwargs={"depth": neps.Integer(1, 20), "share": neps.Float(0, 1)}),
                ]
            )

        def evaluate(config, previous):
            c = next((value for path, value in config.items() if path.endswith(".c")), None)
            if c is not None:
                return 0.5 + (c - 0.2) ** 2, 1.0
            depth = next(value for path, value in config.items() if path.endswith("depth"))
            share = next(value for path, value in config.items() if path.endswith("share"))
            return (depth - 13) ** 2 / 100 + (share - 0.6) ** 2, 1.0

        for seed in range(2):
            assert best(simulate("bayesian_optimization", Space(), evaluate, seed=seed, max_evaluations=35)) < 0.02

    def test_failures_keep_it_away(self):
        def evaluate(config, previous):
            return (math.nan if config["x"] > 0.5 else branin(config)[0]), 1.0

        run = simulate("bayesian_optimization", SQUARE, evaluate, seed=1, max_evaluations=40)
        assert best(run) < 0.05
        late = configs(run)[20:]
        assert sum(config["x"] > 0.5 for config in late) < len(late) / 3

    @pytest.mark.parametrize("value", [math.inf, -math.inf, -1e300, 1e300, 0.0])
    def test_odd_results(self, value):
        values = iter([1.0, value, 2.0, value, value] + [3.0 + i for i in range(20)])
        run = simulate(
            "bayesian_optimization", SQUARE, lambda config, previous: (next(values), 1.0), max_evaluations=12
        )
        assert len(run.ended) == 12

    def test_all_fail(self):
        run = simulate("bayesian_optimization", SQUARE, lambda config, previous: (math.nan, 1.0), max_evaluations=12)
        assert len({config_hash(config) for config in configs(run)}) == 12


class TestReproducibility:
    def test_the_seed_decides(self):
        def made(seed):
            return configs(simulate("bayesian_optimization", SQUARE, branin, seed=seed, max_evaluations=12))

        assert made(3) == made(3) != made(4)

    def test_workers_and_restarts_make_no_difference(self, root):
        """What one process proposes from the first trial on, five processes propose that each join later."""
        space = {**SQUARE, "c": neps.Categorical(["a", "b"])}

        def evaluate(x, y, c):
            return branin({"x": x, "y": y})[0] + (c == "a")

        whole = neps.run(evaluate, space, root_directory=root / "a", seed=2, evaluations_to_spend=20)
        for _ in range(5):
            parts = neps.run(evaluate, space, root_directory=root / "b", seed=2, evaluations_to_spend=4)
        assert [t.config for t in whole.trials.values()] == [t.config for t in parts.trials.values()]

    def test_the_initial_design_depends_on_the_seed_alone(self):
        optimizer = ("bayesian_optimization", {"initial_design_size": 8})
        one = simulate(optimizer, SQUARE, branin, seed=5, max_evaluations=8)
        other = simulate(optimizer, SQUARE, lambda c, p: (1.0, c["x"]), seed=5, n_workers=4, max_evaluations=8)
        assert configs(one) == configs(other)
        points = np.array([[c["x"], c["y"]] for c in configs(one)])
        for side in points.T:  # a Latin hypercube: one point in each eighth
            assert sorted((side * 8).astype(int)) == list(range(8))

    def test_imported_results_count(self, root):
        """The model proposes at once."""
        rng = np.random.default_rng(0)
        known = [({"x": x, "y": y}, branin({"x": x, "y": y})[0]) for x, y in rng.random((30, 2))]
        neps.import_trials(known, root, SQUARE, optimizer="bayesian_optimization")
        imported = neps.run(lambda x, y: branin({"x": x, "y": y})[0], root_directory=root, evaluations_to_spend=10)
        assert imported.best.report.objective_to_minimize < 0.5 * min(
            result for _, result in known
        )  # whatever the seed
        loop = neps.AskAndTell(neps.algorithms.bayesian_optimization(SQUARE), seed=1)
        for i, (config, result) in enumerate(known):
            loop.tell_custom(config_id=f"known_{i}", config=config, result=result)
        told = []
        for _ in range(10):
            trial = loop.ask()
            told.append(branin(trial.config)[0])
            loop.tell(trial, told[-1])
        assert min(told) < 0.2


class TestParallel:
    def test_eight_workers_get_eight_different_points(self):
        run = simulate(
            ("bayesian_optimization", {"initial_design_size": 4}),
            SQUARE,
            lambda config, previous: (branin(config)[0], 1.0),
            n_workers=8,
            max_evaluations=28,
        )
        points = np.array([[c["x"], c["y"]] for c in configs(run)])
        for first in (12, 20):  # of what was proposed while nothing of it was known
            gaps = np.abs(points[first : first + 8, None] - points[None, first : first + 8]).max(axis=2)
            assert gaps[~np.eye(8, dtype=bool)].min() > 1e-3

    def test_a_batch(self):
        loop = neps.AskAndTell(neps.algorithms.bayesian_optimization(SQUARE), seed=1)
        for _ in range(2):
            for trial in loop.ask(6):
                loop.tell(trial, branin(trial.config)[0])
        batch = loop.ask(8)
        points = np.array([[t.config["x"], t.config["y"]] for t in batch])
        gaps = np.abs(points[:, None] - points[None]).max(axis=2)
        assert gaps[~np.eye(8, dtype=bool)].min() > 1e-3

    def test_parallel_search_finds_it_too(self):
        run = simulate("bayesian_optimization", SQUARE, branin, n_workers=8, seed=1, max_evaluations=60)
        assert best(run) < 0.05


class TestFiniteSpaces:
    @pytest.mark.parametrize(
        "space, size",
        [
            ({"a": neps.Integer(1, 3), "b": neps.Categorical(["x", "y", "z", None])}, 12),
            ({"k": 3}, 1),
            ({"n": neps.Integer(1, 2), "m": neps.Categorical([neps.Integer(1, 2), neps.Categorical(["p"])])}, 6),
        ],
    )
    def test_everything_once_and_then_the_end(self, space, size):
        run = simulate("bayesian_optimization", space, lambda config, previous: (hash(str(config)) % 7, 1.0))
        assert len({config_hash(config) for config in configs(run)}) == len(run.ended) == size
        assert "nothing more" in run.stopped_because

    def test_forbidden_combinations(self):
        from ConfigSpace import Categorical, ConfigurationSpace, ForbiddenAndConjunction, ForbiddenEqualsClause

        space = ConfigurationSpace()
        a, b = Categorical("a", [1, 2, 3]), Categorical("b", ["u", "v"])
        space.add(a, b, ForbiddenAndConjunction(ForbiddenEqualsClause(a, 2), ForbiddenEqualsClause(b, "u")))
        run = simulate("bayesian_optimization", space, lambda config, previous: (config["a"], 1.0), n_workers=3)
        assert len({config_hash(config) for config in configs(run)}) == len(run.ended) == 5

    def test_a_batch_ends_with_the_space(self):
        loop = neps.AskAndTell(neps.algorithms.bayesian_optimization({"n": neps.Integer(1, 3)}))
        assert len(loop.ask(8)) == 3
        assert loop.ask(2) == []

    def test_large_integers_are_exact(self):
        space = {"n": neps.Integer(1, 10_000, log=True), "m": neps.Integer(-500, 500)}
        run = simulate(
            "bayesian_optimization",
            space,
            lambda c, p: ((math.log(c["n"] / 700)) ** 2 + (c["m"] - 123) ** 2 / 1e4, 1.0),
            max_evaluations=40,
        )
        assert best(run) < 0.02
        for config in configs(run):
            replay(parse_space(space), config)
            assert type(config["n"]) is int


class TestPriors:
    SPACE = {name: neps.Float(0, 1, prior=p, prior_confidence="high") for name, p in (("x", 0.54), ("y", 0.15))}

    def test_a_good_prior_helps(self):  # the minima of Branin lie at (0.124, 0.818), (0.543, 0.152), (0.962, 0.165)
        def after(optimizer, space):
            runs = [simulate(optimizer, space, branin, seed=seed, max_evaluations=6) for seed in range(4)]
            return np.mean([best(run) for run in runs])

        assert after("pibo", self.SPACE) < 0.3 * after("bayesian_optimization", SQUARE)

    def test_a_wrong_prior_is_forgotten(self):
        wrong = {name: neps.Float(0, 1, prior=1.0, prior_confidence="high") for name in "xy"}
        assert best(simulate("pibo", wrong, branin, seed=1, max_evaluations=60)) < 0.05

    def test_the_prior_itself_first(self):
        run = simulate(("pibo", {"sample_prior_first": True}), self.SPACE, branin, max_evaluations=2)
        assert configs(run)[0] == {"x": 0.54, "y": 0.15}

    def test_a_prior_on_some_parameters(self):
        space = {"x": self.SPACE["x"], "y": neps.Float(0, 1), "c": neps.Categorical(["a", "b", "c"], prior=1)}
        runs = [simulate("pibo", space, branin, max_evaluations=20, seed=seed) for seed in range(3)]
        assert max(map(best, runs)) < 2.0
        assert sum(config["c"] == "b" for run in runs for config in configs(run)[:10]) >= 12  # 10 without a prior

    def test_none_is_refused(self):
        with pytest.raises(OptimizerError, match="'pibo' needs a prior.*'bayesian_optimization'"):
            neps.algorithms.pibo(SQUARE)


class TestCosts:
    @pytest.mark.parametrize("cost_aware", [True, "log"])
    def test_cheap_evaluations_are_preferred(self, cost_aware):
        """The objective is the same along y, and the cost is not."""
        space = {"x": neps.Float(0, 1), "y": neps.Float(0, 1)}

        def spent(cost_aware):
            total = 0.0
            for seed in range(3):
                run = simulate(
                    ("bayesian_optimization", {"cost_aware": cost_aware}),
                    space,
                    lambda c, p: ({"objective_to_minimize": math.sin(9 * c["x"]), "cost": 10 ** (2 * c["y"])}, 1.0),
                    seed=seed,
                    max_evaluations=12,
                )
                total += sum(trial.report.cost for trial in run.ended)
            return total

        assert spent(cost_aware) < 0.6 * spent(False)

    def test_costs_may_be_missing_or_zero(self):
        costs = iter([None, 0.0, 1.0, None] * 10)
        run = simulate(
            ("bayesian_optimization", {"cost_aware": True}),
            SQUARE,
            lambda c, p: ({"objective_to_minimize": c["x"], "cost": next(costs)}, 1.0),
            max_evaluations=15,
        )
        assert len(run.ended) == 15

    def test_they_count_less_as_the_budget_is_spent(self):
        loop = neps.AskAndTell(neps.algorithms.bayesian_optimization(SQUARE, cost_aware=True), seed=0)
        for _ in range(10):
            trial = loop.ask()
            result = {"objective_to_minimize": (trial.config["x"] - 0.5) ** 2, "cost": 1 + 99 * trial.config["y"]}
            loop.tell(trial, result)
        optimizer = neps.algorithms.bayesian_optimization(SQUARE, cost_aware=True)

        def proposed(used):
            info = BudgetInfo({"cost": 100.0}, {"cost": used})
            return optimizer(loop.trials, info, None, np.random.default_rng(0), 0)[0].config["y"]

        indifferent = neps.algorithms.bayesian_optimization(SQUARE)
        without = indifferent(loop.trials, BudgetInfo(), None, np.random.default_rng(0), 0)[0].config["y"]
        assert proposed(100.0) == without
        assert proposed(0.0) <= without


class TestFidelities:
    SPACE = {"x": neps.Float(0, 1), "y": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 27)}

    @staticmethod
    def evaluate(config, previous):
        done = previous.config["epochs"] if previous is not None else 0
        return branin(config)[0] + 20 / config["epochs"], config["epochs"] - done

    @pytest.mark.parametrize("ignore", [True, "highest_fidelity"])
    def test_it_is_kept_at_the_top(self, ignore):
        run = simulate(
            ("bayesian_optimization", {"ignore_fidelity": ignore}), self.SPACE, self.evaluate, max_evaluations=6
        )
        assert {config["epochs"] for config in configs(run)} == {27}

    def test_it_is_refused(self):
        with pytest.raises(OptimizerError, match="does not use fidelities.*ignore_fidelity"):
            neps.algorithms.bayesian_optimization(self.SPACE)

    @pytest.mark.parametrize("base", ["successive_halving", "hyperband", "asha", "async_hb"])
    def test_a_model_samples_for_brackets(self, base):
        optimizer = (base, {"sampler": "bayesian_optimization"})
        check_optimizer(base, spaces={"fidelity": self.SPACE}, n_trials=5, keywords=optimizer[1])

    def test_a_model_helps_brackets(self):
        def regret(optimizer, seed):
            run = simulate(optimizer, self.SPACE, self.evaluate, seed=seed, max_time=27 * 15)
            return min(t.objectives[0] for t in run.ended if t.config["epochs"] == 27) - 20 / 27

        def mean(optimizer):
            return np.mean([regret(optimizer, seed) for seed in range(3)])

        assert mean(("asha", {"sampler": "bayesian_optimization"})) < 0.5 * mean("asha")

    def test_no_configuration_twice_at_one_level(self):
        run = simulate(
            ("hyperband", {"sampler": "bayesian_optimization"}), self.SPACE, self.evaluate, n_workers=4, max_time=100
        )
        assert len({config_hash(config) for config in configs(run)}) == len(run.trials)

    def test_kick_in(self, monkeypatch):
        from neps_plugins.toolkit.brackets.model_sampler import ModelSampler

        at: list[float] = []
        ask = ModelSampler.__call__

        def spy(self, request):
            finished = [t.config["epochs"] for t in request.trials.values() if t.state.is_finished]
            at.append(sum(finished) / 27)
            return ask(self, request)

        monkeypatch.setattr(ModelSampler, "__call__", spy)
        space = {**self.SPACE, "x": neps.Float(0, 1, prior=0.5)}
        optimizer = ("priorband", {"bayesian_optimization_kick_in_point": 5})
        simulate(optimizer, space, self.evaluate, max_time=27 * 10)
        assert at and min(at) >= 5
        at.clear()
        simulate("priorband", space, self.evaluate, max_time=27 * 10)
        assert not at

    def test_brackets_without_a_model_do_without_scipy(self, script):
        script.write(
            """
            import sys, neps
            space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}
            neps.run(lambda x, epochs: x, space, root_directory="r", evaluations_to_spend=3, optimizer="hyperband")
            assert "scipy" not in sys.modules
            """
        )
        script.run()


class TestRefusals:
    @pytest.mark.parametrize(
        "keywords, message",
        [
            ({"initial_design_size": 0}, "initial_design_size=0 must be 'ndim' or a whole number"),
            ({"initial_design_size": "all"}, "initial_design_size='all'"),
            ({"initial_design_size": True}, "initial_design_size=True"),
            ({"cost_aware": "cheap"}, "cost_aware='cheap' must be True, False or 'log'"),
            ({"reference_point": 1.0}, "reference_point=1.0 must be None, or a finite number for each of several"),
            ({"ignore_fidelity": "lowest"}, "ignore_fidelity='lowest'"),
        ],
    )
    def test_keywords(self, keywords, message):
        with pytest.raises(OptimizerError, match=message):
            neps.algorithms.bayesian_optimization(SQUARE, **keywords)

    def test_a_reference_point_for_others(self, root):
        optimizer = ("bayesian_optimization", {"reference_point": (1, 1, 1)})
        with pytest.raises(OptimizerError, match="must be 2 finite numbers"):
            neps.run(lambda x, y: [x, y], SQUARE, root_directory=root, optimizer=optimizer, evaluations_to_spend=5)
        assert neps.status(root)[0].loc["1", "state"] == "success"  # what was evaluated is kept


def test_many_columns_and_many_observations():
    """Answers, and goes on proposing what is new; how quickly stands in tests/benchmarks."""
    space = {f"x{i}": neps.Float(0, 1) for i in range(60)}
    parsed = parse_space(space)
    rng = np.random.default_rng(0)
    loop = neps.AskAndTell(neps.algorithms.bayesian_optimization(space), seed=1)
    for i in range(1100):
        config = parsed.resolve(Uniform(rng)).config
        loop.tell_custom(config_id=str(i + 1), config=config, result=sum((v - 0.5) ** 2 for v in config.values()))
    trial = loop.ask()
    assert sum((v - 0.5) ** 2 for v in trial.config.values()) < 4.0  # of random ones, the best has about 3.6


def test_spaces_that_recurse_end():
    space = gallery()["recursive"]
    run = simulate("bayesian_optimization", space, lambda c, p: (len(c) + (len(c) - 5) ** 2, 1.0), max_evaluations=25)
    assert best(run) <= 5.0
    assert len({config_hash(config) for config in configs(run)}) == 25


def uphill(config):
    return -branin(config)[0], 1.0


class TestDesign:
    """What is proposed before there is a model."""

    @pytest.mark.parametrize(
        "space, size",
        [
            (SQUARE, 2),
            ({"c": neps.Categorical([*"abcd"]), "n": neps.Integer(1, 3), "k": 2}, 4),
            ({f"x{i}": neps.Float(0, 1) for i in range(12)}, 10),
            (gallery()["recursive"], 10),
        ],
    )
    def test_its_size_is_the_number_of_dimensions(self, space, size):
        assert neps.algorithms.bayesian_optimization(space).details == {"initial_design_size": size}


def test_different_seeds_have_different_models():
    """Lengthscales are drawn, so with the same trials and the same randomness the runs' seeds still matter."""
    loop = neps.AskAndTell(neps.algorithms.bayesian_optimization(SQUARE), seed=1)
    for _ in range(9):
        trial = loop.ask()
        loop.tell(trial, branin(trial.config)[0])

    def proposed(seed):
        optimizer = neps.algorithms.bayesian_optimization(SQUARE)
        return optimizer(loop.trials, BudgetInfo(), None, np.random.default_rng(0), seed)[0].config

    assert proposed(1) == proposed(1)
    assert len({str(proposed(seed)) for seed in range(4)}) > 1
