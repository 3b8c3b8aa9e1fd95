"""Several objectives as one, by weights. The lower, the better; normalise the objectives first (`scale.normalised`).

In each function, `values` has the shape (n, m), and `weights`, none of them negative, (m,), or (k, m) for k
scalarisations at once; the result has (n,) or (k, n). An objective of weight 0 does not count, unless it is NaN. A row
with NaN, and a row in which infinities contradict each other, is inf: the worst.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neps_core import OptimizerError
from neps_plugins.toolkit.pareto.values import Floats, as_values


def linear(values: npt.ArrayLike, weights: npt.ArrayLike) -> Floats:
    """The weighted sum. It finds the convex parts of a front only.

    Raises:
        OptimizerError: The shapes are others.
    """
    return _worst_if_unknown(_sum(_weighted(values, weights)))


def chebyshev(values: npt.ArrayLike, weights: npt.ArrayLike) -> Floats:
    """The largest weighted value, for values whose ideal is 0: each point of a front is lowest for some weights.

    V. J. Bowman, "On the relationship of the Tchebycheff norm and the efficient frontier of multiple-criteria
    objectives", 1976.

    Raises:
        OptimizerError: The shapes are others.
    """
    return _worst_if_unknown(_weighted(values, weights).max(axis=-1))


def augmented_chebyshev(values: npt.ArrayLike, weights: npt.ArrayLike, rho: float = 0.05) -> Floats:
    """The largest weighted value, and rho times their sum, so that what is dominated is never as low.

    J. Knowles, "ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective
    optimization problems", IEEE Trans. Evolutionary Computation 10(1), 2006, Equation 2, with its rho.

    Raises:
        OptimizerError: The shapes are others.
    """
    weighted = _weighted(values, weights)
    with np.errstate(invalid="ignore", over="ignore"):
        return _worst_if_unknown(weighted.max(axis=-1) + rho * _sum(weighted))


def random_weights(rng: np.random.Generator, m: int, n: int) -> Floats:
    """Uniform on the simplex: none is negative, and each row's sum is 1.

    L. Devroye, "Non-uniform random variate generation", 1986, Chapter V, Theorem 2.2.

    Args:
        rng: Where the randomness comes from.
        m: How many objectives.
        n: How many rows.

    Returns:
        Shape (n, m).
    """
    spacings = rng.standard_exponential((n, m))
    return np.asarray(spacings / spacings.sum(axis=1, keepdims=True))


def _weighted(values: npt.ArrayLike, weights: npt.ArrayLike) -> Floats:
    """Shape (..., n, m)."""
    values, weights = as_values(values), np.asarray(weights, dtype=float)
    if weights.ndim not in (1, 2) or weights.shape[-1] != values.shape[1]:
        raise OptimizerError(
            f"Weights must have the shape (m,) or (k, m), one for each of {values.shape[1]} objectives, "
            f"not {weights.shape}."
        )
    if not (weights >= 0).all():
        raise OptimizerError(f"Weights must be numbers of at least 0, not {weights.tolist()}.")
    weights = weights[..., None, :]
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.where((weights == 0) & ~np.isnan(values), 0.0, weights * values))


def _sum(weighted: Floats) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(weighted.sum(axis=-1))


def _worst_if_unknown(out: Floats) -> Floats:
    return np.asarray(np.where(np.isnan(out), np.inf, out))
