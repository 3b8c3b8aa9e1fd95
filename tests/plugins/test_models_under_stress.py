"""What independent reviewers broke in the optimizers that have a model."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

import neps
from neps.testing import simulate
from neps_core import BudgetInfo
from neps_core.spaces.identity import config_hash
from neps_plugins.toolkit.gp.posterior import Posterior

MODELS = ("bayesian_optimization", "tpe")
SQUARE = {"x": neps.Float(0, 1), "y": neps.Float(0, 1)}


def forbidden(with_relation):
    from ConfigSpace import (
        Categorical,
        ConfigurationSpace,
        Float,
        ForbiddenAndConjunction,
        ForbiddenEqualsClause,
        ForbiddenGreaterThanRelation,
        Integer,
    )

    space = ConfigurationSpace()
    if with_relation:
        a, b, c = (Integer(name, (0, 9), default=default) for name, default in zip("abc", (1, 5, 8)))
        space.add(a, b, c, ForbiddenGreaterThanRelation(a, b), ForbiddenGreaterThanRelation(b, c))
    else:
        a, b = Categorical("a", ["x", "y"], default="y"), Categorical("b", ["x", "y"])
        space.add(a, b, Float("f", (0, 1)))
        space.add(ForbiddenAndConjunction(ForbiddenEqualsClause(a, "x"), ForbiddenEqualsClause(b, "x")))
    return space


@pytest.mark.parametrize("with_relation", [False, True])
def test_forbidden_clauses_do_not_take_seconds(with_relation):
    began = time.process_time()
    run = simulate(
        "bayesian_optimization", forbidden(with_relation), lambda c, p: (len(str(c)), 1.0), max_evaluations=14
    )
    assert len({config_hash(t.config) for t in run.ended}) == 14
    assert time.process_time() - began < 20  # it was minutes


@pytest.mark.parametrize("optimizer", MODELS)
def test_wide_integers_that_are_rarely_there(optimizer):
    choices = [f"s{i}" for i in range(30)]
    space = {"c": neps.Categorical([*choices, neps.Operation("f", kwargs={"n": neps.Integer(0, 2**70)})])}
    run = simulate(optimizer, space, lambda c, p: (1.0, 1.0), max_evaluations=36)
    assert len({config_hash(t.config) for t in run.ended}) == 36


@pytest.mark.parametrize("optimizer", MODELS)
def test_a_weight_of_zero(optimizer):
    from ConfigSpace import Categorical, ConfigurationSpace

    space = ConfigurationSpace()
    space.add(Categorical("c", ["a", "b", "d"], weights=[1, 1, 0]))
    run = simulate((optimizer, {"initial_design_size": 1}), space, lambda c, p: (1.0, 1.0), max_evaluations=3)
    assert len({t.config["c"] for t in run.ended}) == len(run.ended) >= 2


def test_many_wide_choices_take_little_memory_and_time():
    space = {f"c{i}": neps.Categorical([f"l{k}" for k in range(200)]) for i in range(8)}
    optimizer = ("bayesian_optimization", {"initial_design_size": 5})
    began = time.process_time()
    simulate(optimizer, space, lambda c, p: (len(set(c.values())), 1.0), max_evaluations=9)
    assert time.process_time() - began < 15


def test_an_interrupt_leaves_no_half_taken_in_state(monkeypatch):
    optimizer = neps.algorithms.bayesian_optimization(SQUARE)
    loop = neps.AskAndTell(optimizer, seed=3)
    for _ in range(44):
        trial = loop.ask()
        loop.tell(trial, (trial.config["x"] - 0.3) ** 2 + math.sin(7 * trial.config["y"]))
    extend = Posterior.extend

    def interrupted(self, Z):
        extend(self, Z)
        raise KeyboardInterrupt

    monkeypatch.setattr(Posterior, "extend", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.ask(2)
    monkeypatch.undo()

    def proposed(optimizer):
        return optimizer(loop.trials, BudgetInfo(), 2, np.random.default_rng(0), 3)

    assert proposed(optimizer) == proposed(neps.algorithms.bayesian_optimization(SQUARE))


@pytest.mark.parametrize("optimizer", MODELS)
def test_what_is_told_may_be_of_other_types(optimizer):
    space = {"n": neps.Integer(1, 2), "c": neps.Categorical(["a", "b"])}
    loop = neps.AskAndTell(getattr(neps.algorithms, optimizer)(space, initial_design_size=1), seed=0)
    loop.tell_custom(config_id="mine", config={"n": np.int64(2), "c": "a"}, result=1.0)
    asked = [loop.ask().config for _ in range(3)]
    assert {"n": 2, "c": "a"} not in asked


def test_one_is_one_point_zero():
    space = {"n": neps.Integer(1, 2), "c": neps.Categorical(["a", "b"])}
    loop = neps.AskAndTell(neps.algorithms.bayesian_optimization(space), seed=0)
    loop.tell_custom(config_id="mine", config={"n": 1.0, "c": "a"}, result=1.0)
    assert {"n": 1, "c": "a"} not in [trial.config for trial in loop.ask(3)]
    assert loop.ask(1) == []


def test_costs_may_be_huge():
    run = simulate(
        ("bayesian_optimization", {"cost_aware": True}),
        SQUARE,
        lambda c, p: ({"objective_to_minimize": c["x"], "cost": 1e300 * (1 + c["y"])}, 1.0),
        max_evaluations=8,
    )
    assert len(run.ended) == 8


def test_large_batches():
    loop = neps.AskAndTell(neps.algorithms.bayesian_optimization(SQUARE), seed=1)
    rng = np.random.default_rng(0)
    for i, (x, y) in enumerate(rng.random((200, 2))):
        loop.tell_custom(config_id=f"t{i}", config={"x": x, "y": y}, result=(x - 0.3) ** 2 + y)
    began = time.process_time()
    batch = loop.ask(40)
    assert len({config_hash(trial.config) for trial in batch}) == 40
    assert time.process_time() - began < 20
