"""What has no end is refused or ends: data that contains itself or is very deep, budgets that nothing spends."""

from __future__ import annotations

import numpy as np
import pytest

import neps
from neps_core import BudgetError, OptimizerError, RunError, SpaceError, parse_space
from neps_core import claims as claims_module
from neps_plugins.spaces.pipeline.shorthand import HPOConstant


def deep(kind, n=10_000):
    thing = kind()
    for _ in range(n):
        thing = {"a": thing} if kind is dict else kind([thing])
    return thing


def loop(kind):
    thing = kind()
    if kind is dict:
        thing["a"] = thing
    else:
        thing += [thing, thing]
    return thing


def cycle():
    kwargs = {}
    kwargs["x"] = neps.Operation("f", kwargs=kwargs)
    return kwargs["x"]


ENDLESS = {
    "list in itself": lambda: loop(list),
    "dict in itself": lambda: loop(dict),
    "operation in itself": cycle,
    "deep list": lambda: deep(list),
    "deep tuple": lambda: deep(tuple),
    "deep dict": lambda: deep(dict),
    "long integer": lambda: 10**5000,
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_in_a_space(kind):
    thing = ENDLESS[kind]()
    places = (thing, neps.Categorical([1, thing]), neps.Operation("f", args=(thing,)), neps.Repeated(2, thing), [thing])
    for place in places:
        with pytest.raises(SpaceError, match="^odd: it (contains itself|is nested too deeply|has a whole number)"):
            parse_space({"x": neps.Float(0, 1), "odd": HPOConstant(place)})
        with pytest.raises(SpaceError, match="^odd: "):
            parse_space({"odd": place})


def test_in_a_setting():
    for make in (lambda thing: neps.Float(0, thing), lambda thing: neps.Integer(0, 3, prior=thing)):
        with pytest.raises(SpaceError, match="^odd: "):
            parse_space({"odd": make(deep(list))})


def test_what_is_used_twice_or_moderately_deep_is_fine():
    shared = [1, [None, None], ()]
    constant = HPOConstant([shared, shared, {"b": shared}])
    parse_space({"a": constant, "c": HPOConstant(deep(list, 90)), "d": neps.Float(0, 1)})


@pytest.mark.parametrize("kind", [kind for kind in ENDLESS if kind != "operation in itself"])
def test_in_an_optimizers_keywords(root, kind):
    with pytest.raises(OptimizerError, match="'gamma'"):
        neps.run(
            lambda x: x,
            {"x": neps.Float(0, 1)},
            root_directory=root,
            evaluations_to_spend=1,
            optimizer=("tpe", {"gamma": ENDLESS[kind]()}),
        )
    assert not root.exists()


@pytest.mark.parametrize("thing", [deep(list), deep(dict), loop(dict)])
def test_beside_a_result(root, thing):
    def evaluate(x):
        neps.report(x, deep=thing)
        return {"objective_to_minimize": x, "info_dict": {"deep": thing}}

    result = neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=1)
    assert result.best is not None and "deep" in result.best.report.extra


@pytest.mark.parametrize("argument", ["fidelities_to_spend", "total_fidelities_to_spend", "worker_fidelities_to_spend"])
def test_a_fidelity_budget_needs_a_fidelity(root, argument):
    with pytest.raises(BudgetError, match="no fidelity"):
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, **{argument: 3})
    with pytest.raises(BudgetError, match="no fidelity"):
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, budgets={"fidelities": 3})
    assert not root.exists()


def fails(x):
    raise ValueError("always")


def free(x):
    return {"objective_to_minimize": x, "cost": 0.0}


@pytest.mark.parametrize("function", [fails, free])
@pytest.mark.parametrize("argument", ["cost_to_spend", "total_cost_to_spend"])
def test_a_budget_that_nothing_spends_ends(monkeypatch, function, argument):
    monkeypatch.setattr(claims_module, "IN_VAIN", 20)
    run = {
        "root_directory": f"memory://vain-{function.__name__}-{argument}",
        "optimizer": "random_search",
        "ignore_errors": True,
    }
    result = neps.run(function, {"x": neps.Float(0, 1)}, **run, **{argument: 3})
    assert len(result.trials) == 20 and "spent nothing" in result.stopped_because


def test_any_progress_is_progress(monkeypatch):
    monkeypatch.setattr(claims_module, "IN_VAIN", 5)
    run = {"root_directory": "memory://progress", "optimizer": "random_search", "ignore_errors": True}
    result = neps.run(fails, {"x": neps.Float(0, 1)}, **run, cost_to_spend=3, evaluations_to_spend=12)
    assert len(result.trials) == 12 and "evaluations budget" in result.stopped_because
    count = iter(range(100))

    def sometimes(x):
        if next(count) % 4:
            raise ValueError
        return {"objective_to_minimize": x, "cost": 1}

    run["root_directory"] = "memory://sometimes"
    assert len(neps.run(sometimes, {"x": neps.Float(0, 1)}, **run, cost_to_spend=3).trials) == 9


@pytest.mark.parametrize("value", [10**400, -(10**400), np.ma.masked, np.ma.array(3, mask=True), np.array([1, 2])])
@pytest.mark.parametrize(
    "argument", ["evaluations_to_spend", "cost_to_spend", "sample_batch_size", "cost_value_on_error"]
)
def test_settings_that_are_no_numbers(root, argument, value):
    with pytest.raises((BudgetError, RunError), match=argument):
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, **{argument: value})
    assert not root.exists()
