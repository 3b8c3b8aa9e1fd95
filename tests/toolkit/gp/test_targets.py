"""Warped targets: finite whatever the objectives are, in their order, and with the density of a change of variables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neps_plugins.toolkit.gp.targets import OFFSETS, finite, warped

NAN, INF = math.nan, math.inf

ODD = {
    "one": [3.0],
    "a failure": [NAN],
    "all failed": [NAN, NAN, NAN],
    "all infinite": [INF, -INF, NAN, INF],
    "constant": [2.5] * 6,
    "a constant and a failure": [2.5, NAN, 2.5],
    "zeros": [0.0, -0.0, 0.0],
    "two": [1.0, 2.0],
    "ties at the best": [0.0, 0.0, 0.0, 0.0, 1.0],
    "ties at the worst": [0.0, 1.0, 1.0, 1.0, 1.0],
    "failures": [1.0, NAN, 2.0, NAN, 0.5],
    "infinite": [1.0, INF, 2.0, -INF, 0.5, NAN],
    "huge and of either sign": [1e300, -1e300, 0.0, 5.0],
    "the largest": [1.7e308, -1.7e308, 0.0],
    "negative and huge": [-1e300, 1.0, 2.0, 3.0],
    "tiny": [1e-300, 2e-300, 5e-300, 4e-300],
    "subnormal": [0.0, 5e-324, 1e-323],
    "differ in the last digit": [1.0, 1.0 + 2**-52, 1.0 + 2**-51],
    "large and nearly equal": [1e15, 1e15 + 1, 1e15 + 2],
    "skewed": [10.0**k for k in range(-8, 9)],
    "a penalty": [0.1, 0.2, 0.3, 0.4, 0.5, 1e6],
    "a large penalty": [0.1, 0.2, 0.3, 0.4, 0.5, 1e30],
}

#: The largest of them are more than 1e154 times as far off as the median is: squares of that overflow.
PENALTIES = {
    "a huge penalty": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1e300],
    "a few huge penalties": [0.3, 1e300, 0.2, NAN, 0.1, 0.5, 1e200],
    "the best is 0": [0.0, 1e-5, 2e-5, 1e-6, 1e300],
}


def _check(objectives, offset):
    y = np.array(objectives, dtype=float)
    before = y.copy()
    targets, slope = warped(y, offset)
    assert np.array_equal(y, before, equal_nan=True), "it changed what it was given"
    assert targets.shape == y.shape and np.isfinite(targets).all() and math.isfinite(slope)
    if (targets == 0).all():
        assert slope == 0
    else:
        assert targets.mean() == pytest.approx(0, abs=1e-7)
        assert targets.std() == pytest.approx(1, abs=1e-7)
    order = np.argsort(finite(y), kind="stable")
    assert (np.diff(targets[order]) >= -1e-12).all(), "it changed the order"
    same = np.diff(finite(y)[order]) == 0
    assert (np.diff(targets[order])[same] == 0).all()
    return targets


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("objectives", ODD.values(), ids=ODD)
def test_whatever_the_objectives(objectives, offset):
    _check(objectives, offset)


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("objectives", PENALTIES.values(), ids=PENALTIES)
def test_penalties(objectives, offset):
    assert _check(objectives, offset).any(), "nothing can be told from the targets"


@pytest.mark.parametrize("offset", [0.01, INF])
def test_a_penalty_that_is_beyond_all_others(offset):
    assert _check([0.0, 1e-9, 2e-9, 1e300], offset).any()


@given(
    st.lists(
        st.one_of(st.floats(-1e100, 1e100), st.sampled_from([0.0, 1.0, NAN, INF, -INF, 2.0, 1e12])),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(OFFSETS),
)
def test_any_objectives(objectives, offset):
    known = [y for y in objectives if math.isfinite(y)]
    spread = np.sort(np.array(known) - min(known)) / (max(map(abs, known)) or 1.0) if known else np.zeros(1)
    positive = spread[spread > 0]
    if len(positive) and positive.min() < 1e-305:  # see above
        return
    _check(objectives, offset)


@pytest.mark.parametrize("name", ["two", "failures", "infinite", "skewed", "a penalty", "ties at the best"])
@pytest.mark.parametrize("offset", OFFSETS)
def test_different_objectives_have_different_targets(name, offset):
    y = finite(np.array(ODD[name]))
    targets, _ = warped(y, offset)
    rest = y if name not in ("a penalty", "skewed") else y[y < 1e5]  # what is far off may come together
    order = np.argsort(rest)
    apart = np.diff(rest[order]) > 1e-9 * np.abs(y).max()
    assert (np.diff(targets[: len(rest)][order])[apart] > 0).all()


def test_failures_are_as_bad_as_the_worst():
    y = np.array([NAN, 3.0, 1.0, INF, -INF, 2.0])
    assert finite(y).tolist() == [3.0, 3.0, 1.0, 3.0, 1.0, 2.0]
    assert finite(np.array([NAN, INF])).tolist() == [0.0, 0.0]
    for offset in OFFSETS:
        targets, _ = warped(y, offset)
        assert targets[0] == targets[1] == targets[3] == targets.max()
        assert targets[2] == targets[4] == targets.min()


def test_without_a_warp_targets_are_standardised():
    y = np.random.default_rng(0).normal(5, 3, 50)
    targets, _ = warped(y, INF)
    assert targets == pytest.approx((y - y.mean()) / y.std())


@pytest.mark.parametrize("offset", OFFSETS)
def test_scale_and_origin_make_no_difference(offset):
    y = np.random.default_rng(0).gamma(1.0, size=40)
    targets, slope = warped(y, offset)
    for other in (1e-9 * y, 1e9 * y, y - 7, -4 + 3 * y):
        assert warped(other, offset)[0] == pytest.approx(targets, abs=1e-5)
        assert warped(other, offset)[1] == pytest.approx(slope, abs=1e-4)


def test_a_large_offset_is_nearly_none():
    y = np.random.default_rng(0).gamma(1.0, size=40)
    assert warped(y, 1e7)[0] == pytest.approx(warped(y, INF)[0], abs=1e-4)
    # and the determinant goes on to that without a warp, but for the units, which cancel
    assert warped(y, 1e7)[1] == pytest.approx(warped(y, INF)[1], abs=1e-3)


def test_a_small_offset_spreads_what_is_nearly_best():
    y = np.array([0.0, 0.01, 0.02, 0.5, 1.0, 5.0, 50.0])
    shares = [np.diff(warped(y, c)[0])[0] / np.ptp(warped(y, c)[0]) for c in OFFSETS]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("offset", OFFSETS)
def test_the_determinant(offset):
    """Mean and deviation of the targets count as constants, as in any standardisation."""
    y = np.random.default_rng(3).gamma(1.0, size=15)
    targets, slope = warped(y, offset)
    unit = (y - y.min()) / np.median(y - y.min())
    # The warp by its values: any smooth function through them is as good, and is as steep as its differences.
    a, b = unit[5], unit[6]
    scale = (targets[6] - targets[5]) / (b - a if math.isinf(offset) else math.log((b + offset) / (a + offset)))

    def warp(u):
        return scale * (u if math.isinf(offset) else np.log(u + offset))

    assert targets - targets[0] == pytest.approx(warp(unit) - warp(unit[0]))
    h = 1e-6
    slopes = (warp(unit + h) - warp(unit - h)) / (2 * h)
    assert slope == pytest.approx(np.log(slopes).sum(), abs=1e-5)


def test_the_determinant_makes_warps_comparable():
    """What is normal already is most probable without a warp; what is log-normal, with one."""
    rng = np.random.default_rng(0)

    def best(y):
        def evidence(c):
            targets, slope = warped(y, c)
            return slope - 0.5 * targets @ targets

        return max(OFFSETS, key=evidence)

    assert best(rng.normal(0, 1, 400)) >= 10
    assert best(np.exp(3 * rng.normal(0, 1, 400))) <= 0.1


def test_a_warp_that_loses_everything_is_not_the_most_probable_one():
    for objectives in PENALTIES.values():
        y = np.array(objectives)

        def evidence(offset):
            targets, slope = warped(y, offset)
            return slope - 0.5 * targets @ targets

        assert warped(y, max(OFFSETS, key=evidence))[0].any()
