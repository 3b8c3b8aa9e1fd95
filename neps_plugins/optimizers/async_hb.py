"""Asynchronous Hyperband: ASHA from every rung, each new configuration entering a bracket at random.

L. Li et al., "A system for massively parallel hyperparameter tuning", MLSys 2020; brackets are drawn as by
A. Klein et al., "Model-based asynchronous hyperparameter and neural architecture search", 2020.
"""

from __future__ import annotations

from neps_core import OptimizerSpec, SearchSpace, hookimpl
from neps_plugins.toolkit.bracket_optimizer import BracketOptimizer

NAME = "async_hb"


class AsynchronousHyperband(BracketOptimizer):
    """Hedges as Hyperband does, and promotes as ASHA does.

    Args:
        space: A space with one fidelity.
        eta: How many configurations compete for one place in the next rung, and how much dearer that is.
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
        sampler: str = "uniform",
        sample_prior_first: bool | str = False,
    ) -> None:
        super().__init__(NAME, space, NAME, eta, sampler, sample_prior_first)


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`async_hb`."""
    summary = "Hyperband that never waits for a rung"
    return [OptimizerSpec(NAME, AsynchronousHyperband, summary, uses_fidelity=True, uses_priors=True)]
