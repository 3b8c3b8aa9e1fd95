"""Brackets that sample around a configuration known to be good, and around the incumbent."""

from __future__ import annotations

import numpy as np
import pytest

import neps
from neps.testing import check_optimizer, simulate
from neps_core import OptimizerError
from tests.plugins.several import Driven

NAME = "local_and_incumbent"
SPACE = {"x": neps.Float(0, 1), "y": neps.Float(0, 1), "z": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}
GOOD = {"x": 0.3, "y": 0.3, "z": 0.3}


def loss(config):
    return sum((config[path] - 0.3) ** 2 for path in "xyz") + 0.01 / config["epochs"], None


def shared(a, b):
    return sum(a[path] == b[path] for path in "xyz")


@pytest.mark.parametrize("keywords", [{}, {"inc_takeover_mode": 3, "random_ratio": 0.2, "base": "asha"}])
def test_it_keeps_the_contract(keywords):
    check_optimizer(NAME, keywords=keywords, n_trials=10)


@pytest.mark.parametrize("base", ["successive_halving", "hyperband", "asha", "async_hb"])
def test_it_begins_with_the_local_prior_and_stays_near(base):
    run = Driven((NAME, {"local_prior": GOOD, "base": base}), SPACE, loss).run(20)
    first = next(iter(run.trials.values())).config
    assert {path: first[path] for path in "xyz"} == GOOD
    new = [t.config for t in run.trials.values() if t.metadata.previous_trial_id is None][1:]
    assert new and {shared(config, GOOD) for config in new} == {1, 2}  # one or two of three are changed


def test_new_ones_of_each_mode():
    """The local prior is a poor one, so that the incumbent lies elsewhere."""
    poor = {"x": 0.9, "y": 0.9, "z": 0.9}
    near = {}
    for mode in range(4):
        keywords = {"local_prior": poor, "inc_takeover_mode": mode, "random_ratio": 0.3, "base": "asha"}
        run = Driven((NAME, keywords), SPACE, loss).run(80)
        new = [t.config for t in run.trials.values() if t.metadata.previous_trial_id is None][30:]
        near[mode] = np.mean([shared(config, poor) > 0 for config in new]), np.median([loss(c)[0] for c in new])
    assert near[0][0] > 0.6 > 0.4 > near[1][0]
    assert near[1][0] < near[3][0] < near[0][0] + 0.1
    assert near[1][1] < near[2][1] < near[0][1]


@pytest.mark.parametrize("n_workers", [1, 4])
def test_what_was_tried_is_not_begun_again(n_workers):
    """Half of the changes were other labels, of which there are few."""
    space = {"c": neps.Categorical(list("abc"), prior=0), "n": neps.Integer(1, 4), "epochs": neps.IntegerFidelity(1, 9)}
    run = Driven((NAME, {"inc_takeover_mode": 3, "base": "asha"}), space, lambda c: ([c["n"] / c["epochs"]], None))
    run.run(40, n_workers)
    new = [(t.config["c"], t.config["n"]) for t in run.trials.values() if t.metadata.previous_trial_id is None]
    assert len(set(new[:12])) == 12 < len(new)  # then there is nothing else


def test_a_local_prior_that_is_forbidden_is_drawn():
    from ConfigSpace import ConfigurationSpace, ForbiddenEqualsRelation, Integer, Normal

    space = ConfigurationSpace()
    a, b = (Integer(name, (0, 9), default=d, distribution=Normal(5, 1)) for name, d in (("a", 5), ("b", 4)))
    space.add(a, b, Integer("epochs", (1, 9), meta={"fidelity": True}), ForbiddenEqualsRelation(a, b))
    first = Driven(NAME, space, lambda c: ([c["a"]], None)).run(3).trials["1_rung_0"].config
    assert first["a"] != first["b"] and {first["a"], first["b"]} <= set(range(2, 9))


def test_priors_of_the_space_are_a_local_prior():
    space = {**SPACE, "x": neps.Float(0, 1, prior=0.25), "y": neps.Float(0, 1, prior=0.75)}
    run = Driven(NAME, space, loss).run(5)
    first = run.trials[next(iter(run.trials))].config
    assert (first["x"], first["y"]) == (0.25, 0.75)
    assert all(shared(trial.config, first) >= 1 for trial in run.trials.values())


def test_it_beats_random_search():
    def best(who, seed):
        run = simulate(who, SPACE, lambda c, p: (loss(c)[0], c["epochs"]), max_time=20 * 9, seed=seed)
        return min(t.objectives for t in run.ended if t.config["epochs"] == 9)

    ours, random = ([best(who, seed) for seed in range(6)] for who in (NAME, RANDOM))
    assert sum(a < b for a, b in zip(ours, random)) == 6


RANDOM = ("random_search", {"ignore_fidelity": "highest_fidelity"})


def test_several_objectives_and_constraints():
    def two(config):
        return [config["x"], 1 - config["x"] + config["y"]], [config["z"] - 0.5]

    def new_ones(who):
        run = Driven(who, SPACE, two).run(150)
        return [t.config for t in run.trials.values() if t.metadata.previous_trial_id is None][-50:]

    ours, uniform = new_ones((NAME, {"inc_takeover_mode": 1})), new_ones("hyperband")
    assert np.mean([config["y"] for config in ours]) < np.mean([config["y"] for config in uniform]) - 0.05
    assert np.mean([c["z"] <= 0.5 for c in ours]) > np.mean([c["z"] <= 0.5 for c in uniform]) + 0.1


@pytest.mark.parametrize(
    "keywords, message",
    [
        ({"inc_takeover_mode": 4}, "inc_takeover_mode=4 must be 0 .around the local prior."),
        ({"inc_takeover_mode": True}, "inc_takeover_mode=True"),
        ({"random_ratio": 1.5}, "random_ratio=1.5 must be a number from 0 to 1"),
        ({"local_prior": [1]}, r"local_prior must be a dict"),
        ({"local_prior": {"x": 0.3}}, "local_prior=.'x': 0.3. is no configuration of the space: .*no value for 'y'"),
        ({"local_prior": {**GOOD, "y": 2}}, "'y': 2.0 is outside"),
        ({"local_prior": {**GOOD, "w": 2}}, "does not ask for 'w'"),
        ({"eta": 1}, "eta must be"),
        ({"base": "nothing"}, "nothing"),
    ],
)
def test_bad_keywords(keywords, message):
    with pytest.raises(OptimizerError, match=message):
        neps.algorithms.local_and_incumbent(SPACE, **keywords)


def test_it_needs_a_fidelity():
    with pytest.raises(OptimizerError, match="needs a fidelity"):
        neps.algorithms.neps_local_and_incumbent({"x": neps.Float(0, 1)}, local_prior={"x": 0.5})


def test_a_local_prior_in_the_notation_of_upstream():
    class Space(neps.PipelineSpace):
        x = neps.Float(0, 1)
        epochs = neps.IntegerFidelity(1, 9)

    run = Driven((NAME, {"local_prior": {"SAMPLING__Resolvable.x::float__0_1_False": 0.125}}), Space(), None)
    assert run.trials[run.ask()[0]].config["x"] == 0.125
