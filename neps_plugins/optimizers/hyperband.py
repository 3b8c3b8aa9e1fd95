"""Hyperband (Li et al. 2018, Algorithm 1): successive halving from every rung in turn.

L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh and A. Talwalkar, "Hyperband: a novel bandit-based approach to
hyperparameter optimization", JMLR 18, 2018.
"""

from __future__ import annotations

from neps_core import OptimizerSpec, SearchSpace, hookimpl
from neps_plugins.toolkit.brackets.optimizer import BracketOptimizer
from neps_plugins.toolkit.brackets.samplers import AnySampler

NAME = "hyperband"


def hyperband(
    space: SearchSpace,
    eta: float = 3,
    sampler: AnySampler = "uniform",
    sample_prior_first: bool | str = False,
    mo_selector: str = "epsnet",
) -> BracketOptimizer:
    """Hedges between many configurations that are stopped early and few that are not.

    Args:
        space: A space with one fidelity.
        eta: How many configurations compete for one place in the next rung, and how much dearer that is.
        sampler: Where new configurations come from: `"uniform"`, `"prior"`, `"priorband"`, `"bayesian_optimization"`
            or `"pibo"`, or a sampler of your own, as for `neps_plugins.toolkit.make_sampler`.
        sample_prior_first: Evaluate the prior's mode first: True, or `"highest_fidelity"` to do it there.
        mo_selector: With several objectives, which of those that do not dominate each other are promoted first:
            `"epsnet"`, those that are far from the ones before, or `"nsga2"`, the loneliest.

    Raises:
        OptimizerError: If the space hasn't one fidelity, a prior is needed and there is none, or a keyword
            makes no sense.
    """
    return BracketOptimizer(NAME, space, NAME, eta, sampler, sample_prior_first, mo_selector=mo_selector)


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`hyperband`."""
    summary = "successive halving from every rung in turn"
    aliases = ("neps_hyperband", "mo_hyperband")
    return [
        OptimizerSpec(NAME, hyperband, summary, aliases, uses_fidelity=True, uses_priors=True, several_objectives=True)
    ]
