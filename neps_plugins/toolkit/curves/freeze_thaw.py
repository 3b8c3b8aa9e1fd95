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
from attrs import evolve, field, frozen
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

#: How many shapes a run's curves are explained by.
SHAPES = 2048
LONGEST = 64
PRIOR_COUNT = 10.0

#: What curves end at before any is known, on the normalised scale: mean and variance, which count for as many curves.
END = (0.2, 0.6**2)
END_COUNT = 5.0

#: How far the beginnings of a run's curves lie apart: a variance.
BEGINNINGS = 0.05**2

#: How sure the noise of a draw is: as sure as after so many values.
NU = 4.0

#: The least standard deviation of the noise.
LEAST_NOISE = 7e-3


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
    evidence = -0.5 * ((NU + m.n) * np.log1p(np.maximum(fit, 0.0) / NU) + np.log(determinant * tau2 * v0))
    evidence -= 0.5 * m.n * np.log(m.noise)
    factor = np.maximum((NU + fit) / (NU + m.n), 1.0) / determinant
    return evidence, mu + e, m0 + u, uu * factor, ee * factor, -eu * factor


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


@frozen(eq=False)
class Population:
    """What a run's curves have in common.

    Attributes:
        draws: The shapes that curves are explained by: indices of D of those that were drawn, shape (D,).
        beta: Of these, shape (T, D); with the sums of beta and of beta**2 over all earlier times and each.
        log_prior: How probable they are, shape (D,).
        noise: Their variances, shape (D,).
        m0, v0: Where curves begin.
        mu, tau2: What they end at.
        logs: The logarithms of the lengthscales, by the features' keys, and those of the other hyperparameters.
    """

    beta: Floats
    sums: Floats
    squares: Floats
    log_prior: Floats
    noise: Floats
    m0: float
    v0: float
    mu: float
    tau2: float
    logs: dict[str, float] = field(factory=dict)
    log_signal: float = 0.0
    log_noise: float = -5.0

    @classmethod
    def of(cls, shapes: Shapes, chosen: Indices, log_prior: Floats, m0: float, mu: float, tau2: float) -> Population:
        beta = np.ascontiguousarray(shapes.beta[:, chosen])
        noise = np.maximum(shapes.noise[chosen], LEAST_NOISE) ** 2
        return cls(
            beta, np.cumsum(beta, axis=0), np.cumsum(beta * beta, axis=0), log_prior, noise, m0, BEGINNINGS, mu, tau2
        )

    def moments(self, curve: Curve) -> Moments:
        """Of a curve, for each shape."""
        z, cells, k = curve.values, curve.cells, len(curve.values)
        if k and cells[0] == 0 and cells[-1] == k - 1:
            beta, b, bb = self.beta[:k], self.sums[k - 1], self.squares[k - 1]
        else:
            beta = self.beta[cells]
            b, bb = beta.sum(axis=0), (beta * beta).sum(axis=0)
        bz, zero = z @ beta, np.zeros(len(b))
        return Moments(k - 2.0 * b + bb, b - bb, bb, z.sum() - bz, bz, zero + z @ z, zero + k, self.noise)

    def explained(self, m: Moments) -> tuple[Floats, ...]:
        return explained(m, np.float64(self.mu), np.float64(self.tau2), self.m0, self.v0)

    def evidence(self, m: Moments) -> Floats:
        return self.explained(m)[0] + self.log_prior


def _stratified(weights: Floats, n: int) -> Indices:
    """n indices in proportion to weights, evenly spread over them: what systematic resampling draws."""
    share = np.cumsum(weights)
    return np.minimum(np.searchsorted(share, (np.arange(n) + 0.5) / n * share[-1]), len(weights) - 1)


class FreezeThaw:
    """The surrogate described above; see `CurveSurrogate`."""

    def __init__(self) -> None:
        self._population: Population | None = None
        self._kept: dict[bytes, tuple[Indices, Floats]] = {}

    def fit(self, curves: Curves) -> None:
        self._kept = {}
        shapes = drawn_shapes(curves.times)
        m0 = _beginning(curves.curves)
        everything = Population.of(shapes, np.arange(len(shapes)), np.zeros(len(shapes)), m0, *END)
        longest = sorted(curves.curves, key=lambda curve: -len(curve.values))[:LONGEST]
        share = np.full(len(shapes), PRIOR_COUNT / len(shapes))
        for curve in longest:
            if len(curve.values):
                evidence = everything.evidence(everything.moments(curve))
                weights = np.exp(evidence - evidence.max())
                share += weights / weights.sum()
        chosen, counts = np.unique(_stratified(share, SHAPES), return_counts=True)
        population = Population.of(shapes, chosen, np.log(counts / counts.sum()), m0, *END)
        self._population = population
        for _ in range(2):
            told, noise, mean, _, _ = self._told(curves)
            tau2 = self._population.tau2
            known = 1.0 / noise / (1.0 / noise + 1.0 / tau2)  # how much of each curve's end is known
            mu = (END_COUNT * END[0] + known @ told) / (END_COUNT + known.sum())
            spread = known @ ((mean - mu) ** 2 + 1.0 / (1.0 / noise + 1.0 / tau2))
            tau2 = (END_COUNT * END[1] + spread) / (END_COUNT + known.sum())
            self._population = evolve(self._population, mu=float(mu), tau2=float(tau2))
            self._kept = {}
        told, noise, mean, _, _ = self._told(curves)
        ends = Ends(curves, told, noise, mean, population)
        self._population = evolve(population, **ends.fitted())

    def _told(self, curves: Curves):
        population = self._population
        assert population is not None
        used = {}
        kept = []
        for curve in curves.curves:
            key = curve.cells.tobytes() + curve.values.tobytes()
            found = used[key] = self._kept.get(key) or self._explain(curve)
            kept.append(found)
        self._kept = {**self._kept, **used} if len(self._kept) < 2 * len(kept) + 10 else used
        chosen = np.array([each[0] for each in kept])
        moments = Moments(*np.moveaxis(np.array([each[1] for each in kept]), 1, 0))
        _, e, _, ee, _, _ = population.explained(moments)
        mu, tau2 = population.mu, population.tau2
        mean = e.mean(axis=1)
        variance = (ee + (e - mean[:, None]) ** 2).mean(axis=1)
        precision = np.maximum(1.0 / variance - 1.0 / tau2, 1e-2 / tau2)
        told = mu + (mean - mu) / variance / precision
        told = np.clip(told, mean - 1.0, mean + 1.0)
        return told, 1.0 / precision, mean, chosen, moments

    def outlook(self, curves: Curves) -> FreezeThawOutlook:
        population = self._population
        assert population is not None
        told, noise, mean, chosen, moments = self._told(curves)
        ends = Ends(curves, told, noise, mean, population, fitted=True)
        return FreezeThawOutlook(population, chosen, moments, ends)

    def _explain(self, curve: Curve) -> tuple[Indices, Floats]:
        population = self._population
        moments = population.moments(curve)
        evidence = population.evidence(moments)
        chosen = _stratified(np.exp(evidence - evidence.max()), KEPT)
        m = moments
        return chosen, np.array([m.aa, m.ab, m.bb, m.az, m.bz, m.zz, m.n, m.noise])[:, chosen]


