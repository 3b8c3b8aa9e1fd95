"""The reference point: nothing counts that is worse than it in some objective."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neps_plugins.toolkit.pareto.scale import observed_scale
from neps_plugins.toolkit.pareto.values import Floats, as_numbers, as_values

#: How far beyond the nadir, as a share of the range, it is put.
_BEYOND = 0.1


def beyond_all(lowest: npt.ArrayLike, highest: npt.ArrayLike) -> Floats:
    """A little beyond the worst of all values: a reference point that changes only when there is a new extreme.

    Args:
        lowest: The lowest finite value of each objective, shape (m,).
        highest: The highest one.

    Returns:
        Shape (m,), in the objectives' units, finite: a tenth of the range beyond the highest, or 0.1 if there is none.
    """
    low, high = np.asarray(lowest, dtype=float), np.asarray(highest, dtype=float)
    with np.errstate(over="ignore"):
        span = np.where(high > low, high - low, 1.0)
        return np.minimum(high + _BEYOND * span, np.finfo(float).max)


def reference_point(values: npt.ArrayLike, given: npt.ArrayLike | None = None) -> Floats:
    """What the user says, or a little beyond the nadir, so that the ends of the front count.

    The rule, nadir + 0.1 (nadir - ideal), is that of H. Ishibuchi, N. Akedo and Y. Nojima, "A many-objective test
    problem for visually examining diversity maintenance behavior in a decision space", GECCO 2011, and of BoTorch's
    `infer_reference_point`. Where the front has no range, that of all points is taken, or 1.

    Args:
        values: Of what was observed, shape (n, m), minimised. Rows with NaN and infinite values don't count.
        given: m finite numbers in the objectives' units, if the user gave some.

    Returns:
        Shape (m,), in the objectives' units, finite.

    Raises:
        OptimizerError: `values` has another shape, or `given` is not m finite numbers.
    """
    values = as_values(values)
    if given is not None:
        return as_numbers(given, values.shape[1], "reference_point")
    scale = observed_scale(values)
    with np.errstate(over="ignore"):
        return np.minimum(scale.nadir + _BEYOND * scale.span, np.finfo(float).max)
