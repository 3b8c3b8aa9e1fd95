"""ConfigSpace: every kind of hyperparameter, conditions, forbidden clauses."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import neps
from neps.testing import check_space
from neps_core import ConfigError, OptimizerError, Prior, SpaceError, TargetError, Uniform, parse_space, replay
from neps_core.files import from_yaml, to_yaml
from neps_core.space_parsing import load_space

cs = pytest.importorskip("ConfigSpace")


def space_of_every_kind():
    space = cs.ConfigurationSpace(name="all")
    a = cs.Categorical("a", ["x", "y", "z"], weights=[0.1, 0.8, 0.1])
    b = cs.Float("b", (1, 10), log=True)
    c = cs.Integer("c", (1, 10), distribution=cs.Normal(5, 2))
    d = cs.OrdinalHyperparameter("d", ["s", "m", "l"])
    f = cs.Float("f", (0, 1), distribution=cs.Beta(2, 5))
    h = cs.Categorical("h", [True, None, 3, 1.5, (1, 2), "3"])
    n = cs.Float("n", (1e-3, 1e3), log=True, distribution=cs.Normal(1.0, 1.0))
    space.add(a, b, c, d, cs.Constant("e", 3), f, cs.Integer("g", (1, 27), meta={"fidelity": True}), h, n)
    space.add(
        cs.EqualsCondition(b, a, "x"),
        cs.AndConjunction(cs.GreaterThanCondition(c, b, 2.0), cs.InCondition(c, a, ["x", "y"])),
    )
    space.add(cs.ForbiddenAndConjunction(cs.ForbiddenEqualsClause(a, "z"), cs.ForbiddenInClause(d, ["s", "m"])))
    return space


def configs(space, n=500, source=Uniform):
    parsed = parse_space(space)
    draw = source(np.random.default_rng(0))
    return [parsed.resolve(draw) for _ in range(n)]


def test_every_kind_is_sampled_as_configspace_says():
    for r in configs(space_of_every_kind()):
        arguments = r.arguments()
        cs.Configuration(space_of_every_kind(), values=dict(arguments.items()))  # ConfigSpace agrees
        assert arguments["e"] == 3 and "e" not in r.config
        assert ("b" in arguments) == (arguments["a"] == "x")
        assert ("c" in arguments) == ("b" in arguments and arguments["b"] > 2)
        assert not (arguments["a"] == "z" and arguments["d"] in ("s", "m"))


def test_weights_distributions_and_fidelity():
    space = space_of_every_kind()
    counts = Counter(r.config["a"] for r in configs(space, 2000))
    assert counts["y"] > 5 * counts["x"]
    values = [r.config["f"] for r in configs(space, 2000, Prior)]
    assert np.mean(values) == pytest.approx(2 / 7, abs=0.02)
    assert np.std(values) == pytest.approx((10 / (49 * 8)) ** 0.5, abs=0.02)
    assert np.mean([r.config["f"] for r in configs(space, 2000)]) == pytest.approx(0.5, abs=0.03)
    parsed = parse_space(space)
    assert parsed.has_priors
    assert list(parsed.fidelities) == ["g"]
    theirs = [dict(c)["n"] for c in space_of_every_kind().sample_configuration(2000)]
    ours = [r.config["n"] for r in configs(space, 2000, Prior)]
    assert np.median(np.log(ours)) == pytest.approx(np.median(np.log(theirs)), abs=0.15)


CONDITIONS = {
    "not equals": (lambda c, p, q: cs.NotEqualsCondition(c, p, 2), lambda p, q: p != 2),
    "less": (lambda c, p, q: cs.LessThanCondition(c, p, 3), lambda p, q: p < 3),
    "greater": (lambda c, p, q: cs.GreaterThanCondition(c, p, 3), lambda p, q: p > 3),
    "in": (lambda c, p, q: cs.InCondition(c, p, [1, 4]), lambda p, q: p in (1, 4)),
    "or": (
        lambda c, p, q: cs.OrConjunction(cs.EqualsCondition(c, p, 1), cs.EqualsCondition(c, q, "b")),
        lambda p, q: p == 1 or q == "b",
    ),
    "and": (
        lambda c, p, q: cs.AndConjunction(cs.GreaterThanCondition(c, p, 2), cs.EqualsCondition(c, q, "b")),
        lambda p, q: p > 2 and q == "b",
    ),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions(name):
    make, holds = CONDITIONS[name]
    space = cs.ConfigurationSpace()
    p, q, c = cs.Integer("p", (1, 5)), cs.Categorical("q", ["a", "b"]), cs.Float("c", (0, 1))
    space.add(p, q, c, make(c, p, q))
    found = {("c" in r.config) for r in configs(space, 200)}
    assert found == {True, False}
    assert all(("c" in r.config) == holds(r.config["p"], r.config["q"]) for r in configs(space, 200))
    check_space(space, n=20)


def test_forbidden_relations():
    space = cs.ConfigurationSpace()
    low, high = cs.Integer("low", (1, 9)), cs.Integer("high", (1, 9))
    space.add(low, high, cs.ForbiddenGreaterThanRelation(low, high))
    assert all(r.config["low"] <= r.config["high"] for r in configs(space))
    with pytest.raises(ConfigError, match="is forbidden by"):
        replay(parse_space(space), {"low": 5, "high": 3})


def test_an_infeasible_space_has_a_clear_error():
    space = cs.ConfigurationSpace()
    x, y = cs.Float("x", (0, 1)), cs.Float("y", (2, 3))
    space.add(x, y)
    space.add(cs.ForbiddenLessThanRelation(x, y)) if False else None
    clash = cs.Integer("clash", (1, 10**6), default=10**6)
    space.add(clash, cs.ForbiddenInClause(clash, list(range(1, 1000))))
    configs(space, 10)
    with pytest.raises(ConfigError, match="practically"):
        parsed = parse_space(space)
        parsed._clauses = [type("Never", (), {"is_forbidden_value": lambda self, values: True})()]
        parsed.resolve(Uniform(np.random.default_rng(0)))


def test_it_is_stored_and_loaded():
    space = space_of_every_kind()
    check_space(space)
    document = from_yaml(to_yaml(parse_space(space).to_document()))
    loaded = load_space(document)
    assert isinstance(loaded, cs.ConfigurationSpace)
    for a, b in zip(configs(space, 100), configs(loaded, 100)):
        assert a.config == b.config and a.arguments() == b.arguments()
    with pytest.raises(SpaceError, match="can't be read"):
        load_space({"format": "configspace", "hyperparameters": {}})


def test_a_run(root):
    def evaluate(kernel, loss, degree=None):
        assert (degree is not None) == (kernel == "poly")
        return degree or 0.0

    from neps.testing import gallery

    space = gallery()["conditional"]
    neps.run(evaluate, space, root_directory=root, evaluations_to_spend=10)
    result = neps.run(evaluate, root_directory=root, evaluations_to_spend=5)
    assert len(result.trials) == 15
    assert isinstance(neps.load_pipeline_space(root), cs.ConfigurationSpace)
    other = cs.ConfigurationSpace({"kernel": ["poly", "rbf"]})
    with pytest.raises(neps.NePSError, match="degree: only on disk"):
        neps.run(lambda kernel: 0.0, other, root_directory=root, evaluations_to_spend=1)


def test_a_conditional_parameter_needs_a_default(root):
    from neps.testing import gallery

    with pytest.raises(TargetError, match="'degree', which some configurations don't have"):
        neps.run(
            lambda kernel, loss, degree: 0.0, gallery()["conditional"], root_directory=root, evaluations_to_spend=1
        )


def test_grid_leaves_out_what_is_forbidden():
    from neps.testing import gallery

    optimizer = neps.algorithms.grid_search(gallery()["conditional"], size_per_numerical_dimension=2)
    found = [tuple(p.config.values()) for p in optimizer({}, neps.BudgetInfo(), 99)]
    assert found == [("poly", "l1", 1.0), ("poly", "l1", 5.0), ("poly", "l2", 1.0), ("poly", "l2", 5.0), ("rbf", "l2")]


def test_a_fidelity_is_one_for_optimizers():
    with pytest.raises(OptimizerError, match="'g'"):
        neps.algorithms.random_search(space_of_every_kind())


def test_what_it_refuses():
    with pytest.raises(SpaceError, match="fidelity has no prior"):
        parse_space(
            cs.ConfigurationSpace({"g": cs.Integer("g", (1, 9), distribution=cs.Normal(5, 2), meta={"fidelity": True})})
        )
    with pytest.raises(SpaceError, match="fidelity is an integer or a float"):
        parse_space(cs.ConfigurationSpace({"g": cs.Categorical("g", ["a", "b"], meta={"fidelity": True})}))


def test_it_is_imported_only_when_it_turns_up(script):
    script.write(
        """
        import sys, neps
        run = {"root_directory": "r", "evaluations_to_spend": 1}
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, **run, optimizer="random_search")
        assert "ConfigSpace" not in sys.modules and "scipy" not in sys.modules
        neps.run(lambda x: x, **run, optimizer="bayesian_optimization")
        assert "ConfigSpace" not in sys.modules and "scipy" in sys.modules
        """
    )
    script.run()
