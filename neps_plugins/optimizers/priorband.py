"""PriorBand (Mallik et al. 2023): brackets whose new configurations come from the prior and around the incumbent.

N. Mallik, E. Bergman, C. Hvarfner, D. Stoll, M. Janowski, M. Lindauer, L. Nardi and F. Hutter, "PriorBand:
practical hyperparameter optimization in the age of deep learning", NeurIPS 2023. How it samples stands in
`neps_plugins.toolkit.brackets.priorband_sampler`.
"""

from __future__ import annotations

import logging
from typing import Any

from neps_core import OptimizerError, OptimizerSpec, SearchSpace, hookimpl
from neps_plugins.toolkit.brackets.optimizer import BracketOptimizer
from neps_plugins.toolkit.brackets.priorband_sampler import PriorBandSampler
from neps_plugins.toolkit.brackets.rungs import make_ladder
from neps_plugins.toolkit.brackets.schedules import AnySchedule

NAME = "priorband"

logger = logging.getLogger("neps.optimizers")


def priorband(
    space: SearchSpace,
    eta: float = 3,
    base: AnySchedule = "hyperband",
    sample_prior_first: bool | str = False,
    bayesian_optimization_kick_in_point: float | None = None,
    inc_ratio: float | None = None,
    mo_selector: str = "epsnet",
) -> BracketOptimizer:
    """Trusts the prior more the dearer an evaluation is, and the incumbent more the better it explains what is good.

    Args:
        space: A space with one fidelity, and priors on some of its parameters. Without any prior the base runs with
            uniform sampling, and the log says so.
        eta: How many configurations compete for one place in the next rung, and how much dearer that is.
        base: The brackets: `"successive_halving"`, `"hyperband"`, `"asha"` or `"async_hb"`, or a schedule of your own,
            as for `neps_plugins.toolkit.make_schedule`.
        sample_prior_first: Evaluate the prior's mode first: True, or `"highest_fidelity"` to do it there.
        bayesian_optimization_kick_in_point: After how many full evaluations' worth of fidelity a Gaussian process takes
            over the sampling, as with `sampler="bayesian_optimization"` of the other optimizers; None for never.
        inc_ratio: The share of what is not sampled uniformly that is sampled around the incumbent, once `eta` results
            at one rung have made one, from 0 to 1; the rest is from the prior. None goes by how well each of both
            explains the best configurations.
        mo_selector: With several objectives, which of those that do not dominate each other are promoted first:
            `"epsnet"`, those that are far from the ones before, or `"nsga2"`, the loneliest.

    Raises:
        OptimizerError: If the space hasn't one fidelity, or a keyword makes no sense.
    """
    point = bayesian_optimization_kick_in_point
    if not _is_at_least_zero(point):
        raise OptimizerError(
            f"bayesian_optimization_kick_in_point={point!r} must be a number of full evaluations, or None."
        )
    if not _is_at_least_zero(inc_ratio) or (inc_ratio or 0) > 1:
        raise OptimizerError(f"inc_ratio={inc_ratio!r} must be a number from 0 to 1, or None.")
    if not space.has_priors:
        logger.warning("The space has no prior, so %r samples uniformly, as its base %r does.", NAME, base)
        return BracketOptimizer(NAME, space, base, eta, kick_in_point=point, mo_selector=mo_selector)
    sampler = PriorBandSampler(space, make_ladder(space, eta, NAME), inc_ratio)
    return BracketOptimizer(
        NAME, space, base, eta, sampler, sample_prior_first, kick_in_point=point, mo_selector=mo_selector
    )


def _is_at_least_zero(value: Any) -> bool:
    """Whether it is None, or a number that is not negative."""
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0)


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`priorband`."""
    summary = "brackets that sample from the prior and around the incumbent"
    return [
        OptimizerSpec(
            NAME, priorband, summary, ("neps_priorband",), uses_fidelity=True, uses_priors=True, several_objectives=True
        )
    ]
