"""What results add to the hypervolume, told by random points: for hundreds of results, of which all else takes seconds.

J. Bader and E. Zitzler, "HypE: an algorithm for fast hypervolume-based many-objective optimization", Evolutionary
Computation 19(1), 2011. The reference point lies a fifth of each objective's range beyond its worst value.
"""

from __future__ import annotations

import numpy as np

from neps_plugins.toolkit.pareto.scale import in_unit_range
from neps_plugins.toolkit.pareto.values import Booleans, Floats, Integers

#: How many random points there are.
N_SAMPLES = 1024

#: Where the reference point lies, from the best value of each objective to the worst. With 1.1 the ends of a long front
#: count for too little, with 1.3 those of a front that bulges towards the worst for too much.
MARGIN = 1.2


def sampled_contributions(values: Floats, rng: np.random.Generator) -> Integers:
    """How many of `N_SAMPLES` random points below the reference point each result alone dominates.

    Args:
        values: Minimised, without NaN, shape (n, m).
        rng: Draws the points.

    Returns:
        Shape (n,).
    """
    dominates = _dominance(values, rng)
    return np.asarray(dominates[dominates.sum(axis=1) == 1].sum(axis=0))


def sampled_subset(values: Floats, k: int, rng: np.random.Generator) -> Integers:
    """The k results that dominate most together, chosen one after another.

    A. P. Guerreiro, C. M. Fonseca and L. Paquete, "Greedy hypervolume subset selection in low dimensions", Evolutionary
    Computation 24(3), 2016: at least 1 - 1/e of what the best subset dominates. Each random point is looked at once,
    however large k is. The ends of a front, which crowding distance takes first, come late if they dominate little.

    Args:
        values: Minimised, without NaN, shape (n, m).
        k: How many to choose, at most n.
        rng: Draws the points.

    Returns:
        Indices, shape (k,), in the order of choice. Where nothing adds anything more, the earlier come first.
    """
    dominates = _dominance(values, rng)
    adds = dominates.sum(axis=0)  # of the points that nothing chosen dominates; -1 for what is chosen
    left = np.ones(len(dominates), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < k and adds.max() > 0:
        chosen.append(int(adds.argmax()))
        taken = left & dominates[:, chosen[-1]]
        left &= ~taken
        adds -= dominates[taken].sum(axis=0)
        adds[chosen[-1]] = -1
    return np.concatenate([chosen, np.flatnonzero(adds >= 0)[: k - len(chosen)]]).astype(np.intp)


def _dominance(values: Floats, rng: np.random.Generator) -> Booleans:
    """Which result dominates which random point, shape (N_SAMPLES, n)."""
    unit = in_unit_range(values)
    points = MARGIN * rng.random((N_SAMPLES, unit.shape[1]))
    dominates = np.ones((len(points), len(unit)), dtype=bool)
    for of_results, of_points in zip(unit.T, points.T):  # ten times as quick as all objectives at once
        dominates &= of_results <= of_points[:, None]
    return dominates
