"""Ranks, and the orders made of them: against brute force and moocore."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neps_core import OptimizerError
from neps_plugins.toolkit import (
    constrained_sort,
    crowding_distance,
    epsilon_net_order,
    non_dominated,
    non_dominated_sort,
    promotion_order,
    violations,
)
from tests.toolkit.pareto.points import tables

INF, NAN = np.inf, np.nan


def dominates(a, b):
    return bool((a <= b).all() and (a < b).any())


def brute_force_ranks(values):
    left = {i for i, row in enumerate(values) if not np.isnan(row).any()}
    ranks, rank = np.full(len(values), -1), 0
    while left:
        front = {i for i in left if not any(dominates(values[j], values[i]) for j in left)}
        ranks[list(front)] = rank
        left -= front
        rank += 1
    ranks[ranks < 0] = max(rank, 1)
    return ranks


@given(tables)
def test_ranks(values):
    before = values.copy()
    expected = brute_force_ranks(values)
    assert (non_dominated_sort(values) == expected).all()
    assert (non_dominated(values) == (expected == 0)).all()
    assert np.array_equal(values, before, equal_nan=True)


@pytest.mark.parametrize("n, m", [(500, 1), (500, 2), (700, 3), (400, 4), (300, 6)])
@pytest.mark.parametrize("decimals", [1, 9])
def test_ranks_are_moocores(n, m, decimals):
    moocore = pytest.importorskip("moocore")
    values = np.round(np.random.default_rng(n + m).random((n, m)), decimals)
    if m > 1:
        assert (non_dominated_sort(values) == moocore.pareto_rank(values)).all()
        assert (non_dominated(values) == moocore.is_nondominated(values, keep_weakly=True)).all()
    else:
        assert (non_dominated_sort(values) == np.unique(values[:, 0], return_inverse=True)[1]).all()


def test_a_chain_and_a_front_of_many():
    """Over the bounds of the blocks that are compared at once."""
    rng = np.random.default_rng(0)
    chain = rng.permutation(300)
    assert (non_dominated_sort(np.repeat(chain[:, None], 3, axis=1)) == chain).all()
    front = rng.dirichlet(np.ones(3), 300)
    assert (non_dominated_sort(front) == 0).all() and non_dominated(front).all()
    assert (non_dominated_sort(np.vstack([front + 1, front])) == np.repeat([1, 0], 300)).all()


def test_what_is_unknown_is_never_on_a_front():
    assert non_dominated_sort([[NAN, 0.0], [NAN, NAN]]).tolist() == [1, 1]
    assert non_dominated_sort([[NAN, -INF], [1.0, 1.0], [2.0, 2.0]]).tolist() == [2, 0, 1]
    assert not non_dominated([[NAN, 0.0]]).any()


@pytest.mark.parametrize("function", [non_dominated_sort, non_dominated, crowding_distance, epsilon_net_order])
def test_other_shapes_are_refused(function):
    for wrong in ([1.0, 2.0], np.zeros((3, 0)), 1.0):
        with pytest.raises(OptimizerError, match=r"shape \(n, m\)"):
            function(wrong)


def test_crowding_distance():
    """By hand: each objective's gap between the neighbours, over its range."""
    front = np.array([[0.0, 10.0], [1.0, 5.0], [4.0, 4.0], [10.0, 0.0]])
    assert crowding_distance(front) == pytest.approx([INF, 0.4 + 0.6, 0.9 + 0.5, INF])
    again = crowding_distance(front[[2, 1, 1, 3, 0, 2]])
    assert again == pytest.approx([1.4, 1.0, 0, INF, INF, 0])
    scaled = crowding_distance(front * [1e-9, 1e9] + [5.0, 0.0])
    assert scaled == pytest.approx(crowding_distance(front), rel=1e-6)
    assert crowding_distance(np.insert(front, 2, 7.0, axis=1)) == pytest.approx(crowding_distance(front))


def test_crowding_distance_of_few_and_of_strange_points():
    assert crowding_distance(np.zeros((0, 2))).shape == (0,)
    assert crowding_distance([[1.0, 2.0]]).tolist() == [INF]
    assert crowding_distance([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0]]).tolist() == [INF, 0, INF]
    assert crowding_distance([[NAN, 2.0], [1.0, 2.0]]).tolist() == [0, INF]
    mixed = crowding_distance([[0.0, INF], [1.0, 3.0], [2.0, 2.0], [INF, 0.0], [-INF, INF]])
    assert np.isinf(mixed[[3, 4]]).all() and (mixed[[0, 1, 2]] > 0).all() and np.isfinite(mixed[[1, 2]]).all()
    big = crowding_distance([[-8e307, 8e307], [0.0, 0.0], [8e307, -8e307]])
    assert big == pytest.approx([INF, 2.0, INF])


