"""The forest and its variances, where the truth is known."""

from __future__ import annotations

import numpy as np

from neps_plugins.analysis.forest import Tree, forest, marginal, variances


def test_variances_of_a_tree_by_hand():
    # 0 left of the middle of the first axis, 1 right of it: all of the variance, 1/4, is the first axis'.
    tree = Tree(np.array([[0.0, 0.0], [0.5, 0.0]]), np.array([[0.5, 1.0], [1.0, 1.0]]), np.array([0.0, 1.0]))
    total, parts = variances(tree)
    assert total == 0.25
    assert parts.tolist() == [0.25, 0.0]
    assert marginal(tree, 0, np.array([0.25, 0.75])).tolist() == [0.0, 1.0]


def test_a_linear_function_is_told_apart():
    x = np.random.default_rng(0).random((400, 3))
    shares = np.mean([parts / total for total, parts in map(variances, forest(x, 2 * x[:, 0] + x[:, 1]))], axis=0)
    np.testing.assert_allclose(shares, [0.8, 0.2, 0.0], atol=0.06)
