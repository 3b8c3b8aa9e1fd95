"""The batched minimiser, beside SciPy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from neps_plugins.toolkit.acquisition.batched_lbfgs import minimize_in_box


def rosenbrock(x, rows):
    return np.array([rosen(each) for each in x]), np.array([rosen_der(each) for each in x]).reshape(x.shape)


def quadratic(A, centre):
    def f(x, rows):
        d = x - centre
        return 0.5 * np.einsum("bi,ij,bj->b", d, A, d), d @ A

    return f


def waves(x, rows):
    return np.sin(9 * x).sum(axis=1) + (x**2).sum(axis=1), 9 * np.cos(9 * x) + 2 * x


def starts(b, d, low=0.0, high=1.0, seed=0):
    return np.random.default_rng(seed).uniform(low, high, (b, d))


def scipy_minimum(f, x, low, high):
    def one(at):
        value, gradient = f(at[None], np.zeros(1, dtype=int))
        return value[0], gradient[0]

    bounds = list(zip(np.broadcast_to(low, x.shape), np.broadcast_to(high, x.shape)))
    return minimize(one, x, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 2000, "ftol": 1e-14})


@pytest.mark.parametrize("low, high", [(-2.0, 2.0), (-2.0, 0.5), (1.2, 2.0)])
@pytest.mark.parametrize("d", [2, 5])
def test_rosenbrock(d, low, high):
    x = starts(6, d, low, high)
    end, value = minimize_in_box(rosenbrock, x, np.full(d, low), np.full(d, high), 1000, 1e-12)
    expected = np.array([scipy_minimum(rosenbrock, each, low, high).fun for each in x])
    assert value == pytest.approx(rosenbrock(end, None)[0])
    assert np.median(value - expected) < 1e-4  # of several local minima, either may end in another one
    assert value.min() == pytest.approx(expected.min(), abs=1e-4)


@pytest.mark.parametrize("d, condition", [(1, 1.0), (3, 1e2), (8, 1e4)])
def test_quadratics_with_active_bounds(d, condition):
    rng = np.random.default_rng(d)
    Q, _ = np.linalg.qr(rng.standard_normal((d, d)))
    A = Q @ np.diag(np.geomspace(1, condition, d)) @ Q.T
    f = quadratic(A, rng.uniform(-0.7, 1.7, d))
    x = starts(5, d)
    end, value = minimize_in_box(f, x, np.zeros(d), np.ones(d), 1000, 1e-13)
    expected = scipy_minimum(f, x[0], 0.0, 1.0)
    assert value == pytest.approx(np.full(5, expected.fun), rel=1e-3, abs=1e-6)
    assert end == pytest.approx(np.tile(expected.x, (5, 1)), abs=0.05)


def test_few_iterations_go_most_of_the_way():
    """As they are used: forty iterations on something smooth in the unit cube."""
    f = quadratic(np.diag(np.geomspace(1, 1000, 20)), np.full(20, 0.4))
    x = starts(10, 20)
    _, value = minimize_in_box(f, x, np.zeros(20), np.ones(20), 40, 1e-5)
    assert (value < 1e-4 * f(x, None)[0]).all()


def test_the_minimum_at_a_corner():
    end, value = minimize_in_box(lambda x, rows: (-x.sum(axis=1), -np.ones_like(x)), starts(4, 3), np.zeros(3), 1.0)
    assert (end == 1).all() and (value == -3).all()


@pytest.mark.parametrize("f", [rosenbrock, waves], ids=["rosenbrock", "waves"])
def test_company_makes_no_difference(f):
    x = starts(7, 3)
    together = minimize_in_box(f, x, np.zeros(3), np.ones(3), 40, 1e-6)
    for i in range(7):
        end, value = minimize_in_box(f, x[i : i + 1], np.zeros(3), np.ones(3), 40, 1e-6)
        assert (end[0] == together[0][i]).all() and value[0] == together[1][i]
    backwards = minimize_in_box(f, x[::-1], np.zeros(3), np.ones(3), 40, 1e-6)
    assert (backwards[0][::-1] == together[0]).all()


def test_each_has_its_own_function_and_box():
    """What is asked says which starts it is for, also when others have ended."""
    centres = np.array([[0.2, 0.9], [0.5, 0.5], [2.0, -1.0], [0.31, 0.44]])
    steep = np.array([1.0, 50.0, 3.0, 1000.0])
    x = np.full((4, 2), 0.5)
    low = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.5, 0.0]])
    high = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.5, 1.0]])
    asked = []

    def f(at, rows):
        asked.append(len(rows))
        assert at.shape == (len(rows), 2) and (at >= low[rows]).all() and (at <= high[rows]).all()
        d = at - centres[rows]
        return steep[rows] * (d**2).sum(axis=1), 2 * steep[rows][:, None] * d

    end, value = minimize_in_box(f, x, low, high, 100, 1e-12)
    assert end == pytest.approx(np.clip(centres, low, high), abs=1e-4)
    assert value == pytest.approx(steep * ((end - centres) ** 2).sum(axis=1))
    assert min(asked) < 4


def hole(x, rows):
    """A quadratic that is NaN beyond a line, behind which its minimum would be."""
    value, gradient = ((x - 0.7) ** 2).sum(axis=1), 2 * (x - 0.7)
    outside = x[:, 0] > 0.6
    return np.where(outside, math.nan, value), np.where(outside[:, None], math.nan, gradient)


def cliff(x, rows):
    """The same, infinite there."""
    value, gradient = ((x - 0.7) ** 2).sum(axis=1), 2 * (x - 0.7)
    return np.where(x[:, 0] > 0.6, math.inf, value), gradient


def pit(x, rows):
    """Minus infinity is no value that a search may end at."""
    value, gradient = ((x - 0.7) ** 2).sum(axis=1), 2 * (x - 0.7)
    return np.where(x[:, 0] > 0.6, -math.inf, value), gradient


@pytest.mark.parametrize("f", [hole, cliff, pit])
def test_regions_without_a_value(f):
    x = starts(8, 3, 0.0, 0.55)
    end, value = minimize_in_box(f, x, np.zeros(3), np.ones(3), 100)
    assert np.isfinite(end).all() and np.isfinite(value).all()
    assert (value < f(x, None)[0] - 1e-3).all()
    assert (end[:, 0] <= 0.6).all()


def one_bad_start(bad, slope):
    """Of three starts, the second one has neither a value nor a gradient, wherever it goes."""

    def f(x, rows):
        value, gradient = ((x - 0.7) ** 2).sum(axis=1), 2 * (x - 0.7)
        is_bad = rows == 1
        return np.where(is_bad, bad, value), np.where(is_bad[:, None], slope, gradient)

    x = starts(3, 2)
    end, value = minimize_in_box(f, x, np.zeros(2), np.ones(2))
    assert value[[0, 2]] == pytest.approx([0, 0], abs=1e-6)
    assert (end[1] == x[1]).all()
    assert ((end >= 0) & (end <= 1)).all()


BAD = [(bad, slope) for bad in (math.nan, math.inf) for slope in (math.nan, math.inf, -math.inf, 0.0)]


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("bad, slope", BAD)
def test_a_start_without_a_value_harms_no_other(bad, slope):
    one_bad_start(bad, slope)


@pytest.mark.parametrize("bad, slope", [(math.nan, math.nan), (math.nan, 0.0)])
def test_a_start_without_a_value_is_no_reason_to_warn(bad, slope):
    one_bad_start(bad, slope)


@pytest.mark.parametrize("bad, slope", [each for each in BAD if math.inf in map(abs, each)])
def test_an_infinite_start_is_no_reason_to_warn(bad, slope):
    one_bad_start(bad, slope)


def test_gradients_that_are_wrong_make_nothing_worse():
    rng = np.random.default_rng(0)

    def f(x, rows):
        return waves(x, rows)[0], rng.standard_normal(x.shape)

    x = starts(20, 3)
    end, value = minimize_in_box(f, x, np.zeros(3), np.ones(3))
    assert (value <= waves(x, None)[0]).all()
    assert value == pytest.approx(waves(end, None)[0])
    assert ((end >= 0) & (end <= 1)).all()


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1e12, 1e150])
def test_any_scale(scale):
    """Never worse, never outside, and no warnings."""

    def f(x, rows):
        value, gradient = waves(x, rows)
        return scale * value, scale * gradient

    x = starts(6, 2)
    end, value = minimize_in_box(f, x, np.zeros(2), np.ones(2), 50)
    assert ((end >= 0) & (end <= 1)).all() and (value <= f(x, None)[0]).all()
    if scale > 1:
        assert value == pytest.approx(scale * minimize_in_box(waves, x, np.zeros(2), np.ones(2), 50)[1], rel=1e-2)


def test_starts_are_left_as_they_are_and_steps_are_few():
    x = starts(3, 2)
    before = x.copy()
    calls = []

    def f(at, rows):
        calls.append(len(at))
        return waves(at, rows)

    minimize_in_box(f, x, np.zeros(2), np.ones(2), 1)
    assert (x == before).all()
    assert len(calls) <= 14  # the starts, and a line search
    end, value = minimize_in_box(waves, x, np.zeros(2), np.ones(2), 0)
    assert (end == before).all() and (value == waves(before, None)[0]).all()


def test_nothing_to_do():
    end, value = minimize_in_box(waves, np.zeros((0, 3)), np.zeros(3), np.ones(3))
    assert end.shape == (0, 3) and value.shape == (0,)
    end, value = minimize_in_box(
        lambda x, rows: (np.ones(len(x)), np.zeros_like(x)), np.zeros((2, 0)), np.zeros(0), 1.0
    )
    assert end.shape == (2, 0) and value.tolist() == [1, 1]
    x = starts(2, 2)
    assert (minimize_in_box(waves, x, x, x)[0] == x).all()  # a box without room


def test_a_start_at_the_bounds_leaves_them():
    f = quadratic(np.eye(3), np.full(3, 0.4))
    x = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 0.4]])
    end, _ = minimize_in_box(f, x, np.zeros(3), np.ones(3))
    assert end == pytest.approx(np.full((3, 3), 0.4), abs=1e-3)
