"""How evolution changes decisions: positions, values, whole configurations."""

from __future__ import annotations

import numpy as np
import pytest

import neps
from neps.testing import gallery
from neps_core import CategoricalDomain, FloatDomain, IntegerDomain, Uniform, replay
from neps_core.space_parsing import parse_space
from neps_plugins.toolkit import mutated, offspring
from neps_plugins.toolkit.evolution.operators import blended, shifted


def test_a_blend_is_symmetric_and_near_either_parent():
    rng = np.random.default_rng(0)
    children = np.array([blended(0.4, 0.6, rng) for _ in range(4000)])
    assert children.mean() == pytest.approx(0.5, abs=0.01)
    assert np.minimum(abs(children - 0.4), abs(children - 0.6)).mean() < 0.02
    assert (children < 0.5).mean() == pytest.approx(0.5, abs=0.03)
    assert (abs(children - 0.5) > 0.1).mean() == pytest.approx(0.5, abs=0.03)  # expanding as often as contracting
    edge = [blended(0.0, 1.0, rng) for _ in range(500)]
    assert min(edge) == 0.0 and max(edge) == 1.0


@pytest.mark.parametrize("u", [0.0, 1e-12, 0.3, 1.0])
def test_a_shift_is_small_and_stays_within(u):
    rng = np.random.default_rng(1)
    moved = np.array([shifted(u, rng) for _ in range(2000)])
    assert moved.min() >= 0.0 and moved.max() <= 1.0
    assert 0.01 < abs(moved - u).mean() < 0.15
    if u == 0.3:
        assert moved.mean() == pytest.approx(u, abs=0.03)


@pytest.mark.parametrize(
    "domain, value, others",
    [
        (CategoricalDomain(("a", 1, True)), 1, {"a", True}),
        (IntegerDomain(1, 3), 2, {1, 3}),
        (IntegerDomain(1, 3), 1, {2}),
    ],
)
def test_a_mutation_is_another_value(domain, value, others):
    rng = np.random.default_rng(2)
    found = [mutated(domain, value, rng) for _ in range(100)]
    assert others <= set(found) and sum(type(v) is type(value) and v == value for v in found) < 70
    assert all(domain.check(v) == v for v in found)


def test_a_mutated_real_number_lies_near():
    domain = FloatDomain(1e-5, 1e0, log=True)
    found = [mutated(domain, 1e-3, np.random.default_rng(i)) for i in range(50)]
    assert sum(1e-4 < value < 1e-2 for value in found) > 38 and len(set(found)) == 50


@pytest.mark.parametrize("name", gallery())
def test_children_are_configurations_of_every_space(name):
    space = parse_space(gallery()[name])
    rng = np.random.default_rng(3)
    for _ in range(6):
        a, b = (space.resolve(Uniform(rng)).config for _ in range(2))
        for child in (offspring(space, a, b, rng, 0.3, {}), offspring(space, a, None, rng, 0.3, {})):
            assert replay(space, child).config == child
        assert offspring(space, a, None, rng, 0.0, {}) == a


def test_a_child_has_what_its_parents_have():
    space = parse_space({"x": neps.Float(0, 1), "c": neps.Categorical(list("abcdef")), "n": neps.Integer(0, 100)})
    a, b = {"x": 0.2, "c": "a", "n": 10}, {"x": 0.3, "c": "b", "n": 90}
    children = [offspring(space, a, b, np.random.default_rng(i), 0.0, {"n": 7}) for i in range(200)]
    assert {child["c"] for child in children} == {"a", "b"} and {child["n"] for child in children} == {7}
    x = [child["x"] for child in children]
    assert min(x) > 0.1 and max(x) < 0.4 and 0.2 in x and 0.3 in x and len(set(x)) > 50
