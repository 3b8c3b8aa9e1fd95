"""How probable it is that a point keeps its constraints.

J. R. Gardner, M. J. Kusner, Z. Xu, K. Q. Weinberger and J. P. Cunningham, "Bayesian optimization with inequality
constraints", ICML 2014, Section 3.1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from neps_plugins.toolkit.pareto.normal import FARTHEST, mills_ratio
from neps_plugins.toolkit.pareto.values import Floats, as_predictions


def log_probability_of_feasibility(mean: npt.ArrayLike, sd: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Its logarithm, for independent normal predictions of constraints, and the slopes of that.

    Args:
        mean: Of each constraint at each of n candidates, shape (n, c), finite. At most 0 keeps it.
        sd: Their standard deviations, shape (n, c), positive.

    Returns:
        The logarithm of the probability that all are kept, shape (n,), finite however improbable it is, and its slopes
        by mean and by sd, each of shape (n, c).

    Raises:
        OptimizerError: `mean` or `sd` has another shape.
    """
    mean, sd = as_predictions(mean, sd)
    with np.errstate(over="ignore"):
        z = np.clip(-mean / sd, -FARTHEST, FARTHEST)
    slope = 1.0 / mills_ratio(z) / sd
    return log_ndtr(z).sum(axis=1), -slope, -z * slope
