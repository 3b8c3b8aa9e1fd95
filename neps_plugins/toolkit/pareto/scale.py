"""What is large and small in each objective, as far as was observed. Infinite values say nothing of this."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from neps_plugins.toolkit.pareto.sorting import non_dominated
from neps_plugins.toolkit.pareto.values import Floats, as_values

_LARGEST = np.finfo(float).max
#: No range is smaller, or dividing by it would overflow.
_SMALLEST = 4 * np.finfo(float).tiny


class Scale(NamedTuple):
    """Of m objectives, each of shape (m,) and finite, in the objectives' units.

    Attributes:
        ideal: The lowest values.
        nadir: The highest values on the front.
        span: nadir - ideal. Where that is nothing, the range of all points; where that is nothing either, 1.
    """

    ideal: Floats
    nadir: Floats
    span: Floats


def observed_scale(values: npt.ArrayLike) -> Scale:
    """The ideal, the nadir, and how far apart they are (K. Miettinen, "Nonlinear multiobjective optimization", 1999).

    Args:
        values: Shape (n, m), minimised. Rows with NaN and infinite values don't count. An objective of which nothing is
            left has 0 for its ideal and nadir.

    Raises:
        OptimizerError: `values` has another shape.
    """
    values = as_values(values)
    values = values[~np.isnan(values).any(axis=1)]
    ideal, worst = finite_range(values)
    front = values[non_dominated(values)]
    nadir = front.max(axis=0, where=np.isfinite(front), initial=-np.inf)
    nadir = np.where(np.isfinite(nadir), nadir, ideal)
    span = _difference(nadir, ideal)
    span = np.where(span > _SMALLEST, span, _difference(worst, ideal))
    return Scale(ideal, nadir, np.where(span > _SMALLEST, span, 1.0))


def normalised(values: npt.ArrayLike, scale: Scale | None = None) -> Floats:
    """Each objective so that its ideal is 0 and its nadir 1; what is worse than the nadir is more than 1.

    Args:
        values: Shape (n, m), minimised.
        scale: Of what was observed; that of `values`, if it isn't given.

    Returns:
        Shape (n, m). What is infinite or NaN stays so.

    Raises:
        OptimizerError: `values` has another shape.
    """
    values = as_values(values)
    ideal, _, span = observed_scale(values) if scale is None else scale
    with np.errstate(over="ignore"):
        return (0.5 * values - 0.5 * ideal) / (0.5 * span)  # halves, as the difference may be larger than any number


def in_unit_range(values: Floats) -> Floats:
    """Each column so that its finite values go from 0 to 1, or are 0; inf is 2 then, -inf -1. For distances.

    Args:
        values: Shape (n, m), without NaN.
    """
    low, high = finite_range(values)
    span = _difference(high, low)
    unit = normalised(values, Scale(low, high, np.where(span > _SMALLEST, span, 1.0)))
    return np.clip(unit, -1.0, 2.0)


def finite_range(values: Floats) -> tuple[Floats, Floats]:
    """The lowest and the highest finite value of each column, each of shape (m,); 0 for both where there is none."""
    finite = np.isfinite(values)
    low = values.min(axis=0, where=finite, initial=np.inf)
    high = values.max(axis=0, where=finite, initial=-np.inf)
    some = finite.any(axis=0)
    return np.where(some, low, 0.0), np.where(some, high, 0.0)


def _difference(high: Floats, low: Floats) -> Floats:
    """At most the largest number."""
    return np.minimum(0.5 * high - 0.5 * low, 0.5 * _LARGEST) * 2.0
