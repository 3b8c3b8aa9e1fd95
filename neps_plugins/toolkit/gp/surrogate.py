"""A Gaussian process that follows a run.

It is a fold of the observations in the order in which they ended, and so the same for a worker that has followed the
run and for one that has just come: what the next fit begins from is the last one's outcome, and a newcomer repeats
those since the last milestone, at which a fit begins from the prior. Between two fits, hyperparameters and factor are
kept, and a new observation adds a row.

Fitting and predicting cost O(n**3) and O(n**2). So hyperparameters are fitted to `FIT_SIZE` observations at most, and
`MODEL_SIZE` at most are predicted from: the better half of them are the best there are, the others are spread evenly
over the rest of the run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from neps_plugins.toolkit.encoding import Column
from neps_plugins.toolkit.gp.features import Features
from neps_plugins.toolkit.gp.fit import fit
from neps_plugins.toolkit.gp.hyperparameters import Hyperparameters, prior_mode
from neps_plugins.toolkit.gp.kernels import MATERN52, Kernel
from neps_plugins.toolkit.gp.laplace import drawn
from neps_plugins.toolkit.gp.model import Model
from neps_plugins.toolkit.gp.posterior import Posterior
from neps_plugins.toolkit.gp.targets import OFFSETS, ObjectiveWarp, Warping, finite

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

#: The next fit is due when there are this much more observations than at the last one.
GROWTH = 0.1

FIT_SIZE = 200
MODEL_SIZE = 1000

#: With fewer observations there is no telling which warp suits.
LEAST_FOR_WARP = 5

#: By how much the loss of an observation may rise before a fit is tried from the prior, too.
DROP = 0.05


@frozen(eq=False)
class _State:
    """The outcome of a fit.

    Attributes:
        n: How many observations it has seen.
        hyperparameters: What was fitted.
        offset: The warp.
        loss: Minus the logarithm of the posterior, an observation.
        features: What it was fitted to.
    """

    n: int
    hyperparameters: Hyperparameters
    offset: float
    loss: float
    features: Features


class Surrogate:
    """Keeps a model up to date.

    Args:
        offsets: The warps to choose from.
        kernel: Of the Gaussian process.
        warping: Makes a warp of observed values and an offset.
        stream: Says which of several surrogates of one run this is, so that each draws hyperparameters of its own.
    """

    def __init__(
        self,
        offsets: Sequence[float] = OFFSETS,
        kernel: Kernel = MATERN52,
        warping: Warping = ObjectiveWarp.of,
        stream: tuple[int, ...] = (),
    ) -> None:
        self._kernel = kernel
        self._offsets = offsets
        self._warping = warping
        self._stream = stream
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._state: _State | None = None
        self._posterior: Posterior | None = None
        self._rows: list[int] = []  # the observations that the posterior has seen
        self._read = 0

    def update(
        self, columns: Sequence[Column], values: Floats, active: Bools, objectives: Floats, seed: int | None = None
    ) -> Model:
        """The model of all observations.

        Args:
            columns: Of the encoder.
            values: Encoded configurations, shape (n, width), n at least 1: those of the last call, and new ones.
            active: Which paths they have, of the same shape.
            objectives: Shape (n,); NaN for a failure.
            seed: With one, the model has hyperparameters that were drawn from their posterior after the last fit;
                with None, the most probable ones.
        """
        n = len(objectives)
        before = self._state
        for due in self._due(n):
            self._state = self._fit(columns, values[:due], active[:due], objectives[:due])
        state = self._state
        assert state is not None
        if state is not before or self._posterior is None:
            rows = chosen(finite(objectives[: state.n]), MODEL_SIZE)
            z = state.features(values[rows], active[rows])
            hyperparameters = state.hyperparameters
            if seed is not None:
                some = chosen(finite(objectives[: state.n]), FIT_SIZE)
                fitted = state.features(values[some], active[some])
                rng = np.random.default_rng([seed, state.n, *self._stream])
                hyperparameters = drawn(fitted, state.features.group, hyperparameters, rng, self._kernel)
            self._posterior = Posterior(z, state.features.group, hyperparameters, self._kernel)
            self._rows, self._read = list(rows), state.n
        for i in range(self._read, n):  # one at a time, so that the last digit does not depend on how often one looks
            self._posterior.extend(state.features(values[i : i + 1], active[i : i + 1]))
        self._rows += range(self._read, n)
        self._read = n
        warp = self._warping(objectives, state.offset)
        self._posterior.observe(warp.targets[self._rows])
        return Model(state.features, self._posterior, warp.at)

    def _due(self, n: int) -> list[int]:
        """After how many observations the fits are due that have not been made."""
        due = []
        at = 0 if self._state is None else self._state.n
        if at < milestone(n):
            at = milestone(n)
            due.append(at)
        while (at := next_fit(at)) <= n:
            due.append(at)
        return due

    def _fit(self, columns: Sequence[Column], values: Floats, active: Bools, objectives: Floats) -> _State:
        features = Features.of(columns, values, active)
        rows = chosen(finite(objectives), FIT_SIZE)
        z, y = features(values[rows], active[rows]), objectives[rows]
        n_groups = len(features.keys)
        mode = prior_mode(n_groups)
        fresh = [mode, evolve(mode, log_lengthscales=mode.log_lengthscales - 1.0, log_noise=math.log(1e-2))]
        state = self._state
        if state is None or len(objectives) == milestone(len(objectives)):
            offset = self._best_offset(z, y, features, mode)
            found = fit(z, self._warping(y, offset).targets, features.group, fresh, kernel=self._kernel)
            # The warp is chosen with hyperparameters, and they are fitted with a warp: once more each.
            offset = self._best_offset(z, y, features, found.hyperparameters)
            found = fit(
                z, self._warping(y, offset).targets, features.group, [found.hyperparameters], kernel=self._kernel
            )
        else:
            logs = dict(zip(state.features.keys, state.hyperparameters.log_lengthscales))
            known = [logs.get(key, mode.log_lengthscales[0]) for key in features.keys]
            start = evolve(state.hyperparameters, log_lengthscales=np.array(known))
            offset = self._best_offset(z, y, features, start)
            targets = self._warping(y, offset).targets
            found = fit(z, targets, features.group, [start], kernel=self._kernel)
            if found.loss / len(rows) > state.loss + DROP:
                found = min(
                    found, fit(z, targets, features.group, fresh, kernel=self._kernel), key=lambda each: each.loss
                )
        return _State(len(objectives), found.hyperparameters, offset, found.loss / len(rows), features)

    def _best_offset(self, z: Floats, y: Floats, features: Features, hyperparameters: Hyperparameters) -> float:
        """The warp under which the objectives are most probable."""
        if len(y) < LEAST_FOR_WARP:
            return self._offsets[-1]
        posterior = Posterior(z, features.group, hyperparameters, self._kernel)

        def evidence(offset: float) -> float:
            warp = self._warping(y, offset)
            return warp.slope - posterior.misfit(warp.targets)

        return max(self._offsets, key=evidence)


def milestone(n: int) -> int:
    """The last power of two up to n, which is at least 1."""
    return 1 << (n.bit_length() - 1)


def next_fit(n: int) -> int:
    """After how many observations a fit is due when the last one was after n."""
    return min(n + max(1, int(n * GROWTH)), 2 * milestone(n))


def chosen(y: Floats, size: int) -> Indices:
    """Which of n observations to take, in order: all, or the best and some others evenly spread. Shape (n or size,)."""
    if len(y) <= size:
        return np.arange(len(y))
    order = np.argsort(y, kind="stable")
    rest = np.sort(order[size // 2 :])
    spread = rest[np.linspace(0, len(rest) - 1, size - size // 2).astype(int)]
    return np.sort(np.concatenate([order[: size // 2], spread]))
