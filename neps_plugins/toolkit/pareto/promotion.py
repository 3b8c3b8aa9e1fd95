"""One order for several objectives and constraints: whom to promote first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from neps_core import OptimizerError, nearest
from neps_plugins.toolkit.pareto.constraints import constrained_sort
from neps_plugins.toolkit.pareto.diversity import crowding_distance, epsilon_net_order
from neps_plugins.toolkit.pareto.sorting import non_dominated_sort
from neps_plugins.toolkit.pareto.values import Floats, Integers, as_values


def promotion_order(
    values: npt.ArrayLike,
    violations: npt.ArrayLike | None = None,
    selector: str = "epsnet",
) -> Integers:
    """By rank, and within a rank so that those that come first stand for all.

    Args:
        values: Shape (n, m), minimised.
        violations: Of constraints, shape (n,): see `constraints.violations`. None if there are no constraints.
        selector: The order within a rank: `"epsnet"` (`epsilon_net_order`; Schmucker et al. 2021) or `"nsga2"`
            (`crowding_distance`, the largest first; Deb et al. 2002).

    Returns:
        Indices, shape (n,), the best first; of points between which nothing decides, the earlier first.

    Raises:
        OptimizerError: The selector is unknown, or the shapes are others.
    """
    order_of_front = make_selector(selector)
    values = as_values(values)
    ranks = non_dominated_sort(values) if violations is None else constrained_sort(values, violations)
    by_rank = np.argsort(ranks, kind="stable")
    fronts = np.split(by_rank, np.flatnonzero(np.diff(ranks[by_rank])) + 1)
    return np.concatenate([front[order_of_front(values[front])] for front in fronts])


def make_selector(selector: str, keyword: str = "selector") -> Callable[[Floats], Integers]:
    """What orders the points of one front.

    Args:
        selector: `"epsnet"` or `"nsga2"`.
        keyword: What the message calls it.

    Raises:
        OptimizerError: There is none of this name.
    """
    if not isinstance(selector, str) or selector not in SELECTORS:
        raise OptimizerError(f"{keyword}={selector!r} is unknown. {nearest(str(selector), SELECTORS)}")
    return SELECTORS[selector]


def _loneliest_first(front: Floats) -> Integers:
    return np.argsort(-crowding_distance(front), kind="stable")


#: By name, the order of the points of one front.
SELECTORS: dict[str, Callable[[Floats], Integers]] = {"epsnet": epsilon_net_order, "nsga2": _loneliest_first}
