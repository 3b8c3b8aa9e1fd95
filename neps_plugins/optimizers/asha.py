"""ASHA, asynchronous successive halving (Li et al. 2020, Algorithm 2).

L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-tzur, M. Hardt, B. Recht and A. Talwalkar, "A system for
massively parallel hyperparameter tuning", MLSys 2020.
"""

from __future__ import annotations

from neps_core import OptimizerSpec, SearchSpace, hookimpl
from neps_plugins.toolkit.bracket_optimizer import BracketOptimizer

NAME = "asha"


class AsynchronousSuccessiveHalving(BracketOptimizer):
    """Promotes whatever is among the best 1/eta of what is done at its rung, at once; begins new ones otherwise.

    Args:
        space: A space with one fidelity.
        eta: How many configurations compete for one place in the next rung, and how much dearer that is.
        early_stopping_rate: How many of the lowest rungs to leave out.
        sampler: `"uniform"`, `"prior"`, `"priorband"` or `"bayesian_optimization"`.
        sample_prior_first: Evaluate the prior's mode first: True, or `"highest_fidelity"` to do it there.

    Raises:
        OptimizerError: If the space hasn't one fidelity, a prior is needed and there is none, or a keyword
            makes no sense.
    """

    def __init__(
        self,
        space: SearchSpace,
        eta: float = 3,
        early_stopping_rate: int = 0,
        sampler: str = "uniform",
        sample_prior_first: bool | str = False,
    ) -> None:
        super().__init__(NAME, space, NAME, eta, sampler, sample_prior_first, early_stopping_rate)


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`asha`."""
    summary = "successive halving that never waits for a rung"
    return [OptimizerSpec(NAME, AsynchronousSuccessiveHalving, summary, uses_fidelity=True, uses_priors=True)]
