"""Learning curves by importance weighting, tied across configurations by a Gaussian process.

Each shape that was drawn from the prior (`neps_plugins.toolkit.curves.prior`) makes a curve linear in what it ends at
and where it began, so that these two are integrated out for each shape, and only shapes are weighted by how well they
explain what has been seen of a configuration: Rao-Blackwellised importance sampling. What configurations end at is a
Gaussian process over them, as in K. Swersky, J. Snoek and R. P. Adams, "Freeze-thaw Bayesian optimization",
arXiv:1406.3896, 2014, Section 3: each curve tells it what it is likely to end at, and is told what the others say of
that. How fast a configuration gets there, nobody has seen, is how fast its neighbours do.

Notation: that of `prior`, and
    z        values that were seen of a curve; alpha = 1 - beta, so that z = e alpha + u beta + noise
    e, u     what it ends at, and where it began
    mu, tau2 mean and variance of e before the curve is looked at; m0, v0 those of u
    D, K, n  how many shapes there are, are kept of each curve, and how many curves there are
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from attrs import define, field, frozen
from scipy.special import log_ndtr

from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.curves.prior import Shapes, drawn_shapes
from neps_plugins.toolkit.curves.surrogate import Curve, Curves
from neps_plugins.toolkit.gp.features import Features
from neps_plugins.toolkit.gp.fit import fit
from neps_plugins.toolkit.gp.hyperparameters import Hyperparameters, prior_mode
from neps_plugins.toolkit.gp.kernels import MATERN52, squared_distances
from neps_plugins.toolkit.gp.posterior import Posterior

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

#: How many shapes are kept of each curve.
KEPT = 128

#: What curves end at before any is known, on the normalised scale.
END = (0.5, 0.4**2)

#: How far the beginnings of a run's curves lie apart: a variance.
BEGINNINGS = 0.15**2

#: The least standard deviation of the noise.
LEAST_NOISE = 2e-3


@frozen(eq=False)
class Moments:
    """What there is to know of values under several shapes: sums over what was seen, for each curve and shape.

    Attributes:
        aa, ab, bb: Of alpha**2, alpha beta, beta**2.
        az, bz, zz: Of alpha z, beta z, z**2.
        n: How many values there were.
        noise: Variances.
    """

    aa: Floats
    ab: Floats
    bb: Floats
    az: Floats
    bz: Floats
    zz: Floats
    n: Floats
    noise: Floats


def explained(m: Moments, mu: Floats, tau2: Floats, m0: float, v0: float) -> tuple[Floats, ...]:
    """The evidence of each shape, and what e and u are under it.

    Returns:
        The logarithm of the evidence; the means of e and u; their variances and their covariance.
    """
    p = m.az - mu * m.aa - m0 * m.ab
    q = m.bz - mu * m.ab - m0 * m.bb
    rr = m.zz - 2.0 * (mu * m.az + m0 * m.bz) + mu * mu * m.aa + 2.0 * mu * m0 * m.ab + m0 * m0 * m.bb
    ee, eu, uu = m.aa / m.noise + 1.0 / tau2, m.ab / m.noise, m.bb / m.noise + 1.0 / v0
    p, q = p / m.noise, q / m.noise
    determinant = ee * uu - eu * eu
    e, u = (uu * p - eu * q) / determinant, (ee * q - eu * p) / determinant
    fit = rr / m.noise - e * p - u * q
    evidence = -0.5 * (fit + np.log(determinant * tau2 * v0) + m.n * np.log(m.noise))
    return evidence, mu + e, m0 + u, uu / determinant, ee / determinant, -eu / determinant


@frozen(eq=False)
class Normals:
    """Mixtures of normal distributions, one for each value.

    Attributes:
        weights: Shape (m, K) or what is broadcast to it, adding up to 1 over K.
        means: Shape (m, K).
        variances: Shape (m, K).
    """

    weights: Floats
    means: Floats
    variances: Floats

    @property
    def mean(self) -> Floats:
        return np.asarray((self.weights * self.means).sum(axis=1))

    @property
    def variance(self) -> Floats:
        mean = self.mean[:, None]
        return np.asarray((self.weights * (self.variances + (self.means - mean) ** 2)).sum(axis=1))

    def log_below(self, threshold: float) -> Floats:
        logs = log_ndtr((threshold - self.means) / np.sqrt(self.variances))
        highest = logs.max(axis=1, keepdims=True)
        return np.asarray(np.log((self.weights * np.exp(logs - highest)).sum(axis=1)) + highest[:, 0])


@define
class _Kept:
    """The shapes that explain a curve: their indices, shape (K,), and the moments, shape (9, K)."""

    n: int
    first: float
    shapes: Indices
    moments: Floats


class FreezeThaw:
    """The surrogate described above; see `CurveSurrogate`."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}

    def outlook(self, curves: Curves) -> FreezeThawOutlook:
        shapes = drawn_shapes(curves.times)
        m0 = _beginning(curves.curves)
        mu, tau2 = END
        kept = [self._explain(shapes, curve, m0) for curve in curves.curves]
        chosen = np.array([each.shapes for each in kept])
        moments = Moments(*np.moveaxis(np.array([each.moments for each in kept]), 1, 0))
        _, e, _, ee, _, _ = explained(moments, np.float64(mu), np.float64(tau2), m0, BEGINNINGS)
        mean = e.mean(axis=1)
        variance = (ee + (e - mean[:, None]) ** 2).mean(axis=1)
        precision = np.maximum(1.0 / variance - 1.0 / tau2, 1e-4 / tau2)
        told = (mean / variance - mu / tau2) / precision
        told = np.where(precision * tau2 < 0.01, mean, told)
        ends = Ends(curves, told, 1.0 / precision, mean)
        return FreezeThawOutlook(shapes, chosen, moments, ends, m0, curves)

    def _explain(self, shapes: Shapes, curve: Curve, m0: float) -> _Kept:
        noise = np.maximum(shapes.noise, LEAST_NOISE) ** 2
        z = curve.values
        beta = shapes.beta[curve.cells]
        alpha = 1.0 - beta
        sums = [(alpha * alpha).sum(0), (alpha * beta).sum(0), (beta * beta).sum(0), z @ alpha, z @ beta]
        zero = np.zeros(len(shapes))
        moments = np.array([*sums, zero + z @ z, zero + len(z), noise])
        mu, tau2 = END
        evidence = explained(Moments(*moments), np.float64(mu), np.float64(tau2), m0, BEGINNINGS)[0]
        weights = np.exp(evidence - evidence.max())
        share = np.cumsum(weights)
        # Evenly spread over what is left of the draws, from slow ones to quick ones.
        chosen = np.searchsorted(share, (np.arange(KEPT) + 0.5) / KEPT * share[-1])
        return _Kept(len(z), float(z.sum()), chosen, moments[:, chosen])


