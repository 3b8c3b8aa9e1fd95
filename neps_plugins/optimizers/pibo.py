"""Bayesian optimization with the user's prior: piBO.

C. Hvarfner, D. Stoll, A. Souza, M. Lindauer, F. Hutter and L. Nardi, "piBO: augmenting acquisition functions with user
beliefs for Bayesian optimization", ICLR 2022. How it is done stands in `neps_plugins.toolkit.gp.bayesian` and the
files that it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neps_core import OptimizerSpec, SearchSpace, hookimpl
from neps_plugins.toolkit.fidelity import fixed_at_highest
from neps_plugins.toolkit.priors import require_priors

if TYPE_CHECKING:
    from neps_plugins.toolkit.gp.bayesian import BayesianOptimizer

NAME = "pibo"


def pibo(
    space: SearchSpace,
    initial_design_size: int | str = "ndim",
    cost_aware: bool | str = False,
    ignore_fidelity: bool | str = False,
    reference_point: Sequence[float] | None = None,
    sample_prior_first: bool = False,
) -> BayesianOptimizer:
    """Bayesian optimization that begins where the user believes the best to be, and trusts results more and more.

    What is to be gained is multiplied with the density of the prior to the power of 10 / n at the model's n-th
    proposal, so that a wrong prior is forgotten; to a lower one where what the prior favours has turned out worse than
    the rest. Parameters without a prior are searched as if there were none.

    Args:
        space: What to search, with a prior on some of its parameters.
        initial_design_size: How many configurations are drawn from the priors before there is a model; `"ndim"` for as
            many as the space has dimensions, at most 10.
        cost_aware: As for `bayesian_optimization`.
        ignore_fidelity: False refuses a space with a fidelity; True and `"highest_fidelity"` keep it at its upper
            bound.
        reference_point: With several objectives, what counts is better than this in each of them: one number for each,
            in its unit. None to put it where the worst results are.
        sample_prior_first: Evaluate the priors' own values before anything else.

    Raises:
        OptimizerError: If the space has no prior or a fidelity that isn't ignored, or a keyword makes no sense.
    """
    require_priors(space, repr(NAME), "bayesian_optimization")
    fixed = fixed_at_highest(space, ignore_fidelity, NAME)
    from neps_plugins.toolkit.gp.bayesian import BayesianOptimizer  # SciPy takes half a second to import
    from neps_plugins.toolkit.gp.cost import cost_terms
    from neps_plugins.toolkit.gp.expected_improvement import expected_improvement
    from neps_plugins.toolkit.gp.feasibility import feasibility
    from neps_plugins.toolkit.gp.prior_weight import DecayingPrior

    return BayesianOptimizer(
        NAME,
        space,
        initial_design_size,
        fixed,
        from_prior=True,
        sample_prior_first=sample_prior_first,
        terms=(expected_improvement, feasibility, DecayingPrior(), *cost_terms(cost_aware)),
        reference_point=reference_point,
    )


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`pibo`."""
    summary = "Bayesian optimization that begins with the user's priors"
    ignored = ("device", "num_restarts", "n_initial_start_points")  # as for `bayesian_optimization`
    return [OptimizerSpec(NAME, pibo, summary, uses_priors=True, several_objectives=True, ignored=ignored)]
