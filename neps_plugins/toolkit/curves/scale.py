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
    def of(cls, objectives: Floats, weights: Floats | None = None) -> CurveScale:
        """The scale of objectives that were seen.

        Args:
            objectives: Shape (n,). Those that are not finite make no difference.
            weights: How much each of them counts, shape (n,); None if all count the same.
        """
        counts = np.ones(len(objectives)) if weights is None else weights
        finite = np.isfinite(objectives)
        known, counts = objectives[finite], counts[finite]
        best = float(known.min()) if len(known) else 0.0
        with np.errstate(over="ignore"):
            distances = known - best
        finite = np.isfinite(distances)
        distances, counts = distances[finite], counts[finite]
        unit = _quantile(distances, counts, 0.5) if len(distances) else 0.0
        unit = unit or (float(np.average(distances, weights=counts)) if len(distances) else 0.0) or 1.0
        low = math.log(OFFSET)
        bad = _quantile(distances, counts, BAD) / unit if len(distances) else 1.0
        return cls(best, unit, low, max(math.log(bad + OFFSET) - low, 1e-9))

    def __call__(self, objectives: Floats) -> Floats:
        """Values, of the shape of the objectives; NaN and infinity are as bad as can be, minus infinity is best."""
        with np.errstate(over="ignore", invalid="ignore"):
            y = (np.where(np.isnan(objectives), np.inf, objectives) - self.best) / self.unit
        y = np.maximum(y, -OFFSET)
        # Below the best, on along the tangent.
        t = np.where(y < 0.0, self.low + y / OFFSET, np.log(np.maximum(y, 0.0) + OFFSET))
        return np.minimum((t - self.low) / self.span, WORST)


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    """The value below which that share of all weight lies, half of its own included; linear in between."""
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    return float(np.interp(share, (np.cumsum(weights) - weights / 2) / weights.sum(), values))
