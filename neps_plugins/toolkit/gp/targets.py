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

import numpy as np
import numpy.typing as npt

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


def warped(objectives: Floats, offset: float) -> tuple[Floats, float]:
    """Targets, and what the warp adds to the logarithm of the density of the objectives.

    Args:
        objectives: Shape (n,), n at least 1; NaN for a failure.
        offset: c, above 0.

    Returns:
        Shape (n,), all 0 if the objectives are all the same; and the logarithm of the determinant of the derivative
        of the targets by y.
    """
    y = finite(objectives)
    y = y / (np.abs(y).max() or 1.0)  # however large they are, nothing overflows
    y -= y.min()
    unit = float(np.median(y)) or float(y.mean())
    if not unit > 0:
        return np.zeros_like(y), 0.0
    y = np.minimum(y, FARTHEST * unit) / unit
    t = y if math.isinf(offset) else np.log(y + offset)
    slope = 0.0 if math.isinf(offset) else -float(t.sum())
    deviation = float(t.std())
    if not (math.isfinite(deviation) and deviation > 0):
        return np.zeros_like(y), 0.0
    return (t - t.mean()) / deviation, slope - len(y) * math.log(deviation)
