"""ifBO: freeze-thaw Bayesian optimization with a model of learning curves.

H. Rakotoarison, S. Adriaensen, N. Mallik, S. Garibov, E. Bergman and F. Hutter, "In-context freeze-thaw Bayesian
optimization for hyperparameter optimization", ICML 2024. How it is done stands in
`neps_plugins.toolkit.curves.optimizer` and the files that it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from neps_core import OptimizerSpec, SearchSpace, hookimpl

if TYPE_CHECKING:
    from neps_plugins.toolkit.curves.optimizer import FreezeThawOptimizer

NAME = "ifbo"


def ifbo(
    space: SearchSpace,
    step_size: float = 1,
    use_priors: bool = False,
    sample_prior_first: bool = False,
    initial_design_size: int | str = "ndim",
) -> FreezeThawOptimizer:
    """x"""
    from neps_plugins.toolkit.curves.freeze_thaw import FreezeThaw  # SciPy takes half a second to import
    from neps_plugins.toolkit.curves.optimizer import FreezeThawOptimizer

    return FreezeThawOptimizer(
        NAME, space, FreezeThaw(), step_size, initial_design_size, use_priors, sample_prior_first
    )


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`ifbo`."""
    summary = "goes on with whatever learning curve promises most, one step at a time"
    return [OptimizerSpec(NAME, ifbo, summary, uses_fidelity=True, uses_priors=True, several_objectives=True)]
