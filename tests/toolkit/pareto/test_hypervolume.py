"""Hypervolumes and boxes: against moocore, and against each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neps_core import OptimizerError
from neps_plugins.toolkit import (
    RunningHypervolume,
    beyond_all,
    box_decomposition,
    hypervolume,
    hypervolume_contributions,
    hypervolume_improvement,
    non_dominated,
)
from tests.toolkit.pareto.points import sphere

INF, NAN = np.inf, np.nan

#: Points of a grid of 5 values, of which 4 is the reference: many ties, duplicates, and points that don't count.
grids = st.tuples(st.integers(0, 10), st.integers(1, 4)).flatmap(
    lambda shape: arrays(float, shape, elements=st.integers(0, 4).map(float))
)


def cells(m):
    """The middle of each cell of the grid."""
    return np.stack(np.meshgrid(*[np.arange(4) + 0.5] * m), axis=-1).reshape(-1, m)


def dominated(middles, points):
    return (points[None] <= middles[:, None]).all(axis=2).any(axis=1)


def in_boxes(points, boxes):
    """In how many each point is."""
    return ((boxes.lower < points[:, None]) & (points[:, None] < boxes.upper)).all(axis=2).sum(axis=1)


def volume(boxes, ideal):
    """Of the boxes, above the ideal."""
    return np.prod(np.maximum(boxes.upper - np.maximum(boxes.lower, ideal), 0), axis=1).sum()


@given(grids)
def test_on_a_grid_volumes_are_numbers_of_cells(points):
    m = points.shape[1]
    reference = np.full(m, 4.0)
    middles = cells(m)
    inside = dominated(middles, points)
    assert hypervolume(points, reference) == inside.sum()
    running = RunningHypervolume(reference)
    for i, point in enumerate(points):
        assert running.add(point) == dominated(middles, points[: i + 1]).sum()
    boxes = box_decomposition(points, reference)
    assert (in_boxes(middles, boxes) == ~inside).all()
    assert np.isfinite(boxes.upper).all() and (boxes.lower < boxes.upper).all()
    assert volume(boxes, np.zeros(m)) == (~inside).sum()
    candidates = np.vstack([points, cells(m)[::7] - 0.5])
    more = [hypervolume(np.vstack([points, one]), reference) - inside.sum() for one in candidates]
    assert hypervolume_improvement(candidates, points, reference).tolist() == more


@given(grids)
def test_contributions_are_differences_of_hypervolumes(points):
    reference = np.full(points.shape[1], 4.0)
    front = non_dominated(points)
    kept = points[front]
    contributions = hypervolume_contributions(points, reference)
    assert (contributions[~front] == 0).all()
    for i, contribution in zip(range(len(kept)), contributions[front]):
        without = np.delete(kept, i, axis=0)
        assert contribution == hypervolume(kept, reference) - hypervolume(without, reference)


@pytest.mark.parametrize("m", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["front", "cloud", "far"])
def test_against_moocore(m, kind):
    moocore = pytest.importorskip("moocore")
    rng = np.random.default_rng(m)
    n = {2: 60, 3: 40, 4: 20, 5: 10}[m]
    points = sphere(n, m, m) if kind == "front" else rng.random((2 * n, m))
    points = np.vstack([points, points[:3], rng.random((3, m)) + 0.8])
    reference = np.full(m, 0.9)
    if kind == "far":
        points, reference = points * 1e6 - 1e5, reference * 1e6 - 1e5
    assert hypervolume(points, reference) == pytest.approx(moocore.hypervolume(points, ref=reference), rel=1e-12)
    theirs = moocore.hv_contributions(points, ref=reference)
    assert hypervolume_contributions(points, reference) == pytest.approx(theirs, rel=1e-9, abs=1e-12 * theirs.max())


@pytest.mark.parametrize("n, m, most", [(80, 2, 81), (60, 3, 121), (40, 4, 400), (12, 5, 200)])
def test_boxes_are_few_and_don_t_overlap(n, m, most):
    front, reference = sphere(n, m), np.full(m, 1.1)
    boxes = box_decomposition(front, reference)
    assert len(boxes.lower) <= most
    points = np.random.default_rng(7).random((2000, m)) * 1.3 - 0.1
    expected = ~dominated(points, front) & (points < reference).all(axis=1)
    assert (in_boxes(points, boxes) == expected).all()
    assert volume(boxes, np.zeros(m)) == pytest.approx(1.1**m - hypervolume(front, reference), rel=1e-12)
    below = np.random.default_rng(8).standard_normal((100, m)) - 4
    assert (in_boxes(below, boxes) == 1).all()


@pytest.mark.parametrize("m", [2, 3, 4])
def test_improvements_of_many(m):
    front, reference = sphere(20, m), np.full(m, 1.1)
    points = np.random.default_rng(9).random((50, m)) * 1.4
    before = hypervolume(front, reference)
    more = [hypervolume(np.vstack([front, one]), reference) - before for one in points]
    assert hypervolume_improvement(points, front, reference) == pytest.approx(more, abs=1e-13)


def test_improvements_in_parts_are_the_same(monkeypatch):
    points, front = np.random.default_rng(9).random((50, 3)), sphere(20, 3)
    at_once = hypervolume_improvement(points, front, [1, 1, 1])
    monkeypatch.setattr("neps_plugins.toolkit.pareto.boxes._AT_ONCE", 100)
    assert (hypervolume_improvement(points, front, [1, 1, 1]) == at_once).all()


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_nothing_and_one_point(m):
    reference = np.full(m, 2.0)
    for nothing in ([], np.zeros((0, m)), np.full((2, m), NAN), np.full((3, m), 2.0), np.full((1, m), INF)):
        assert hypervolume(nothing, reference) == 0
        assert (hypervolume_contributions(nothing, reference) == np.zeros(len(nothing))).all()
        boxes = box_decomposition(nothing, reference)
        assert np.isneginf(boxes.lower).all() and boxes.upper.tolist() == [[2.0] * m]
        assert hypervolume_improvement(np.zeros((1, m)), nothing, reference).tolist() == [2.0**m]
    one = np.ones((1, m))
    assert hypervolume(one, reference) == 1 and hypervolume_contributions(one, reference).tolist() == [1]
    assert len(box_decomposition(one, reference).lower) == m
    assert hypervolume_contributions(np.vstack([one, one]), reference).tolist() == [0, 0]
    assert len(box_decomposition(np.vstack([one, one]), reference).lower) == m


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_infinitely_good(m):
    reference = np.zeros(m)
    best, half = np.full(m, -INF), np.append(-INF, np.full(m - 1, -1.0))
    assert hypervolume([best], reference) == hypervolume([half], reference) == INF
    assert hypervolume_contributions([half, np.full(m, -2.0)], reference)[0] == INF
    running = RunningHypervolume(reference)
    assert [running.add(point) for point in (np.full(m, -1.0), half, np.full(m, -2.0))] == [1, INF, INF]
    assert len(box_decomposition([best], reference).lower) == 0
    assert hypervolume_improvement([best, np.full(m, -1.0)], [best], reference).tolist() == [0, 0]
    improvement = hypervolume_improvement([half, np.full(m, NAN)], [np.full(m, -2.0)], reference)
    assert improvement.tolist() == [INF, 0]
    boxes = box_decomposition([half, np.full(m, -2.0)], reference)
    assert np.isfinite(boxes.upper).all()
    points = -4 * np.random.default_rng(0).random((200, m))
    assert (in_boxes(points, boxes) == ~dominated(points, np.array([half, np.full(m, -2.0)]))).all()


@pytest.mark.parametrize("function", [hypervolume, hypervolume_contributions, box_decomposition])
def test_references_that_don_t_fit(function):
    for wrong in ([1.0], [1.0, 2.0, 3.0], [1.0, INF], [NAN, 1.0], "ab", [[1.0, 2.0]]):
        with pytest.raises(OptimizerError, match="must be 2 finite numbers"):
            function([[0.0, 0.0]], wrong)
    with pytest.raises(OptimizerError, match="must be 2 finite numbers"):
        RunningHypervolume([1.0, 2.0, 3.0]).add([0.0, 0.0])
    with pytest.raises(OptimizerError, match="must have 2 objectives"):
        hypervolume_improvement([[1.0]], [[0.0, 0.0]], [1.0, 1.0])


def test_a_reference_point_beyond_all():
    assert beyond_all([0.0, 3.0, -1e308], [10.0, 3.0, 1e308]).tolist() == [11.0, 3.1, np.finfo(float).max]
