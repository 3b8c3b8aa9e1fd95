"""ASHA, asynchronous successive halving (Li et al. 2020, Algorithm 2).

L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-tzur, M. Hardt, B. Recht and A. Talwalkar, "A system for
massively parallel hyperparameter tuning", MLSys 2020. With several objectives it is MO-ASHA: R. Schmucker, M. Donini,
M. B. Zafar, D. Salinas and C. Archambeau, "Multi-objective asynchronous successive halving", arXiv:2106.12639, 2021.
"""

from __future__ import annotations

from neps_core import OptimizerSpec, SearchSpace, hookimpl
from neps_plugins.toolkit.brackets.optimizer import BracketOptimizer
from neps_plugins.toolkit.brackets.samplers import AnySampler

NAME = "asha"


def asha(
    space: SearchSpace,
    eta: float = 3,
    early_stopping_rate: int = 0,
    sampler: AnySampler = "uniform",
    sample_prior_first: bool | str = False,
    mo_selector: str = "epsnet",
) -> BracketOptimizer:
    """Promotes whatever is among the best 1/eta of what is done at its rung, at once; begins new ones otherwise.

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
    """`asha`."""
    summary = "successive halving that never waits for a rung"
    return [
        OptimizerSpec(NAME, asha, summary, ("moasha",), uses_fidelity=True, uses_priors=True, several_objectives=True)
    ]
