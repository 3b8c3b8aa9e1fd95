"""Results that come one after another have the order of all of them at once."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from neps_core import OptimizerError
from neps_plugins.toolkit import Ranking, constrained_sort, non_dominated_sort, promotion_order, violations
from neps_plugins.toolkit.pareto.fronts import Fronts

INF = float("inf")


@pytest.mark.parametrize("m", [1, 2, 3, 5])
@pytest.mark.parametrize("decimals", [1, 9])
def test_fronts_are_those_of_all_at_once(m, decimals):
    rng = np.random.default_rng(m)
    values = np.round(rng.random((150, m)), decimals)
    values[::40, 0], values[7, -1] = INF, -INF
    fronts = Fronts(m)
    for i, row in enumerate(values):
        fronts.add(i, tuple(row.tolist()))
        if i % 50 == 49:
            ranks = non_dominated_sort(values[: i + 1])
            assert [set(front) for front in fronts] == [set(np.flatnonzero(ranks == k)) for k in range(ranks.max() + 1)]


@pytest.mark.parametrize("m, c", [(1, 0), (1, 1), (2, 0), (2, 2), (3, 0), (3, 1)])
@pytest.mark.parametrize("selector", ["epsnet", "nsga2"])
def test_the_order_is_that_of_all_at_once_however_they_come(m, c, selector):
    rng = np.random.default_rng(10 * m + c)
    values = np.round(rng.random((60, m)), 1)
    constraints = np.round(rng.normal(size=(60, c)) * [1e3, 1.0][:c], 1)
    expected = promotion_order(values, violations(constraints), selector).tolist()
    for order in (range(60), rng.permutation(60)):
        ranking = Ranking(selector)
        for i in order:
            ranking.add(int(i), tuple(values[i].tolist()), tuple(constraints[i].tolist()))
            if i % 7 == 0:  # whoever looks in between changes nothing
                ranking.best(3)
        assert len(ranking) == 60
        assert ranking.best() == copy.deepcopy(ranking).best(99) == expected
        assert ranking.best(0) == [] and ranking.best(17) == expected[:17]
        assert (ranking.single is None) == (m > 1 or c > 0)
        ranks = constrained_sort(values, violations(constraints))
        assert [set(g) for g in ranking.groups()] == [set(np.flatnonzero(ranks == r)) for r in np.unique(ranks)]


def test_constraints_may_come_late():
    """One that a result lacks is kept."""
    ranking = Ranking()
    for number, objective, constraints in [(1, 2.0, ()), (2, 1.0, ()), (3, 0.0, (1.0,)), (4, 3.0, (-1.0, 0.0))]:
        ranking.add(number, (objective,), constraints)
    assert ranking.best() == [2, 1, 4, 3]
    ranking.add(5, (9.0,), (float("nan"), 0.0))
    assert ranking.best() == [2, 1, 4, 3, 5]


def test_results_that_can_not_be_compared():
    ranking = Ranking()
    ranking.add(1, (1.0,))
    with pytest.raises(OptimizerError, match="has 2 objectives, and earlier ones have 1"):
        ranking.add(2, (1.0, 2.0))
    assert ranking.best() == [1] and len(ranking) == 1


def test_no_such_selector():
    with pytest.raises(OptimizerError, match="selector='epsnt' is unknown.*epsnet"):
        Ranking("epsnt")
