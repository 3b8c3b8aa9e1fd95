"""A weighted sum of objectives, predicted."""

from __future__ import annotations

import numpy as np
import pytest

import neps
from neps_core import Uniform, parse_space
from neps_plugins.toolkit import Encoder, LogExpectedImprovement, Points, Surrogate, WeightedSum

SPACE = parse_space({"x": neps.Float(0, 1), "y": neps.Float(0, 1)})


def models():
    rng, encoder = np.random.default_rng(0), Encoder(SPACE, one_hot=False)
    values, active = encoder.encode([SPACE.resolve(Uniform(rng)).config for _ in range(9)])
    return [
        Surrogate((np.inf,)).update(encoder.columns, values, active, objective)
        for objective in (values[:, 0] ** 2, 1 - values[:, 0] + 3 * values[:, 1])
    ]


def test_it_is_that_of_independent_normals():
    both, weights = models(), np.array([0.3, 0.7])
    values, active = np.random.default_rng(1).random((5, 2)), np.ones((5, 2), dtype=bool)
    mean, variance = WeightedSum(both, weights).predict(values, active)
    (a, s), (b, t) = (model.predict(values, active) for model in both)
    assert mean == pytest.approx(0.3 * a + 0.7 * b)
    assert variance == pytest.approx(0.09 * s + 0.49 * t)


def test_its_improvement_has_a_gradient():
    term = LogExpectedImprovement(WeightedSum(models(), np.array([0.3, 0.7])), -0.5)
    active, step = np.ones((4, 2), dtype=bool), 1e-6
    values = 0.1 + 0.8 * np.random.default_rng(2).random((4, 2))
    value, gradient = term.with_gradient(Points(values, active))
    assert value == pytest.approx(term(Points(values, active)))
    for j in range(2):
        move = step * np.eye(2)[j]
        up, down = (term(Points(values + sign * move, active)) for sign in (1, -1))
        assert gradient[:, j] == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-6)
