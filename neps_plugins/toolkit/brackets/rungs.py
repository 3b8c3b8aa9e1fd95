"""Rungs and bracket sizes of successive halving and Hyperband.

Notation, as in L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh and A. Talwalkar, "Hyperband: a novel
bandit-based approach to hyperparameter optimization", JMLR 18, 2018, Algorithm 1:
    R      the highest fidelity; r_min the lowest
    eta    a rung keeps one in eta configurations, and has eta times the fidelity of the one below
    s_max  floor(log_eta(R / r_min)): there are s_max + 1 rungs
    s      a bracket: it begins s rungs below the top, with n = ceil((s_max + 1) / (s + 1) * eta**s)
           configurations, of which floor(n * eta**-i) reach its i-th rung

Levels count the rungs from below: level 0 is the lowest one any bracket uses, level s_max the top, which is
always exactly R. Fidelities are R * eta**-(s_max - level), rounded for whole numbers.
"""

from __future__ import annotations

import math

from attrs import frozen

from neps_core import IntegerDomain, OptimizerError, SearchSpace
from neps_plugins.toolkit.fidelity import only_fidelity, require_independence
from neps_plugins.toolkit.pareto.promotion import make_selector


@frozen
class Ladder:
    """The rungs of a space.

    Attributes:
        path: The fidelity's path.
        fidelities: The fidelity of each level, increasing; the last one is the fidelity's upper bound.
        eta: The reduction factor.
        selector: Of results that do not dominate each other, which are promoted first: see
            `neps_plugins.toolkit.promotion_order`.
    """

    path: str
    fidelities: tuple[float, ...]
    eta: float
    selector: str = "epsnet"

    @property
    def top(self) -> int:
        """The highest level: s_max."""
        return len(self.fidelities) - 1

    def level_of(self, fidelity: float) -> int | None:
        """The level that has this fidelity; None if none has."""
        for level, value in enumerate(self.fidelities):
            if math.isclose(value, fidelity, rel_tol=1e-9):
                return level
        return None

    def reached_by(self, fidelity: float) -> int | None:
        """The highest level whose fidelity this one reaches; None if it is below them all."""
        reached = [k for k, value in enumerate(self.fidelities) if value <= fidelity * (1 + 1e-9)]
        return reached[-1] if reached else None

    def halving_sizes(self, start: int) -> tuple[int, ...]:
        """How many configurations successive halving has at each level from `start` to the top: down to one."""
        return tuple(max(1, math.floor(self.eta ** (self.top - level) + 1e-9)) for level in range(start, self.top + 1))

    def hyperband_sizes(self, start: int) -> tuple[int, ...]:
        """How many configurations the Hyperband bracket that begins at level `start` has at each level from there."""
        s = self.top - start
        n = math.ceil((self.top + 1) / (s + 1) * self.eta**s - 1e-9)
        return tuple(max(1, math.floor(n * self.eta**-i + 1e-9)) for i in range(s + 1))


def make_ladder(space: SearchSpace, eta: float, optimizer: str, mo_selector: str = "epsnet") -> Ladder:
    """The rungs of a space with one fidelity.

    Args:
        space: The space.
        eta: The reduction factor, at least 2.
        optimizer: The optimizer's name, for messages.
        mo_selector: Who is promoted first with several objectives: `"epsnet"` or `"nsga2"`.

    Raises:
        OptimizerError: If `eta` is no such number, there is no such selector, or the space hasn't exactly one fidelity,
            whose bounds are positive and on which no other decision depends.
    """
    make_selector(mo_selector, "mo_selector")
    if isinstance(eta, bool) or not isinstance(eta, (int, float)) or not eta >= 2 or math.isinf(eta):
        raise OptimizerError(f"eta must be a number of at least 2, not {eta!r}.")
    path, domain = only_fidelity(space, optimizer, "random_search")
    if domain.lower <= 0:
        raise OptimizerError(
            f"the fidelity {path!r} begins at {domain.lower!r}; {optimizer!r} needs a lower bound > 0."
        )
    require_independence(space, path, optimizer)
    s_max = math.floor(math.log(domain.upper / domain.lower) / math.log(eta) + 1e-9)
    fidelities: list[float] = []
    for level in range(s_max + 1):
        exact = domain.upper * eta ** -(s_max - level)
        value = max(domain.lower, round(exact)) if isinstance(domain, IntegerDomain) else max(domain.lower, exact)
        if not fidelities or value > fidelities[-1]:
            fidelities.append(value)
    return Ladder(path, tuple(fidelities), eta, mo_selector)


def first_level(rungs: Ladder, early_stopping_rate: int, optimizer: str) -> int:
    """The level at which configurations enter.

    Args:
        rungs: The ladder.
        early_stopping_rate: How many of the lowest levels to leave out.
        optimizer: The optimizer's name, for the message.

    Raises:
        OptimizerError: If that leaves no level, or is no whole number of at least 0.
    """
    rate = early_stopping_rate
    if isinstance(rate, bool) or not isinstance(rate, int) or not 0 <= rate <= rungs.top:
        raise OptimizerError(
            f"early_stopping_rate of {optimizer!r} must be a whole number from 0 to {rungs.top} here, not {rate!r}: "
            f"the rungs are {list(rungs.fidelities)}."
        )
    return rate
