"""Rows of values: what they have to look like, and which of them are distinct."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neps_core import OptimizerError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]
Booleans = npt.NDArray[np.bool_]


def as_values(values: npt.ArrayLike) -> Floats:
    """As an array of floats, shape (n, m).

    Raises:
        OptimizerError: The shape is another one.
    """
    array = np.asarray(values, dtype=float)
    if array.ndim != 2 or array.shape[1] == 0:
        raise OptimizerError(
            f"Values of objectives must have the shape (n, m), a row for each point and a column for each objective, "
            f"not {array.shape}."
        )
    return array


def as_numbers(numbers: npt.ArrayLike, m: int, name: str) -> Floats:
    """One finite number for each of m objectives, shape (m,).

    Raises:
        OptimizerError: They are not that; `name` is what the message calls them.
    """
    try:
        array = np.asarray(numbers, dtype=float)
    except (TypeError, ValueError):
        array = np.full(m, np.nan)
    if array.shape != (m,) or not np.isfinite(array).all():
        raise OptimizerError(f"{name}={numbers!r} must be {m} finite numbers, one for each objective.")
    return array


def below(front: npt.ArrayLike, reference: npt.ArrayLike) -> tuple[Floats, Floats, Booleans]:
    """What of a front counts: the points that are better than the reference point in every objective.

    Args:
        front: Shape (n, m); any empty sequence is n = 0.
        reference: Shape (m,), finite.

    Returns:
        Front and reference as arrays, and a mask of shape (n,), which rows with NaN are not in.

    Raises:
        OptimizerError: The shapes are others, or the reference point is not finite.
    """
    if np.size(front) == 0:
        front = np.empty((0, max(1, np.size(reference))))
    points = as_values(front)
    corner = as_numbers(reference, points.shape[1], "reference")
    return points, corner, np.all(points < corner, axis=1)


def as_predictions(mean: npt.ArrayLike, sd: npt.ArrayLike, m: int | None = None) -> tuple[Floats, Floats]:
    """Means and standard deviations as arrays of floats, each of shape (n, m).

    Raises:
        OptimizerError: The shapes are others, or differ.
    """
    means, deviations = as_values(mean), as_values(sd)
    if means.shape != deviations.shape or m not in (None, means.shape[1]):
        columns = "m" if m is None else m
        raise OptimizerError(
            f"mean and sd must both have the shape (n, {columns}), not {means.shape} and {deviations.shape}."
        )
    return means, deviations


def distinct_rows(values: Floats) -> tuple[Floats, Integers, Integers]:
    """Each row once, in lexicographic order, in which nothing is dominated by what comes after it.

    Args:
        values: Shape (n, m), without NaN.

    Returns:
        The rows, shape (k, m); for each of the n, which of them it is; for each of the k, where it is first.
    """
    order = np.lexsort(values.T[::-1])
    ordered = values[order]
    new = np.ones(len(values), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    inverse = np.empty(len(values), dtype=np.intp)
    inverse[order] = np.cumsum(new) - 1
    return ordered[new], inverse, order[new]
