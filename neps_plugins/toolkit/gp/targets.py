"""From objectives to what a Gaussian process can model: finite, centred, of unit variance, without heavy tails.

Notation:
    y    objectives, from the best on, in units of the distance from the best to the median
    c    the offset of a warp: t = log(y + c), which is nearly y for a large c and exactly y for an infinite one
    t    targets: standardised afterwards

Which warp suits is a question of evidence, as for any other hyperparameter, if the density of the targets is turned
into that of the objectives: E. Snelson, C. E. Rasmussen and Z. Ghahramani, "Warped Gaussian processes", NeurIPS 2003,
Section 3. The warp is the shifted logarithm of G. E. P. Box and D. R. Cox, "An analysis of transformations", J. Royal
Statistical Society B 26, 1964: monotone, so that the best stays the best, and with a small offset it spreads what is
nearly best and draws what is far off together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt
from attrs import frozen

Floats = npt.NDArray[np.float64]

#: The offsets to choose from.
OFFSETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, math.inf)

#: How bad an objective can be, in units; what is worse is as bad.
FARTHEST = 1e6


def finite(objectives: Floats) -> Floats:
    """Objectives in which failures and infinities are replaced by the worst that is known, minus infinity by the best.

    Args:
        objectives: Shape (n,); NaN for a failure.
    """
    known = objectives[np.isfinite(objectives)]
    if not len(known):
        return np.zeros_like(objectives)
    return np.where(np.isfinite(objectives), objectives, np.where(objectives == -np.inf, known.min(), known.max()))


class Warp(Protocol):
    """What turned observed values into targets: monotone, and fitted to them.

    Attributes:
        targets: Of the values that it was fitted to, shape (n,): standardised, or all 0 if they are all the same.
        slope: The logarithm of the determinant of the derivative of the targets by the values, in some unit.
    """

    @property
    def targets(self) -> Floats: ...

    @property
    def slope(self) -> float: ...

    def at(self, values: Floats) -> Floats:
        """The targets of any finite values."""
        ...


#: From values, shape (n,), and an offset to a warp.
Warping = Callable[[Floats, float], Warp]


@frozen(eq=False)
class ObjectiveWarp:
    """The warp of objectives, as described above.

    Attributes:
        targets: See `Warp`.
        slope: See `Warp`.
        size: The largest of the objectives, in their unit.
        least: The least of them, in units of `size`.
        unit: The distance from the best to the median, in units of `size`.
        offset: c.
        mean: Of t, before it was standardised.
        deviation: Likewise.
    """

    targets: Floats
    slope: float
    size: float
    least: float
    unit: float = 1.0
    offset: float = math.inf
    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, objectives: Floats, offset: float) -> ObjectiveWarp:
        """The warp of objectives.

        Args:
            objectives: Shape (n,), n at least 1; NaN for a failure.
            offset: c, above 0.
        """
        y = finite(objectives)
        size = float(np.abs(y).max()) or 1.0
        y = y / size  # however large they are, nothing overflows
        least = float(y.min())
        y -= least
        flat = cls(np.zeros_like(y), 0.0, size, least)
        unit = float(np.median(y)) or float(y.mean())
        if not unit > 0:
            return flat
        y = np.minimum(y, FARTHEST * unit) / unit
        t = y if math.isinf(offset) else np.log(y + offset)
        slope = 0.0 if math.isinf(offset) else -float(t.sum())
        mean, deviation = float(t.mean()), float(t.std())
        if not (math.isfinite(deviation) and deviation > 0):
            return flat
        targets = (t - mean) / deviation
        return cls(targets, slope - len(y) * math.log(deviation), size, least, unit, offset, mean, deviation)

    def at(self, values: Floats) -> Floats:
        """The targets of any values. Below the best, the logarithm goes on along its tangent."""
        y = np.minimum((values / self.size - self.least) / self.unit, FARTHEST)
        if math.isinf(self.offset):
            t = y
        else:
            t = np.where(y < 0.0, math.log(self.offset) + y / self.offset, np.log(np.maximum(y, 0.0) + self.offset))
        return (t - self.mean) / self.deviation


def warped(objectives: Floats, offset: float) -> tuple[Floats, float]:
    """Targets, and what the warp adds to the logarithm of the density of the objectives.

    Args:
        objectives: Shape (n,), n at least 1; NaN for a failure.
        offset: c, above 0.

    Returns:
        Shape (n,), all 0 if the objectives are all the same; and the logarithm of the determinant of the derivative
        of the targets by y.
    """
    warp = ObjectiveWarp.of(objectives, offset)
    return warp.targets, warp.slope
