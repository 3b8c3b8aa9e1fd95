"""The quick expected hypervolume improvement is the careful one."""

from __future__ import annotations

import numpy as np
import pytest

from neps_plugins.toolkit import Prepared, box_decomposition, log_expected_hypervolume_improvement


def front(rng, n, m):
    points = np.abs(rng.standard_normal((n, m)))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("n, m", [(0, 2), (1, 2), (12, 2), (9, 3), (6, 4)])
@pytest.mark.parametrize("largest", [1.0, 1e-3])
def test_it_is_the_careful_one(n, m, largest):
    """Also where nearly nothing is left of the improvement."""
    rng = np.random.default_rng(n)
    boxes = box_decomposition(front(rng, n, m), np.full(m, 1.1))
    mean = np.vstack([1.5 * rng.random((200, m)), 1.1 + 100 * rng.random((50, m))])
    sd = largest * 10 ** rng.uniform(-3, 0, mean.shape)
    value, by_mean, by_sd = log_expected_hypervolume_improvement(mean, sd, boxes)
    assert value.min() < -1e4 < -5 < value.max()
    prepared = Prepared(boxes)
    found = prepared.log_expected_with_slopes(mean, sd)
    assert prepared.log_expected(mean, sd) == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert found[0] == pytest.approx(value, rel=1e-9, abs=1e-9)
    unit = np.maximum(np.abs(by_mean), np.abs(by_sd)).max(axis=1, keepdims=True)
    assert (np.abs(found[1] - by_mean) <= 1e-6 * unit).all()
    assert (np.abs(found[2] - by_sd) <= 1e-6 * unit).all()


def test_many_candidates_are_looked_at_in_parts():
    rng = np.random.default_rng(0)
    prepared = Prepared(box_decomposition(front(rng, 60, 3), np.full(3, 1.1)))
    mean, sd = rng.random((1000, 3)), rng.random((1000, 3)) + 0.01
    assert (
        prepared.log_expected(mean, sd)[[0, 500, 999]] == prepared.log_expected(mean[[0, 500, 999]], sd[[0, 500, 999]])
    ).all()
