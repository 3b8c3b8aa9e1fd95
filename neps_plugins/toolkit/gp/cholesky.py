"""Factors of covariances, which may be all but singular."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

Floats = npt.NDArray[np.float64]


def inverse_factor(K: Floats) -> tuple[Floats, float]:
    """The inverse of the Cholesky factor of a covariance, with as much jitter as it takes.

    Args:
        K: Shape (n, n), symmetric; only its lower triangle is read.

    Returns:
        The inverse of L, lower triangular; and the logarithm of the determinant of L.

    Raises:
        ValueError: If an entry is no finite number: no jitter mends that.
    """
    if not np.isfinite(K).all():
        raise ValueError("a covariance is not finite")
    jitter = 0.0
    scale = float(np.abs(np.diag(K)).mean()) or 1.0
    while True:
        L, info = lapack.dpotrf(K if not jitter else K + jitter * np.eye(len(K)), lower=1, clean=1)
        if info == 0 and np.isfinite(L[-1, -1]):
            break
        jitter = 1e-10 * scale if not jitter else 10 * jitter
    log_determinant = float(np.log(np.diag(L)).sum())
    inverse, _ = lapack.dtrtri(L, lower=1)
    return inverse, log_determinant
