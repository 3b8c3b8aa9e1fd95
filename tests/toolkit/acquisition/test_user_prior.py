"""The user's prior over encoded configurations."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps_core import Prior, Uniform, parse_space
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.acquisition.user_prior import LEAST, UserPrior
from neps_plugins.toolkit.encoding import Encoder

SPACE = {
    "x": neps.Float(0, 1, prior=0.2, prior_confidence="high"),
    "r": neps.Float(1e-4, 1, log=True, prior=1e-2),
    "n": neps.Integer(1, 40, prior=10),
    "c": neps.Categorical(["a", "b", "d"], prior=1, prior_confidence="medium"),
    "y": neps.Float(0, 1),
    "k": 3,
}


def made(space, configs):
    encoder = Encoder(parse_space(space), one_hot=False)
    encoder.encode(configs)
    return encoder, UserPrior(encoder), Points(*encoder.encode(configs))


def samples(space, n=30, seed=0):
    rng = np.random.default_rng(seed)
    parsed = parse_space(space)
    return [parsed.resolve(Prior(rng) if i % 2 else Uniform(rng)).config for i in range(n)]


def test_the_density_is_that_of_each_decision():
    configs = samples(SPACE)
    encoder, prior, points = made(SPACE, configs)
    value = prior(points)

    def log_density(config):
        total = 0.0
        for path in ("x", "r", "n"):
            domain = encoder.domain(path)
            mode = domain.prior.mode
            total += -0.5 * ((domain.to_unit(config[path]) - mode) / domain.prior.sigma) ** 2
        return total + (0.0 if config["c"] == "b" else -math.log(4))

    assert value == pytest.approx([log_density(config) for config in configs], abs=2e-3)


def test_what_the_user_believes_to_be_best_is_at_0_and_all_else_below():
    encoder, prior, _ = made(SPACE, [])
    best = parse_space(SPACE).resolve(lambda path, domain: domain.default()).config
    assert prior(Points(*encoder.encode([best])))[0] == pytest.approx(0, abs=1e-3)
    assert prior(Points(*encoder.encode([{**best, "x": 0.5}])))[0] < -1
    assert (prior(Points(*encoder.encode(samples(SPACE)))) <= 0).all()


def test_a_decision_without_a_prior_makes_no_difference():
    encoder, prior, points = made(SPACE, samples(SPACE))
    other = points.values.copy()
    y = next(c.start for c in encoder.columns if c.path == "y")
    other[:, y] = 1 - other[:, y]
    assert (prior(Points(other, points.active)) == prior(points)).all()
    assert (prior.with_gradient(points)[1][:, y] == 0).all()


def test_gradient():
    """The density is a polygon, so between two of its corners the differences are exact."""
    encoder, prior, points = made(SPACE, samples(SPACE))
    values = (np.floor(points.values * 512) + 0.5) / 512
    for column in encoder.columns:
        if column.kind == "index":
            values[:, column.start] = points.values[:, column.start]
    value, gradient = prior.with_gradient(Points(values, points.active))
    assert (value == prior(Points(values, points.active))).all()
    assert np.abs(gradient).max() > 1
    for column in encoder.columns:
        step = np.zeros_like(values)
        step[:, column.start] = 1e-5
        above, below = (prior(Points(values + s * step, points.active)) for s in (1, -1))
        expected = np.zeros(len(values)) if column.kind == "index" else (above - below) / 2e-5
        assert gradient[:, column.start] == pytest.approx(expected, abs=1e-6)


def test_the_ends_of_the_interval():
    space = {"x": neps.Float(0, 1, prior=1.0), "z": neps.Float(0, 1, prior=0.0)}
    _, prior, points = made(space, [{"x": 1.0, "z": 0.0}, {"x": 0.0, "z": 1.0}])
    value, gradient = prior.with_gradient(points)
    assert value[0] == pytest.approx(0, abs=1e-9) and value[1] == pytest.approx(-4)
    assert (gradient[1, 0] > 0) and gradient[1, 1] < 0
    outside = Points(np.array([[1.5, -0.5]]), np.ones((1, 2), dtype=bool))
    assert prior(outside)[0] == pytest.approx(0, abs=1e-9)


def test_a_path_that_is_absent_makes_no_difference():
    space = {
        "m": neps.Categorical([neps.Operation("a", kwargs={"p": neps.Float(0, 1, prior=0.9)}), "none"], prior=0),
    }
    configs = [{"m": "a", "m.a.p": 0.9}, {"m": "a", "m.a.p": 0.1}, {"m": "none"}]
    configs[2]["m"] = parse_space(space).attributes["m"].domain().choices[1]
    _, prior, points = made(space, configs)
    value, gradient = prior.with_gradient(points)
    assert value[0] == pytest.approx(0, abs=1e-3)
    assert value[1] == pytest.approx(-0.5 * (0.8 / 0.5) ** 2, abs=1e-2)
    assert value[2] == pytest.approx(-math.log(2))
    assert (gradient[2] == 0).all() and gradient[1, 1] > 0


def test_no_priors_at_all():
    _, prior, points = made({"x": neps.Float(0, 1)}, [{"x": 0.3}])
    assert prior(points).tolist() == [0] and prior.with_gradient(points)[1].tolist() == [[0]]


def test_what_is_excluded_is_unlikely_and_not_impossible():
    cs = pytest.importorskip("ConfigSpace")
    space = cs.ConfigurationSpace()
    space.add(
        cs.BetaFloatHyperparameter("b", alpha=8, beta=8, lower=0, upper=1),
        cs.NormalIntegerHyperparameter("n", mu=5, sigma=0.5, lower=0, upper=100),
    )
    _, prior, points = made(space, [{"b": 0.5, "n": 5}, {"b": 0.0, "n": 5}, {"b": 0.5, "n": 100}, {"b": 1.0, "n": 0}])
    value, gradient = prior.with_gradient(points)
    assert np.isfinite(value).all() and np.isfinite(gradient).all()
    assert value[0] == pytest.approx(0, abs=0.05)
    assert value[1:] == pytest.approx(math.log(LEAST) * np.array([1, 1, 2]), rel=0.02)


def test_ranks():
    cs = pytest.importorskip("ConfigSpace")
    space = cs.ConfigurationSpace()
    space.add(cs.OrdinalHyperparameter("o", ["s", "m", "l"]), cs.NormalFloatHyperparameter("x", 0.3, 0.1, 0, 1))
    _, prior, points = made(space, [{"o": o, "x": 0.3} for o in "sml"])
    assert prior(points) == pytest.approx(np.zeros(3), abs=0.01)
