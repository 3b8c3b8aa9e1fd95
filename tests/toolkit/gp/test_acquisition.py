"""Acquisition functions: the logarithm of expected improvement everywhere, and the gradients of all terms."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import neps
from neps_core import Uniform, parse_space
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.acquisition.terms import Weighted
from neps_plugins.toolkit.acquisition.user_prior import UserPrior
from neps_plugins.toolkit.encoding import Encoder
from neps_plugins.toolkit.gp.cost import LogCost
from neps_plugins.toolkit.gp.expected_improvement import LogExpectedImprovement, log_h
from neps_plugins.toolkit.gp.feasibility import LogFeasibility
from neps_plugins.toolkit.gp.features import Features
from neps_plugins.toolkit.gp.hyperparameters import Hyperparameters
from neps_plugins.toolkit.gp.hypervolume_improvement import LogExpectedHypervolumeImprovement
from neps_plugins.toolkit.gp.model import Model
from neps_plugins.toolkit.gp.posterior import Posterior
from neps_plugins.toolkit.pareto.boxes import box_decomposition
from neps_plugins.toolkit.pareto.prepared import Prepared

SPACE = {
    "x": neps.Float(0, 1, prior=0.3),
    "n": neps.Integer(0, 100, prior=70, prior_confidence="high"),
    "c": neps.Categorical(["a", "b"], prior=1),
    "m": neps.Categorical([neps.Operation("a", kwargs={"p": neps.Float(0, 1, prior=0.5)}), "none"]),
}


def integral(z):
    """h(z) z**2 / phi(z) for z < 0: the integral over u > 0 of u phi(z - u), with u = s / -z."""
    return quad(lambda s: s * math.exp(-s - 0.5 * (s / z) ** 2), 0, 60, epsabs=0, epsrel=1e-12, points=(1, 5, 20))[0]


def exact(z):
    """log h: well-conditioned for each z."""
    if z >= 0:
        return math.log(norm.pdf(z) + z * norm.cdf(z))
    if z > -0.5:
        return math.log(quad(lambda u: u * norm.pdf(z - u), 0, 40, epsrel=1e-12, points=(0.5, 2, 5))[0])
    return -0.5 * z * z - 0.5 * math.log(2 * math.pi) - 2 * math.log(-z) + math.log(integral(z))


ZS = [*-np.logspace(8, -2, 61), 0.0, *np.logspace(-3, 3, 25)]


def test_log_h():
    for z in ZS:
        assert log_h(np.array([z]))[0] == pytest.approx(exact(z), rel=3e-15 if z < -1e4 else 1e-11, abs=1e-11), z


def test_log_h_of_many_is_that_of_each():
    z = np.random.default_rng(0).permutation(np.array(ZS))
    before = z.copy()
    assert (log_h(z) == [log_h(each[None])[0] for each in z]).all()
    assert (z == before).all()
    assert log_h(np.zeros(0)).shape == (0,)


def test_log_h_rises_and_has_no_jumps():
    z = np.array(ZS)
    assert (np.diff(log_h(z)) > 0).all()
    for switch in (-1.0, -1e6, 0.0):
        for width in (1e-12, 1e-6):
            below, above = log_h(switch + max(abs(switch), 1) * np.array([-width, width]))
            rise = (1.5 - switch) * 2 * width * max(abs(switch), 1)  # the slope is 2 / sqrt(2 pi) at 0, 1.91 at -1
            assert 0 <= above - below <= 1.001 * rise + 4e-16 * max(1.0, switch**2) + 1e-15
    near = log_h(np.linspace(-3, 1, 4001))
    assert (np.diff(near) > 0).all()
    assert (np.diff(near, 2) < 1e-12).all()  # the logarithm of a log-concave function


def test_log_h_far_off():
    """No underflow, and none of the infinities that would stop a search."""
    assert np.isfinite(log_h(np.array([-1e150, -1e100, -1e20, -1e-300, 1e100]))).all()


class Line:
    """A model of one value: mean and variance are straight lines."""

    def __init__(self, mean, variance, by_mean=1.0, by_variance=0.0):
        self.args = mean, variance, by_mean, by_variance

    def predict(self, values, active):
        mean, variance, by_mean, by_variance = self.args
        return mean + by_mean * values[:, 0], variance + by_variance * values[:, 0]

    def predict_with_gradient(self, values, active):
        mean, variance = self.predict(values, active)
        ones = np.ones_like(values)
        return mean, variance, self.args[2] * ones, self.args[3] * ones


def _at(*x):
    values = np.array(x, dtype=float)[:, None]
    return Points(values, np.ones(values.shape, dtype=bool))


def test_expected_improvement_is_that_of_samples():
    term = LogExpectedImprovement(Line(0.4, 0.25), best=0.1)
    samples = 0.4 + 0.5 * norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    assert math.exp(term(_at(0.0))[0]) == pytest.approx(np.maximum(0.1 - samples, 0).mean(), rel=1e-4)


@pytest.mark.parametrize(
    "z",
    [1e3, 10.0, 0.1, 0.0, -0.9, -1.1, -10.0, -1e2, -1e3, -1e4, -1e5, -1e6, -1e8],
)
def test_the_slope_of_expected_improvement(z):
    """By the mean it is -Phi / (s h), which is z for a mean that is far above; by the variance phi / (2 s**2 h)."""
    h = exact(z)
    if z > -0.5:
        ratio = norm.cdf(z) / math.exp(h)
        density = norm.pdf(z) / math.exp(h)
    else:
        R = quad(lambda s: math.exp(-s - 0.5 * (s / z) ** 2), 0, 60, epsabs=0, epsrel=1e-12, points=(1, 5, 20))[0]
        ratio, density = R * -z / integral(z), z * z / integral(z)
    value, gradient = LogExpectedImprovement(Line(-z, 1.0), best=0.0).with_gradient(_at(0.0))
    assert value[0] == pytest.approx(h, rel=1e-11, abs=1e-11)
    assert gradient[0, 0] == pytest.approx(-ratio, rel=1e-4)
    _, gradient = LogExpectedImprovement(Line(-z, 1.0, 0.0, 1.0), best=0.0).with_gradient(_at(0.0))
    assert gradient[0, 0] == pytest.approx(0.5 * density, rel=1e-4, abs=1e-12)


def _model(spread=1.0, seed=0):
    """Of all kinds of columns, some of which some configurations lack."""
    rng = np.random.default_rng(seed)
    parsed = parse_space(SPACE)
    configs = [parsed.resolve(Uniform(rng)).config for _ in range(25)]
    encoder = Encoder(parsed, one_hot=False)
    encoder.encode(configs)
    values, active = encoder.encode(configs)
    features = Features.of(encoder.columns, values, active)
    n = len(features.keys)
    hyper = Hyperparameters(rng.uniform(-0.7, 0.7, n), 0.3, math.log(1e-3))
    posterior = Posterior(features(values, active), features.group, hyper)
    posterior.observe(spread * rng.standard_normal(len(configs)))
    others = [parsed.resolve(Uniform(rng)).config for _ in range(12)]
    points = Points(*encoder.encode(others))
    points.values[:, 0] = np.round(points.values[:, 0] * 512 - 0.5) / 512 + 0.3 / 512  # away from the kinks of a table
    return encoder, Model(features, posterior), points


@cache
def _terms():
    encoder, model, _ = _model()
    _, cost, _ = _model(0.2, seed=0)
    boxes = box_decomposition([[-1.0, 0.5], [0.2, -0.7]], [2.0, 2.0])
    front = LogExpectedHypervolumeImprovement([model, cost], Prepared(boxes))
    far = Prepared(box_decomposition([], [-40.0, -60.0]))
    return {
        "hypervolume improvement": front,
        "hypervolume improvement of what is hopeless": LogExpectedHypervolumeImprovement([model, cost], far),
        "feasibility": LogFeasibility([model, cost], np.array([-0.3, 0.8])),
        "expected improvement": LogExpectedImprovement(model, -0.5),
        "expected improvement of what is hopeless": LogExpectedImprovement(model, -300.0),
        "expected improvement of what is sure": LogExpectedImprovement(model, 50.0),
        "logarithm of the cost": LogCost(cost, 2.0, 3.0, True, 1.0),
        "cost": LogCost(cost, 20.0, 3.0, False, 1e-3),
        "cost at its least": LogCost(cost, -20.0, 1.0, False, 0.5),
        "the user's prior": UserPrior(encoder),
        "no terms": Weighted([]),
        "all together": Weighted(
            [
                (1.0, LogExpectedImprovement(model, -0.5)),
                (-0.3, LogCost(cost, 2.0, 3.0, True, 1.0)),
                (7.5, UserPrior(encoder)),
            ]
        ),
    }


NAMES = [
    "hypervolume improvement",
    "hypervolume improvement of what is hopeless",
    "feasibility",
    "expected improvement",
    "expected improvement of what is hopeless",
    "expected improvement of what is sure",
    "logarithm of the cost",
    "cost",
    "cost at its least",
    "the user's prior",
    "no terms",
    "all together",
]


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name):
    term = _terms()[name]
    encoder, _, points = _model()
    value, gradient = term.with_gradient(points)
    assert value == pytest.approx(term(points), rel=1e-12, abs=1e-12)
    assert gradient.shape == points.values.shape
    moved = 0
    for column in encoder.columns:
        if column.kind == "index":
            assert (gradient[:, column.start] == 0).all()
            continue
        step = np.zeros_like(points.values)
        step[:, column.start] = 1e-6
        above, below = (term(Points(points.values + sign * step, points.active)) for sign in (1, -1))
        expected = (above - below) / 2e-6
        assert gradient[:, column.start] == pytest.approx(expected, rel=1e-4, abs=1e-5), column
        moved += np.abs(expected).max()
    assert (moved > 0) == (name not in ("no terms", "cost at its least"))


def test_weighted_is_a_sum():
    encoder, model, points = _model()
    a, b = LogExpectedImprovement(model, -0.5), UserPrior(encoder)
    assert Weighted([(2.0, a), (-0.5, b)])(points) == pytest.approx(2 * a(points) - 0.5 * b(points))
    assert (Weighted([])(points) == 0).all()


def test_costs():
    line = Line(0.0, 1.0)
    x = np.array([-2.0, 0.0, 1.0])
    assert LogCost(line, 5.0, 2.0, True, 0.1)(_at(*x)) == pytest.approx(5 + 2 * x)
    assert LogCost(line, 3.0, 2.0, False, 0.1)(_at(*x)) == pytest.approx(np.log([0.1, 3.0, 5.0]))


def test_improvement_is_likelier_where_the_mean_is_lower_or_the_variance_higher():
    for best in (-3.0, 0.0, 2.0):
        by_mean = LogExpectedImprovement(Line(0.0, 1.0), best)(_at(*np.linspace(-5, 5, 50)))
        by_variance = LogExpectedImprovement(Line(0.5, 0.0, 0.0, 1.0), best)(_at(*np.linspace(0.01, 5, 50)))
        assert (np.diff(by_mean) < 0).all() and (np.diff(by_variance) > 0).all()


def test_believing_lowers_the_improvement_there_alone():
    _, model, points = _model()
    one = points[:1]
    believed = model.believing(one.values, one.active)
    assert believed.predict(points.values, points.active)[0] == pytest.approx(
        model.predict(points.values, points.active)[0], abs=1e-9
    )
    before, after = (LogExpectedImprovement(m, -0.5)(points) for m in (model, believed))
    assert after[0] < before[0] - 1
    assert (after <= before + 1e-9).all()
