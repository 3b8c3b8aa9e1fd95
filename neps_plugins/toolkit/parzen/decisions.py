"""A decision as Parzen estimators see it: where it lies in its domain, and how likely the prior makes it."""

from __future__ import annotations

import math
from typing import Any

from neps_core import CategoricalDomain, Domain, FloatDomain, IntegerDomain

#: A decision, as kernels see it: the two ends of its cell of the unit interval (equal for a real number), or a
#: label with its type, as Python calls 1 and True equal.
Spot = tuple[Any, Any]

#: A path, and of which kind the decision is. What is of another kind in another configuration is another decision.
Key = tuple[str, str]

#: Integers all of whose cells are narrower are real numbers here: no kernel would tell the difference.
NARROW = 1 / 256

#: Nothing is less likely than this, so that neither tails nor priors rule anything out.
TINY = 1e-300


def kind_of(domain: Domain) -> str:
    """`"real"`, `"cell"` (integers, ordered categories, numbers with a single value) or `"label"`."""
    if isinstance(domain, CategoricalDomain):
        return "cell" if domain.ordered else "label"
    if domain.lower == domain.upper:
        return "cell"
    if isinstance(domain, FloatDomain):
        return "real"
    # On a log scale the lowest cell is the widest.
    wide = domain.upper - domain.lower < 1 / NARROW or (domain.log and domain.cell(domain.lower)[1] > NARROW)
    return "cell" if wide else "real"


def spot_of(domain: Domain, value: Any) -> Spot:
    """Where a decision lies in its domain.

    Raises:
        ValueError: If it doesn't.
    """
    value = domain.check(value)
    if not isinstance(domain, CategoricalDomain):
        if kind_of(domain) == "real":
            u = domain.to_unit(value)
            return u, u
        return domain.cell(value) if isinstance(domain, IntegerDomain) and domain.size != 1 else (0.0, 1.0)
    if not domain.ordered:
        return type(value), value
    middle = domain.to_unit(value)
    half = 0.5 / len(domain.choices)
    if domain.weights is not None:
        half = 0.5 * math.exp(domain.weights.log_density(domain.index(value)))
    return middle - half, middle + half


def log_prior(domain: Domain, spot: Spot) -> float:
    """Logarithm of q: of the density of the user's prior for a real number, otherwise of a probability.

    The prior's density counts as constant over a cell.
    """
    if isinstance(domain, CategoricalDomain):
        distribution = domain.prior or domain.weights
        if distribution is None:
            return -math.log(len(domain.choices))
        value = spot[1] if not domain.ordered else domain.from_unit((spot[0] + spot[1]) / 2)
        return max(distribution.log_density(domain.index(value)), math.log(TINY))
    low, high = spot
    density = 0.0 if domain.prior is None else max(domain.prior.log_density((low + high) / 2), math.log(TINY))
    return density + (math.log(high - low) if high > low else 0.0)
