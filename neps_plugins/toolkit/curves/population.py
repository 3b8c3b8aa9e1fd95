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

#: Where curves begin, of which the likeliest is taken: at a value that is worse than that of so many after the first
#: step, give or take so much (a standard deviation). The published prior has one beginning for all. With None, each
#: begins where it ends, give or take so much: there are fidelities of which the least says nearly everything.
BEGINNINGS: tuple[tuple[float | None, float], ...] = ((0.9, 0.05), (0.9, 0.15), (None, 0.15))

#: Which of the shapes say which that is: every so many.
THINNED = 8

#: The least standard deviation of the noise: no shape is quite true.
LEAST_NOISE = 7e-3


@frozen(eq=False)
class Population:
    """Shapes of curves, and what is believed of curves that nothing was seen of.

    Attributes:
        beta: Shape (T, D).
        log_prior: The logarithm of how probable each shape is, shape (D,).
        s2: The variance of each one's noise, shape (D,).
        m0, v0: Mean and variance of where curves begin.
        kappa: 1 if that is measured from where they end, else 0.
        mu, tau2: Mean and variance of what they end at.
        kernel: The logarithms of the hyperparameters of the Gaussian process over ends: of lengthscales by the name of
            their features, and "signal" and "noise"; empty before there was a fit.
    """

    beta: Floats
    log_prior: Floats
    s2: Floats
    m0: float
    v0: float
    kappa: float
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
        longest = sorted(curves, key=lambda curve: -len(curve.values))[:LONGEST]
        s2 = np.maximum(shapes.noise, LEAST_NOISE) ** 2
        first = [curve.values[0] for curve in curves if len(curve.values)]

        def beginning(share: float | None, deviation: float, step: int) -> Population:
            m0 = 0.0 if share is None else float(np.quantile(first, share)) if first else 1.0
            beta = np.ascontiguousarray(shapes.beta[:, ::step])
            return cls(beta, np.zeros(beta.shape[1]), s2[::step], m0, deviation**2, float(share is None))

        share, deviation = max(BEGINNINGS, key=lambda each: beginning(each[0], each[1], THINNED).likelihood(longest))
        everything = beginning(share, deviation, 1)
        weights = np.full(len(shapes), PRIOR_COUNT / len(shapes))
        for curve in longest:
            weights += everything.weights(everything.moments(curve))
        kept, counts = np.unique(stratified(weights, SHAPES), return_counts=True)
        beta = np.ascontiguousarray(shapes.beta[:, kept])
        return cls(beta, np.log(counts / counts.sum()), s2[kept], everything.m0, everything.v0, everything.kappa)

    def likelihood(self, curves: Sequence[Curve]) -> float:
        """The logarithm of how probable curves are, up to a constant."""
        logs = [self.explained(self.moments(curve)).evidence + self.log_prior for curve in curves]
        return float(sum(log.max() + np.log(np.exp(log - log.max()).sum()) for log in logs))

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
        bz, same, off = z @ beta, np.ones(len(b)), 1.0 - self.kappa  # alpha = 1 - off beta
        aa, ab, az = k - 2.0 * off * b + off * off * bb, b - off * bb, z.sum() - off * bz
        return Moments(aa, ab, bb, az, bz, (z @ z) * same, k * same, self.s2)

    def explained(self, moments: Moments) -> Explained:
        """What shapes make of curves of which nothing else is known."""
        return explained(moments, self.mu, self.tau2, self.m0, self.v0)

    def weights(self, moments: Moments) -> Floats:
        """How probable each shape is, given a curve. Shape (D,), adding up to 1."""
        logs = self.explained(moments).evidence + self.log_prior
        weights = np.exp(logs - logs.max())
        return np.asarray(weights / weights.sum())


def stratified(weights: Floats, n: int) -> Indices:
    """n indices in proportion to weights, evenly spread over them: systematic resampling with nothing random."""
    share = np.cumsum(weights)
    return np.asarray(np.minimum(np.searchsorted(share, (np.arange(n) + 0.5) / n * share[-1]), len(weights) - 1))
