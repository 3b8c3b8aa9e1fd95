"""One curve and many shapes: how well each explains it, and what its end is under each.

Notation: that of `neps_plugins.toolkit.curves.prior`, and
    z        values that were seen of a curve; alpha = 1 - beta, so that z = e alpha + u beta + noise
    e, u     what it ends at, and where it began
    kappa    1 where u is measured from e on: then alpha = 1. What follows is the same
    mu, tau2 mean and variance of e before the curve is looked at; m0, v0 those of u
    s2       the variance of a shape's noise, which is what `NU` values would have told it to be
    chi2     how far off a curve is in units of s2, given the best e and u
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import frozen

Floats = npt.NDArray[np.float64]

#: With few, a curve that jumps is noisy; with many, it would be sure of nonsense.
NU = 4.0


@frozen(eq=False)
class Moments:
    """All that there is to know of curves for weighing shapes; arrays of any shape, one entry a curve and a shape.

    Attributes:
        aa, ab, bb: The sums of alpha**2, alpha beta and beta**2 over what was seen.
        az, bz, zz: The sums of alpha z, beta z and z**2.
        n: How many values there were.
        s2: The variance of the noise.
    """

    aa: Floats
    ab: Floats
    bb: Floats
    az: Floats
    bz: Floats
    zz: Floats
    n: Floats
    s2: Floats


@frozen(eq=False)
class Explained:
    """What each shape makes of a curve; arrays of the shape of the moments.

    Attributes:
        evidence: The logarithm of the density of what was seen, up to a constant of the curve.
        e, u: The means of both.
        ee, uu, eu: Their variances and their covariance.
    """

    evidence: Floats
    e: Floats
    u: Floats
    ee: Floats
    uu: Floats
    eu: Floats


def explained(m: Moments, mu: Floats | float, tau2: Floats | float, m0: float, v0: float) -> Explained:
    """Bayesian linear regression of a curve on alpha and beta, whose noise is nearly known.

    C. M. Bishop, "Pattern recognition and machine learning", Springer 2006, Section 3.3, with two weights. The variance
    of the noise is integrated out as an inverse gamma's in the evidence, which makes it that of a Student distribution
    (Section 2.3.7), and put in as its mean, where that is larger than s2, in what e and u may be.
    """
    p = (m.az - mu * m.aa - m0 * m.ab) / m.s2
    q = (m.bz - mu * m.ab - m0 * m.bb) / m.s2
    rest = m.zz - 2.0 * (mu * m.az + m0 * m.bz) + mu * mu * m.aa + 2.0 * mu * m0 * m.ab + m0 * m0 * m.bb
    ee, eu, uu = m.aa / m.s2 + 1.0 / tau2, m.ab / m.s2, m.bb / m.s2 + 1.0 / v0
    determinant = ee * uu - eu * eu
    e, u = (uu * p - eu * q) / determinant, (ee * q - eu * p) / determinant
    chi2 = np.maximum(rest / m.s2 - e * p - u * q, 0.0)
    evidence = -0.5 * ((NU + m.n) * np.log1p(chi2 / NU) + m.n * np.log(m.s2) + np.log(determinant * tau2 * v0))
    factor = np.maximum((NU + chi2) / (NU + m.n), 1.0) / determinant
    return Explained(evidence, mu + e, m0 + u, uu * factor, ee * factor, -eu * factor)