def _beginning(curves: Sequence[Curve]) -> float:
    """Where curves begin: about the worst that there is after the first step."""
    first = [curve.values[0] for curve in curves if len(curve.values)]
    return round(float(np.quantile(first, 0.9)), 2) if first else 1.0


class Ends:
    """The Gaussian process over what configurations end at."""

    def __init__(self, curves: Curves, told: Floats, noise: Floats, mean: Floats, population, fitted=False) -> None:
        self.features = Features.of(curves.columns, curves.points.values, curves.points.active)
        weight = 1.0 / (noise + 0.05)
        self._centre = float(np.average(mean, weights=weight))
        self._scale = math.sqrt(float(np.average((mean - self._centre) ** 2, weights=weight))) or 1.0
        z = self.features(curves.points.values, curves.points.active)
        y = (told - self._centre) / self._scale
        noise = noise / self._scale**2
        mode = prior_mode(len(self.features.keys))
        if fitted:
            logs = np.array([population.logs.get(key, mode.log_lengthscales[0]) for key in self.features.keys])
            found = Hyperparameters(logs, population.log_signal, population.log_noise)
        else:
            found = fit(z, y, self.features.group, [mode], known_noise=noise).hyperparameters
        self.hyperparameters = found
        self._own = math.exp(found.log_noise)
        self._posterior = Posterior(z, self.features.group, found, known_noise=noise)
        self._posterior.observe(y)
        without, variance = self._posterior.without_each(y)
        self.mu = self._centre + self._scale * without
        self.tau2 = self._scale**2 * np.maximum(variance - noise, 1e-6)
        self._scaled = z * np.exp(-found.log_lengthscales)[self.features.group]

    def fitted(self):
        h = self.hyperparameters
        return dict(logs=dict(zip(self.features.keys, h.log_lengthscales)), log_signal=h.log_signal, log_noise=h.log_noise)

    def at(self, points: Points) -> tuple[Floats, Floats]:
        mean, variance = self._posterior.predict(self.features(points.values, points.active))
        return self._centre + self._scale * mean, self._scale**2 * (variance + self._own)

    def alike(self, points: Points) -> Floats:
        z = self.features(points.values, points.active)
        z = z * np.exp(-self.hyperparameters.log_lengthscales)[self.features.group]
        return MATERN52(squared_distances(z, self._scaled))[0]


class FreezeThawOutlook:
    def __init__(self, population, chosen, moments, ends) -> None:
        self._population, self._chosen, self._ends = population, chosen, ends
        before = population.explained(moments)[0]
        evidence, *self._what = explained(moments, ends.mu[:, None], ends.tau2[:, None], population.m0, population.v0)
        log = evidence - before
        weights = np.exp(log - log.max(axis=1, keepdims=True))
        self._weights = weights / weights.sum(axis=1, keepdims=True)
        self._noise = moments.noise

    def continued(self, rows: Indices, cells: Indices) -> Normals:
        beta = self._population.beta[cells[:, None], self._chosen[rows]]
        alpha = 1.0 - beta
        e, u, ee, uu, eu = (each[rows] for each in self._what)
        means = e * alpha + u * beta
        variances = ee * alpha * alpha + 2.0 * eu * alpha * beta + uu * beta * beta + self._noise[rows]
        return Normals(self._weights[rows], means, variances)

    def begun(self, points: Points, cell: int) -> Normals:
        mean, variance = self._ends.at(points)
        beta = self._population.beta[cell, self._chosen]
        first = (self._weights * beta).sum(axis=1)
        second = (self._weights * beta * beta).sum(axis=1)
        alike = self._ends.alike(points) + 0.01
        alike /= alike.sum(axis=1, keepdims=True)
        b, bb = alike @ first, alike @ second
        far = self._population.m0 - mean
        means = mean + far * b
        variances = variance * (1.0 - 2.0 * b + bb) + self._population.v0 * bb
        variances += far * far * np.maximum(bb - b * b, 0.0)
        return Normals(np.ones((len(mean), 1)), means[:, None], variances[:, None] + LEAST_NOISE**2)
