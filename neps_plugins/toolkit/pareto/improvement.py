"""By how much a point is expected to enlarge the hypervolume.

S. Daulton, M. Balandat and E. Bakshy, "Differentiable expected hypervolume improvement for parallel multi-objective
Bayesian optimization", NeurIPS 2020; K. Yang, M. Emmerich, A. Deutz and T. Back, "Efficient computation of expected
hypervolume improvement using box decomposition algorithms", J. Global Optimization 75, 2019. As a logarithm, for the
reasons of S. Ament, S. Daulton, D. Eriksson, M. Balandat and E. Bakshy, "Unexpected improvements to expected
improvement for Bayesian optimization", NeurIPS 2023, but exact: nothing in it is smoothed.

Notation:
    m, s     mean and standard deviation of one objective; [l, u] one side of a box; a = (l - m) / s, b = (u - m) / s
    h(z)     phi(z) + z Phi(z), so that the expected improvement on u is s h(b)
    d        h(b) - h(a), the integral of Phi from a to b

With independent objectives, the expected improvement is the sum, over the boxes that the front doesn't dominate, of the
product of their s d. By m the slope of s d is -(Phi(b) - Phi(a)), by s it is phi(b) - phi(a).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr, ndtr

from neps_plugins.toolkit.pareto.boxes import Boxes
from neps_plugins.toolkit.pareto.normal import FARTHEST, HALF_LOG_2PI, h_to_phi, mills_ratio
from neps_plugins.toolkit.pareto.values import Floats, as_predictions

#: So many sides of boxes are looked at at once.
_AT_ONCE = 50_000

#: A side is narrow if neither Phi nor phi is twice as large at one end; then so many terms of a series are exact.
_NARROW, _TERMS = 0.5, 9


def log_expected_hypervolume_improvement(
    mean: npt.ArrayLike, sd: npt.ArrayLike, boxes: Boxes
) -> tuple[Floats, Floats, Floats]:
    """Its logarithm, for independent normal predictions of each objective, and the slopes of that.

    Args:
        mean: Of each objective at each of n candidates, shape (n, m), finite.
        sd: Their standard deviations, shape (n, m), positive.
        boxes: What the front doesn't dominate: `box_decomposition`, in the same units.

    Returns:
        The logarithm, shape (n,), and its slopes by mean and by sd, each of shape (n, m). It is finite however far away
        the boxes are; without any box, it is -inf and the slopes are 0.

    Raises:
        OptimizerError: `mean` or `sd` has another shape, or the boxes have another number of objectives.
    """
    mean, sd = as_predictions(mean, sd, boxes.lower.shape[1])
    value, by_mean, by_sd = np.full(len(mean), -np.inf), np.zeros_like(mean), np.zeros_like(mean)
    if len(boxes.lower):
        step = 1 + _AT_ONCE // boxes.lower.size
        for start in range(0, len(mean), step):
            some = slice(start, start + step)
            value[some], by_mean[some], by_sd[some] = _improvement(mean[some], sd[some], boxes)
    return value, by_mean, by_sd


def _improvement(mean: Floats, sd: Floats, boxes: Boxes) -> tuple[Floats, Floats, Floats]:
    m, s = mean[:, None, :], sd[:, None, :]
    with np.errstate(over="ignore"):
        a = np.maximum((boxes.lower - m) / s, -FARTHEST)
        b = np.clip((boxes.upper - m) / s, -FARTHEST, FARTHEST)
        width = (boxes.upper - boxes.lower) / s
        log_d, Phi_to_d, phi_to_d = (of.reshape(a.shape) for of in _integral(a.ravel(), b.ravel(), width.ravel()))
        logs = log_d.sum(axis=2) + np.log(sd).sum(axis=1)[:, None]
        top = logs.max(axis=1, keepdims=True)
        share = np.exp(logs - top)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        by_mean = -np.einsum("nk,nkm->nm", share, Phi_to_d) / sd
        by_sd = np.einsum("nk,nkm->nm", share, phi_to_d) / sd
    return (top + np.log(total))[:, 0], by_mean, by_sd


def _integral(a: Floats, b: Floats, width: Floats) -> tuple[Floats, Floats, Floats]:
    """log d, (Phi(b) - Phi(a)) / d and (phi(b) - phi(a)) / d.

    Args:
        a: Shape (k,).
        b: Shape (k,).
        width: b - a, which they have lost the digits of if it is small.
    """
    out = np.empty((3, len(a)))
    narrow = width * (1.0 + np.maximum(-a, np.abs(b))) < _NARROW
    low = ~narrow & (b <= 0.0)
    high = ~narrow & (b > 0.0)
    for which, branch in ((narrow, _narrow), (low, _low), (high, _high)):
        out[:, which] = branch(a[which], b[which], width[which])
    return out[0], out[1], out[2]


def _narrow(a: Floats, b: Floats, width: Floats) -> tuple[Floats, Floats, Floats]:
    """Where Phi changes little from a to b, differences would lose digits. Taylor's series about the middle don't.

    The kth derivative of phi is (-1)**k He_k phi, with the Hermite polynomials He_k. Their terms below are
    t_k = He_k(c) q**k / k!, for the middle c and q, half the width.
    """
    c, q = 0.5 * (a + b), 0.5 * width
    mills = mills_ratio(c)
    cq, qq = c * q, q * q
    before, t = np.ones_like(c), cq
    even, odd, inner = np.ones_like(c), cq.copy(), cq / 6.0
    for k in range(2, _TERMS + 1):
        before, t = t, (cq * t - qq * before) / k
        if k % 2:
            odd += t
            inner += t / ((k + 1) * (k + 2))
        else:
            even += t / (k + 1)
    d = 1.0 - inner * q / mills  # in units of width Phi(c)
    return np.log(width * d) + log_ndtr(c), even / (mills * d), -odd / (mills * q * d)


def _low(a: Floats, b: Floats, width: Floats) -> tuple[Floats, Floats, Floats]:
    """Where b <= 0, all in units of phi(b), which may be too small for a number."""
    phi_a = np.exp(0.5 * width * (a + b))
    Phi_a, Phi_b = mills_ratio(a), mills_ratio(b)
    d = h_to_phi(b, Phi_b) - phi_a * h_to_phi(a, Phi_a)
    return np.log(d) - 0.5 * b * b - HALF_LOG_2PI, (Phi_b - phi_a * Phi_a) / d, (1.0 - phi_a) / d


def _high(a: Floats, b: Floats, width: Floats) -> tuple[Floats, Floats, Floats]:
    """Where b > 0, as they are; h(z) is z + h(-z)."""
    d = np.minimum(width, b) + _h_below(b) - _h_below(a)
    Phi = np.where(a > 0.0, ndtr(-a) - ndtr(-b), ndtr(b) - ndtr(a))
    return np.log(d), Phi / d, (_phi(b) - _phi(a)) / d


def _h_below(z: Floats) -> Floats:
    """h(-|z|)."""
    below = -np.abs(z)
    return np.asarray(_phi(below) + below * ndtr(below))


def _phi(z: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * z * z - HALF_LOG_2PI))
