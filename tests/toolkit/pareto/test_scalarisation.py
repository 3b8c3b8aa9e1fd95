"""Scales, reference points, and several objectives as one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from neps_core import OptimizerError
from neps_plugins.toolkit import (
    augmented_chebyshev,
    chebyshev,
    linear,
    non_dominated,
    normalised,
    observed_scale,
    random_weights,
    reference_point,
)
from tests.toolkit.pareto.points import sphere, tables

INF, NAN = np.inf, np.nan

OBSERVED = np.array([[0.0, 30.0], [1.0, 20.0], [2.0, 10.0], [9.0, 90.0], [NAN, -100.0], [-5.0, NAN]])


def test_scale_is_that_of_the_front():
    ideal, nadir, span = observed_scale(OBSERVED)
    assert (ideal.tolist(), nadir.tolist(), span.tolist()) == ([0, 10], [2, 30], [2, 20])
    assert normalised(OBSERVED)[:4].tolist() == [[0, 1], [0.5, 0.5], [1, 0], [4.5, 4]]


def test_reference_point():
    assert reference_point(OBSERVED) == pytest.approx([2.2, 32.0])
    assert reference_point(OBSERVED, [7, 8]).tolist() == [7, 8]
    assert reference_point(np.zeros((0, 2)), (7, 8)).tolist() == [7, 8]
    # One point on the front: the range of all, and 1 if there is none.
    assert reference_point([[1.0, 2.0], [6.0, 2.0]]) == pytest.approx([1.5, 2.1])
    assert reference_point([[1.0, 2.0]] * 3) == pytest.approx([1.1, 2.1])
    # Infinite values don't count; nothing is left of the second objective.
    assert reference_point([[1.0, INF], [3.0, INF], [-INF, INF]]) == pytest.approx([1.2, 0.1])
    assert reference_point(np.zeros((0, 3))) == pytest.approx([0.1] * 3)
    assert reference_point(np.full((4, 3), NAN)) == pytest.approx([0.1] * 3)
    assert np.isfinite(reference_point([[-1.7e308, 1.7e308], [1.7e308, -1.7e308]])).all()


@pytest.mark.parametrize("given", [[1.0], [1.0, 2.0, 3.0], [1.0, INF], [NAN, 1.0], "ab", 3.0, [[1.0, 2.0]], {}])
def test_reference_points_that_can_t_be(given):
    with pytest.raises(OptimizerError, match="reference_point=.* must be 2 finite numbers"):
        reference_point(OBSERVED, given)


@given(tables)
def test_anything_has_a_scale(values):
    ideal, nadir, span = observed_scale(values)
    assert np.isfinite([ideal, nadir, span]).all() and (span > 0).all() and (ideal <= nadir).all()
    reference = reference_point(values)
    assert np.isfinite(reference).all() and (reference > nadir).all()
    unit = normalised(values)
    assert (np.isnan(unit) == np.isnan(values)).all() and (np.isinf(unit) == np.isinf(values)).all()
    known = ~np.isnan(values).any(axis=1)
    assert (unit[known & np.isfinite(values).all(axis=1)] >= 0).all()
    front = values[non_dominated(values)]
    assert (front[np.isfinite(front)] <= np.broadcast_to(nadir, front.shape)[np.isfinite(front)]).all()


def test_scales_of_numbers_at_the_ends():
    assert normalised([[-8e307, 1.0], [8e307, 0.0]]).tolist() == [[0, 1], [1, 0]]
    assert np.isfinite(normalised([[-1.7e308, 1.0], [1.7e308, 0.0]])).all()
    assert np.isfinite(normalised([[0.0, 1.0], [5e-324, 0.0]])).all()


WEIGHTS = [0.25, 0.75]
VALUES = [[1.0, 0.0], [0.5, 0.5], [0.0, 2.0], [-1.0, 0.0]]


def test_scalarisations_by_hand():
    assert linear(VALUES, WEIGHTS) == pytest.approx([0.25, 0.5, 1.5, -0.25])
    assert chebyshev(VALUES, WEIGHTS) == pytest.approx([0.25, 0.375, 1.5, 0.0])
    assert augmented_chebyshev(VALUES, WEIGHTS) == pytest.approx([0.2625, 0.4, 1.575, -0.0125])
    assert augmented_chebyshev(VALUES, WEIGHTS, rho=1.0) == pytest.approx([0.5, 0.875, 3.0, -0.25])


@pytest.mark.parametrize("function", [linear, chebyshev, augmented_chebyshev])
def test_scalarisations(function):
    several = function(VALUES, [WEIGHTS, [1.0, 0.0]])
    assert several.shape == (2, 4)
    assert several[0] == pytest.approx(function(VALUES, WEIGHTS))
    assert several[1] == pytest.approx(function(VALUES, [1.0, 0.0]))
    strange = [[NAN, 0.0], [INF, 0.0], [0.0, INF], [1.0, 1.0], [INF, -INF], [-INF, -INF]]
    assert function(strange, WEIGHTS)[:3].tolist() == [INF] * 3 and function(strange, WEIGHTS)[4] == INF
    assert function(strange, WEIGHTS)[5] == -INF
    without = function(strange, [0.0, 1.0])
    assert without[[0, 2]].tolist() == [INF, INF] and np.isfinite(without[[1, 3]]).all()
    assert function(np.zeros((0, 2)), WEIGHTS).shape == (0,)
    for wrong in ([1.0], [1.0, 2.0, 3.0], [[[1.0, 2.0]]], 1.0):
        with pytest.raises(OptimizerError, match="one for each of 2 objectives"):
            function(VALUES, wrong)
    for wrong in ([-1.0, 2.0], [NAN, 1.0]):
        with pytest.raises(OptimizerError, match="at least 0"):
            function(VALUES, wrong)


def test_each_point_of_a_front_is_lowest_for_some_weights():
    front = sphere(20, 3)  # not convex: weighted sums find its ends only
    weights = 1 / front
    weights /= weights.sum(axis=1, keepdims=True)
    assert (chebyshev(front, weights).argmin(axis=1) == np.arange(20)).all()
    assert len(set(linear(front, random_weights(np.random.default_rng(0), 3, 500)).argmin(axis=1))) < 20


def test_random_weights_are_uniform():
    weights = random_weights(np.random.default_rng(0), 3, 20_000)
    assert weights.shape == (20_000, 3) and (weights >= 0).all()
    assert weights.sum(axis=1) == pytest.approx(1)
    assert weights.mean(axis=0) == pytest.approx(1 / 3, abs=0.01)
    # A coordinate is below t with probability 1 - (1 - t)**2, of which each is a third of the variance 1 / 18.
    for t in (0.1, 0.5, 0.8):
        assert (weights < t).mean(axis=0) == pytest.approx(1 - (1 - t) ** 2, abs=0.015)
    assert random_weights(np.random.default_rng(0), 1, 2).tolist() == [[1.0], [1.0]]
