"""Gaussian process regression: a Matern-5/2 kernel, maximum a posteriori hyperparameters, and the posterior.

Notation, as in C. E. Rasmussen and C. K. I. Williams, "Gaussian processes for machine learning", MIT Press 2006:
    Z        (n, F) the features of n observations (`neps_plugins.toolkit.features`)
    y        (n,) their targets: no mean, about unit variance
    l        (G,) lengthscales; feature f has that of its group, l[group[f]]
    s2, v    the variance of the signal and that of the noise
    d2       squared distance, the sum over features of ((z_f - z'_f) / l_f)**2; r = sqrt(5 d2)
    k        s2 (1 + r + r**2 / 3) exp(-r)   (Matern-5/2, eq. 4.17)
    K        (n, n) k between observations, plus v on the diagonal; L its Cholesky factor
    theta    log l, log s2, log v: what is fitted

The prior over lengthscales is log-normal and grows with the number of dimensions: C. Hvarfner, E. O. Hellsten and
L. Nardi, "Vanilla Bayesian optimization performs great in high dimensions", ICML 2024, Section 5.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen
from scipy.linalg import lapack
from scipy.optimize import minimize

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

#: The least variance of the noise, relative to targets of unit variance. Less would not change a decision, and with
#: it K is far from singular.
NOISE_FLOOR = 1e-7

#: Mean and standard deviation of the logarithms of the three kinds of hyperparameters; the first is for one dimension.
#: The form is that of Hvarfner et al. 2024. Their constants, (sqrt(2), sqrt(3)), make lengthscales so long at few
#: observations that a search stays where it found something first; these were measured.
LENGTHSCALE_PRIOR = (-0.5, 1.0)
SIGNAL_PRIOR = (0.0, 2.0)
NOISE_PRIOR = (math.log(1e-4), 2.5)

LENGTHSCALE_BOUNDS = (math.log(5e-3), math.log(1e3))
SIGNAL_BOUNDS = (math.log(1e-2), math.log(1e2))
NOISE_BOUNDS = (math.log(NOISE_FLOOR), 0.0)

#: A fit ends when the loss falls by a smaller share, or no slope is larger.
LEAST_SHARE, LEAST_SLOPE = 1e-7, 1e-3


@frozen(eq=False)
class Hyperparameters:
    """What is fitted.

    Attributes:
        log_lengthscales: Shape (G,).
        log_signal: Logarithm of the signal's variance.
        log_noise: Logarithm of the noise's variance.
    """

    log_lengthscales: Floats
    log_signal: float
    log_noise: float

    @property
    def theta(self) -> Floats:
        return np.concatenate([self.log_lengthscales, [self.log_signal, self.log_noise]])

    @classmethod
    def from_theta(cls, theta: Floats) -> Hyperparameters:
        return cls(theta[:-2].copy(), float(theta[-2]), float(theta[-1]))


def lengthscale_prior(n_groups: int) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of each of `n_groups` lengthscales."""
    mean, deviation = LENGTHSCALE_PRIOR
    return mean + 0.5 * math.log(max(n_groups, 1)), deviation


