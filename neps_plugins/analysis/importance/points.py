"""Evaluated configurations as arrays: how all of `importance` takes them.

A configuration is a row, a parameter a column. A number is its position in the unit interval, on its (log) scale; of
a category it is the index of the choice. A parameter that a configuration doesn't have is NaN there: inactive.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from attrs import frozen

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

#: Of each column how many choices it has; None for a number.
Kinds = Sequence[int | None]


@frozen
class Points:
    """n evaluated configurations with d parameters.

    Attributes:
        x: Shape (n, d); see the module.
        kinds: Of each of the d columns.
        y: What is minimized, finite, shape (n,).
    """

    x: Floats
    kinds: Kinds
    y: Floats

    def rows(self, which: Integers) -> Points:
        """Some of them."""
        return Points(self.x[which], self.kinds, self.y[which])


def points(x: npt.ArrayLike, kinds: Kinds, y: npt.ArrayLike) -> Points:
    """Checked arrays.

    Args:
        x: Shape (n, d); see the module.
        kinds: Of each of the d columns how many choices it has; None for a number.
        y: What is minimized, shape (n,).

    Raises:
        ValueError: If shapes don't fit, a value is outside its column's range, or one of `y` isn't finite.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 2 or y.shape != x.shape[:1] or len(kinds) != x.shape[1]:
        raise ValueError(f"x of shape {x.shape} does not fit {len(kinds)} kinds and y of shape {y.shape}.")
    if not np.isfinite(y).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(y))} of y are not finite: leave these points out.")
    for j, size in enumerate(kinds):
        column = x[:, j][~np.isnan(x[:, j])]
        if ((column < 0) | (column > (1 if size is None else size - 1))).any():
            of = "the unit interval" if size is None else f"its {size} choices"
            raise ValueError(f"column {j} has values outside {of}: {column.min()} to {column.max()}.")
        if size is not None and (column != np.floor(column)).any():
            raise ValueError(f"column {j} has {size} choices, but not all of its values are indices of them.")
    return Points(x, kinds, y)


def kept(y: Floats, limit: int = 2000, seed: int = 0) -> Integers:
    """Which of many points to look at: a tenth of them the best, the others at random.

    Args:
        y: What is minimized, shape (n,).
        limit: How many, at most.
        seed: Of the random ones.

    Returns:
        Their rows, ascending.
    """
    if len(y) <= limit:
        return np.arange(len(y))
    order = np.argsort(y, kind="stable")
    n_best = max(1, limit // 10)
    others = np.random.default_rng(seed).choice(order[n_best:], limit - n_best, replace=False)
    return np.sort(np.concatenate((order[:n_best], others)))


def relative_ranks(y: Floats) -> Floats:
    """The share of the other points that are better: 0 for the best, 1 for the worst; equal ones have their mean.

    Args:
        y: What is minimized, shape (n,).
    """
    _, group, sizes = np.unique(y, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - sizes + (sizes - 1) / 2
    return np.asarray(middle[group] / max(1, len(y) - 1))
