import math

import numpy as np
import pytest

from neps_plugins.analysis.importance.effects import effect, grid, joint_effect
from neps_plugins.analysis.importance.fanova import decomposed, fanova
from neps_plugins.analysis.importance.forest import grow_forest
from neps_plugins.analysis.importance.marginals import Marginals
from neps_plugins.analysis.importance.ped_anova import ped_anova
from neps_plugins.analysis.importance.points import kept, points, relative_ranks


def uniform(n, d, seed=0):
    return np.random.default_rng(seed).random((n, d))


def of_pairs(importances):
    return {(i, j): share for i, j, share, _ in importances.pairs}


def conditional(n=400):
    """y is 1 where the first column is 0; otherwise it is the second one, which is active only there."""
    x = uniform(n, 3)
    x[:, 0] = np.arange(n) % 2
    x[x[:, 0] == 0, 1] = np.nan
    return x, np.where(x[:, 0] == 0, 1.0, np.nan_to_num(x[:, 1]))


def test_additive_parameters_explain_their_own_variance():
    x = uniform(600, 3)
    found = fanova(points(x, [None] * 3, 4 * x[:, 0] + 2 * x[:, 1] + x[:, 2]), n_trees=8)
    assert found.single == pytest.approx(np.array([16, 4, 1]) / 21, abs=0.04)
    assert max(of_pairs(found).values()) < 0.03
    assert (found.deviation < 0.03).all()


def test_ishigami():
    # I. M. Sobol and Y. L. Levitan, 1999, with a = 7, b = 0.1: S1 = 0.314, S2 = 0.442, S3 = 0, S13 = 0.244.
    x = uniform(1000, 3)
    z = np.pi * (2 * x - 1)
    y = np.sin(z[:, 0]) + 7 * np.sin(z[:, 1]) ** 2 + 0.1 * z[:, 2] ** 4 * np.sin(z[:, 0])
    found = fanova(points(x, [None] * 3, y), n_trees=8)
    assert found.single == pytest.approx([0.314, 0.442, 0.0], abs=0.12)
    assert found.single[1] > found.single[0]
    assert found.pairs[0][:2] == (0, 2)
    assert found.pairs[0][2] == pytest.approx(0.244, abs=0.06)
    assert found.pairs[1][2] < 0.08


@pytest.mark.parametrize("kind", [2, None])
def test_exclusive_or_is_explained_by_the_pair(kind):
    x = uniform(400, 3)
    if kind:
        x = np.round(x)
    y = ((x[:, 0] > 0.5) != (x[:, 1] > 0.5)) * 1.0
    found = fanova(points(x, [kind] * 3, y), n_trees=8)
    assert found.pairs[0][:2] == (0, 1)
    assert found.pairs[0][2] > 0.8
    assert found.single.max() < 0.05


def test_choices_whose_order_says_nothing():
    x = uniform(600, 3)
    x[:, 0] = np.arange(600) % 6
    y = np.isin(x[:, 0], [1, 4]) * 1.0
    forest = grow_forest(points(x, [6, None, None], y), n_trees=4)
    assert all(len(leaves.value) == 2 for leaves in forest.trees)  # one split by the means tells them apart
    assert decomposed(forest, 600).single == pytest.approx([1, 0, 0])
    assert effect(forest, 0, grid(6)).mean == pytest.approx([0, 1, 0, 0, 1, 0], abs=1e-9)


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2]])
def test_a_conditional_parameter_explains_what_differs_where_it_is_active(order):
    x, y = conditional()
    kinds = [2, None, None]
    found = fanova(points(x[:, order], [kinds[j] for j in order], y), n_trees=8)
    # The variance between both branches is 1/16, that within the second one, half of all, 1/12.
    of_choice, of_number = 1 / 16, 1 / 24
    expected = np.array([of_choice, of_number, 0]) / (of_choice + of_number)
    assert found.single == pytest.approx(expected[order], abs=0.02)
    assert max(of_pairs(found).values()) < 0.01


def test_the_effect_of_a_conditional_parameter_is_that_where_it_is_active():
    x, y = conditional()
    forest = grow_forest(points(x, [2, None, None], y), n_trees=8)
    assert effect(forest, 1, grid(None)).mean == pytest.approx(grid(None), abs=0.05)
    assert effect(forest, 0, grid(2)).mean == pytest.approx([1.0, 0.5], abs=0.05)
    both = joint_effect(forest, 0, 1, grid(2), grid(None))
    assert np.isnan(both.mean[0]).all()  # no configuration has both
    assert both.mean[1] == pytest.approx(grid(None), abs=0.05)


