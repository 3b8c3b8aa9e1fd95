"""What learning curves may look like, before any has been seen: draws from the prior of FT-PFN, tabulated.

H. Rakotoarison, S. Adriaensen, N. Mallik, S. Garibov, E. Bergman and F. Hutter, "In-context freeze-thaw Bayesian
optimization for hyperparameter optimization", ICML 2024, Section 3.2 and Appendix A: a curve leads from an initial to
a converged value along a weighted sum of four basis curves.

Notation:
    t        training, as a share of what the highest fidelity allows, from 0 to 1
    y_0      the value before training, which a run's curves have in common; y_inf what a curve converges to
    f_k(t)   how far basis curve k still has to go: from 1 at t = 0 towards 0
    w        the weights of the basis curves, Dirichlet(1, 1, 1, 1)
    a_k      how skewed basis curve k is
    s_k      where it saturates: there it has come within 1 / p_k of its end, and it goes on r_k times as fast,
             backwards where r_k < 0, which is what diverging and overfitting look like
    g        sum_k w_k f_k, the shape: y(t) = y_inf - (y_inf - y_0) g(t)
    e        y(1), what comes of the whole training
    beta     (g(t) - g(1)) / (1 - g(1)): y(t) = e + (y_0 - e) beta(t), so that a curve is linear in what is unknown
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
from attrs import frozen

Floats = npt.NDArray[np.float64]

#: How many shapes are drawn; about a third is left out below.
DRAWS = 15_000

#: Shapes that come back to where they began leave nothing to tell their end from their beginning by.
LEAST_PROGRESS = 0.02

#: Means and deviations of the logarithms of a_k; of the third one, of a_k - 1.
SKEW = ((1.0, 1.0), (0.0, 1.0), (-4.0, 1.0), (0.5, 0.5))

#: Mean and deviation of the logarithm of the noise's standard deviation, relative to the range of what is measured.
NOISE = (-5.0, 1.0)


@frozen(eq=False)
class Shapes:
    """D shapes on a grid of T times.

    Attributes:
        times: Shape (T,), increasing, the last one 1.
        beta: Shape (T, D).
        noise: The standard deviation of each draw's noise, shape (D,).
    """

    times: Floats
    beta: Floats
    noise: Floats

    def __len__(self) -> int:
        return len(self.noise)


@functools.lru_cache(maxsize=16)
def drawn_shapes(times: tuple[float, ...], n: int = DRAWS, seed: int = 0) -> Shapes:
    """Shapes from the prior, slow ones first: the same ones at each call.

    Args:
        times: The grid, increasing, the last one 1.
        n: How many to draw. A few of them are left out: see `LEAST_PROGRESS`.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    t = np.asarray(times, dtype=float)[:, None]
    weights = rng.dirichlet(np.ones(len(SKEW)), n).T
    last = 10.0 ** rng.standard_normal(n)  # where the last basis curve saturates
    relative = rng.exponential(size=(len(SKEW), n))
    saturation = last * relative / relative.max(axis=0)
    precision = 10.0 ** rng.uniform(0.0, 3.0, (len(SKEW), n))
    rate = 1.0 - rng.exponential(size=(len(SKEW), n))
    left = np.zeros((len(t), n))
    for k, (basis, (mean, deviation)) in enumerate(zip((_power, _exponential, _logarithm, _hill), SKEW)):
        skew = np.exp(rng.normal(mean, deviation, n)) + (basis is _logarithm)
        x = np.where(t < saturation[k], t, saturation[k] + rate[k] * (t - saturation[k])) / saturation[k]
        # Back behind the beginning: straight on, with the slope that it has there.
        tiny = 1e-6
        slope = (1.0 - basis(np.full(n, tiny), skew, precision[k])) / tiny
        ahead = basis(np.maximum(x, 0.0), skew, precision[k])
        left += weights[k] * np.where(x > 0, ahead, 1.0 - np.minimum(slope, 10.0) * np.minimum(x, 0.0))
    noise = np.exp(rng.normal(*NOISE, n))
    kept = np.flatnonzero(np.isfinite(left).all(axis=0) & (1.0 - left[-1] > LEAST_PROGRESS))
    beta = (left[:, kept] - left[-1, kept]) / (1.0 - left[-1, kept])
    kept_too = np.flatnonzero(np.abs(beta).max(axis=0) < 1.0 / LEAST_PROGRESS)
    order = kept_too[np.argsort(-beta[:, kept_too].mean(axis=0), kind="stable")]
    return Shapes(t[:, 0], np.ascontiguousarray(beta[:, order]), noise[kept[order]])


# The basis curves, by x = t / s.


def _power(x: Floats, skew: Floats, precision: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(((precision ** (1.0 / skew) - 1.0) * x + 1.0) ** -skew)


def _exponential(x: Floats, skew: Floats, precision: Floats) -> Floats:
    return np.asarray(precision ** -(x**skew))


def _logarithm(x: Floats, skew: Floats, precision: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(np.log(skew) / np.log((skew**precision - skew) * x + skew))


def _hill(x: Floats, skew: Floats, precision: Floats) -> Floats:
    return np.asarray(1.0 / (x**skew * (precision - 1.0) + 1.0))
