"""How much a configuration is worth evaluating: expected improvement, what the user believes, what it costs.

Everything is a logarithm, which never underflows, so that what is multiplied elsewhere is added here. Expected
improvement in this form: S. Ament, S. Daulton, D. Eriksson, M. Balandat and E. Bakshy, "Unexpected improvements to
expected improvement for Bayesian optimization", NeurIPS 2023, Equations 8 and 9.

Notation:
    m, s     mean and standard deviation of the prediction; b the best value so far; z = (b - m) / s
    h(z)     phi(z) + z Phi(z), so that the expected improvement is s h(z)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from attrs import frozen
from scipy.special import erfcx, log_ndtr

from neps_plugins.toolkit.candidates import Points
from neps_plugins.toolkit.surrogate import Model

Floats = npt.NDArray[np.float64]

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
_HALF_LOG_HALF_PI = 0.5 * math.log(0.5 * math.pi)

#: Below this z, the difference in h has lost its digits, and is 1 / z**2.
_FAR = -1e6


class Term(Protocol):
    """The logarithm of something that a configuration is valued by."""

    def __call__(self, points: Points) -> Floats:
        """At m points, shape (m,)."""
        ...

    def with_gradient(self, points: Points) -> tuple[Floats, Floats]:
        """At m points, shape (m,), and its gradient by their values, shape (m, width)."""
        ...


@frozen
class Weighted:
    """A weighted sum of terms.

    Attributes:
        terms: Each with its weight.
    """

    terms: Sequence[tuple[float, Term]]

    def __call__(self, points: Points) -> Floats:
        """At m points, shape (m,)."""
        return sum((weight * term(points) for weight, term in self.terms), np.zeros(len(points)))

    def with_gradient(self, points: Points) -> tuple[Floats, Floats]:
        """At m points, shape (m,), and its gradient by their values, shape (m, width)."""
        value, gradient = np.zeros(len(points)), np.zeros_like(points.values)
        for weight, term in self.terms:
            one, slope = term.with_gradient(points)
            value += weight * one
            gradient += weight * slope
        return value, gradient


@frozen
class LogExpectedImprovement:
    """The logarithm of the expected improvement.

    With noise, the best value so far isn't known either. The least posterior mean at a configuration that was
    evaluated stands for it, which without noise is the best value itself: V. Picheny, T. Wagner and D. Ginsbourger,
    "A benchmark of kriging-based infill criteria for noisy optimization", 2013, Section 3.1 ("plug-in").

    Attributes:
        model: Of the objective.
        best: b, as a target of the model.
    """

    model: Model
    best: float

    def __call__(self, points: Points) -> Floats:
        """At m points, shape (m,)."""
        mean, variance = self.model.predict(points.values, points.active)
        deviation = np.sqrt(variance)
        return log_h((self.best - mean) / deviation) + np.log(deviation)

    def with_gradient(self, points: Points) -> tuple[Floats, Floats]:
        """At m points, shape (m,), and its gradient by their values, shape (m, width)."""
        mean, variance, by_mean, by_variance = self.model.predict_with_gradient(points.values, points.active)
        deviation = np.sqrt(variance)
        z = (self.best - mean) / deviation
        h = log_h(z)
        share = _phi_to_h(z, h)
        gradient = (-share / deviation)[:, None] * by_mean
        gradient += (0.5 * (1.0 - share * z) / variance)[:, None] * by_variance
        return h + np.log(deviation), gradient


@frozen
class LogCost:
    """The logarithm of what an evaluation is predicted to cost.

    Attributes:
        model: Of the cost, or of its logarithm; without a warp.
        centre: The mean of what was modelled.
        scale: Its standard deviation.
        is_log: Whether the logarithm was modelled.
        least: What no prediction is below.
    """

    model: Model
    centre: float
    scale: float
    is_log: bool
    least: float

    def __call__(self, points: Points) -> Floats:
        """At m points, shape (m,)."""
        predicted = self.centre + self.scale * self.model.predict(points.values, points.active)[0]
        return predicted if self.is_log else np.log(np.maximum(predicted, self.least))

    def with_gradient(self, points: Points) -> tuple[Floats, Floats]:
        """At m points, shape (m,), and its gradient by their values, shape (m, width)."""
        mean, _, slope, _ = self.model.predict_with_gradient(points.values, points.active)
        predicted = self.centre + self.scale * mean
        if self.is_log:
            return predicted, self.scale * slope
        by_mean = np.where(predicted > self.least, self.scale / np.maximum(predicted, self.least), 0.0)
        return np.log(np.maximum(predicted, self.least)), by_mean[:, None] * slope


def _phi_to_h(z: Floats, h: Floats) -> Floats:
    """Phi(z) / h(z), which is h'(z) / h(z); h as a logarithm. Far down it is -z, where the difference has no digits."""
    with np.errstate(over="ignore"):
        return np.where(z > -1e4, np.exp(log_ndtr(z) - h), -z)


def log_h(z: Floats) -> Floats:
    """log(phi(z) + z Phi(z)) for any z."""
    out = np.empty_like(z)
    near = z > -1.0
    a = z[near]
    out[near] = np.log(np.exp(-0.5 * a * a - _HALF_LOG_2PI) + a * np.exp(log_ndtr(a)))
    b = np.maximum(z[~near], -1e150)
    ratio = np.log(erfcx(-b / math.sqrt(2.0)) * -b) + _HALF_LOG_HALF_PI  # of z Phi to phi, below 0
    tail = np.where(b > _FAR, np.log(-np.expm1(np.minimum(ratio, -1e-300))), -2.0 * np.log(-b))
    out[~near] = -0.5 * b * b - _HALF_LOG_2PI + tail
    return out
