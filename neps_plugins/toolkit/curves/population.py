"""What the curves of a run have in common, learned from those that there are: empirical Bayes.

The notation is that of `neps_plugins.toolkit.curves.evidence`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from attrs import evolve, field, frozen

from neps_plugins.toolkit.curves.evidence import Explained, Moments, explained
from neps_plugins.toolkit.curves.prior import Shapes
from neps_plugins.toolkit.curves.surrogate import Curve

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

#: How many of the shapes that were drawn go on to explain a run's curves. They are drawn in proportion to how well they
#: explain the longest curves, so many at most, besides a prior that counts like so many curves.
SHAPES, LONGEST, PRIOR_COUNT = 2048, 64, 10.0

#: Mean and variance of what curves end at before any is known, which count like so many curves. Where curves have only
#: just begun, most of them will get better than the best so far, which is at 0.
END, END_COUNT = (0.2, 0.6**2), 5.0

#: How far apart the beginnings of a run's curves lie: a variance. The published prior has one for all.
BEGINNINGS = 0.05**2

#: Where curves begin: at a value that is better than that of so many after the first step, or, without any, at 1.
WORSE_THAN = 0.9

#: The least standard deviation of the noise: no shape is quite true.
LEAST_NOISE = 7e-3


@frozen(eq=False)
class Population:
    """Shapes of curves, and what is believed of curves that nothing was seen of.

    Attributes:
        beta: Shape (T, D).
        log_prior: The logarithm of how probable each shape is, shape (D,).
        s2: The variance of each one's noise, shape (D,).
        m0: Where curves begin.
        mu, tau2: Mean and variance of what they end at.
        kernel: The logarithms of the hyperparameters of the Gaussian process over ends: of lengthscales by the name of
            their features, and "signal" and "noise"; empty before there was a fit.
    """

    beta: Floats
    log_prior: Floats
    s2: Floats
    m0: float
    mu: float = END[0]
    tau2: float = END[1]
    kernel: Mapping[str, float] = field(factory=dict)
    _sums: Floats = field(init=False)
    _squares: Floats = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_sums", np.cumsum(self.beta, axis=0))
        object.__setattr__(self, "_squares", np.cumsum(self.beta * self.beta, axis=0))

    @classmethod
    def of(cls, shapes: Shapes, curves: Sequence[Curve]) -> Population:
        """The shapes that explain curves, and others in case they do not explain further ones."""
        m0 = beginning(curves)
        s2 = np.maximum(shapes.noise, LEAST_NOISE) ** 2
        everything = cls(shapes.beta, np.zeros(len(shapes)), s2, m0)
        share = np.full(len(shapes), PRIOR_COUNT / len(shapes))
        for curve in sorted(curves, key=lambda curve: -len(curve.values))[:LONGEST]:
            share += everything.weights(everything.moments(curve))
        kept, counts = np.unique(stratified(share, SHAPES), return_counts=True)
        return cls(np.ascontiguousarray(shapes.beta[:, kept]), np.log(counts / counts.sum()), s2[kept], m0)

    def ending(self, told: Floats, variance: Floats) -> Population:
        """This one, having learned what curves end at.

        Args:
            told: What each of n curves says of its own end.
            variance: Of that, shape (n,).
        """
        known = self.tau2 / (self.tau2 + variance)  # how much of its end is known of each curve
        ends = self.mu + known * (told - self.mu)
        total = END_COUNT + known.sum()
        mu = (END_COUNT * END[0] + known @ told) / total
        tau2 = (END_COUNT * END[1] + known @ ((ends - mu) ** 2 + known * variance)) / total
        return evolve(self, mu=float(mu), tau2=float(tau2))

    def moments(self, curve: Curve) -> Moments:
        """Of a curve, for each shape, shapes (D,)."""
        z, cells, k = curve.values, curve.cells, len(curve.values)
        if k and cells[0] == 0 and cells[-1] == k - 1:
            beta, b, bb = self.beta[:k], self._sums[k - 1], self._squares[k - 1]
        else:
            beta = self.beta[cells]
            b, bb = beta.sum(axis=0), (beta * beta).sum(axis=0)
        bz, same = z @ beta, np.ones(len(b))
        return Moments(k - 2.0 * b + bb, b - bb, bb, z.sum() - bz, bz, (z @ z) * same, k * same, self.s2)

    def explained(self, moments: Moments) -> Explained:
        """What shapes make of curves of which nothing else is known."""
        return explained(moments, self.mu, self.tau2, self.m0, BEGINNINGS)

    def weights(self, moments: Moments) -> Floats:
        """How probable each shape is, given a curve. Shape (D,), adding up to 1."""
        logs = self.explained(moments).evidence + self.log_prior
        weights = np.exp(logs - logs.max())
        return np.asarray(weights / weights.sum())


def beginning(curves: Sequence[Curve]) -> float:
    """Where curves begin, rounded, so that it does not change with every result."""
    first = [curve.values[0] for curve in curves if len(curve.values)]
    return round(float(np.quantile(first, WORSE_THAN)), 2) if first else 1.0


def stratified(weights: Floats, n: int) -> Indices:
    """n indices in proportion to weights, evenly spread over them: systematic resampling with nothing random."""
    share = np.cumsum(weights)
    return np.asarray(np.minimum(np.searchsorted(share, (np.arange(n) + 0.5) / n * share[-1]), len(weights) - 1))
