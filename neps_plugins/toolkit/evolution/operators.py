"""How evolution changes a single decision.

Notation:
    u      positions in the unit interval: of a parent, of a child
    eta    the distribution index: the larger, the nearer children are to their parents
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_core import CategoricalDomain, Domain, IntegerDomain, Value

#: Of crossover and mutation. With 20, as in Deb et al. 2002, Section IV, children lie too near to get anywhere in a few
#: hundred evaluations: see `tests/benchmarks/README.md`.
ETA = 5.0

#: How often another label is drawn before the old one stays: in a recursion, others may be very unlikely.
TRIES = 20


def blended(u_1: float, u_2: float, rng: np.random.Generator) -> float:
    """A child of two positions: simulated binary crossover.

    K. Deb and R. B. Agrawal, "Simulated binary crossover for continuous search space", Complex Systems 9, 1995. It lies
    near either parent, the nearer the nearer the parents are to each other.

    Args:
        u_1: A parent.
        u_2: The other parent.
        rng: Draws.
    """
    v = rng.random()
    spread = (2.0 * v if v <= 0.5 else 0.5 / (1.0 - v)) ** (1.0 / (ETA + 1.0))
    towards = 1.0 if rng.random() < 0.5 else -1.0
    return float(np.clip(0.5 * (u_1 + u_2) + towards * 0.5 * spread * (u_1 - u_2), 0.0, 1.0))


def shifted(u: float, rng: np.random.Generator) -> float:
    """A position near another one: polynomial mutation, which stays within the bounds.

    K. Deb and S. Agrawal, "A niched-penalty approach for constraint handling in genetic algorithms", 1999.

    Args:
        u: The parent.
        rng: Draws.
    """
    v, power = rng.random(), ETA + 1.0
    if v < 0.5:
        return float(u + (2.0 * v + (1.0 - 2.0 * v) * (1.0 - u) ** power) ** (1.0 / power) - 1.0)
    return float(u + 1.0 - (2.0 * (1.0 - v) + (2.0 * v - 1.0) * u**power) ** (1.0 / power))


def mutated(domain: Domain, value: Any, rng: np.random.Generator) -> Value:
    """Another value: near for numbers, any other label for categories.

    Args:
        domain: What both are taken from.
        value: The old one.
        rng: Draws.
    """
    if isinstance(domain, CategoricalDomain):
        for _ in range(TRIES):
            label = domain.from_unit(rng.random())
            if domain.index(label) != domain.index(value):
                return label
        return domain.check(value)
    new = domain.from_unit(shifted(domain.to_unit(value), rng))
    if isinstance(domain, IntegerDomain) and new == value:
        step = 1 if rng.random() < 0.5 else -1
        return int(value + step if domain.lower <= value + step <= domain.upper else value)
    return new
