"""Quasi-random points, and configurations along them."""

from __future__ import annotations

import numpy as np
import pytest

import neps
from neps_core import Fixed, Prior, Uniform, parse_space
from neps_core.spaces.sources import replay
from neps_core.testing import gallery
from neps_plugins.toolkit.quasirandom import MAX_DIMENSIONS, Along, latin_hypercube, sobol

GALLERY = gallery()


@pytest.mark.parametrize("d", [1, 3, 40])
def test_the_first_of_many_are_the_first_of_few(d):
    """So a design is the same whoever asks for how much of it."""
    whole = sobol(100, d, np.random.default_rng([7, 1]))
    for n in (0, 1, 2, 3, 17, 64, 65, 99):
        assert (sobol(n, d, np.random.default_rng([7, 1])) == whole[:n]).all()
        assert sobol(n, d, np.random.default_rng([7, 1])).shape == (n, d)


def test_seeds():
    assert (sobol(8, 3, 5) == sobol(8, 3, 5)).all()
    a, b = (sobol(64, 3, np.random.default_rng(seed)) for seed in (0, 1))
    assert (a != b).all()
    rng = np.random.default_rng(0)
    assert (sobol(64, 3, rng) != sobol(64, 3, rng)).all()  # one generator, two scramblings


@pytest.mark.parametrize("seed", range(5))
def test_balance(seed):
    """Each of 2**k intervals of equal length has one of 2**k points, in every dimension; so do boxes in two."""
    points = sobol(64, 6, seed)
    assert ((points >= 0) & (points < 1)).all()
    for column in points.T:
        assert sorted((column * 64).astype(int)) == list(range(64))
    cells = (points[:, :2] * 8).astype(int)
    assert len({tuple(cell) for cell in cells}) == 64


def test_no_dimensions_and_the_most():
    assert sobol(5, 0, 0).shape == (5, 0)
    assert sobol(5, MAX_DIMENSIONS, 0).shape == (5, MAX_DIMENSIONS)


def fail(path, domain):
    raise AssertionError(path)


def test_along_takes_the_coordinates_in_order():
    space = parse_space({"x": neps.Float(0, 10), "c": neps.Categorical(["a", "b"]), "n": neps.Integer(1, 4)})
    assert space.resolve(Along([0.25, 0.7, 0.99], fail)).config == {"x": 2.5, "c": "b", "n": 4}
    assert space.resolve(Along(np.array([0.0, 0.0, 0.0]), fail)).config == {"x": 0.0, "c": "a", "n": 1}


def test_along_the_prior():
    space = parse_space({"x": neps.Float(0, 1, prior=0.8, prior_confidence="high"), "y": neps.Float(0, 1)})
    shares = sobol(256, 2, 0)
    configs = [space.resolve(Along(row, fail, from_prior=True)).config for row in shares]
    x = np.array([config["x"] for config in configs])
    assert abs(np.median(x) - 0.79) < 0.02
    assert [config["y"] for config in configs] == pytest.approx(shares[:, 1])
    domain = space.flat_domains["x"]
    assert x == pytest.approx([domain.from_prior(u) for u in shares[:, 0]])


def test_what_is_left_is_decided_otherwise():
    space = parse_space({name: neps.Float(0, 1) for name in "abcd"})
    asked = []

    def otherwise(path, domain):
        asked.append(path)
        return 0.125

    config = space.resolve(Along([0.5, 0.75], otherwise)).config
    assert config == {"a": 0.5, "b": 0.75, "c": 0.125, "d": 0.125} and asked == ["c", "d"]


@pytest.mark.parametrize("name", GALLERY)
def test_every_kind_of_space(name):
    space = parse_space(GALLERY[name])
    for i, row in enumerate(sobol(16, 5, 3)):
        for from_prior in (False, True):
            rng = np.random.default_rng(i)
            config = space.resolve(Along(row, Prior(rng) if from_prior else Uniform(rng), from_prior)).config
            assert replay(space, config).config == config


def test_after_a_restart_it_is_random():
    """Going along the same point would lead to the same forbidden configuration without an end."""
    cs = pytest.importorskip("ConfigSpace")
    written = cs.ConfigurationSpace()
    a, b = (cs.Categorical(name, ["x", "y"], default="y") for name in "ab")
    written.add(a, b, cs.Float("r", (0, 1)))
    written.add(cs.ForbiddenAndConjunction(cs.ForbiddenEqualsClause(a, "x"), cs.ForbiddenEqualsClause(b, "x")))
    space = parse_space(written)
    for seed in range(20):
        config = space.resolve(Along([0.1, 0.1, 0.5], Uniform(np.random.default_rng(seed)))).config
        assert (config["a"], config["b"]) != ("x", "x") and config["r"] != 0.5
        fixed = space.resolve(Fixed({"a": "x"}, Along([0.1, 0.9], Uniform(np.random.default_rng(seed))))).config
        assert fixed["a"] == "x" and fixed["b"] == "y"
    allowed = space.resolve(Along([0.1, 0.9, 0.5], fail)).config
    assert allowed == {"a": "x", "b": "y", "r": 0.5}


def test_restarts_of_the_walk():
    along = Along([0.5, 0.25], lambda path, domain: -1)
    domain = parse_space({"x": neps.Float(0, 1)}).flat_domains["x"]
    along.restart()
    assert along("x", domain) == 0.5
    along.restart()
    assert along("x", domain) == -1
    along.restart()
    assert along("x", domain) == -1


def test_what_is_fixed_hands_restarts_on():
    """A first walk that was forbidden would be forbidden again: the next one is random."""
    domain = parse_space({"x": neps.Float(0, 1), "y": neps.Float(0, 1)}).flat_domains["x"]
    source = Fixed({"y": 0.5}, Along([0.1, 0.2, 0.3], lambda path, domain: 0.9))
    source.restart()
    assert source("x", domain) == pytest.approx(0.1)
    source.restart()
    assert (source("x", domain), source("y", domain)) == (0.9, 0.5)
    Fixed({}, lambda path, domain: 0.9).restart()  # a source may know nothing of walks


@pytest.mark.parametrize("n, dimensions", [(1, 3), (9, 9), (10, 50), (40, 0)])
def test_each_part_of_each_dimension_has_one(n, dimensions):
    points = latin_hypercube(n, dimensions, np.random.default_rng(0))
    assert points.shape == (n, dimensions) and ((points >= 0) & (points < 1)).all()
    assert (np.sort((points * n).astype(int), axis=0) == np.arange(n)[:, None]).all()


def test_dimensions_can_be_told_apart():
    """Of nine points in nine dimensions, Sobol's often halve two of them alike."""
    for seed in range(20):
        halves = np.sign(latin_hypercube(9, 9, np.random.default_rng(seed)) - 0.5)
        assert np.abs(np.corrcoef(halves.T) - np.eye(9)).max() < 0.99
