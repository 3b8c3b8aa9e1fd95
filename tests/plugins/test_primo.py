"""`primo`: several objectives with a prior for each."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps.testing import check_optimizer, gallery
from neps_core import OptimizerError, parse_space
from neps_core.spaces.identity import config_hash
from neps_plugins.optimizers.primo import gamma
from tests.plugins.several import Driven

FLAT = {"x": neps.Float(0, 1), "y": neps.Float(1e-4, 1, log=True), "c": neps.Categorical(["a", "b", "d"])}
SPACE = {**FLAT, "epochs": neps.IntegerFidelity(1, 9)}
CENTERS = {"0": {"x": 0.1, "c": "d"}, "1": {"x": 0.8}}
DESIGN = {"prior_centers": {0: CENTERS["0"]}, "sampler": "mopriorsampler"}
SURE = {"0": {"x": 0.98, "c": 0.9}, "1": {"x": 0.98}}


def traded_off(config):
    return [config["x"], 1 - config["x"] + config["y"]], None


def constrained(config):
    return traded_off(config)[0], [config["x"] - 0.5]


def names_of(objectives):
    def evaluate(config):
        return dict(zip(objectives, traded_off(config)[0]))

    return evaluate


def is_modelled(trial_id):
    return "_rung_" not in trial_id


def modelled(run):
    return [trial.config for trial_id, trial in run.trials.items() if is_modelled(trial_id)]


def near(config, k):
    return abs(config["x"] - CENTERS[str(k)]["x"]) < 0.06


class TestContract:
    def test_with_a_fidelity(self):
        keywords = {**DESIGN, "initial_design_size": 1, "sample_prior_first": True}
        space = {"x": FLAT["x"], "c": FLAT["c"], "epochs": neps.IntegerFidelity(1, 2)}
        check_optimizer("primo", spaces={"s": space}, n_trials=5, keywords={"eta": 2, **keywords}, n_objectives=(2,))

    def test_without(self):
        keywords = {**DESIGN, "initial_design_size": 2}
        check_optimizer("primo", spaces={"s": FLAT}, n_trials=5, keywords=keywords, n_objectives=())

    def test_in_a_hierarchy_beliefs_are_by_path(self):
        branches = [neps.Operation(f"o{i}", kwargs={"p": neps.Float(0, 1)}) for i in range(2)]
        space = {"m": neps.Categorical(branches), "x": neps.Float(0, 1)}
        paths = list(parse_space(space).resolve(lambda path, domain: domain.default()).config)
        path = next(path for path in paths if path.endswith("p"))
        keywords = {"prior_centers": {0: {path: 0.9}}, "prior_confidences": {0: {path: 1.0}}, "epsilon": 0.0}
        design = {**keywords, "sampler": "mopriorsampler", "initial_design_size": 6}
        run = Driven(("primo", design), space, lambda config: ([config["x"], 1 - config["x"]], None)).run(6)
        drawn = [trial.config[path] for trial in run.trials.values() if path in trial.config]
        assert drawn and all(abs(p - 0.9) < 0.05 for p in drawn)
        check_optimizer("primo", spaces={"s": space}, n_trials=3, keywords=keywords, n_objectives=())

    def test_configspace_with_conditions(self):
        name = "all (configspace_spaces)" if "all (configspace_spaces)" in gallery() else "mixed"
        check_optimizer("primo", spaces={"s": gallery()[name]}, n_trials=3, n_objectives=())


class TestPhases:
    def test_the_design_ends_when_its_fidelity_is_spent(self):
        run = Driven(("primo", {"prior_centers": CENTERS, "initial_design_size": 2}), SPACE, traded_off)
        for _ in range(22):
            spent = sum(trial.config["epochs"] for trial in run.trials.values())
            [trial_id] = run.ask()
            assert is_modelled(trial_id) == (spent >= 18)
            run.tell(trial_id)
        assert modelled(run) and {config["epochs"] for config in modelled(run)} == {9}

    def test_several_workers(self):
        run = Driven(("primo", {"prior_centers": CENTERS, "initial_design_size": 1}), SPACE, traded_off).run(20, 4)
        assert len(modelled(run)) > 3
        assert len({config_hash(config) for config in modelled(run)}) == len(modelled(run))
        assert len(run.ask(3)) == 3

    def test_how_large_the_design_is(self):
        made = neps.algorithms.primo(SPACE, prior_centers=CENTERS)
        assert made.details == {"rung_fidelities": [1, 3, 9], "initial_design_size": 4}


class TestPriors:
    def counts(self, n=8, space=FLAT, evaluate=traded_off, **keywords):
        """Of first proposals of the model, how many are near the best of either objective."""
        keywords = {"prior_centers": CENTERS, "prior_confidences": SURE, "initial_design_size": 3, **keywords}
        found = []
        for seed in range(n):
            found.append(list(Driven(("primo", keywords), space, evaluate, seed).run(4).trials.values())[-1].config)
        return [sum(near(config, k) for config in found) for k in (0, 1)], found

    def test_good_priors_are_believed_and_each_has_its_turn(self):
        (first, second), found = self.counts(epsilon=0.0)
        assert first + second == 8 and first >= 2 and second >= 2
        assert all(config["c"] == "d" for config in found if near(config, 0))

    def test_epsilon_of_1_ignores_them(self):
        _, found = self.counts(4, epsilon=1.0)
        other = {"0": {"x": 0.5, "y": 0.5, "c": "a"}, "1": {"x": 0.4}}
        assert found == self.counts(4, epsilon=1.0, prior_centers=other, prior_confidences=None)[1]

    def test_the_power_decays(self):
        assert [gamma(n, 4) for n in (0, 2, 4)] == pytest.approx([1.0, math.exp(-1), math.exp(-4)])
        keywords = {"prior_centers": {"0": {"x": 0.5}}, "prior_confidences": {"0": {"x": 0.98}}, "epsilon": 0.0}
        run = Driven(("primo", {**keywords, "initial_design_size": 2}), FLAT, lambda c: ([c["x"], c["x"] ** 2], None))
        x = [trial.config["x"] for trial in run.run(14).trials.values()]
        assert abs(x[2] - 0.5) < 0.05 and np.median(x[8:]) < 0.2  # a wrong one is forgotten

    @pytest.mark.parametrize("space", [FLAT, SPACE])
    def test_the_design_may_be_drawn_from_them(self, space):
        design = {"sampler": "mopriorsampler", "initial_design_size": 12}
        keywords = {"prior_centers": CENTERS, "prior_confidences": SURE, **design}
        configs = [t.config for t in Driven(("primo", keywords), space, traded_off).run(12).trials.values()]
        counts = [sum(near(config, k) for config in configs) for k in (0, 1)]
        assert sum(counts) == 12 and min(counts) >= 2

    @pytest.mark.parametrize("space, fidelity", [(FLAT, None), (SPACE, 9)])
    def test_what_is_believed_to_be_best_comes_first(self, space, fidelity):
        keywords = {"prior_centers": CENTERS, "sample_prior_first": "highest_fidelity"}
        [trial] = Driven(("primo", keywords), space, traded_off).run(1).trials.values()
        assert (trial.config["x"], trial.config["c"], trial.config.get("epochs")) == (0.1, "d", fidelity)

    def test_those_of_the_space_count_without_centers(self):
        space = {**FLAT, "x": neps.Float(0, 1, prior=0.8, prior_confidence="high")}
        _, found = self.counts(6, space, prior_centers=None, prior_confidences=None, epsilon=0.0)
        assert np.mean([abs(config["x"] - 0.8) for config in found]) < 0.15

    def test_without_any_the_log_says_so_once(self, caplog):
        caplog.set_level("WARNING", "neps.optimizers")
        run = Driven(("primo", {"sampler": "mopriorsampler", "sample_prior_first": True}), SPACE, traded_off)
        run.run(3)
        assert [r.getMessage() for r in caplog.records if "'primo' goes on without" in r.getMessage()] == [
            "There are neither prior_centers nor priors in the space, so 'primo' goes on without."
        ]


class TestScalarisation:
    def last(self, weights, evaluate=traded_off):
        keywords = {"bo_scalar_weights": weights, "epsilon": 1.0, "initial_design_size": 3, "prior_centers": CENTERS}
        return [t.config["x"] for t in Driven(("primo", keywords), FLAT, evaluate).run(13).trials.values()][7:]

    def test_weights_say_where_to_go(self):
        assert np.median(self.last({"0": 1, "1": 0})) < 0.1 and np.median(self.last({0: 0.0, 1: 1.0})) > 0.8

    def test_drawn_weights_lead_to_both_ends(self):
        x = self.last(None)
        assert min(x) < 0.15 and max(x) > 0.85

    def test_constraints_are_kept(self):
        assert np.mean(np.array(self.last({"0": 0, "1": 1}, constrained)) <= 0.5) > 0.5


class TestNames:
    def loop(self, keywords, evaluate=names_of(["loss", "time"]), space=FLAT):
        loop = neps.AskAndTell(neps.algorithms.primo(parse_space(space), **keywords), seed=0)
        for _ in range(5):
            trial = loop.ask()
            loop.tell(trial, {"objective_to_minimize": evaluate(trial.config)})
        return [trial.config for trial in loop.trials.values()]

    def test_a_name_and_a_number_are_the_same(self):
        by = [
            self.loop({"prior_centers": {a: CENTERS["0"], b: CENTERS["1"]}, "bo_scalar_weights": {a: 1, b: 2}})
            for a, b in (("loss", "time"), ("0", "1"), (0, 1), (0, "time"))
        ]
        assert all(configs == by[0] for configs in by)

    @pytest.mark.parametrize(
        "keywords, message",
        [
            ({"prior_centers": {"los": {"x": 0.5}}}, r"prior_centers has 'los'.*They have \['loss', 'time'\]"),
            ({"prior_centers": {2: {"x": 0.5}}}, r"prior_centers has '2'"),
            ({"bo_scalar_weights": {"acc": 1}}, r"bo_scalar_weights has 'acc'"),
            ({"bo_scalar_weights": {"loss": 1}, "initial_design_size": 1}, r"none for the objectives \['time'\]"),
            ({"prior_centers": {"loss": {"x": 0.5}, 0: {"x": 0.4}}}, "names an objective twice"),
        ],
    )
    def test_those_that_do_not_exist(self, keywords, message):
        with pytest.raises(OptimizerError, match=message):
            self.loop({"prior_centers": CENTERS, **keywords})

    def test_numbers_stand_where_there_are_no_names(self):
        with pytest.raises(OptimizerError, match=r"'loss'.*They have \['0', '1'\]"):
            self.loop({"prior_centers": {"loss": {"x": 0.5}}}, lambda config: traded_off(config)[0])

    @pytest.mark.filterwarnings("ignore")
    def test_the_value_of_an_error_is_no_result(self, root):
        def evaluate(x, y, c):
            raise ValueError("no")

        keywords = {"prior_centers": {"loss": {"x": 0.5}}, "initial_design_size": 1}
        neps.run(
            evaluate,
            FLAT,
            root_directory=root,
            optimizer=("primo", keywords),
            evaluations_to_spend=3,
            ignore_errors=True,
            objective_value_on_error=1.0,
            cost_value_on_error=1.0,
        )
        assert len(neps.load_trials(root)) == 3


@pytest.mark.parametrize(
    "keywords, message",
    [
        ({"prior_centers": [0.5]}, "prior_centers must be a dict of dicts"),
        ({"prior_centers": {"0": 0.5}}, "prior_centers must be a dict of dicts"),
        ({"prior_centers": {"0": {"z": 0.5}}}, r"prior_centers\['0'\]\['z'\] is no parameter"),
        ({"prior_centers": {"0": {"epochs": 3}}}, r"\['epochs'\] is no parameter"),
        ({"prior_centers": {"0": {"x": 1.5}}}, r"prior_centers\['0'\]\['x'\]: .*1.5"),
        ({"prior_centers": {"0": {"c": "e"}}}, r"prior_centers\['0'\]\['c'\]: .*'e'"),
        ({"prior_confidences": {"0": {"x": 0.0}}}, r"prior_confidences\['0'\]\['x'\]=0.0 must be a number above 0"),
        ({"prior_confidences": {"0": {"x": "so-so"}}}, "'so-so' must be"),
        ({"prior_confidences": {"0": {"y": 0.5}}}, r"\['y'\] has no value in prior_centers"),
        ({"sampler": "prior"}, "sampler='prior' is unknown"),
        ({"sample_prior_first": "first"}, "sample_prior_first='first' must be"),
        ({"epsilon": 1.5}, "epsilon=1.5 must be"),
        ({"mo_selector": "eps"}, "mo_selector='eps' is unknown"),
        ({"initial_design_size": 0}, "initial_design_size=0 must be"),
        ({"cost_aware": "no"}, "cost_aware='no' must be"),
        ({"bo_scalar_weights": {"0": -1.0}}, "bo_scalar_weights=.*at least 0"),
        ({"bo_scalar_weights": {"0": 0}}, "bo_scalar_weights=.*not all 0"),
        ({"eta": 1}, "eta must be"),
    ],
)
def test_keywords_that_make_no_sense(keywords, message):
    with pytest.raises(OptimizerError, match=message):
        neps.algorithms.primo(SPACE, **{"prior_centers": CENTERS, **keywords})


def test_levels_are_confidences_too():
    loops = [
        Driven(("primo", {"prior_centers": CENTERS, "prior_confidences": sure, "device": "cpu"}), FLAT, traded_off)
        for sure in (None, {"0": {"x": "medium"}, "1": {"x": 0.75}})
    ]
    assert [trial.config for trial in loops[0].run(6).trials.values()] == [
        trial.config for trial in loops[1].run(6).trials.values()
    ]
