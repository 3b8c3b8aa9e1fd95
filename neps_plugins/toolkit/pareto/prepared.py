"""The expected hypervolume improvement of many candidates on one front, quickly.

Many boxes share the coordinates of their sides. So h, Phi and phi are evaluated once for each coordinate of the front
and each candidate, and boxes are differences of them, in plain arithmetic. Where the improvement is too small for that,
`improvement` has the digits. The notation is the one there.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from neps_plugins.toolkit.pareto.boxes import Boxes
from neps_plugins.toolkit.pareto.improvement import log_expected_hypervolume_improvement
from neps_plugins.toolkit.pareto.values import Floats

#: Of what is larger, plain arithmetic has lost no digits that matter.
_PLAIN = 1e-200

#: So many sides of boxes are looked at at once.
_AT_ONCE = 40_000

_TO_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)


class Prepared:
    """Boxes that are looked at many times.

    Args:
        boxes: What the front doesn't dominate: `box_decomposition`; k boxes of m objectives.
    """

    def __init__(self, boxes: Boxes) -> None:
        self._boxes = boxes
        k, m = boxes.lower.shape
        coordinates: list[Floats] = []
        self._low, self._high = np.empty((m, k), dtype=np.intp), np.empty((m, k), dtype=np.intp)
        start = 0
        for j in range(m):
            known, place = np.unique(np.concatenate([boxes.lower[:, j], boxes.upper[:, j]]), return_inverse=True)
            below = int(np.isinf(known[:1]).sum())
            place = np.where(place >= below, start + place - below, -1)  # -inf is the last row, which is 0
            self._low[j], self._high[j] = place[:k], place[k:]
            coordinates.append(known[below:])
            start += len(known) - below
        self._coordinates = np.concatenate(coordinates)[:, None]
        self._objective = np.repeat(np.arange(m), [len(each) for each in coordinates])
        self._step = 1 + _AT_ONCE // max(1, k * m)

    def log_expected(self, mean: Floats, sd: Floats) -> Floats:
        """As `log_expected_hypervolume_improvement`, without the slopes; shape (n,)."""
        out = np.empty(len(mean))
        for start in range(0, len(mean), self._step):
            some = slice(start, start + self._step)
            z = self._z(mean[some], sd[some])
            cdf = ndtr(z)
            h = _density(z)
            h += z * cdf
            total = self._sides(h).prod(axis=0).sum(axis=0)
            with np.errstate(divide="ignore"):
                out[some] = np.log(total) + np.log(sd[some]).sum(axis=1)
            lost = np.flatnonzero(~(total > _PLAIN))
            if len(lost):
                lost += start
                out[lost] = log_expected_hypervolume_improvement(mean[lost], sd[lost], self._boxes)[0]
        return out

    def log_expected_with_slopes(self, mean: Floats, sd: Floats) -> tuple[Floats, Floats, Floats]:
        """As `log_expected_hypervolume_improvement`: shapes (n,), (n, m) and (n, m)."""
        z = self._z(mean, sd)
        cdf, density = ndtr(z), _density(z)
        d = self._sides(density + z * cdf)
        volume = d.prod(axis=0)
        total = volume.sum(axis=0)
        if not (total > _PLAIN).all():
            return log_expected_hypervolume_improvement(mean, sd, self._boxes)
        m = len(d)
        others = np.stack([d[[i for i in range(m) if i != j]].prod(axis=0) for j in range(m)])
        share = 1.0 / (total[:, None] * sd)
        by_mean = -np.einsum("jkn,jkn->nj", others, self._sides(cdf)) * share
        by_sd = np.einsum("jkn,jkn->nj", others, self._sides(density)) * share
        return np.log(total) + np.log(sd).sum(axis=1), by_mean, by_sd

    def _z(self, mean: Floats, sd: Floats) -> Floats:
        z = self._coordinates - mean.T[self._objective]
        z /= sd.T[self._objective]
        return np.clip(z, -1e100, 1e100, out=z)

    def _sides(self, at: Floats) -> Floats:
        """Differences between the ends of all sides, shape (m, k, n), of what is `at` the coordinates."""
        at = np.vstack([at, np.zeros(at.shape[1])])
        sides = at[self._high]
        sides -= at[self._low]
        return sides


def _density(z: Floats) -> Floats:
    out = z * z
    out *= -0.5
    np.exp(out, out=out)
    out *= _TO_DENSITY
    return out
