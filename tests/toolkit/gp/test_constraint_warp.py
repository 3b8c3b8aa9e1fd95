"""Targets of constraints: what is kept and what is broken stay on their sides."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neps_plugins.toolkit.gp.constraint_warp import CONSTRAINT_OFFSETS, ConstraintWarp
from neps_plugins.toolkit.gp.targets import OFFSETS, ObjectiveWarp, finite

INF = math.inf
CASES = {
    "either side": [-3.0, 0.5, 2.0, -0.1, 1e-9],
    "none is kept": [1.0, 5.0, 2.5],
    "all the same": [4.0, 4.0],
    "one": [-2.0],
    "zeros": [0.0, 0.0, 0.0],
    "zero is kept": [0.0, 0.0, 3.0, 1.0],
    "infinite": [INF, -INF, 1.0, -2.0, 0.3],
    "nothing finite": [INF, INF, -INF],
    "huge": [1e300, -1e300, 1.0, -1.0],
    "the largest": [1.7e308, -1.7e308, 1.7e308],
    "the smallest": [5e-324, 0.0, -5e-324],
    "tiny": [1e-300, -2e-300, 0.0],
}


@pytest.mark.parametrize("offset", CONSTRAINT_OFFSETS)
@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_whatever_the_values(values, offset):
    values = np.array(values)
    warp = ConstraintWarp.of(values, offset)
    limit = warp.at(np.zeros(1))[0]
    assert np.isfinite(warp.targets).all() and math.isfinite(warp.slope) and math.isfinite(limit)
    assert ((warp.targets <= limit) == (values <= 0)).all()
    order = np.argsort(values)
    assert (np.diff(warp.targets[order]) >= 0).all()
    if len(set(values)) > 1:
        assert warp.targets.mean() == pytest.approx(0, abs=1e-9)
        assert warp.targets.std() == pytest.approx(1)


@pytest.mark.parametrize("offset", CONSTRAINT_OFFSETS)
def test_units_make_no_difference(offset):
    values = np.random.default_rng(0).standard_normal(30)
    one, other = ConstraintWarp.of(values, offset), ConstraintWarp.of(1e6 * values, offset)
    assert one.targets == pytest.approx(other.targets)
    assert one.slope == pytest.approx(other.slope)


@pytest.mark.parametrize("offset", CONSTRAINT_OFFSETS)
def test_the_slope_is_that_of_the_targets(offset):
    """Up to what is the same for all offsets."""
    values = np.random.default_rng(1).standard_normal(20)

    def determinant(offset):
        warp = ConstraintWarp.of(values, offset)
        step = 1e-6
        return np.log((warp.at(values + step) - warp.at(values - step)) / (2 * step)).sum() - warp.slope

    assert determinant(offset) == pytest.approx(determinant(INF), abs=1e-3)


@pytest.mark.parametrize("offset", OFFSETS)
def test_the_warp_of_objectives_goes_on_beyond_them(offset):
    values = np.array([3.0, 1.0, 7.0, 2.0, 100.0])
    warp = ObjectiveWarp.of(values, offset)
    assert warp.at(values) == pytest.approx(warp.targets)
    beyond = warp.at(np.array([-1e3, 0.5, 1.0, 1.1, 200.0]))
    assert (np.diff(beyond) > 0).all() and np.isfinite(beyond).all()
    flat = ObjectiveWarp.of(finite(np.array([2.0, math.nan, 2.0])), offset)
    assert flat.at(np.array([1.0, 2.0, 3.0]))[1] == 0.0
    assert flat.at(np.array([1.0]))[0] < 0 < flat.at(np.array([3.0]))[0]
