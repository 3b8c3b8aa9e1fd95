"""How much a configuration is expected to improve on the best one so far.

D. R. Jones, M. Schonlau and W. J. Welch, "Efficient global optimization of expensive black-box functions", J. Global
Optimization 13, 1998; in the form of S. Ament, S. Daulton, D. Eriksson, M. Balandat and E. Bakshy, "Unexpected
improvements to expected improvement for Bayesian optimization", NeurIPS 2023, Equations 8 and 9.

Notation:
    m, s     mean and standard deviation of the prediction; b the best value so far; z = (b - m) / s
    h(z)     phi(z) + z Phi(z), so that the expected improvement is s h(z)
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from attrs import frozen
from scipy.special import erfcx, log_ndtr

from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.acquisition.terms import Term
from neps_plugins.toolkit.gp.hypervolume_improvement import expected_hypervolume_improvement
from neps_plugins.toolkit.gp.model import Model
from neps_plugins.toolkit.gp.situation import Situation
from neps_plugins.toolkit.gp.weighted_sum import WeightedSum

Floats = npt.NDArray[np.float64]

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)
_HALF_LOG_HALF_PI = 0.5 * math.log(0.5 * math.pi)

#: Below this z, the difference in h has lost its digits, and is 1 / z**2.
_FAR = -1e6


@frozen
class LogExpectedImprovement:
    """The logarithm of the expected improvement.

    With noise, the best value so far isn't known either. The least posterior mean at a configuration that was
    evaluated stands for it, which without noise is the best value itself: V. Picheny, T. Wagner and D. Ginsbourger,
    "A benchmark of kriging-based infill criteria for noisy optimization", 2013, Section 3.1 ("plug-in").

    Attributes:
        model: Of the objective, or of a weighted sum of several.
        best: b, as a target of the model.
    """

    model: Model | WeightedSum
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


def expected_improvement(situation: Situation) -> tuple[float, Term] | None:
    """The logarithm of the expected improvement on the best mean.

    Of several objectives, it is that of the hypervolume. None as long as nothing keeps the constraints.
    """
    if len(situation.models.objectives) > 1:
        return expected_hypervolume_improvement(situation)
    if not len(situation.means):
        return None
    return 1.0, LogExpectedImprovement(situation.model, situation.best)


def improvement_of_sum(situation: Situation, weights: Floats) -> tuple[float, Term] | None:
    """The same for a weighted sum of the targets of all objectives, in the place of the hypervolume.

    Args:
        situation: What is known.
        weights: At least 0, shape (m,).
    """
    if not len(situation.means):
        return None
    best = float((situation.means @ weights).min())
    return 1.0, LogExpectedImprovement(WeightedSum(situation.models.objectives, weights), best)


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
