"""Candidates: whatever is made of them, they are configurations of their space."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import neps
from neps_core import Uniform, parse_space
from neps_core.spaces.sources import replay
from neps_core.testing import gallery
from neps_plugins.toolkit.acquisition.axes import MANY
from neps_plugins.toolkit.acquisition.candidates import make_candidates
from neps_plugins.toolkit.acquisition.flat_candidates import FlatCandidates
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.acquisition.walked_candidates import WalkedCandidates
from neps_plugins.toolkit.encoding import Encoder

GALLERY = gallery()

WIDE = {
    "small": neps.Integer(0, 2 * MANY),
    "odd": neps.Integer(-7, 990),
    "log": neps.Integer(1, 10**6, log=True),
    "large": neps.Integer(10**6, 10**9),
    "large_log": neps.Integer(3, 10**12, log=True),
    "few": neps.Integer(1, MANY),
    "x": neps.Float(-3, 7),
    "c": neps.Categorical([*"abc"]),
}


def made(space, fixed=None, n=12, seed=0):
    """Candidates of a space of which some configurations have been seen, as in a run."""
    parsed = parse_space(space)
    encoder = Encoder(parsed, one_hot=False)
    rng = np.random.default_rng(seed)
    configs = [parsed.resolve(Uniform(rng)).config for _ in range(n)]
    encoder.encode(configs)
    return parsed, encoder, make_candidates(parsed, encoder, fixed or {}), configs


def check(space, encoder, candidates, points, fixed):
    """All points are configurations with what is fixed, and their values are the encodings of those."""
    assert points.values.shape == points.active.shape == (len(points), encoder.width)
    configs = [candidates.config(points, i) for i in range(len(points))]
    for config in configs:
        assert replay(space, config).config == config
        assert all(config[path] == value for path, value in fixed.items() if path in config)
    values, active = encoder.encode(configs, grow=False)
    assert (active == points.active).all()
    assert values == pytest.approx(points.values, abs=1e-9)
    return configs


CASES = [(name, {}) for name in GALLERY] + [
    ("fidelity", {"epochs": 9}),
    ("real fidelity and priors", {"share": 1.0}),
    ("mixed", {"n": 4, "c": None}),
    ("flat", {"x": 0.25, "y": 0.5}),
    ("log", {"units": 1000}),
]


@pytest.fixture(params=CASES, ids=lambda case: case[0] + (" fixed" if case[1] else ""))
def case(request):
    name, fixed = request.param
    return (*made(GALLERY[name], fixed), fixed)


def test_samples(case):
    space, encoder, candidates, _, fixed = case
    for from_prior in (False, True):
        points = candidates.sample(64, np.random.default_rng(0), from_prior)
        assert 16 <= len(points) <= 64
        check(space, encoder, candidates, points, fixed)
    again = candidates.sample(64, np.random.default_rng(0), True)
    assert (again.values == points.values).all() and again.configs == points.configs


def test_around(case):
    space, encoder, candidates, configs, fixed = case
    points = candidates.encode(configs)
    near = candidates.around(points, 64, np.random.default_rng(0))
    assert len(near) >= 16
    check(space, encoder, candidates, near, fixed)


def test_encoding_and_back(case):
    space, encoder, candidates, configs, fixed = case
    points = candidates.encode(configs)
    back = check(space, encoder, candidates, points, fixed)
    for config, other in zip(configs, back):
        assert other == {
            path: fixed.get(path, pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)
            for path, value in config.items()
        }


def test_moved(case):
    space, encoder, candidates, configs, fixed = case
    points = candidates.encode(configs)
    movable = candidates.movable(points)
    assert movable.shape == points.values.shape
    assert not (movable & ~points.active).any()
    rng = np.random.default_rng(1)
    values = np.where(movable, rng.random(points.values.shape), points.values)
    moved = candidates.moved(points, values, rng)
    assert len(moved) == len(points)
    check(space, encoder, candidates, moved, fixed)
    for column in encoder.columns:
        there = movable[:, column.start] & moved.active[:, column.start]
        off = np.abs(moved.values - values)[there, column.start]
        if column.kind == "real":
            assert (off < 1e-9).all()
        elif len(off):
            assert off.max() < 0.1  # rounded; the first integers of a log scale own wide cells
        stays = points.active[:, column.start] & ~movable[:, column.start] & moved.active[:, column.start]
        assert (moved.values == points.values)[stays, column.start].all()


def test_moving_to_where_one_is(case):
    """Also for a fidelity, whose column may have another scale than its domain."""
    _, _, candidates, configs, _ = case
    points = candidates.encode(configs)
    moved = candidates.moved(points, points.values.copy(), np.random.default_rng(0))
    assert moved.values == pytest.approx(points.values, abs=1e-9)


def test_values_that_may_move_cannot_be_outside(case):
    space, encoder, candidates, configs, fixed = case
    points = candidates.encode(configs)
    movable = candidates.movable(points)
    for end in (0.0, 1.0):
        moved = candidates.moved(points, np.where(movable, end, points.values), np.random.default_rng(0))
        check(space, encoder, candidates, moved, fixed)


def test_steps(case):
    space, encoder, candidates, configs, fixed = case
    points = candidates.encode(configs)
    around, owners = candidates.steps(points, np.random.default_rng(0))
    assert len(around) == len(owners)
    children = check(space, encoder, candidates, around, fixed)
    parents = [candidates.config(points, i) for i in range(len(points))]
    movable = candidates.movable(points)
    for child, owner in zip(children, owners):
        parent = parents[owner]
        changed = [path for path in parent if path in child and child[path] != parent[path]]
        assert len(changed) == 1 or (not changed and isinstance(candidates, FlatCandidates))
        if isinstance(candidates, FlatCandidates):
            assert not movable[owner, [c.start for c in encoder.columns if c.path in changed]].any()


def test_fixed_decisions_do_not_move(case):
    space, encoder, candidates, configs, fixed = case
    points = candidates.encode(configs)
    columns = {c.path: c.start for c in encoder.columns}
    assert not candidates.movable(points)[:, [columns[path] for path in fixed]].any()
    typical = space.resolve(Uniform(np.random.default_rng(0))).config
    assert candidates.n_decisions <= len(set(typical) - set(fixed))


def test_kinds():
    assert isinstance(made(WIDE)[2], FlatCandidates)
    assert isinstance(made(GALLERY["hierarchical"])[2], WalkedCandidates)


# ---------------------------------------------------------------------- flat spaces


def _land(space, encoder, points):
    """Integers and choices are exactly where the encoder puts them."""
    for column in encoder.columns:
        if column.kind == "real":
            continue
        domain = encoder.domain(column.path)
        for u in points.values[:, column.start]:
            if column.kind == "integer":
                assert u == domain.to_unit(domain.from_unit(float(u))), column
            else:
                assert u == int(u) and 0 <= u < len(domain.choices)


def test_integers_land_on_integers():
    space, encoder, candidates, configs = made(WIDE)
    rng = np.random.default_rng(0)
    for from_prior in (False, True):
        _land(space, encoder, candidates.sample(512, rng, from_prior))
    points = candidates.encode(configs)
    _land(space, encoder, candidates.around(points, 512, rng))
    movable = candidates.movable(points)
    assert movable[0].sum() == 6
    for _ in range(20):
        _land(
            space, encoder, candidates.moved(points, np.where(movable, rng.random(movable.shape), points.values), rng)
        )
    _land(space, encoder, candidates.steps(points, rng)[0])


def test_samples_cover_the_space_evenly():
    _, _, candidates, _ = made(WIDE)
    points = candidates.sample(1024, np.random.default_rng(0))
    configs = [candidates.config(points, i) for i in range(len(points))]
    small = np.bincount([config["small"] for config in configs], minlength=2 * MANY + 1)
    assert small.min() >= 0.6 * 1024 / len(small) and small.max() <= 1.4 * 1024 / len(small)
    few = np.bincount([config["few"] for config in configs])[1:]
    assert len(few) == MANY and few.min() >= 0.8 * 1024 / MANY
    choices = [sum(config["c"] == c for config in configs) for c in "abc"]
    assert min(choices) > 330
    logs = np.log([config["large_log"] for config in configs])
    deciles = np.quantile(logs, np.linspace(0, 1, 11))
    assert np.diff(deciles) == pytest.approx(np.full(10, np.ptp(deciles) / 10), rel=0.1)
    x = np.sort([config["x"] for config in configs])
    assert x == pytest.approx(np.linspace(-3, 7, 1024), abs=0.03)


def test_samples_from_the_prior():
    space = {
        "x": neps.Float(0, 1, prior=0.8, prior_confidence="high"),
        "n": neps.Integer(1, 1000, prior=100, prior_confidence="high"),
        "c": neps.Categorical([*"abcd"], prior=2, prior_confidence="high"),
        "y": neps.Float(0, 1),
    }
    parsed, _, candidates, _ = made(space)
    points = candidates.sample(1024, np.random.default_rng(0), from_prior=True)
    configs = [candidates.config(points, i) for i in range(len(points))]
    shares = (np.arange(1024) + 0.5) / 1024
    for path, close in (("x", 0.01), ("n", 6), ("y", 0.01)):
        expected = sorted(parsed.flat_domains[path].from_prior(u) for u in shares)
        drawn = sorted(config[path] for config in configs)
        assert drawn[10:-10] == pytest.approx(expected[10:-10], abs=close)
    assert sum(config["c"] == "c" for config in configs) == pytest.approx(1024 * 6 / 9, abs=8)


def test_samples_of_very_many_choices():
    labels = [f"c{i}" for i in range(1500)]
    _, _, candidates, _ = made({"c": neps.Categorical(labels), "x": neps.Float(0, 1)})
    points = candidates.sample(16384, np.random.default_rng(0))
    assert len(set(points.values[:, 0])) == 1500


def test_steps_reach_every_value_of_one_decision():
    space = {"c": neps.Categorical([*"abc"]), "n": neps.Integer(1, 4), "x": neps.Float(0, 1)}
    _, _, candidates, _ = made(space)
    points = candidates.encode([{"c": "b", "n": 2, "x": 0.5}, {"c": "a", "n": 4, "x": 0.1}])
    around, owners = candidates.steps(points, np.random.default_rng(0))
    for i, parent in enumerate([{"c": "b", "n": 2, "x": 0.5}, {"c": "a", "n": 4, "x": 0.1}]):
        found = [candidates.config(around, k) for k in np.flatnonzero(owners == i)]
        for config in (*({**parent, "c": c} for c in "abc"), *({**parent, "n": n} for n in range(1, 5))):
            assert any(config == {**other, "x": pytest.approx(other["x"])} for other in found)


def test_around_is_near_and_far():
    _, _, candidates, _ = made({"x": neps.Float(0, 1), "y": neps.Float(0, 1), "c": neps.Categorical([*"ab"])})
    centre = candidates.encode([{"x": 0.5, "y": 0.5, "c": "a"}])
    near = candidates.around(centre, 1000, np.random.default_rng(0))
    distance = np.abs(near.values - centre.values)[:, :2].max(axis=1)
    assert (distance < 0.01).mean() > 0.1 and (distance > 0.1).mean() > 0.1
    assert 0.2 < (near.values[:, 2] == 1).mean() < 0.6
    assert (centre.values == candidates.encode([{"x": 0.5, "y": 0.5, "c": "a"}]).values).all()


def test_nothing_to_decide():
    _, _, candidates, _ = made({"k": 3})
    assert candidates.n_decisions == 0
    points = candidates.sample(4, np.random.default_rng(0))
    assert len(points) == 4 and points.values.shape == (4, 0)
    near = candidates.around(points, 3, np.random.default_rng(0))
    assert candidates.config(near, 0) == {}
    assert len(candidates.steps(points, np.random.default_rng(0))[0]) == 0


def test_more_dimensions_than_a_sequence_has():
    space = {f"x{i}": neps.Float(0, 1) for i in range(260)}
    _, _, candidates, _ = made(space, n=2)
    points = candidates.sample(32, np.random.default_rng(0))
    assert points.values.shape == (32, 260)
    assert (points.values.std(axis=0) > 0.1).all() and ((points.values >= 0) & (points.values <= 1)).all()


# ---------------------------------------------------------------------- all other spaces


def _forbidding():
    cs = pytest.importorskip("ConfigSpace")
    space = cs.ConfigurationSpace()
    a, b = (cs.Categorical(name, ["x", "y", "z"], default="z") for name in "ab")
    x, y = (cs.Float(name, (0, 1), default=0.2 + 0.5 * (name == "y")) for name in "xy")
    n = cs.Integer("n", (1, 500))
    space.add(a, b, x, y, n, cs.EqualsCondition(n, a, "x"))
    space.add(
        cs.ForbiddenAndConjunction(cs.ForbiddenEqualsClause(a, "x"), cs.ForbiddenEqualsClause(b, "x")),
        cs.ForbiddenAndConjunction(cs.ForbiddenEqualsClause(a, "y"), cs.ForbiddenInClause(b, ["y", "z"])),
        cs.ForbiddenGreaterThanRelation(x, y),
    )
    return space


def test_nothing_forbidden():
    written = _forbidding()
    space, encoder, candidates, configs = made(written)
    rng = np.random.default_rng(0)
    points = candidates.encode(configs)
    movable = candidates.movable(points)
    everything = [
        points,
        candidates.sample(200, rng),
        candidates.sample(200, rng, from_prior=True),
        candidates.around(points, 200, rng),
        candidates.steps(points, rng)[0],
        *(candidates.moved(points, np.where(movable, rng.random(movable.shape), points.values), rng) for _ in range(5)),
    ]
    seen = 0
    for each in everything:
        for config in check(space, encoder, candidates, each, {}):
            assert config["x"] <= config["y"]
            assert (config["a"], config["b"]) not in {("x", "x"), ("y", "y"), ("y", "z")}
            assert ("n" in config) == (config["a"] == "x")
            seen += 1
    assert seen > 200


def test_a_move_to_what_is_forbidden_stays():
    _, encoder, candidates, _ = made(_forbidding())
    configs = [{"a": "z", "b": "z", "x": 0.2, "y": 0.7}]
    points = candidates.encode(configs)
    columns = {c.path: c.start for c in encoder.columns}
    values = points.values.copy()
    values[0, columns["x"]], values[0, columns["y"]] = 0.9, 0.1
    assert candidates.moved(points, values, np.random.default_rng(0)).configs == (configs[0],)


def test_a_fidelity_in_a_space_of_branches():
    """It is on the log scale for a model, whatever it is for users."""
    space = {
        "m": neps.Categorical([neps.Operation("a", kwargs={"p": neps.Float(0, 1)}), "none"]),
        "epochs": neps.IntegerFidelity(1, 100),
    }
    parsed, encoder, candidates, configs = made(space, {"epochs": 100})
    rng = np.random.default_rng(0)
    points = candidates.encode(configs)
    for each in (
        points,
        candidates.sample(100, rng),
        candidates.around(points, 100, rng),
        candidates.steps(points, rng)[0],
        candidates.moved(points, points.values, rng),
    ):
        assert {config["epochs"] for config in check(parsed, encoder, candidates, each, {"epochs": 100})} == {100}


def test_a_fidelity_that_is_not_fixed_in_a_space_of_branches():
    """No optimizer does so yet."""
    space = {"m": neps.Categorical([neps.Float(0, 1), "none"]), "epochs": neps.IntegerFidelity(1, 100)}
    _, _, candidates, configs = made(space)
    points = candidates.encode(configs)
    moved = candidates.moved(points, points.values, np.random.default_rng(0))
    assert [config["epochs"] for config in moved.configs] == [config["epochs"] for config in points.configs]


def test_what_the_encoder_has_no_column_for_is_left_out():
    """A candidate may have paths that no trial has had yet."""
    parsed = parse_space(GALLERY["recursive"])
    encoder = Encoder(parsed, one_hot=False)
    candidates = make_candidates(parsed, encoder, {})
    width = encoder.width
    points = candidates.sample(100, np.random.default_rng(0))
    assert points.values.shape[1] == encoder.width == width
    assert max(len(config) for config in points.configs) > width
    assert replay(parsed, candidates.config(points, 0)).config == candidates.config(points, 0)


# ---------------------------------------------------------------------- points


def test_points():
    values = np.arange(6.0).reshape(3, 2)
    points = Points(values, values > 1, ({"a": 0}, {"a": 1}, {"a": 2}))
    assert len(points) == 3
    for rows in (slice(1), [2, 0], np.array([True, False, True]), np.array([1, 1])):
        part = points[rows]
        assert (part.values == values[rows]).all() and (part.active == (values > 1)[rows]).all()
        assert [config["a"] for config in part.configs] == np.arange(3)[rows].tolist()
    both = points[:1] + points[1:]
    assert (both.values == values).all() and both.configs == points.configs
    flat = Points(values, values > 1)
    assert (flat + flat).configs is None and (flat + points).configs is None and flat[:2].configs is None
    assert len(list(itertools.islice(points[:0].values, 1))) == 0 and points[:0].configs == ()
    assert math.isclose(points[[2]].values[0, 1], 5)
