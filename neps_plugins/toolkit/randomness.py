"""The randomness of an optimizer that is called without any."""

from __future__ import annotations

import numpy as np


def given_or_fresh(rng: np.random.Generator | None) -> np.random.Generator:
    """The generator that an optimizer draws from.

    A run always gives one. Who calls an optimizer by hand, `optimizer(trials, None)`, need not: every call is then
    random anew.

    Args:
        rng: What the optimizer was called with.
    """
    return np.random.default_rng() if rng is None else rng
