"""The steps in which configurations are trained, and the grid of times at which curves are looked at."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from attrs import field, frozen

from neps_core import FloatDomain, IntegerDomain, OptimizerError, SearchSpace
from neps_plugins.toolkit.brackets.rungs import Ladder
from neps_plugins.toolkit.fidelity import only_fidelity, require_independence

Indices = npt.NDArray[np.intp]

#: The most times at which curves are looked at: with more steps, neighbouring ones share a time.
MOST_TIMES = 128

#: The most steps; more of them than this are told apart by nobody.
MOST_STEPS = 100_000


@frozen(eq=False)
class Steps:
    """What a space's fidelity is raised by, one step at a time.

    Attributes:
        ladder: A rung for each step; the last one is the fidelity's upper bound.
        times: The grid: shares of the upper bound, increasing, the last one 1.
        cell_of: For each level, the index of its time, shape (levels,).
    """

    ladder: Ladder
    times: tuple[float, ...] = field(init=False)
    cell_of: Indices = field(init=False)

    def __attrs_post_init__(self) -> None:
        shares = np.array(self.ladder.fidelities) / self.ladder.fidelities[-1]
        n = len(shares)
        # Dense at the beginning, where curves are steep.
        spread = np.unique(np.round((n - 1) * np.linspace(0, 1, MOST_TIMES) ** 2).astype(int))
        places = np.arange(n) if n <= MOST_TIMES else spread
        middles = (shares[places][1:] + shares[places][:-1]) / 2
        object.__setattr__(self, "times", tuple(shares[places].tolist()))
        object.__setattr__(self, "cell_of", np.searchsorted(middles, shares))

    @property
    def top(self) -> int:
        """The last level."""
        return self.ladder.top


def make_steps(space: SearchSpace, step_size: float, optimizer: str) -> Steps:
    """The steps of a space with one fidelity: from its upper bound down, as far as its lower bound.

    Args:
        space: The space.
        step_size: By how much the fidelity is raised each time.
        optimizer: The optimizer's name, for messages.

    Raises:
        OptimizerError: If the space hasn't one fidelity, something else depends on it, or there is no such step.
    """
    path, domain = only_fidelity(space, optimizer, "bayesian_optimization")
    if isinstance(step_size, bool) or not isinstance(step_size, (int, float)) or not 0 < step_size < math.inf:
        raise OptimizerError(f"step_size of {optimizer!r} must be a number above 0, not {step_size!r}.")
    lower, upper = domain.lower, domain.upper
    if isinstance(domain, IntegerDomain) and step_size != int(step_size):
        raise OptimizerError(
            f"step_size of {optimizer!r} is {step_size!r}, and the fidelity {path!r} has whole numbers only. "
            "Give a whole number."
        )
    if lower < 0:
        raise OptimizerError(
            f"the fidelity {path!r} begins at {lower!r}; {optimizer!r} needs a lower bound of at least 0."
        )
    if lower == upper:
        raise OptimizerError(
            f"the fidelity {path!r} has one value only, {upper!r}: {optimizer!r} has nothing to raise. Widen its "
            "range, or make it a constant and use 'bayesian_optimization'."
        )
    require_independence(space, path, optimizer)
    n = math.floor((upper - lower) / step_size + 1e-9)
    if n < 1:
        raise OptimizerError(
            f"step_size={step_size!r} of {optimizer!r} is larger than the range of the fidelity {path!r}, from "
            f"{lower!r} to {upper!r}. Give a smaller one, such as step_size={_suggested(domain)!r}."
        )
    if n > MOST_STEPS:
        raise OptimizerError(
            f"step_size={step_size!r} of {optimizer!r} makes {n} steps of the fidelity {path!r}, from {lower!r} to "
            f"{upper!r}. Give a larger one, such as step_size={_suggested(domain)!r}."
        )
    exact = [upper - k * step_size for k in range(n, -1, -1)]
    if isinstance(domain, IntegerDomain):
        fidelities = [int(value) for value in exact]
    else:
        fidelities = [max(lower, value) for value in exact]
    return Steps(Ladder(path, tuple(value for value in fidelities if value > 0), 2))


def _suggested(domain: FloatDomain | IntegerDomain) -> float:
    """About a twentieth of the range."""
    if isinstance(domain, IntegerDomain):
        return max(1, round(float(domain.upper - domain.lower) / 20))
    return float(f"{(domain.upper - domain.lower) / 20:.1g}")
