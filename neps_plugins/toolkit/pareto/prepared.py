"""The expected hypervolume improvement of many candidates on one front, quickly.

Many boxes share the coordinates of their sides. So h, Phi and phi are evaluated once for each coordinate of the front
and each candidate, and boxes are differences of them. Where all coordinates of an objective are below a candidate's
mean, they are in units of exp(-t**2 / 2) there, for the z = t of the last one, so that none underflows that counts.
Where nothing is left of all differences, `improvement` has the digits. The notation is the one there.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfcx

from neps_plugins.toolkit.pareto.boxes import Boxes
from neps_plugins.toolkit.pareto.improvement import log_expected_hypervolume_improvement
from neps_plugins.toolkit.pareto.normal import FARTHEST
from neps_plugins.toolkit.pareto.values import Floats, Integers

#: So many sides of boxes are looked at at once.
_AT_ONCE = 40_000

#: What is less has lost its digits.
_LEAST = 1e-250

#: Below, h to phi is a series in 1 / z**2.
_FAR = -1e3

_TO_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)


class Prepared:
    """Boxes that are looked at many times.

    Args:
        boxes: What the front doesn't dominate: `box_decomposition`; k boxes of m objectives, k at least 1.
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
            place = np.where(place >= below, start + place - below, -1)  # -inf is one more row, which is 0
            self._low[j], self._high[j] = place[:k], place[k:]
            coordinates.append(known[below:])
            start += len(known) - below
        self._coordinates = np.concatenate(coordinates)[:, None]
        counts = [len(each) for each in coordinates]
        self._objective: Integers = np.repeat(np.arange(m), counts)
        self._last: Integers = np.cumsum(counts) - 1
        self._step = 1 + _AT_ONCE // (k * m)

    def log_expected(self, mean: Floats, sd: Floats) -> Floats:
        """As `log_expected_hypervolume_improvement`, without the slopes; shape (n,)."""
        out = np.empty(len(mean))
        for start in range(0, len(mean), self._step):
            some = slice(start, start + self._step)
            h, _, _, unit = self._at_coordinates(mean[some], sd[some])
            total = _product(self._sides(h)).sum(axis=0)
            total[~(total > _LEAST)] = np.nan
            out[some] = np.log(total) + unit
        lost = np.flatnonzero(np.isnan(out))
        if len(lost):
            out[lost] = log_expected_hypervolume_improvement(mean[lost], sd[lost], self._boxes)[0]
        return out

    def log_expected_with_slopes(self, mean: Floats, sd: Floats) -> tuple[Floats, Floats, Floats]:
        """As `log_expected_hypervolume_improvement`: shapes (n,), (n, m) and (n, m)."""
        h, Phi, phi, unit = self._at_coordinates(mean, sd)
        d = self._sides(h)
        total = _product(d).sum(axis=0)
        lost = ~(total > _LEAST)
        total[lost] = 1.0
        m = len(d)
        others = np.stack([_product(d[[i for i in range(m) if i != j]]) for j in range(m)])
        share = 1.0 / (total[:, None] * sd)
        by_mean = -np.einsum("jkn,jkn->nj", others, self._sides(Phi)) * share
        by_sd = np.einsum("jkn,jkn->nj", others, self._sides(phi)) * share
        value = np.log(total) + unit
        if lost.any():
            value[lost], by_mean[lost], by_sd[lost] = log_expected_hypervolume_improvement(
                mean[lost], sd[lost], self._boxes
            )
        return value, by_mean, by_sd

    def _at_coordinates(self, mean: Floats, sd: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """h, Phi and phi at the p coordinates, each of shape (p + 1, n), and the logarithm of the unit, shape (n,)."""
        p, n = len(self._coordinates), len(mean)
        z = self._coordinates - mean.T[self._objective]
        z /= sd.T[self._objective]
        np.clip(z, -FARTHEST, FARTHEST, out=z)
        last = 0.5 * np.minimum(z[self._last], 0.0) ** 2
        at = np.zeros((3, p + 1, n))
        h, Phi, phi = at[:, :p]
        np.multiply(z, z, out=phi)
        phi *= -0.5
        phi += last[self._objective]
        np.exp(phi, out=phi)
        phi *= _TO_DENSITY
        mills = erfcx(np.abs(z) * math.sqrt(0.5))
        mills *= math.sqrt(0.5 * math.pi)
        np.multiply(phi, mills, out=Phi)
        np.multiply(z, mills, out=h)
        h += 1.0
        above = z > 0.0
        Phi[above] = 1.0 - Phi[above]
        h *= phi
        h[above] = phi[above] + z[above] * Phi[above]
        if z.min(initial=0.0) < _FAR:
            far = z < _FAR
            square = z[far] ** -2
            h[far] = phi[far] * square * (1.0 - 3.0 * square)
        return at[0], at[1], at[2], np.log(sd).sum(axis=1) - last.sum(axis=0)

    def _sides(self, at: Floats) -> Floats:
        """Differences between the ends of all sides, shape (m, k, n), of what is `at` the coordinates."""
        sides: Floats = at[self._high]
        sides -= at[self._low]
        return sides


def _product(sides: Floats) -> Floats:
    out: Floats = sides[0]
    for side in sides[1:]:
        out = out * side
    return out