def test_leaves_share_out_the_space_and_marginals_are_means():
    x = uniform(300, 4)
    x[:, 1] = np.floor(4 * x[:, 1])
    x[x[:, 1] == 2, 3] = np.nan
    y = x[:, 0] * (x[:, 1] + 1) + np.nan_to_num(x[:, 3])
    forest = grow_forest(points(x, [None, 4, None, None], y), n_trees=3, min_leaf=1)
    queries = uniform(4000, 4, seed=1)
    queries[:, 1] = np.floor(4 * queries[:, 1])
    for leaves in forest.trees:
        marginals = Marginals(forest, leaves)
        single = marginals.single(0)
        assert single.mass.sum() == pytest.approx(1)
        assert single.mean @ single.mass == pytest.approx(marginals.mean)
        pair = marginals.pair(0, 1)
        assert pair.mass.sum() == pytest.approx(1)
        assert (pair.mean * pair.mass).sum(axis=1) == pytest.approx(single.mean * single.mass)
        assert (pair.mean * pair.mass).sum() == pytest.approx(marginals.mean)
        # A plain walk over all leaves, by Monte Carlo over the other columns.
        inside = leaves.choices[1][:, queries[:, 1].astype(int)].T.copy()
        for j in (2, 3):
            inside &= (leaves.lower[:, j] < queries[:, [j]]) & (queries[:, [j]] <= leaves.upper[:, j])
        inside &= (leaves.lower[:, 0] < 0.4) & (leaves.upper[:, 0] >= 0.4)
        expected = (inside * leaves.branch) @ leaves.value
        assert single.mean[marginals.cells_at(0, np.array([0.4]))[0]] == pytest.approx(expected.mean(), abs=0.05)


def test_of_good_regions_only_what_matters_there():
    x = uniform(2000, 2)
    y = np.where(x[:, 0] > 0.2, 100.0 + x[:, 0], x[:, 1])  # the second column matters where the first one is low
    everywhere = fanova(points(x, [None] * 2, y), n_trees=8)
    best = fanova(points(x, [None] * 2, y), target="best", n_trees=8)
    assert everywhere.single[0] > 0.95
    assert best.single[1] > 10 * everywhere.single[1]
    assert best.single[1] + best.pairs[0][2] > 0.4


def test_the_same_seed_makes_the_same_forest():
    x = uniform(100, 4)
    of = points(x, [None] * 4, x[:, 0] + x[:, 1] ** 2)
    a, b, c = (fanova(of, n_trees=4, seed=seed) for seed in (1, 1, 2))
    assert (a.single == b.single).all() and a.pairs == b.pairs
    assert (a.single != c.single).any()


def test_effects_have_the_units_of_y_and_know_where_they_are_unsure():
    x = uniform(500, 2)
    y = 10 + 5 * x[:, 0] - 2 * x[:, 1]
    forest = grow_forest(points(x, [None] * 2, y), n_trees=16)
    found = effect(forest, 0, grid(None, 20))
    assert found.mean == pytest.approx(9 + 5 * grid(None, 20), abs=0.4)
    assert (found.deviation > 0).all() and (found.deviation < 0.5).all()
    assert (found.low < found.mean).all() and (found.mean < found.high).all()
    both = joint_effect(forest, 0, 1, grid(None, 5), grid(None, 7))
    expected = 10 + np.add.outer(5 * grid(None, 5), -2 * grid(None, 7))
    assert both.mean.shape == (5, 7)
    assert both.mean == pytest.approx(expected, abs=0.8)


def test_ped_anova_by_hand():
    # 10 points, the best 4 with choices 0 0 0 1; of all, five of each.
    x = np.array([0, 0, 0, 1, 0, 0, 1, 1, 1, 1.0])[:, None]
    found = ped_anova(points(x, [2], np.arange(10.0)), gamma=0.4)
    p = (3 + 1 / 2) / 5  # one point's weight is uniform over both
    variance = 0.4**2 * 2 * 0.5 * (p / 0.5 - 1) ** 2
    assert found.variance == pytest.approx([variance])
    assert found.importance == pytest.approx([1.0])
    assert (found.n_best, found.n) == (4, 10)


def test_ped_anova_of_a_conditional_parameter_by_hand():
    # The same 10 points, and as many without the parameter, all of them bad.
    x = np.array([0, 0, 0, 1, 0, 0, 1, 1, 1, 1.0, *[np.nan] * 10])[:, None]
    found = ped_anova(points(x, [2], np.arange(20.0)), gamma=0.2)
    assert found.variance == pytest.approx([0.5 * 0.4**2 * (0.7 / 0.5 - 1) ** 2])


def test_ped_anova_between_two_gammas_is_about_good_regions():
    x = uniform(2000, 3)
    y = np.where(x[:, 0] > 0.2, 10 + x[:, 0], x[:, 1])
    everywhere = ped_anova(points(x, [None] * 3, y), gamma=0.2)
    local = ped_anova(points(x, [None] * 3, y), gamma=0.02, baseline=0.2)
    assert everywhere.importance.argmax() == 0 and everywhere.importance[0] > 0.9
    assert local.importance.argmax() == 1 and local.importance[1] > 0.9
    assert local.n == 400 and local.n_best == 40


