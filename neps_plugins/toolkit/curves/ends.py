"""The Gaussian process over what configurations end at: each curve tells it something, and is told what the others say.

The notation is that of `neps_plugins.toolkit.curves.evidence`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.curves.surrogate import Curves
from neps_plugins.toolkit.gp.features import Features
from neps_plugins.toolkit.gp.fit import fit
from neps_plugins.toolkit.gp.hyperparameters import Hyperparameters, prior_mode
from neps_plugins.toolkit.gp.kernels import MATERN52, squared_distances
from neps_plugins.toolkit.gp.posterior import Posterior

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

#: To how many curves the hyperparameters are fitted at most, and how many there are to predict from: the longest.
FIT_SIZE, MODEL_SIZE = 200, 500

#: The least variance of an end, given all others.
LEAST = 1e-6


class Ends:
    """What configurations end at.

    Args:
        curves: n of them.
        told: What each says of its own end, shape (n,).
        variance: Of that, shape (n,).
        kernel: Hyperparameters, as `Population.kernel` has them; None to fit them.

    Attributes:
        kernel: Those that are used.
        mu, tau2: What the others say of each curve's end: mean and variance, shapes (n,).
    """

    def __init__(self, curves: Curves, told: Floats, variance: Floats, kernel: Mapping[str, float] | None) -> None:
        lengths = np.array([len(curve.values) for curve in curves.curves])
        model = np.sort(np.argsort(-lengths, kind="stable")[:MODEL_SIZE])
        points = curves.points
        self._features = Features.of(curves.columns, points.values, points.active)
        z = self._features(points.values, points.active)
        sure = 1.0 / (variance + float(np.median(variance)))
        self._centre = float(np.average(told, weights=sure))
        self._scale = math.sqrt(float(np.average((told - self._centre) ** 2, weights=sure))) or 1.0
        y, noise = (told - self._centre) / self._scale, variance / self._scale**2
        mode = prior_mode(len(self._features.keys))
        if kernel is None:
            some = np.sort(np.argsort(-lengths, kind="stable")[:FIT_SIZE])
            found = fit(z[some], y[some], self._features.group, [mode], known_noise=noise[some]).hyperparameters
        else:
            logs = [kernel.get(f"lengthscale {key}", mode.log_lengthscales[0]) for key in self._features.keys]
            signal, own = (kernel.get(key, otherwise) for key, otherwise in zip(("signal", "noise"), mode.theta[-2:]))
            found = Hyperparameters(np.array(logs), signal, own)
        lengthscales = {f"lengthscale {k}": float(log) for k, log in zip(self._features.keys, found.log_lengthscales)}
        self.kernel: dict[str, float] = {**lengthscales, "signal": found.log_signal, "noise": found.log_noise}
        self._own = math.exp(found.log_noise)
        self._posterior = Posterior(z[model], self._features.group, found, known_noise=noise[model])
        self._posterior.observe(y[model])
        self._weights = np.exp(-found.log_lengthscales)[self._features.group]
        self._scaled = z * self._weights
        mean, spread = np.zeros(len(z)), np.zeros(len(z))
        mean[model], spread[model] = self._posterior.without_each(y[model])
        spread[model] -= noise[model]
        rest = np.setdiff1d(np.arange(len(z)), model)
        if len(rest):
            mean[rest], spread[rest] = self._posterior.predict(z[rest])
            spread[rest] += self._own
        self.mu = self._centre + self._scale * mean
        self.tau2 = self._scale**2 * np.maximum(spread, LEAST)

    def at(self, points: Points) -> tuple[Floats, Floats]:
        """Mean and variance of what m other configurations end at. Shapes (m,)."""
        mean, variance = self._posterior.predict(self._features(points.values, points.active))
        return self._centre + self._scale * mean, self._scale**2 * (variance + self._own)

    def alike(self, points: Points) -> Floats:
        """How alike m other configurations are to those of the curves, from 0 to 1. Shape (m, n)."""
        scaled = self._features(points.values, points.active) * self._weights
        return MATERN52(squared_distances(scaled, self._scaled))[0]
