"""From objectives to the scale on which curves are modelled: the best at 0, what is bad at 1, the lower the better.

Objectives have any unit, and any tail. What decides a search lies near the best, so distances from it are on the scale
of a shifted logarithm, as in `neps_plugins.toolkit.gp.targets`: t = log(y + c), where y is the distance to the best, in
units of that of the median. FT-PFN has performances from 0 to 1 instead, which the user has to provide.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from attrs import frozen

Floats = npt.NDArray[np.float64]

#: The offset c of the logarithm.
OFFSET = 0.1

#: Which share of the values is better than what is at 1, and how far beyond that a value can be.
BAD, WORST = 0.95, 1.2

#: How much better than the best so far the best possible value is thought to be.
POSSIBLE = 3.0


@frozen
class CurveScale:
    """A monotone map of objectives.

    Attributes:
        best: What is at 0.
        unit: The distance from there to the median.
        low: t at the best.
        span: How much further t is at what is bad.
    """

    best: float
    unit: float
    low: float
    span: float

    @classmethod
    def of(cls, objectives: Floats) -> CurveScale:
        """The scale of objectives that were seen, shape (n,). Those that are not finite make no difference."""
        known = objectives[np.isfinite(objectives)]
        best = float(known.min()) if len(known) else 0.0
        with np.errstate(over="ignore"):
            distances = known - best
        distances = distances[np.isfinite(distances)]
        unit = float(np.median(distances)) if len(distances) else 0.0
        unit = unit or (float(distances.mean()) if len(distances) else 0.0) or 1.0
        low = math.log(OFFSET)
        bad = float(np.quantile(distances, BAD)) / unit if len(distances) else 1.0
        return cls(best, unit, low, max(math.log(bad + OFFSET) - low, 1e-9))

    def __call__(self, objectives: Floats) -> Floats:
        """Values, of the shape of the objectives; NaN and infinity are as bad as can be, minus infinity is best."""
        with np.errstate(over="ignore", invalid="ignore"):
            y = (np.where(np.isnan(objectives), np.inf, objectives) - self.best) / self.unit
        y = np.maximum(y, -OFFSET)
        # Below the best, on along the tangent.
        t = np.where(y < 0.0, self.low + y / OFFSET, np.log(np.maximum(y, 0.0) + OFFSET))
        return np.minimum((t - self.low) / self.span, WORST)