@pytest.mark.parametrize("gamma, baseline", [(0.0, 1.0), (0.5, 0.5), (0.1, 1.1)])
def test_ped_anova_says_which_gammas_it_takes(gamma, baseline):
    with pytest.raises(ValueError, match="0 < gamma < baseline <= 1"):
        ped_anova(points(uniform(5, 1), [None], np.arange(5.0)), gamma, baseline)


def test_only_the_order_counts_for_ped_anova():
    x = uniform(300, 3)
    y = x[:, 0] ** 2 + 0.3 * x[:, 1]
    a = ped_anova(points(x, [None] * 3, y))
    b = ped_anova(points(x, [None] * 3, np.exp(20 * y)))
    assert (a.variance == b.variance).all()
    assert a.importance.argmax() == 0


def test_scale_and_shift_of_y_change_no_importance():
    x = uniform(200, 2)
    y = x[:, 0] + 0.3 * x[:, 1]
    a = fanova(points(x, [None] * 2, y), n_trees=4)
    b = fanova(points(x, [None] * 2, 1000 * y - 7), n_trees=4)
    assert a.single == pytest.approx(b.single, abs=0.01)  # ties of splits are rounded otherwise


def test_huge_values():
    x = uniform(200, 2)
    y = np.where(x[:, 0] > 0.5, 1e308, -1e308)
    of = points(x, [None] * 2, y)
    assert fanova(of, n_trees=4).single == pytest.approx([1, 0], abs=0.02)
    found = effect(grow_forest(of, n_trees=4), 0, grid(None, 4))
    assert found.mean == pytest.approx([-1e308, -1e308, 1e308, 1e308])
    assert np.isfinite(found.low).all() and np.isfinite(found.high).all()
    assert ped_anova(of, gamma=0.5).importance.argmax() == 0


@pytest.mark.parametrize(
    "x, y",
    [
        (np.empty((0, 2)), np.empty(0)),
        (np.full((1, 2), 0.5), np.array([3.0])),
        (np.full((1, 2), np.nan), np.array([0.0])),
        (uniform(50, 2), np.full(50, 7.0)),
        (np.full((50, 2), 0.5), np.arange(50.0)),
        (np.full((50, 2), np.nan), np.arange(50.0)),
    ],
)
def test_what_says_nothing_has_a_reason(x, y):
    of = points(x, [None] * 2, y)
    for found in (fanova(of), fanova(of, target="best")):
        assert (found.single == 0).all() and found.reason
    ped = ped_anova(of)
    assert (ped.importance == 0).all() and ped.reason
    if len(y):
        forest = grow_forest(of, n_trees=2)
        both = joint_effect(forest, 0, 1, grid(None, 3), grid(None, 3)).mean
        assert np.isnan(both).all() if np.isnan(x).all() else both == pytest.approx(y.mean(), rel=0.3)


def test_duplicates_and_a_column_with_one_value():
    x = np.repeat(uniform(40, 3), 5, axis=0)
    x[:, 1] = 0.25
    found = fanova(points(x, [None] * 3, x[:, 0]), n_trees=4)
    assert found.single[0] > 0.95 and found.single[1] == pytest.approx(0, abs=1e-12)
    assert ped_anova(points(x, [None] * 3, x[:, 0])).importance[1] == pytest.approx(0, abs=1e-12)


def test_of_many_points_some_are_looked_at_with_the_best():
    y = np.random.default_rng(0).permutation(100_000).astype(float)
    rows = kept(y)
    assert len(rows) == len(set(rows.tolist())) == 2000
    assert (np.diff(rows) > 0).all()
    assert set(np.flatnonzero(y < 200)) <= set(rows.tolist())
    assert (rows == kept(y)).all()
    x = uniform(100_000, 2)
    assert fanova(points(x, [None] * 2, x[:, 0]), n_trees=2).n == 2000
    assert kept(y[:10]).tolist() == list(range(10))


def test_relative_ranks():
    assert relative_ranks(np.array([3.0, 1.0, 2.0, 2.0, 9.0])).tolist() == [0.75, 0.0, 0.375, 0.375, 1.0]
    assert relative_ranks(np.array([5.0])).tolist() == [0.0]
    assert relative_ranks(np.array([])).tolist() == []


@pytest.mark.parametrize(
    "x, kinds, y, told",
    [
        ([[0.5]], [None, None], [1.0], "does not fit"),
        ([[0.5]], [None], [1.0, 2.0], "does not fit"),
        ([[1.5]], [None], [1.0], "column 0 has values outside the unit interval"),
        ([[3.0]], [3], [1.0], "column 0 has values outside its 3 choices"),
        ([[0.5]], [3], [1.0], "indices"),
        ([[0.5]], [None], [math.inf], "not finite"),
    ],
)
def test_arrays_that_do_not_fit(x, kinds, y, told):
    with pytest.raises(ValueError, match=told):
        points(x, kinds, y)
