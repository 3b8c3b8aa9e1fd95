"""Learning curves by importance weighting, tied across configurations by a Gaussian process.

Each shape that was drawn from the prior (`neps_plugins.toolkit.curves.prior`) makes a curve linear in what it ends at
and where it began, so that these two are integrated out for each shape, and only shapes are weighted by how well they
explain what has been seen of a configuration: Rao-Blackwellised importance sampling (A. Doucet, N. de Freitas,
K. Murphy and S. Russell, "Rao-Blackwellised particle filtering for dynamic Bayesian networks", UAI 2000). What
configurations end at is a Gaussian process over them, as in K. Swersky, J. Snoek and R. P. Adams, "Freeze-thaw Bayesian
optimization", arXiv:1406.3896, 2014, Section 3: each curve tells it what it is likely to end at, and is told what the
others say of that. A configuration of which nothing was seen gets there as fast as its neighbours do.

The notation is that of `neps_plugins.toolkit.curves.evidence`; D, K and n are how many shapes there are, how many are
kept of each curve, and how many curves there are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.curves.ends import Ends
from neps_plugins.toolkit.curves.evidence import Explained, Moments, explained
from neps_plugins.toolkit.curves.mixtures import Normals
from neps_plugins.toolkit.curves.population import LEAST_NOISE, Population, stratified
from neps_plugins.toolkit.curves.prior import drawn_shapes
from neps_plugins.toolkit.curves.surrogate import Curve, Curves

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

#: How many shapes are kept of each curve.
KEPT = 128

#: How often ends and what is believed of them take turns in a fit.
ROUNDS = 2

#: The least that a curve tells of its own end, relative to what was known of it before.
LEAST_TOLD = 1e-2

#: How alike any two configurations are at least, when it comes to how fast they get to their ends.
ALIKE = 0.01


@frozen(eq=False)
class _Kept:
    """The shapes that explain curves.

    Attributes:
        shapes: Their indices, shape (n, K); all of a curve are as probable.
        moments: Of shapes (n, K).
        explained: Without the other curves, of shapes (n, K).
    """

    shapes: Indices
    moments: Moments
    explained: Explained

    def told(self, mu: float, tau2: float) -> tuple[Floats, Floats]:
        """What each curve says of its own end, apart from what was believed before: mean and variance, shapes (n,)."""
        e = self.explained.e.mean(axis=1)
        variance = (self.explained.ee + (self.explained.e - e[:, None]) ** 2).mean(axis=1)
        precision = np.maximum(1.0 / variance - 1.0 / tau2, LEAST_TOLD / tau2)
        told = mu + (e - mu) / variance / precision
        return np.clip(told, e - 1.0, e + 1.0), 1.0 / precision


class FreezeThaw:
    """The surrogate described above; see `CurveSurrogate`."""

    def __init__(self) -> None:
        self._population: Population | None = None
        self._known: dict[bytes, tuple[Indices, Floats]] = {}

    def fit(self, curves: Curves) -> None:
        """Learn what curves have in common."""
        population = Population.of(drawn_shapes(curves.times), curves.curves)
        for _ in range(ROUNDS):
            self._known = {}
            told, variance = self._keep(population, curves).told(population.mu, population.tau2)
            population = population.ending(told, variance)
        self._known = {}
        told, variance = self._keep(population, curves).told(population.mu, population.tau2)
        self._population = evolve(population, kernel=Ends(curves, told, variance, None).kernel)

    def outlook(self, curves: Curves) -> FreezeThawOutlook:
        """What is to be expected."""
        assert self._population is not None
        kept = self._keep(self._population, curves)
        told, variance = kept.told(self._population.mu, self._population.tau2)
        return FreezeThawOutlook(self._population, kept, Ends(curves, told, variance, self._population.kernel))

    def _keep(self, population: Population, curves: Curves) -> _Kept:
        used = {}
        each = []
        for curve in curves.curves:
            key = curve.cells.tobytes() + curve.values.tobytes()
            used[key] = self._known.get(key) or _explain(population, curve)
            each.append(used[key])
        # What is under way comes and goes, so what was used in the last calls is worth keeping.
        self._known = {**self._known, **used} if len(self._known) <= 2 * len(used) + 16 else used
        moments = Moments(*np.moveaxis(np.array([moments for _, moments in each]), 1, 0))
        return _Kept(np.array([shapes for shapes, _ in each]), moments, population.explained(moments))


def _explain(population: Population, curve: Curve) -> tuple[Indices, Floats]:
    """The shapes that explain a curve, shape (K,), and their moments, shape (8, K)."""
    moments = population.moments(curve)
    shapes = stratified(population.weights(moments), KEPT)
    m = moments
    return shapes, np.array([sums[shapes] for sums in (m.aa, m.ab, m.bb, m.az, m.bz, m.zz, m.n, m.s2)])


class FreezeThawOutlook:
    """What is expected of curves once each knows of the others; see `Outlook`."""

    def __init__(self, population: Population, kept: _Kept, ends: Ends) -> None:
        self._population, self._shapes, self._ends = population, kept.shapes, ends
        self._s2 = kept.moments.s2
        self._explained = explained(kept.moments, ends.mu[:, None], ends.tau2[:, None], population.m0, population.v0)
        logs = self._explained.evidence - kept.explained.evidence
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        self._weights = weights / weights.sum(axis=1, keepdims=True)

    def continued(self, rows: Indices, cells: Indices) -> Normals:
        """How curves go on."""
        beta = self._population.beta[cells[:, None], self._shapes[rows]]
        alpha, x = 1.0 - (1.0 - self._population.kappa) * beta, self._explained
        means = x.e[rows] * alpha + x.u[rows] * beta
        variances = x.ee[rows] * alpha * alpha + 2.0 * x.eu[rows] * alpha * beta + x.uu[rows] * beta * beta
        return Normals(self._weights[rows], means, variances + self._s2[rows])

    def begun(self, points: Points, cell: int) -> Normals:
        """What others would come to."""
        end, variance = self._ends.at(points)
        beta = self._population.beta[cell, self._shapes]
        alike = self._ends.alike(points) + ALIKE
        alike /= alike.sum(axis=1, keepdims=True)
        b, bb = alike @ (self._weights * beta).sum(axis=1), alike @ (self._weights * beta * beta).sum(axis=1)
        off = 1.0 - self._population.kappa
        far = self._population.m0 - off * end
        variance = variance * (1.0 - 2.0 * off * b + off * off * bb) + self._population.v0 * bb
        variance += far * far * np.maximum(bb - b * b, 0.0)
        return Normals(np.ones((len(end), 1)), (end + far * b)[:, None], (variance + LEAST_NOISE**2)[:, None])
