"""Which configurations are the best so far: by what they gave, and by what the models say of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neps_plugins.toolkit.gp.targets import finite
from neps_plugins.toolkit.pareto.constraints import violations
from neps_plugins.toolkit.pareto.promotion import promotion_order
from neps_plugins.toolkit.pareto.resistance import properly_non_dominated
from neps_plugins.toolkit.pareto.sorting import non_dominated

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

#: How many of the best configurations are varied; of several objectives there is a front of them.
GOOD, GOOD_OF_FRONT = 5, 10


def best_first(objectives: Floats, constraints: Floats) -> Indices:
    """Observations in order: those that keep all constraints, then the others by how much they break them.

    Args:
        objectives: Shape (n, m), NaN for a failure.
        constraints: Shape (n, c), NaN where there are none.

    Returns:
        Shape (n,).
    """
    broken = violations(np.where(np.isnan(constraints), 0.0, constraints))
    if objectives.shape[1] == 1:
        return np.lexsort((finite(objectives[:, 0]), broken))
    return promotion_order(objectives, broken, selector="nsga2")


def worth_varying(means: Floats, feasible: Bools, rng: np.random.Generator) -> Indices:
    """Which configurations to look around.

    Args:
        means: What is predicted for them, shape (n, m); in the order of `best_first`.
        feasible: Which of them keep all constraints, shape (n,).
        rng: Draws some of the front.

    Returns:
        The best mean first; or some of the front, in a random order; or, where nothing is feasible, the first.
    """
    if not feasible.any():
        return np.arange(len(means))[:GOOD]
    if means.shape[1] == 1:
        return np.lexsort((means[:, 0], ~feasible))[:GOOD]
    rows = np.flatnonzero(feasible)
    # With three objectives and more, many are on the front for an error of the model: they would breed their like.
    on_front = non_dominated if means.shape[1] == 2 else properly_non_dominated
    return rng.permutation(rows[on_front(means[rows])])[:GOOD_OF_FRONT]
