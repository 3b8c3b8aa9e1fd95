"""How much of a configuration mutation changes, and how far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neps_core import Config, OptimizerError, SearchSpace
from neps_core.spaces.variation import mutate

#: The least and the largest standard deviation of a step, as a share of the (log) range.
STEPS = (0.01, 0.25)

#: A number of decisions; `"random"` for any from 1 to half of them, `"half"` for half of them.
Amount = int | str


def check_amount(keyword: str, amount: Any) -> None:
    """Make sure that this is an `Amount`.

    Raises:
        OptimizerError: If it is not.
    """
    is_count = isinstance(amount, int) and not isinstance(amount, bool) and amount >= 1
    if not is_count and amount not in ("random", "half"):
        raise OptimizerError(f"{keyword}={amount!r} must be a whole number of at least 1, 'random' or 'half'.")


def count(amount: Amount, config: Mapping[str, Any], rng: np.random.Generator) -> int:
    """How many decisions of a configuration that is; at least 1."""
    half = max(1, len(config) // 2)
    if amount == "random":
        return int(rng.integers(1, half + 1))
    return half if amount == "half" else int(amount)


def moved(space: SearchSpace, parent: Mapping[str, Any], amount: Amount, rng: np.random.Generator) -> Config:
    """A configuration near another one: numbers make a normal step, categories become any other.

    The standard deviation of the steps is drawn anew for each child, log-uniformly between `STEPS`, so that some
    children explore and some refine, and nothing has to be adapted.

    Args:
        space: The space of both.
        parent: Complete.
        amount: How many decisions change.
        rng: Draws.

    Raises:
        ConfigError: If the parent is no configuration of the space.
    """
    low, high = STEPS
    sigma = low * (high / low) ** rng.random()
    return mutate(space, parent, rng, count(amount, parent, rng), sigma).config


def forgotten(space: SearchSpace, parent: Mapping[str, Any], amount: Amount, rng: np.random.Generator) -> Config:
    """A configuration of which some decisions are drawn anew, and the others are those of another one.

    Args:
        space: The space of both.
        parent: Complete.
        amount: How many decisions are drawn.
        rng: Draws.

    Raises:
        ConfigError: If the parent is no configuration of the space.
    """
    return mutate(space, parent, rng, count(amount, parent, rng)).config
