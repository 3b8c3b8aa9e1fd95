"""Bayesian optimization with a Gaussian process and expected improvement.

D. R. Jones, M. Schonlau and W. J. Welch, "Efficient global optimization of expensive black-box functions", J. Global
Optimization 13, 1998. How it is done stands in `neps_plugins.toolkit.gp.bayesian` and the files that it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neps_core import OptimizerSpec, SearchSpace, hookimpl
from neps_plugins.toolkit.fidelity import fixed_at_highest

if TYPE_CHECKING:
    from neps_plugins.toolkit.gp.bayesian import BayesianOptimizer

NAME = "bayesian_optimization"


def bayesian_optimization(
    space: SearchSpace,
    initial_design_size: int | str = "ndim",
    cost_aware: bool | str = False,
    ignore_fidelity: bool | str = False,
    reference_point: Sequence[float] | None = None,
) -> BayesianOptimizer:
    """Fits a model to all results so far, and proposes what it expects to improve most on the best of them.

    With several objectives, that is what enlarges the hypervolume of the front most. Constraints are modelled, too, and
    what is to be gained is multiplied with the probability that they are kept.

    Args:
        space: What to search.
        initial_design_size: How many configurations are spread evenly over the space before there is a model;
            `"ndim"` for as many as the space has dimensions (an unordered choice has one less than labels), at most 10.
        cost_aware: Prefer what is cheap: True divides what is to be gained by the predicted `cost`, and `"log"` does so
            with a model of its logarithm, for costs that differ by orders of magnitude. The less there is left of a
            cost budget, the less this counts.
        ignore_fidelity: False refuses a space with a fidelity; True and `"highest_fidelity"` keep it at its upper
            bound.
        reference_point: With several objectives, what counts is better than this in each of them: one number for each,
            in its unit. None to put it where the worst results are.

    Raises:
        OptimizerError: If the space has a fidelity that isn't ignored, or a keyword makes no sense.
    """
    fixed = fixed_at_highest(space, ignore_fidelity, NAME)
    from neps_plugins.toolkit.gp.bayesian import BayesianOptimizer  # SciPy takes half a second to import
    from neps_plugins.toolkit.gp.cost import cost_terms
    from neps_plugins.toolkit.gp.expected_improvement import expected_improvement
    from neps_plugins.toolkit.gp.feasibility import feasibility

    terms = (expected_improvement, feasibility, *cost_terms(cost_aware))
    return BayesianOptimizer(NAME, space, initial_design_size, fixed, terms=terms, reference_point=reference_point)


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`bayesian_optimization`."""
    summary = "Gaussian processes, and expected improvement: of one objective, or of a front"
    # Of torch, and of how its acquisition is maximised: nothing to be set here.
    ignored = ("device", "num_restarts", "n_initial_start_points")
    return [OptimizerSpec(NAME, bayesian_optimization, summary, several_objectives=True, ignored=ignored)]
