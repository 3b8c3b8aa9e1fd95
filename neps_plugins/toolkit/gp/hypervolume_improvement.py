"""By how much a configuration is expected to enlarge the hypervolume of the front.

S. Daulton, M. Balandat and E. Bakshy, "Differentiable expected hypervolume improvement for parallel multi-objective
Bayesian optimization", NeurIPS 2020; as a logarithm, see `neps_plugins.toolkit.pareto.improvement`.

With noise, the front isn't known. The predicted means at configurations that were evaluated stand for what they gave,
as for one objective; a configuration that is under way has given what is predicted for it. So those that are proposed
at the same time are spread along the front (the sequential greedy selection of the paper's Section 3.4, with means).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.acquisition.terms import Term
from neps_plugins.toolkit.gp.model import Model
from neps_plugins.toolkit.gp.models import predictions, predictions_with_gradient
from neps_plugins.toolkit.gp.situation import Situation
from neps_plugins.toolkit.pareto.boxes import box_decomposition
from neps_plugins.toolkit.pareto.diversity import epsilon_net_order
from neps_plugins.toolkit.pareto.prepared import Prepared
from neps_plugins.toolkit.pareto.reference import reference_point
from neps_plugins.toolkit.pareto.resistance import properly_non_dominated
from neps_plugins.toolkit.pareto.sorting import non_dominated

Floats = npt.NDArray[np.float64]

#: About how many boxes a front may make. With many objectives, few points make many.
MOST_BOXES = 200


@frozen(eq=False)
class LogExpectedHypervolumeImprovement:
    """The logarithm of the expected hypervolume improvement.

    Attributes:
        models: Of the objectives, k of them.
        improvement: On their front, as targets of the models.
    """

    models: Sequence[Model]
    improvement: Prepared

    def __call__(self, points: Points) -> Floats:
        """At m points, shape (m,)."""
        return self.improvement.log_expected(*predictions(self.models, points))

    def with_gradient(self, points: Points) -> tuple[Floats, Floats]:
        """At m points, shape (m,), and its gradient by their values, shape (m, width)."""
        means, deviations, of_means, of_deviations = predictions_with_gradient(self.models, points)
        value, by_mean, by_sd = self.improvement.log_expected_with_slopes(means, deviations)
        gradient = np.einsum("mk,kmw->mw", by_mean, of_means) + np.einsum("mk,kmw->mw", by_sd, of_deviations)
        return value, gradient


def expected_hypervolume_improvement(situation: Situation) -> tuple[float, Term] | None:
    """The logarithm of the expected improvement on the front of the means; None as long as there is none."""
    if not len(situation.means):
        return None
    reference = reference_of(situation.means) if situation.reference is None else situation.reference
    front = situation.means[non_dominated(situation.means)]
    if front.shape[1] > 2:
        front = front[(front < reference).all(axis=1)]
    models = situation.models.objectives
    front = few(front)
    return 1.0, LogExpectedHypervolumeImprovement(models, Prepared(box_decomposition(front, reference)))


def reference_of(means: Floats) -> Floats:
    """Where improvements begin to count, if the user doesn't say so.

    With two objectives: beyond the nadir, and no better than the worst. A front that is one point, or a small part of
    the true one, would leave no room for the rest of it, and the search would stay where it is.

    With more, that would be worth nearly everything at the ends of the front, where what is gained in one objective
    counts times how far the reference is away in all others: H. Ishibuchi, R. Imada, Y. Setoguchi and Y. Nojima, "How
    to specify a reference point in hypervolume calculation for fair performance comparison", Evolutionary Computation
    26(3), 2018. As there, the more points there are the nearer to the nadir it is: H of them fit along an edge of a
    front, as in `_divisions`. Here it goes from the worst with H = 1 to a little beyond the nadir, by 1 / H**2.

    Args:
        means: What is predicted for configurations, shape (n, m), n at least 1.

    Returns:
        Shape (m,).
    """
    worst = means.max(axis=0)
    if means.shape[1] == 2:
        return np.asarray(np.maximum(reference_point(means), worst))
    front = means[properly_non_dominated(means)]
    near = reference_point(front)
    return np.asarray(near + np.maximum(worst - near, 0.0) / _divisions(len(front), front.shape[1]) ** 2)


def _divisions(n: int, m: int) -> int:
    """The most divisions of the edges of a simplex in m dimensions that make at most n points, but at least 1."""
    divisions = 1
    while math.comb(divisions + m, m - 1) <= n:
        divisions += 1
    return divisions


def few(front: Floats) -> Floats:
    """As many points of a front, shape (n, m), as make about `MOST_BOXES` boxes, each far from the others."""
    size = max(1, int(MOST_BOXES ** (1.0 / (front.shape[1] // 2))))
    return front if len(front) <= size else front[epsilon_net_order(front)[:size]]
