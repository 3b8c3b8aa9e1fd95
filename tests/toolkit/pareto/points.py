"""Points of which the tests of this room are made."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

#: Few values, so that many are equal; and all that is strange.
tables = st.tuples(st.integers(0, 12), st.integers(1, 4)).flatmap(
    lambda shape: arrays(float, shape, elements=st.sampled_from([0.0, -0.0, 1.0, 2.0, 3.5, np.inf, -np.inf, np.nan]))
)


def sphere(n, m, seed=0):
    """A front that is not convex."""
    points = np.abs(np.random.default_rng(seed).standard_normal((n, m)))
    return points / np.linalg.norm(points, axis=1, keepdims=True)