def _beginning(curves: Sequence[Curve]) -> float:
    """Where curves begin: about the worst that there is after the first step."""
    first = [curve.values[0] for curve in curves if len(curve.values)]
    return float(np.quantile(first, 0.9)) if first else 1.0


class Ends:
    """The Gaussian process over what configurations end at."""

    def __init__(self, curves: Curves, told: Floats, noise: Floats, mean: Floats) -> None:
        self.features = Features.of(curves.columns, curves.points.values, curves.points.active)
        weight = 1.0 / (noise + 0.05)
        self._centre = float(np.average(mean, weights=weight))
        self._scale = math.sqrt(float(np.average((mean - self._centre) ** 2, weights=weight))) or 1.0
        z = self.features(curves.points.values, curves.points.active)
        y = (told - self._centre) / self._scale
        noise = noise / self._scale**2
        found = fit(z, y, self.features.group, [prior_mode(len(self.features.keys))], known_noise=noise)
        self.hyperparameters = found.hyperparameters
        self._own = math.exp(found.hyperparameters.log_noise)
        self._posterior = Posterior(z, self.features.group, found.hyperparameters, known_noise=noise)
        self._posterior.observe(y)
        without, variance = self._posterior.without_each(y)
        self.mu = self._centre + self._scale * without
        self.tau2 = self._scale**2 * np.maximum(variance - noise, 1e-6)
        self._scaled = z * np.exp(-found.hyperparameters.log_lengthscales)[self.features.group]

    def at(self, points: Points) -> tuple[Floats, Floats]:
        mean, variance = self._posterior.predict(self.features(points.values, points.active))
        return self._centre + self._scale * mean, self._scale**2 * (variance + self._own)

    def alike(self, points: Points) -> Floats:
        z = self.features(points.values, points.active)
        z = z * np.exp(-self.hyperparameters.log_lengthscales)[self.features.group]
        return MATERN52(squared_distances(z, self._scaled))[0]


class FreezeThawOutlook:
    def __init__(self, shapes, chosen, moments, ends, m0, curves) -> None:
        self._shapes, self._chosen, self._ends, self._m0 = shapes, chosen, ends, m0
        mu, tau2 = END
        before = explained(moments, np.float64(mu), np.float64(tau2), m0, BEGINNINGS)[0]
        evidence, *self._what = explained(moments, ends.mu[:, None], ends.tau2[:, None], m0, BEGINNINGS)
        log = evidence - before
        weights = np.exp(log - log.max(axis=1, keepdims=True))
        self._weights = weights / weights.sum(axis=1, keepdims=True)
        self._noise = moments.noise

    def continued(self, rows: Indices, cells: Indices) -> Normals:
        beta = self._shapes.beta[cells[:, None], self._chosen[rows]]
        alpha = 1.0 - beta
        e, u, ee, uu, eu = (each[rows] for each in self._what)
        means = e * alpha + u * beta
        variances = ee * alpha * alpha + 2.0 * eu * alpha * beta + uu * beta * beta + self._noise[rows]
        return Normals(self._weights[rows], means, variances)

    def begun(self, points: Points, cell: int) -> Normals:
        mean, variance = self._ends.at(points)
        beta = self._shapes.beta[cell, self._chosen]
        first = (self._weights * beta).sum(axis=1)
        second = (self._weights * beta * beta).sum(axis=1)
        alike = self._ends.alike(points) + 0.01
        alike /= alike.sum(axis=1, keepdims=True)
        b, bb = alike @ first, alike @ second
        far = self._m0 - mean
        means = mean + far * b
        variances = variance * (1.0 - 2.0 * b + bb) + BEGINNINGS * bb + far * far * np.maximum(bb - b * b, 0.0)
        return Normals(np.ones((len(mean), 1)), means[:, None], variances[:, None] + LEAST_NOISE**2)
