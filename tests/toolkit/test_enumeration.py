"""Every configuration of a space, one after the other."""

from __future__ import annotations

import itertools

import pytest

import neps
from neps_core import parse_space
from neps_core.spaces.sources import replay
from neps_core.testing import gallery
from neps_plugins.toolkit.enumeration import Odometer, enumerate_configs

GALLERY = gallery()


def grid(size):
    return lambda path, domain: domain.grid(size)


def test_flat():
    space = parse_space({"n": neps.Integer(1, 3), "c": neps.Categorical(["a", "b"]), "x": neps.Float(0, 1), "k": 5})
    configs = list(enumerate_configs(space, grid(3)))
    expected = itertools.product([1, 2, 3], ["a", "b"], [0.0, 0.5, 1.0])
    assert configs == [{"n": n, "c": c, "x": x} for n, c, x in expected]  # the last decision is the fastest


def test_nothing_to_decide():
    assert list(enumerate_configs(parse_space({"k": 3}), grid(3))) == [{}]


def test_decisions_that_depend_on_others():
    space = parse_space({"n": neps.Integer(1, neps.Integer(1, 3)), "c": neps.Categorical(["a", "b"])})
    configs = list(enumerate_configs(space, grid(10)))
    expected = [(upper, n, c) for upper in (1, 2, 3) for n in range(1, upper + 1) for c in "ab"]
    assert [(config["n:upper"], config["n"], config["c"]) for config in configs] == expected


def test_branches():
    space = parse_space(
        {
            "m": neps.Categorical([neps.Operation("a", kwargs={"p": neps.Integer(1, 2)}), "none"]),
            "c": neps.Categorical(["u", "v"]),
        }
    )
    configs = list(enumerate_configs(space, grid(10)))
    assert [tuple(config.values()) for config in configs] == [
        ("a", 1, "u"),
        ("a", 1, "v"),
        ("a", 2, "u"),
        ("a", 2, "v"),
        ("none", "u"),
        ("none", "v"),
    ]


@pytest.mark.parametrize("name", GALLERY)
def test_each_once_and_all_of_them_valid(name):
    space = parse_space(GALLERY[name])
    configs = list(itertools.islice(enumerate_configs(space, grid(2)), 300))
    seen = {repr(config) for config in configs}
    assert len(seen) == len(configs) >= 1
    for config in configs:
        assert replay(space, config).config == config


def test_forbidden_ones_are_left_out():
    cs = pytest.importorskip("ConfigSpace")
    written = cs.ConfigurationSpace()
    parts = [cs.Categorical(name, ["x", "y", "z"], default="y") for name in "ab"]
    written.add(*parts)
    written.add(cs.ForbiddenAndConjunction(*(cs.ForbiddenEqualsClause(part, "x") for part in parts)))
    configs = list(enumerate_configs(parse_space(written), grid(3)))
    expected = [(a, b) for a, b in itertools.product("xyz", repeat=2) if (a, b) != ("x", "x")]
    assert [(config["a"], config["b"]) for config in configs] == expected


def test_conditions():
    cs = pytest.importorskip("ConfigSpace")
    written = cs.ConfigurationSpace()
    kernel, degree = cs.Categorical("kernel", ["poly", "rbf"]), cs.Integer("degree", (1, 3))
    written.add(kernel, degree, cs.EqualsCondition(degree, kernel, "poly"))
    configs = list(enumerate_configs(parse_space(written), grid(5)))
    assert configs == [*({"kernel": "poly", "degree": n} for n in (1, 2, 3)), {"kernel": "rbf"}]


def test_an_odometer_ends():
    odometer = Odometer(lambda path, domain: [1, 2])
    assert not odometer.advance()  # nothing was asked
    seen = []
    while True:
        odometer.restart()
        seen.append((odometer("a", None), odometer("b", None)))
        if not odometer.advance():
            break
    assert seen == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert not odometer.advance()
