"""Trials that were evaluated elsewhere, in the brackets of a run."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

import neps
from neps_core import OptimizerError, open_run
from neps_core.optimizers.choosing import choose
from neps_core.space_parsing import parse_space

EPOCHS = neps.IntegerFidelity(1, 9)  # rungs at 1, 3 and 9
SPACE = {"x": neps.Float(0, 1, prior=0.25), "epochs": EPOCHS}
ALL = ("successive_halving", "hyperband", "asha", "async_hb", "priorband")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "run"


def evaluated(*places):
    return [({"x": x, "epochs": epochs}, x / epochs) for x, epochs in places]


def evaluate(x, epochs):
    return x / epochs


def sampled_after(root, ids):
    return [trial_id for trial_id in open_run(root).trials if trial_id not in ids]


class TestNames:
    def test_are_of_the_highest_rung_that_is_reached(self, root):
        given = evaluated((0.5, 1), (0.25, 2), (0.125, 3), (0.0625, 8), (0.75, 9))
        ids = neps.import_trials(given, root, SPACE, optimizer="hyperband")
        assert ids == ["1_rung_0", "2_rung_0", "3_rung_1", "4_rung_1", "5_rung_2"]

    def test_keep_a_configuration_together(self, root):
        given = evaluated((0.5, 9), (0.5, 1), (0.25, 1), (0.5, 3))
        assert neps.import_trials(given, root, SPACE, optimizer="asha") == [
            "1_rung_2",
            "1_rung_0",
            "2_rung_0",
            "1_rung_1",
        ]
        trials = open_run(root).trials
        assert [trials[f"1_rung_{k}"].metadata.previous_trial_id for k in range(3)] == [None, "1_rung_0", "1_rung_1"]
        assert neps.import_trials([*given, *evaluated((0.25, 9))], root) == ["2_rung_2"]
        assert open_run(root).trials["2_rung_2"].metadata.previous_trial_id == "2_rung_0"

    def test_are_plain_where_there_is_no_rung_for_them(self, root):
        space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(2, 9)}  # rungs at 3 and 9
        given = [*evaluated((0.5, 2), (0.5, 3), (0.5, 8), (0.5, 9)), ({"x": 0.5, "epochs": 9}, 0.75)]
        ids = neps.import_trials(given, root, space, optimizer="hyperband")
        assert ids == ["2", "1_rung_0", "3", "1_rung_1", "4"]
        assert neps.import_trials(given, root) == []

    def test_of_an_optimizer_without_rungs(self, root):
        optimizer = ("random_search", {"ignore_fidelity": True})
        assert neps.import_trials(evaluated((0.5, 1), (0.5, 9)), root, SPACE, optimizer=optimizer) == ["1", "2"]

    @pytest.mark.parametrize(
        "names, message",
        [
            ([], "names for 0 imported trial"),
            ([neps.SampledConfig({}, "a"), neps.SampledConfig({}, "a")], "one id twice"),
            ([neps.SampledConfig({}, "a/b"), neps.SampledConfig({})], "a/b"),
            (None, "raised TypeError"),
        ],
    )
    def test_that_an_optimizer_gets_wrong(self, root, names, message):
        class Wrong:
            def __init__(self, space):
                pass

            def __call__(self, trials, budget_info):
                return []

            def imported(self, configs, trials):
                return names

        with pytest.raises(OptimizerError, match=message):
            neps.import_trials(evaluated((0.5, 1), (0.5, 9)), root, SPACE, optimizer=Wrong)
        assert len(open_run(root).trials) == 0


class TestBrackets:
    @pytest.mark.parametrize("name", ALL)
    def test_promote_what_was_imported(self, root, name):
        ids = neps.import_trials(evaluated(*((k / 10 + 0.05, 1) for k in range(9))), root, SPACE, optimizer=name)
        neps.run(evaluate, root_directory=root, evaluations_to_spend=1)
        assert sampled_after(root, ids) == ["1_rung_1"]  # the best of nine
        assert open_run(root).trials["1_rung_1"].metadata.previous_trial_id == "1_rung_0"

    def test_from_between_two_rungs(self, root):
        ids = neps.import_trials(evaluated(*((k / 10 + 0.05, 2) for k in range(9))), root, SPACE, optimizer="hyperband")
        neps.run(evaluate, root_directory=root, evaluations_to_spend=3)
        assert sampled_after(root, ids) == ["1_rung_1", "2_rung_1", "3_rung_1"]
        assert open_run(root).trials["1_rung_1"].config == {"x": 0.05, "epochs": 3}

    def test_of_asha_go_on_from_a_higher_rung(self, root):
        ids = neps.import_trials(evaluated((0.5, 3), (0.25, 3), (0.75, 3)), root, SPACE, optimizer="asha")
        neps.run(evaluate, root_directory=root, evaluations_to_spend=1)
        assert sampled_after(root, ids) == ["2_rung_2"]

    def test_get_as_many_as_there_are(self, root):
        """More than a bracket has room for, and some of them at every rung."""
        many = [(k / 50, epochs) for k, epochs in itertools.product(range(1, 21), (1, 3, 9)) if epochs == 1 or k % 3]
        neps.import_trials(evaluated(*many), root, SPACE, optimizer="hyperband")
        result = neps.run(evaluate, root_directory=root, evaluations_to_spend=60)
        places = [tuple(trial_id.split("_rung_")) for trial_id in result.trials]
        assert len(set(places)) == len(many) + 60
        assert {level for _, level in places[len(many) :]} == {"0", "1", "2"}

    @pytest.mark.parametrize("name", ALL)
    @pytest.mark.parametrize("epochs", [(1, 3, 9), (1, 2, 3, 5, 9)])
    def test_are_the_same_for_who_has_followed_and_who_comes_later(self, name, epochs):
        """Imports in the middle of a run, also below where a configuration has begun."""
        draw = random.Random(len(epochs))
        root = f"memory://imported-{name}-{len(epochs)}"
        neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=7, optimizer=name, seed=1)
        space = parse_space(SPACE)
        following = choose(name, space).optimizer
        run = open_run(root)
        for _ in range(6):
            known = [trial.config["x"] for trial in run.trials.values()]
            places = [(draw.choice([*known, draw.random()]), draw.choice(epochs)) for _ in range(6)]
            neps.import_trials(evaluated(*places), root)
            neps.run(evaluate, root_directory=root, evaluations_to_spend=draw.randrange(1, 6))
            run.refresh()
            answers = [
                optimizer(run.trials, None, 4, np.random.default_rng(1))
                for optimizer in (following, choose(name, space).optimizer)
            ]
            assert answers[0] == answers[1]
        if len(epochs) == 3:  # then nothing is evaluated twice
            assert len({(t.config["x"], t.config["epochs"]) for t in run.trials.values()}) == len(run.trials)
