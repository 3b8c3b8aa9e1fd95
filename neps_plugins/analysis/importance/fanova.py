"""Functional ANOVA: which share of the variance of y each parameter, and each pair of them, explains.

F. Hutter, H. Hoos and K. Leyton-Brown, "An efficient approach for assessing hyperparameter importance", ICML 2014,
Section 3 and Algorithm 2. The variance of a parameter's marginal, by that of the tree, is its importance; a pair's is
what the variance of their marginal has beyond both parameters' own. `target="best"` looks at good regions only, as in
Section 4.3 there: what is worse than the best tenth of all points counts as being as bad as that, here before the
forest is fitted, so that its splits are made where they matter.

A parameter that not all configurations have explains only what differs among those that have it, by the share of the
space where it is active (both measured, see `marginals`): by the law of total variance, the rest is due to whether it
is active, which is another parameter's decision. A pair explains what is not additive where both are active. Where all
are, both are the paper's.
"""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np
from attrs import evolve, frozen

from neps_plugins.analysis.importance.forest import Forest, grow_forest
from neps_plugins.analysis.importance.marginals import Marginal, Marginals
from neps_plugins.analysis.importance.points import Floats, Points, kept

#: The share of points that are good.
BEST = 0.1

#: Among how many parameters pairs are looked at: those whose splits took away most of the error.
MAX_PAIRED = 12


@frozen
class Importances:
    """What explains y.

    Attributes:
        single: Of each column, the share of the variance of y in 0..1, shape (d,); zeros if y is constant.
        deviation: Its standard deviation over the trees, shape (d,).
        pairs: Of pairs of columns (i < j) what only both together explain, and its standard deviation; the highest
            comes first.
        n: Of how many points.
        reason: Why there are zeros only; None if there aren't.
    """

    single: Floats
    deviation: Floats
    pairs: list[tuple[int, int, float, float]]
    n: int
    reason: str | None = None


def fanova(points: Points, target: Literal["all", "best"] = "all", n_trees: int = 32, seed: int = 0) -> Importances:
    """Importances of parameters and of pairs.

    Args:
        points: n of them in d columns. Of more than 2,000, some are looked at; see `points.kept`.
        target: Whether to explain y everywhere, or only what is better than the best tenth's worst.
        n_trees: How many trees the forest has.
        seed: Of all randomness.
    """
    d = points.x.shape[1]
    if not len(points.y):
        return Importances(np.zeros(d), np.zeros(d), [], 0, "there are no results yet.")
    points = looked_at(points, target, seed)
    forest = grow_forest(points, n_trees, seed=seed)
    if not forest.spread:
        return Importances(np.zeros(d), np.zeros(d), [], len(points.y), "all results are the same.")
    if not forest.gains.any():
        return Importances(np.zeros(d), np.zeros(d), [], len(points.y), "there are too few results.")
    return decomposed(forest, len(points.y))


def looked_at(points: Points, target: Literal["all", "best"], seed: int) -> Points:
    """Those points that a forest is fitted to, and what of y."""
    if target == "best" and len(points.y):
        cut = np.partition(points.y, int(BEST * (len(points.y) - 1)))[int(BEST * (len(points.y) - 1))]
        points = evolve(points, y=np.minimum(points.y, cut))
    return points.rows(kept(points.y, seed=seed))


def decomposed(forest: Forest, n: int) -> Importances:
    """The importances that a forest of n points says."""
    d = len(forest.kinds)
    paired = np.sort(np.argsort(-forest.gains, kind="stable")[:MAX_PAIRED])
    pairs = list(itertools.combinations(paired.tolist(), 2))
    singles, doubles = [], []
    for leaves in forest.trees:
        marginals = Marginals(forest, leaves)
        variance = marginals.variance
        if variance <= 1e-12:
            continue  # a tree that drew the same points only says nothing
        singles.append([_explained(marginals.single(j)) / variance for j in range(d)])
        doubles.append([_interaction(marginals.pair(i, j)) / variance for i, j in pairs])
    if not singles:
        return Importances(np.zeros(d), np.zeros(d), [], n, "there are too few results.")
    of_pairs = np.reshape(doubles, (len(singles), len(pairs)))
    found = zip(pairs, np.maximum(of_pairs.mean(axis=0), 0.0).tolist(), of_pairs.std(axis=0).tolist())
    return Importances(
        np.mean(singles, axis=0),
        np.std(singles, axis=0),
        sorted(((i, j, share, deviation) for (i, j), share, deviation in found), key=lambda pair: -pair[2]),
        n,
    )


def _explained(marginal: Marginal) -> float:
    """The variance of a marginal where its column is active, by how likely that is."""
    total = marginal.mass.sum()
    mean = marginal.mean @ marginal.mass / total if total else 0.0
    return float((marginal.mean - mean) ** 2 @ marginal.mass)


def _interaction(marginal: Marginal) -> float:
    """The same of two columns, but of what is left after the mean for each value of one of them."""
    mean, mass = marginal.mean, marginal.mass
    rows, columns, total = mass.sum(axis=1), mass.sum(axis=0), mass.sum()
    if not total:
        return 0.0
    weighted = mean * mass
    of_row = np.divide(weighted.sum(axis=1), rows, out=np.zeros_like(rows), where=rows > 0)
    of_column = np.divide(weighted.sum(axis=0), columns, out=np.zeros_like(columns), where=columns > 0)
    left = mean - of_row[:, None] - of_column + weighted.sum() / total
    return float((left**2 * mass).sum())
