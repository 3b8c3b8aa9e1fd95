"""PED-ANOVA: how much each parameter decides whether a configuration is among the best, without a model.

S. Watanabe, A. Bansal and F. Hutter, "PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary
subspaces", IJCAI 2023, Equation 13: with p the density of a parameter among the best share gamma of all points, and q
that among the best share gamma' > gamma, its importance is the variance of the marginal of being among the first,

    v = (gamma / gamma')^2 sum_c q(c) (p(c) / q(c) - 1)^2,

over the cells c of a grid or the choices, where the sum is the Pearson divergence. gamma' = 1 is about all points, less
is about good regions only. Only the order of y counts.

Both densities are smoothed alike, with the bandwidth that fits the fewer points, and by the same share of a uniform
one, which weighs as much as one point of the best: otherwise their difference would tell how many points there are.

A parameter that not all configurations have is compared among those that have it, and counts by their share of all;
the rest of the variance is due to whether it is active, which is another parameter's decision.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_plugins.analysis.importance.points import Floats, Points

Bools = npt.NDArray[np.bool_]

#: The cells that a number's unit interval is divided into.
N_CELLS = 64


@frozen
class Divergences:
    """How the best points differ.

    Attributes:
        variance: v of each column, shape (d,).
        importance: The same as shares of their sum; zeros if no column differs.
        n_best: How many of the points are among the best share gamma; equal ones are all or none.
        n: How many are among the best share gamma'.
        reason: Why there are zeros only; None if there aren't.
    """

    variance: Floats
    importance: Floats
    n_best: int
    n: int
    reason: str | None = None


def ped_anova(points: Points, gamma: float = 0.1, baseline: float = 1.0) -> Divergences:
    """Importances of parameters.

    Args:
        points: n of them in d columns.
        gamma: The share of points that are the best, in (0, 1).
        baseline: gamma': the share that they are compared with, in (gamma, 1].

    Raises:
        ValueError: If gamma and the baseline are not 0 < gamma < baseline <= 1.
    """
    if not 0.0 < gamma < baseline <= 1.0:
        raise ValueError(f"0 < gamma < baseline <= 1 does not hold for gamma={gamma} and baseline={baseline}.")
    d, nothing = points.x.shape[1], np.zeros(points.x.shape[1])
    if not len(points.y):
        return Divergences(nothing, nothing, 0, 0, "there are no results yet.")
    among, best = _within(points.y, baseline), _within(points.y, gamma)
    n_best, n = int(np.count_nonzero(best)), int(np.count_nonzero(among))
    if n_best == n:
        same = "all results are the same." if n == len(points.y) else "all good results are the same."
        return Divergences(nothing, nothing, n_best, n, same)
    variance = np.array(
        [_variance(points.x[among, j], best[among], size) for j, size in zip(range(d), points.kinds)]
    ).reshape(d)
    total = variance.sum()
    if not total > 0.0:
        return Divergences(nothing, nothing, n_best, n, "no parameter tells the best results from the others.")
    return Divergences(variance, variance / total, n_best, n)


def _within(y: Floats, share: float) -> Bools:
    """Which points are among the best share of all, with all that are as good as its worst."""
    last = max(0, math.ceil(share * len(y) - 1e-9) - 1)
    return np.asarray(y <= np.partition(y, last)[last])


def _variance(x: Floats, best: Bools, size: int | None) -> float:
    """v of one column."""
    active = ~np.isnan(x)
    n, n_best = np.count_nonzero(active), np.count_nonzero(active & best)
    if not 0 < n_best < n:
        return 0.0
    cells = x[active] if size is not None else np.minimum(x[active] * N_CELLS, N_CELLS - 1)
    m = N_CELLS if size is None else size
    q = np.bincount(cells.astype(np.intp), minlength=m) / n
    p = np.bincount(cells[best[active]].astype(np.intp), minlength=m) / n_best
    if size is None:
        smooth = _smoothing(_bandwidth(x[active & best]))
        p, q = smooth @ p, smooth @ q
    p, q = ((density * n_best + 1.0 / m) / (n_best + 1.0) for density in (p, q))
    return float(n / len(x) * (n_best / n) ** 2 * (q @ (p / q - 1.0) ** 2))


def _bandwidth(x: Floats) -> float:
    """Scott's rule with a robust spread, but at least half a cell.

    D. W. Scott, "Multivariate density estimation", 1992, Section 6.2.1.3: 1.059 sigma n^(-1/5), where sigma is the
    standard deviation, or that of the normal distribution with the same interquartile range if that is less.
    """
    low, high = np.quantile(x, (0.25, 0.75))
    spread = min(float(x.std()), float(high - low) / 1.34)
    return max(1.059 * spread * math.pow(len(x), -0.2), 0.5 / N_CELLS)


def _smoothing(bandwidth: float) -> Floats:
    """The share of each cell (column) that a normal kernel, truncated to the unit interval, puts in each (row)."""
    middles = (np.arange(N_CELLS) + 0.5) / N_CELLS
    kernels = np.exp(-0.5 * (np.subtract.outer(middles, middles) / bandwidth) ** 2)
    return np.asarray(kernels / kernels.sum(axis=0))
