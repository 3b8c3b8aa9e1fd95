"""From values of a constraint to what a Gaussian process can model, without losing sight of where it is kept.

Notation:
    y    values, in units of the median of their sizes; at most 0 keeps the constraint
    c    the offset of a warp: t = sign(y) log(1 + |y| / c), and t = y for an infinite one
    t    targets: standardised afterwards

What matters of a constraint is on which side of 0 it is. So its warp spreads what is near 0 and draws together what is
far off, on either side: the bilog of D. Eriksson and M. Poloczek, "Scalable constrained Bayesian optimization",
AISTATS 2021, Section 3, with an offset that is a question of evidence, as for objectives (`targets`).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_plugins.toolkit.gp.targets import FARTHEST

Floats = npt.NDArray[np.float64]

#: The offsets to choose from.
CONSTRAINT_OFFSETS = (0.1, 1.0, 10.0, math.inf)


@frozen(eq=False)
class ConstraintWarp:
    """The warp of a constraint's values.

    Attributes:
        targets: See `targets.Warp`.
        slope: See `targets.Warp`.
        unit: The median of the values' sizes, in the constraint's unit.
        offset: c.
        mean: Of t, before it was standardised.
        deviation: Likewise; 1 if all are the same, which may still be far from 0.
    """

    targets: Floats
    slope: float
    unit: float
    offset: float
    mean: float
    deviation: float

    @classmethod
    def of(cls, values: Floats, offset: float) -> ConstraintWarp:
        """The warp of values.

        Args:
            values: Shape (n,), n at least 1, without NaN. Infinite ones are as bad, or good, as the largest.
            offset: c, above 0.
        """
        size = np.abs(values)
        known = size[np.isfinite(size) & (size > 0)]
        # Halves: the median is the mean of two, and their sum may be larger than any number.
        unit = max(2.0 * float(np.median(0.5 * known)), np.finfo(float).tiny) if len(known) else 1.0
        y = np.clip(values, -known.max(initial=0.0) or -unit, known.max(initial=0.0) or unit)
        with np.errstate(over="ignore"):
            y = np.clip(y / unit, -FARTHEST, FARTHEST)
        t = _bent(y, offset)
        slope = 0.0 if math.isinf(offset) else -float(np.log(np.abs(y) + offset).sum())
        deviation = float(t.std())
        if not deviation > 1e-9 * float(np.abs(t).max(initial=0.0)):
            deviation = 1.0
        mean = float(t.mean())
        return cls((t - mean) / deviation, slope - len(y) * math.log(deviation), unit, offset, mean, deviation)

    def at(self, values: Floats) -> Floats:
        """The targets of any finite values."""
        with np.errstate(over="ignore"):
            y = np.clip(values / self.unit, -FARTHEST, FARTHEST)
        return (_bent(y, self.offset) - self.mean) / self.deviation


def _bent(y: Floats, offset: float) -> Floats:
    return y if math.isinf(offset) else np.asarray(np.sign(y) * np.log1p(np.abs(y) / offset))
