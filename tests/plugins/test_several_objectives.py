"""`bayesian_optimization` and `pibo` with several objectives and constraints."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps.testing import gallery
from neps_core import BudgetInfo, OptimizerError, Report, State, TrialLog, parse_space
from neps_core import events as ev
from neps_core.optimizers.choosing import choose
from neps_core.sampling import sample
from neps_core.spaces.identity import config_hash
from neps_plugins.toolkit import hypervolume

SQUARE = {"x": neps.Float(0, 1), "y": neps.Float(0, 1)}
NAN = math.nan


class Loop:
    """A run in memory, whose results are reports."""

    def __init__(self, optimizer, space, seed=0):
        self.space, self.optimizer, self.seed = parse_space(space), optimizer, seed
        self.chosen = choose(optimizer, self.space)
        self.log = TrialLog()
        self.log.fold([ev.Created(ev.FORMAT, seed, 0.0)])

    def ask(self, n=None):
        asked = sample(self.log, self.chosen, self.space, BudgetInfo(), n, "w", 0.0)
        self.log.fold(asked)
        for event in asked:
            self.log.fold([ev.Started(event.id, 0.0, "w")])
        return [self.log.trials[event.id] for event in asked]

    def tell(self, trial, report):
        if not isinstance(report, Report):
            objectives, *constraints = report
            report = Report(list(objectives), constraints=constraints[0] if constraints else None)
        self.log.fold([ev.Finished(trial.id, 0.0, State(report.reported_as), report)])

    def run(self, evaluate, n, n_workers=1):
        while len(self.log.trials) < n:
            for trial in [self.ask()[0] for _ in range(n_workers)]:
                self.tell(trial, evaluate(dict(trial.config)))
        return self

    @property
    def configs(self):
        return [dict(trial.config) for trial in self.log.trials.values()]

    def resumed(self):
        """As another process sees it."""
        other = Loop(self.optimizer, self.space, self.seed)
        other.log = self.log
        return other


def two(config):
    """A front from (0, 1) to (1, 0), along y = 0.7."""
    x, far = config["x"], 4 * (config["y"] - 0.7) ** 2
    return ((x**2 + far, (x - 1) ** 2 + far),)


def three(config):
    return ((*two(config)[0], (config["x"] + config["y"] - 1) ** 2),)


def covered(loop, reference=(1.0, 1.0)):
    kept = [trial.objectives for trial in loop.log.trials.values() if trial.objectives and trial.is_feasible]
    return hypervolume(kept, reference)


class TestFronts:
    def test_two_objectives(self):
        """All there is to cover is 5/6."""
        assert covered(Loop("bayesian_optimization", SQUARE).run(two, 14)) > 0.75
        assert covered(Loop("random_search", SQUARE).run(two, 14)) < 0.65

    def test_three_objectives(self):
        ours = covered(Loop("bayesian_optimization", SQUARE).run(three, 12), (1.0, 1.0, 1.0))
        assert ours > 1.2 * covered(Loop("random_search", SQUARE).run(three, 12), (1.0, 1.0, 1.0))

    def test_many_objectives(self):
        """The boxes of the front stay few."""

        def seven(config):
            return (tuple((config["x"] - i / 6) ** 2 + (config["y"] - 0.5) ** 2 for i in range(7)),)

        loop = Loop(("bayesian_optimization", {"initial_design_size": 12}), SQUARE).run(seven, 13)
        assert len({config_hash(config) for config in loop.configs}) == 13

    def test_a_front_of_one_point(self):
        loop = Loop("bayesian_optimization", SQUARE).run(lambda c: ((c["x"], 2 * c["x"] + c["y"]),), 8)
        assert min(config["x"] for config in loop.configs) < 0.01

    def test_an_objective_that_never_changes(self):
        loop = Loop("bayesian_optimization", SQUARE).run(lambda c: ((3.0, (c["x"] - 0.4) ** 2),), 10)
        assert min(abs(config["x"] - 0.4) for config in loop.configs) < 0.05

    def test_a_reference_point(self):
        """Nothing counts that is beyond it, so the proposals of the model go where both are below."""

        def middle(**keywords):
            loop = Loop(("bayesian_optimization", keywords), SQUARE).run(two, 14)
            late = [config["x"] for i, config in enumerate(loop.configs) if i >= 6 and i % 8 != 7]
            return np.mean([0.25 < x < 0.75 for x in late])

        assert middle(reference_point=(0.5, 0.5)) > 0.7 > middle(reference_point=(2.0, 2.0))

    def test_one_that_nothing_reaches_yet(self):
        loop = Loop(("bayesian_optimization", {"reference_point": [0.26, 0.26]}), SQUARE).run(two, 16)
        assert covered(loop, (0.3, 0.3)) > 0

    def test_infinite_objectives(self):
        values = iter([math.inf, -math.inf, 1e300, 0.0] * 5)
        loop = Loop("bayesian_optimization", SQUARE).run(lambda c: ((c["x"], next(values)),), 8)
        assert len(loop.configs) == 8

    @pytest.mark.parametrize("wrong", [(1.0,), (NAN, 1.0), "up", 3, [[1.0, 2.0]], (math.inf, 1.0)])
    def test_no_reference_point(self, wrong):
        with pytest.raises(OptimizerError, match="reference_point=.* must be None, or a finite number for each"):
            neps.algorithms.bayesian_optimization(SQUARE, reference_point=wrong)

    def test_one_of_another_length(self):
        loop = Loop(("bayesian_optimization", {"reference_point": (1, 1, 1)}), SQUARE)
        with pytest.raises(OptimizerError, match=r"reference_point=\(1.0, 1.0, 1.0\) must be 2 finite numbers"):
            loop.run(two, 4)

    def test_with_one_objective_it_says_nothing(self):
        def one(config):
            return Report((config["x"] - 0.3) ** 2)

        plain, given = (
            Loop(("bayesian_optimization", keywords), SQUARE).run(one, 5).configs
            for keywords in ({}, {"reference_point": (1.0, 1.0)})
        )
        assert plain == given


class TestConstraints:
    @staticmethod
    def one(config):
        """Lower is better, and x + y must be at least 1: the best is (0.5, 0.5)."""
        x, y = config["x"], config["y"]
        return Report(x**2 + y**2, constraints=1 - x - y)

    def best(self, loop):
        return min((t.objectives[0] for t in loop.log.trials.values() if t.is_feasible), default=math.inf)

    def test_one_objective(self):
        assert self.best(Loop("bayesian_optimization", SQUARE).run(self.one, 11)) < 0.53

    def test_they_are_what_keeps_it_there(self):
        free = Loop("bayesian_optimization", SQUARE).run(lambda c: Report(self.one(c).objective_to_minimize), 11)
        assert min(config["x"] + config["y"] for config in free.configs) < 0.1

    def test_two_objectives(self):
        def evaluate(config):
            return two(config)[0], [0.3 - config["x"], config["y"] - 0.9]

        loop = Loop("bayesian_optimization", SQUARE).run(evaluate, 14)
        late = list(loop.log.trials.values())[6:]
        assert np.mean([trial.is_feasible for trial in late]) > 0.8
        assert covered(loop) > 0.7

    def test_nothing_keeps_them(self):
        """It goes where they are most nearly kept."""

        def nearest(optimizer):
            loop = Loop(optimizer, SQUARE).run(lambda c: ([c["x"], c["y"]], [2.05 - c["x"] - c["y"]]), 10)
            return max(config["x"] + config["y"] for config in loop.configs)

        assert nearest("bayesian_optimization") > 1.99 > nearest("random_search")

    def test_a_small_feasible_corner_is_found(self):
        loop = Loop("bayesian_optimization", SQUARE).run(
            lambda c: ((c["x"], 1 - c["x"]), [max(c["x"] - 0.15, 0.85 - c["y"])]), 13
        )
        assert sum(trial.is_feasible for trial in loop.log.trials.values()) >= 4

    def test_odd_values(self):
        """NaN is unknown, and counts as broken."""

        def mean_x(odd):
            def evaluate(config):
                return Report(config["x"] + config["y"], constraints=[odd if config["x"] < 0.5 else -1.0, -2.0])

            loops = [Loop("bayesian_optimization", SQUARE, seed=seed).run(evaluate, 10) for seed in range(3)]
            return np.mean([c["x"] for loop in loops for i, c in enumerate(loop.configs) if i >= 3 and i % 8 != 7])

        kept = mean_x(-math.inf)
        assert all(mean_x(odd) > kept + 0.08 for odd in (NAN, 1e300))

    @pytest.mark.parametrize("value", [NAN, math.inf, 0.0, 5.0])
    def test_all_the_same(self, value):
        loop = Loop("bayesian_optimization", SQUARE).run(lambda c: Report(c["x"], constraints=[value]), 5)
        assert len({config_hash(config) for config in loop.configs}) == 5

    def test_some_trials_have_none(self):
        """As those that were imported."""
        loop = Loop("bayesian_optimization", SQUARE)
        loop.run(lambda c: Report(two(c)[0][0]), 3)
        assert self.best(loop.run(self.one, 8)) < math.inf


class TestRuns:
    @staticmethod
    def unreliable(config):
        if config["x"] > 0.8:
            return Report(err="it raised", reported_as="failed")
        return two(config)[0], [config["y"] - 0.9]

    def test_failures(self):
        loop = Loop("bayesian_optimization", SQUARE).run(self.unreliable, 13)
        late = [config["x"] for i, config in enumerate(loop.configs) if i >= 5 and i % 8 != 7]
        assert np.mean(np.array(late) > 0.8) < 0.3
        assert covered(loop) > 0.7

    def test_only_failures_at_first(self):
        results = iter([None] * 4)

        def evaluate(config):
            failed = next(results, True)
            return two(config) if failed else Report(err="it raised", reported_as="failed")

        assert len(Loop("bayesian_optimization", SQUARE).run(evaluate, 9).configs) == 9

    def test_a_value_that_stands_for_an_error_is_all_objectives(self):
        stands = Report(9.0, err="it raised")
        loop = Loop("bayesian_optimization", SQUARE)
        loop.run(lambda c: stands if c["x"] > 0.5 else two(c), 11)
        late = [config["x"] for i, config in enumerate(loop.configs) if i >= 4 and i % 8 != 7]
        assert np.mean(late) < 0.5

    def test_those_under_way_are_spread_along_the_front(self):
        loop = Loop("bayesian_optimization", SQUARE).run(two, 10)
        asked = [*loop.ask(3), *loop.ask(), *loop.ask()]
        points = np.array([[t.config["x"], t.config["y"]] for t in asked])
        gaps = np.abs(points[:, None] - points[None]).max(axis=2)
        assert gaps[~np.eye(5, dtype=bool)].min() > 1e-2

    def test_the_same_again_after_a_restart(self):
        loop = Loop("bayesian_optimization", SQUARE, seed=3)
        again = Loop("bayesian_optimization", SQUARE, seed=3)
        for _ in range(6):
            for each in (loop, again.resumed()):
                trial = each.ask()[0]
                each.tell(trial, self.unreliable(dict(trial.config)))
        assert loop.configs == again.configs
        assert loop.configs != Loop("bayesian_optimization", SQUARE, seed=4).run(self.unreliable, 6).configs

    @pytest.mark.parametrize("name", ["mixed", "hierarchical", "conditional"])
    def test_every_space(self, name):
        """The last is one of ConfigSpace."""
        space = gallery()[name]

        def evaluate(config):
            numbers = [float(v) for v in config.values() if isinstance(v, (int, float))]
            return (math.tanh(sum(numbers)), float(len(str(config)))), [math.sin(sum(numbers))]

        loop, again = (Loop(("bayesian_optimization", {"initial_design_size": 2}), space, seed=1) for _ in range(2))
        for _ in range(5):
            for each in (loop, again.resumed()):
                for trial in each.ask():
                    each.tell(trial, evaluate(dict(trial.config)))
        assert loop.configs == again.configs
        assert len({config_hash(config) for config in loop.configs}) == len(loop.configs)

    def test_pibo(self):
        """A good prior helps from the first evaluations on."""
        good = {n: neps.Float(0, 1, prior=p, prior_confidence="high") for n, p in (("x", 0.5), ("y", 0.7))}

        def mean(name, space):
            return np.mean([covered(Loop(name, space, seed=seed).run(two, 6)) for seed in range(4)])

        assert mean("pibo", good) > 1.15 * mean("bayesian_optimization", SQUARE)

    def test_costs(self):
        """The objectives are the same along y, and the cost is not."""

        def spent(cost_aware):
            def evaluate(config):
                return Report([config["x"], (config["x"] - 1) ** 2], cost=10 ** (2 * config["y"]))

            loop = Loop(("bayesian_optimization", {"cost_aware": cost_aware}), SQUARE).run(evaluate, 8)
            return sum(trial.report.cost for trial in list(loop.log.trials.values())[3:])

        assert spent("log") < 0.6 * spent(False)