def test_crowding_distance_does_not_depend_on_the_order_of_the_rows():
    rng = np.random.default_rng(1)
    front = np.round(rng.dirichlet(np.ones(3), 40), 1)
    distances = crowding_distance(front)
    for _ in range(3):
        shuffled = rng.permutation(len(front))
        again = crowding_distance(front[shuffled])
        assert sorted(zip(front[shuffled].tolist(), again)) == sorted(zip(front.tolist(), distances))


def test_epsilon_net_takes_the_farthest_each_time():
    front = np.random.default_rng(2).dirichlet(np.ones(3), 30) * [1, 100, 1e-3]
    order = epsilon_net_order(front)
    assert sorted(order) == list(range(30))
    assert order[0] == front[:, 0].argmin()
    unit = (front - front.min(axis=0)) / np.ptp(front, axis=0)
    for i in range(1, 30):
        gaps = np.linalg.norm(unit[:, None] - unit[order[:i]], axis=2).min(axis=1)
        assert gaps[order[i]] == pytest.approx(gaps.max())
    shuffled = np.random.default_rng(3).permutation(30)
    assert (shuffled[epsilon_net_order(front[shuffled])] == order).all()


def test_epsilon_net_of_few_and_of_strange_points():
    assert epsilon_net_order(np.zeros((0, 2))).shape == (0,)
    assert epsilon_net_order([[1.0, 1.0]] * 3).tolist() == [0, 1, 2]
    assert epsilon_net_order([[NAN, 1.0], [2.0, 0.0], [1.0, 1.0], [2.0, 0.0]]).tolist() == [2, 1, 3, 0]
    strange = epsilon_net_order([[0.0, INF], [1.0, 3.0], [INF, 0.0], [-INF, INF]])
    assert strange[0] == 3 and sorted(strange) == [0, 1, 2, 3]


def test_violations():
    assert violations([[-1.0, 0.0], [1.0, -3.0], [3.0, 1000.0]]) == pytest.approx([0, 1 / 4, 3 / 4 + 1000 / 1003])
    assert violations([[5.0], [5.0]]).tolist() == [1, 1]
    assert violations(np.zeros((2, 0))).tolist() == [0, 0]
    assert violations([[NAN, 0.0], [INF, 0.0], [-INF, 0.0], [-1.0, NAN]]).tolist() == [INF, INF, 0, INF]
    tiny = violations([[1e-320, -1.0], [-1e308, -1.0], [1e308, -1.0]])
    assert 0 < tiny[0] < 1e-300 and tiny[1:] == pytest.approx([0, 0.5])
    with pytest.raises(OptimizerError, match=r"shape \(n, c\)"):
        violations([1.0])


def test_a_constraint_in_large_units_does_not_rule():
    constraints = np.random.default_rng(4).standard_normal((20, 2))
    assert violations(constraints * [1e6, 1e-6]) == pytest.approx(violations(constraints))


def test_constrained_sort():
    values = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 1.0], [3.0, 3.0], [0.0, 0.0], [NAN, 0.0], [9.0, 9.0]])
    broken = np.array([0.5, 0.0, 0.0, 0.0, 0.1, 0.0, 0.5])
    assert constrained_sort(values, broken).tolist() == [3, 0, 0, 1, 2, 4, 3]
    assert constrained_sort(values, np.zeros(7)).tolist() == non_dominated_sort(values).tolist()
    assert constrained_sort(values[:2], [NAN, INF]).tolist() == [0, 0]
    assert constrained_sort(values[:2], [NAN, 1.0]).tolist() == [1, 0]
    assert constrained_sort([[NAN, 0.0]], [0.0]).tolist() == [1]
    assert constrained_sort(np.zeros((0, 2)), []).shape == (0,)
    with pytest.raises(OptimizerError, match="each of 7 points"):
        constrained_sort(values, broken[:3])


@given(tables, st.sampled_from(["epsnet", "nsga2"]), st.booleans())
def test_promotion_goes_by_rank(values, selector, constrained):
    broken = np.arange(len(values)) % 3 / 2 if constrained else None
    order = promotion_order(values, broken, selector)
    assert sorted(order) == list(range(len(values)))
    ranks = non_dominated_sort(values) if broken is None else constrained_sort(values, broken)
    assert (np.diff(ranks[order]) >= 0).all()


def test_promotion_within_a_rank():
    front = np.random.default_rng(5).dirichlet(np.ones(2), 9)
    worse = front + 2
    both = np.vstack([worse, front])
    assert (promotion_order(both)[:9] - 9 == epsilon_net_order(front)).all()
    assert (promotion_order(both)[9:] == epsilon_net_order(worse)).all()
    lonely = crowding_distance(front)[promotion_order(both, selector="nsga2")[:9] - 9]
    assert (lonely[:-1] >= lonely[1:]).all()
    assert (promotion_order(both, np.repeat([0.0, 1.0], 9))[:9] == epsilon_net_order(worse)).all()


@pytest.mark.parametrize("selector", ["epsnets", None, []])
def test_unknown_selectors_are_refused(selector):
    with pytest.raises(OptimizerError, match="is unknown"):
        promotion_order([[1.0, 2.0]], selector=selector)