def prior_mode(n_groups: int) -> Hyperparameters:
    """Where the density of the prior over lengthscales is highest, and the middles of the other two."""
    mean, deviation = lengthscale_prior(n_groups)
    return Hyperparameters(np.full(n_groups, mean - deviation**2), SIGNAL_PRIOR[0], NOISE_PRIOR[0])


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Between the rows of two arrays. Shape (len(a), len(b))."""
    d2: Floats = a @ b.T
    d2 *= -2.0
    d2 += np.einsum("ij,ij->i", a, a)[:, None]
    d2 += np.einsum("ij,ij->i", b, b)
    np.maximum(d2, 0.0, out=d2)
    return d2


def matern(d2: Floats) -> tuple[Floats, Floats]:
    """Matern-5/2 with unit variance at squared distances, and minus twice its derivative by them."""
    r = np.sqrt(5.0 * d2)
    e = np.exp(-r)
    slope = (1.0 + r) * e
    value = slope + (5.0 / 3.0) * d2 * e
    slope *= 5.0 / 3.0
    return value, slope


def inverse_factor(K: Floats) -> tuple[Floats, float]:
    """The inverse of the Cholesky factor of a covariance, with as much jitter as it takes.

    Args:
        K: Shape (n, n), symmetric; only its lower triangle is read.

    Returns:
        The inverse of L, lower triangular; and the logarithm of the determinant of L.

    Raises:
        ValueError: If an entry is no finite number: no jitter mends that.
    """
    if not np.isfinite(K).all():
        raise ValueError("a covariance is not finite")
    jitter = 0.0
    scale = float(np.abs(np.diag(K)).mean()) or 1.0
    while True:
        L, info = lapack.dpotrf(K if not jitter else K + jitter * np.eye(len(K)), lower=1, clean=1)
        if info == 0 and np.isfinite(L[-1, -1]):
            break
        jitter = 1e-10 * scale if not jitter else 10 * jitter
    log_determinant = float(np.log(np.diag(L)).sum())
    inverse, _ = lapack.dtrtri(L, lower=1)
    return inverse, log_determinant


class _Evidence:
    """Minus the logarithm of the posterior of theta, with its gradient."""

    def __init__(self, Z: Floats, y: Floats, group: Indices, n_groups: int) -> None:
        self._Z, self._y, self._group, self._n = Z, y, group, n_groups
        self._mean, self._deviation = lengthscale_prior(n_groups)

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        Z, y = self._Z, self._y
        n = len(y)
        scaled = Z * np.exp(-theta[:-2])[self._group]
        s2, v = math.exp(theta[-2]), math.exp(theta[-1])
        value, slope = matern(squared_distances(scaled, scaled))
        K = s2 * value
        K[np.diag_indices(n)] += v
        inverse, log_determinant = inverse_factor(K)
        white = inverse @ y
        alpha = inverse.T @ white
        fit = 0.5 * float(white @ white) + log_determinant
        # dfit / dK = (K^-1 - alpha alpha^T) / 2
        W = inverse.T @ inverse
        W -= np.outer(alpha, alpha)
        gradient = np.empty_like(theta)
        gradient[-1] = 0.5 * v * float(np.trace(W))
        gradient[-2] = 0.5 * s2 * float(np.einsum("ij,ij->", W, value))
        # dK / dlog l_f = s2 slope (z_f - z'_f)**2 / l_f**2
        W *= slope
        W *= s2
        per_feature = np.einsum("ij,i,ij->j", scaled, W.sum(axis=1), scaled) - np.einsum("ij,ij->j", scaled, W @ scaled)
        gradient[:-2] = np.bincount(self._group, weights=per_feature, minlength=self._n)
        return self._with_prior(theta, fit, gradient)

    def _with_prior(self, theta: Floats, fit: float, gradient: Floats) -> tuple[float, Floats]:
        logs = theta[:-2]
        # The density of a log-normal by l, hence the term without a square.
        z = (logs - self._mean) / self._deviation
        fit += float((0.5 * z * z + logs).sum())
        gradient[:-2] += z / self._deviation + 1.0
        for i, (mean, deviation) in ((-2, SIGNAL_PRIOR), (-1, NOISE_PRIOR)):
            z_i = (theta[i] - mean) / deviation
            fit += 0.5 * z_i * z_i
            gradient[i] += z_i / deviation
        return fit, gradient


def _bounds(n_groups: int) -> list[tuple[float, float]]:
    """Of theta."""
    return [*[LENGTHSCALE_BOUNDS] * n_groups, SIGNAL_BOUNDS, NOISE_BOUNDS]


@frozen(eq=False)
class Fit:
    """The outcome of a fit.

    Attributes:
        hyperparameters: The most probable ones that were found.
        loss: Minus the logarithm of their (unnormalised) posterior density.
    """

    hyperparameters: Hyperparameters
    loss: float


def fit(Z: Floats, y: Floats, group: Indices, starts: list[Hyperparameters], max_iterations: int = 60) -> Fit:
    """Hyperparameters that are most probable given observations.

    Args:
        Z: Features, shape (n, F).
        y: Targets, shape (n,).
        group: The lengthscale of each feature, shape (F,).
        starts: Where to begin; the best end is taken.
        max_iterations: Of L-BFGS-B, from each start.
    """
    n_groups = len(starts[0].log_lengthscales)
    evidence = _Evidence(Z, y, group, n_groups)
    bounds = _bounds(n_groups)
    best: Any = None
    for start in starts:
        theta = np.clip(start.theta, *np.array(bounds).T)
        found = minimize(
            evidence,
            theta,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": max_iterations, "ftol": LEAST_SHARE, "gtol": LEAST_SLOPE},
        )
        if best is None or found.fun < best.fun:
            best = found
    return Fit(Hyperparameters.from_theta(best.x), float(best.fun))


def drawn(Z: Floats, group: Indices, most_probable: Hyperparameters, rng: np.random.Generator) -> Hyperparameters:
    """Hyperparameters that may well be the true ones: a draw from their posterior, in Laplace's approximation.

    A normal distribution around the most probable ones, whose precision is that of the prior plus the Fisher
    information of the observations, tr(K^-1 dK_i K^-1 dK_j) / 2 (Rasmussen and Williams 2006, Section 5.4.1).
    With few observations the most probable ones alone are far too sure of themselves: J. Snoek, H. Larochelle and
    R. P. Adams, "Practical Bayesian optimization of machine learning algorithms", NeurIPS 2012, Section 3.2, average
    over such draws; one draw for each model does so over a run.

    Args:
        Z: Features, shape (n, F).
        group: The lengthscale of each feature, shape (F,).
        most_probable: The outcome of a fit to them.
        rng: Draws.
    """
    n_groups = len(most_probable.log_lengthscales)
    theta = most_probable.theta
    scaled = Z * np.exp(-most_probable.log_lengthscales)[group]
    s2, v = math.exp(most_probable.log_signal), math.exp(most_probable.log_noise)
    value, slope = matern(squared_distances(scaled, scaled))
    inverse, _ = inverse_factor(s2 * value + v * np.eye(len(Z)))
    slope *= s2
    by_group = (squared_distances(scaled[:, group == g], scaled[:, group == g]) for g in range(n_groups))
    derivatives = [*(slope * d2 for d2 in by_group), s2 * value, v * np.eye(len(Z))]
    white = np.array([(inverse @ derivative @ inverse.T).ravel() for derivative in derivatives])
    deviations = [lengthscale_prior(n_groups)[1]] * n_groups + [SIGNAL_PRIOR[1], NOISE_PRIOR[1]]
    precision = 0.5 * (white @ white.T) + np.diag(1.0 / np.square(deviations))
    theta = theta + inverse_factor(precision)[0].T @ rng.standard_normal(len(theta))
    return Hyperparameters.from_theta(np.clip(theta, *np.array(_bounds(n_groups)).T))


class Posterior:
    """A Gaussian process that has seen observations.

    Args:
        Z: Features, shape (n, F).
        group: The lengthscale of each feature.
        hyperparameters: Of the kernel and the noise.
    """

    def __init__(self, Z: Floats, group: Indices, hyperparameters: Hyperparameters) -> None:
        self.hyperparameters = hyperparameters
        self._weights = np.exp(-hyperparameters.log_lengthscales)[group]
        self._s2, self._v = math.exp(hyperparameters.log_signal), math.exp(hyperparameters.log_noise)
        self._scaled = Z * self._weights
        K = self._s2 * matern(squared_distances(self._scaled, self._scaled))[0]
        K[np.diag_indices(len(K))] += self._v
        self._inverse = inverse_factor(K)[0]
        self._alpha = np.zeros(len(Z))

    def observe(self, y: Floats) -> None:
        """Take the targets of all observations; shape (n,)."""
        self._alpha = self._inverse.T @ (self._inverse @ y)

    def misfit(self, y: Floats) -> float:
        """y K^-1 y / 2: how improbable targets are, of all that depends on them; shape (n,)."""
        white = self._inverse @ y
        return 0.5 * float(white @ white)

    def extend(self, Z: Floats) -> None:
        """Take in m more observations, whose targets are what was predicted for them until `observe` tells more.

        The rows of the factor's inverse that are there stay as they are, so this costs O(m n**2).

        Args:
            Z: Features, shape (m, F).
        """
        scaled = Z * self._weights
        n, m = len(self._scaled), len(Z)
        white = self._s2 * matern(squared_distances(scaled, self._scaled))[0] @ self._inverse.T
        rest = self._s2 * matern(squared_distances(scaled, scaled))[0] - white @ white.T
        # What is left of their variance; rounding may leave less than nothing of it.
        rest[np.diag_indices(m)] = np.maximum(np.diag(rest) + self._v, 1e-3 * self._v)
        corner, _ = inverse_factor(rest)
        inverse = np.zeros((n + m, n + m))
        inverse[:n, :n] = self._inverse
        inverse[n:, :n] = -corner @ (white @ self._inverse)
        inverse[n:, n:] = corner
        self._inverse = inverse
        self._scaled = np.vstack([self._scaled, scaled])
        self._alpha = np.append(self._alpha, np.zeros(m))

    def predict(self, Z: Floats) -> tuple[Floats, Floats]:
        """Mean and variance of the function (without noise) at m points, shape (m, F). Shapes (m,)."""
        k = self._s2 * matern(squared_distances(Z * self._weights, self._scaled))[0]
        white = self._inverse @ k.T
        variance = self._s2 - np.einsum("ij,ij->j", white, white)
        return k @ self._alpha, np.maximum(variance, self._s2 * 1e-12)

    def predict_with_gradient(self, Z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Mean, variance, and the gradients of both by the features. Shapes (m,), (m,), (m, F), (m, F)."""
        scaled = Z * self._weights
        value, slope = matern(squared_distances(scaled, self._scaled))
        k = self._s2 * value
        white = k @ self._inverse.T
        beta = white @ self._inverse
        variance = self._s2 - np.einsum("ij,ij->i", white, white)
        # dk / dz_f = -s2 slope (z_f - z'_f) / l_f**2
        slope *= self._s2
        by_mean = slope * self._alpha
        by_variance = slope * beta
        mean_gradient = by_mean @ self._scaled - by_mean.sum(axis=1)[:, None] * scaled
        variance_gradient = -2.0 * (by_variance @ self._scaled - by_variance.sum(axis=1)[:, None] * scaled)
        return (
            k @ self._alpha,
            np.maximum(variance, self._s2 * 1e-12),
            mean_gradient * self._weights,
            variance_gradient * self._weights,
        )
