"""Successive halving (Jamieson and Talwalkar 2016), one bracket after the other.

K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization",
AISTATS 2016.
"""

from __future__ import annotations

from neps_core import OptimizerSpec, SearchSpace, hookimpl
from neps_plugins.toolkit.brackets.optimizer import BracketOptimizer
from neps_plugins.toolkit.brackets.samplers import AnySampler

NAME = "successive_halving"


def successive_halving(
    space: SearchSpace,
    eta: float = 3,
    early_stopping_rate: int = 0,
    sampler: AnySampler = "uniform",
    sample_prior_first: bool | str = False,
    mo_selector: str = "epsnet",
) -> BracketOptimizer:
    """Begins eta**s configurations s rungs below the top and keeps the best one in eta at each rung.

    Args:
        space: A space with one fidelity.
        eta: How many configurations compete for one place in the next rung, and how much dearer that is.
        early_stopping_rate: How many of the lowest rungs to leave out.
        sampler: Where new configurations come from: `"uniform"`, `"prior"`, `"priorband"`, `"bayesian_optimization"`
            or `"pibo"`, or a sampler of your own, as for `neps_plugins.toolkit.make_sampler`.
        sample_prior_first: Evaluate the prior's mode first: True, or `"highest_fidelity"` to do it there.
        mo_selector: With several objectives, which of those that do not dominate each other are promoted first:
            `"epsnet"`, those that are far from the ones before, or `"nsga2"`, the loneliest.

    Raises:
        OptimizerError: If the space hasn't one fidelity, a prior is needed and there is none, or a keyword
            makes no sense.
    """
    return BracketOptimizer(
        NAME, space, NAME, eta, sampler, sample_prior_first, early_stopping_rate, mo_selector=mo_selector
    )


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`successive_halving`."""
    summary = "cheap evaluations of many, dear ones of the best; rung by rung"
    return [
        OptimizerSpec(NAME, successive_halving, summary, uses_fidelity=True, uses_priors=True, several_objectives=True)
    ]
