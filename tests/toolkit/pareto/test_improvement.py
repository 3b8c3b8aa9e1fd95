"""Expected hypervolume improvement and feasibility: against samples, quadrature and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import log_ndtr, ndtri
from scipy.stats import norm

from neps_core import OptimizerError
from neps_plugins.toolkit import (
    box_decomposition,
    hypervolume_improvement,
    log_expected_hypervolume_improvement,
    log_probability_of_feasibility,
    sobol,
)
from neps_plugins.toolkit.gp.expected_improvement import log_h
from neps_plugins.toolkit.pareto.improvement import _integral
from tests.toolkit.pareto.points import sphere


def some(m, n=40, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n, m)) * 1.5, np.exp(rng.uniform(-4, 0, (n, m)))


def by_differences(function, mean, sd):
    """Slopes of the value by mean and by sd."""
    slopes = np.zeros((2, *mean.shape))
    for j in range(mean.shape[1]):
        step = np.zeros_like(mean)
        step[:, j] = 1e-6 * sd[:, j]
        slopes[0, :, j] = (function(mean + step, sd)[0] - function(mean - step, sd)[0]) / (2 * step[:, j])
        slopes[1, :, j] = (function(mean, sd + step)[0] - function(mean, sd - step)[0]) / (2 * step[:, j])
    return slopes


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_it_is_the_mean_of_samples(m):
    front, reference = sphere(8, m), np.full(m, 1.1)
    mean, sd = some(m, n=6)
    value, _, _ = log_expected_hypervolume_improvement(mean, sd + 0.2, box_decomposition(front, reference))
    noise = ndtri(sobol(2**13, m, 1))
    for i in range(len(mean)):
        improvements = hypervolume_improvement(mean[i] + (sd[i] + 0.2) * noise, front, reference)
        assert math.exp(value[i]) == pytest.approx(improvements.mean(), rel=0.02, abs=2e-5)


def test_of_one_objective_it_is_expected_improvement():
    mean, sd = some(1)
    value, _, _ = log_expected_hypervolume_improvement(mean, sd, box_decomposition([[0.3]], [1.0]))
    assert value == pytest.approx((log_h((0.3 - mean) / sd) + np.log(sd))[:, 0], rel=1e-12)


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@pytest.mark.parametrize("distance", [0.0, 3.0, 100.0])
def test_slopes(m, distance):
    boxes = box_decomposition(sphere(10, m, m), np.full(m, 1.1))
    mean, sd = some(m)
    mean += distance

    def function(mean, sd):
        return log_expected_hypervolume_improvement(mean, sd, boxes)

    _, by_mean, by_sd = function(mean, sd)
    slopes = by_differences(function, mean, sd)
    scale = np.abs(slopes).max(axis=(0, 2))[:, None]
    assert np.abs(by_mean - slopes[0]) / scale == pytest.approx(0, abs=2e-5)
    assert np.abs(by_sd - slopes[1]) / scale == pytest.approx(0, abs=2e-5)
    assert (by_mean < 0).all() and np.abs(by_sd).max() > 0


def exact_integral(a, b):
    """log d and its two slopes: well-conditioned for each b <= 5, as all is in units of Phi(b)."""

    def Phi(t):
        return math.exp(log_ndtr(t) - log_ndtr(b))

    def phi(t):
        return math.exp(norm.logpdf(t) - log_ndtr(b))

    far = max(a, min(b, 0.0) - 40 / (1 + abs(min(b, 0.0))))
    d, difference = (quad(f, far, b, epsabs=0, epsrel=1e-12, limit=200)[0] for f in (Phi, phi))
    return math.log(d) + log_ndtr(b), difference / d, (phi(b) - phi(a)) / d


@pytest.mark.parametrize("b", [-300.0, -60.0, -49.0, -10.0, -2.0, -0.5, -1e-3, 1e-3, 0.5, 2.0, 5.0])
def test_a_side_of_a_box(b):
    """Where one way of computing it goes over into another one, too."""
    for width in (1e-3, 0.05, 0.2, 0.3, 0.49, 0.51, 0.7, 1.0, 3.0, 30.0):
        for unit in {1.0, 1 / (1 + abs(b))}:
            a = b - width * unit
            got = _integral(np.array([a]), np.array([b]), np.array([b - a]))
            expected = exact_integral(a, b)
            assert got[0][0] == pytest.approx(expected[0], rel=1e-11, abs=1e-10), (a, b)
            assert got[1][0] == pytest.approx(expected[1], rel=1e-8), (a, b)
            assert got[2][0] == pytest.approx(expected[2], rel=1e-8, abs=1e-8 * expected[1]), (a, b)


def test_a_side_that_is_very_narrow():
    """Differences of distribution functions would have no digits left."""
    b = np.array([-1e4, -10.0, 0.0, 10.0, 1e4])
    width = np.full(5, 1e-14)
    log_d, Phi, phi = _integral(b - width, b, width)
    assert log_d == pytest.approx(math.log(1e-14) + log_ndtr(b), rel=1e-12)
    assert Phi == pytest.approx(np.exp(norm.logpdf(b) - log_ndtr(b)), rel=1e-6)
    assert phi == pytest.approx(-b * Phi, rel=1e-6)


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_far_away(m):
    """The logarithm is finite, and rises towards the front; so do the slopes tell."""
    boxes = box_decomposition(sphere(10, m), np.full(m, 1.1))
    mean = np.repeat(np.logspace(-1, 12, 60)[:, None] + 1, m, axis=1)
    value, by_mean, by_sd = log_expected_hypervolume_improvement(mean, np.full_like(mean, 0.01), boxes)
    assert np.isfinite(value).all() and (np.diff(value) < 0).all()
    assert (by_mean < 0).all() and (by_sd > 0).all() and np.isfinite(by_mean).all() and np.isfinite(by_sd).all()
    below, by_mean, by_sd = log_expected_hypervolume_improvement(2 - mean, np.full_like(mean, 1e-6), boxes)
    assert np.isfinite(below).all() and (np.diff(below[30:]) > 0).all() and np.isfinite([by_mean, by_sd]).all()
    for sd in (1e-300, 1e300):
        assert np.isfinite(log_expected_hypervolume_improvement(mean, np.full_like(mean, sd), boxes)[0]).all()


def test_what_is_certain_improves_by_its_improvement():
    front, reference = sphere(10, 3), np.full(3, 1.1)
    mean = some(3)[0] / 2
    value, _, _ = log_expected_hypervolume_improvement(
        mean, np.full_like(mean, 1e-9), box_decomposition(front, reference)
    )
    improvement = hypervolume_improvement(mean, front, reference)
    assert (improvement > 0.01).sum() > 10
    assert np.exp(value) == pytest.approx(improvement, abs=1e-7)


def test_without_boxes_and_without_candidates():
    nothing = box_decomposition([[-np.inf, -np.inf]], [0.0, 0.0])
    value, by_mean, by_sd = log_expected_hypervolume_improvement(np.ones((3, 2)), np.ones((3, 2)), nothing)
    assert np.isneginf(value).all() and (by_mean == 0).all() and (by_sd == 0).all()
    value, by_mean, by_sd = log_expected_hypervolume_improvement(
        np.ones((0, 2)), np.ones((0, 2)), box_decomposition([], [1.0, 1.0])
    )
    assert value.shape == (0,) and by_mean.shape == by_sd.shape == (0, 2)


def test_shapes_that_differ_are_refused():
    boxes = box_decomposition([], [1.0, 1.0, 1.0])
    for wrong in (np.ones((4, 1)), np.ones((1, 3))):
        with pytest.raises(OptimizerError, match=r"the shape \(n, 3\), not"):
            log_expected_hypervolume_improvement(wrong, np.ones((4, 3)), boxes)
        with pytest.raises(OptimizerError, match=r"the shape \(n, m\), not"):
            log_probability_of_feasibility(np.ones((4, 3)), wrong)
    with pytest.raises(OptimizerError, match=r"the shape \(n, 3\), not"):
        log_expected_hypervolume_improvement(np.ones((4, 1)), np.ones((4, 1)), boxes)


def test_in_parts_it_is_the_same(monkeypatch):
    boxes = box_decomposition(sphere(10, 3), np.full(3, 1.1))
    at_once = log_expected_hypervolume_improvement(*some(3), boxes)
    monkeypatch.setattr("neps_plugins.toolkit.pareto.improvement._AT_ONCE", 100)
    for one, other in zip(log_expected_hypervolume_improvement(*some(3), boxes), at_once):
        assert one == pytest.approx(other, rel=1e-13)


def test_feasibility():
    mean, sd = some(3)
    mean -= 0.7
    value, by_mean, by_sd = log_probability_of_feasibility(mean, sd)
    assert np.exp(value) == pytest.approx(norm.cdf(0, mean, sd).prod(axis=1))
    slopes = by_differences(log_probability_of_feasibility, mean, sd)
    assert by_mean == pytest.approx(slopes[0], rel=1e-5, abs=1e-6)
    assert by_sd == pytest.approx(slopes[1], rel=1e-5, abs=1e-6)


def test_feasibility_far_away():
    mean = np.concatenate([-np.logspace(300, -300, 50), np.logspace(-300, 300, 50)])[:, None]
    value, by_mean, by_sd = log_probability_of_feasibility(mean, np.full_like(mean, 1e-3))
    assert np.isfinite(value).all() and np.isfinite(by_mean).all() and np.isfinite(by_sd).all()
    assert (np.diff(value) <= 0).all() and value[0] == 0 and value[-1] < -1e290
    assert (by_mean <= 0).all()
    assert log_probability_of_feasibility(np.zeros((0, 2)), np.zeros((0, 2)))[0].shape == (0,)
