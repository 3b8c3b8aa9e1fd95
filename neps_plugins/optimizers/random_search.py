"""Random search (Bergstra and Bengio 2012): every configuration independently.

J. Bergstra and Y. Bengio, "Random search for hyper-parameter optimization", JMLR 13, 2012.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neps_core import (
    BudgetInfo,
    Fixed,
    OptimizerSpec,
    Prior,
    SampledConfig,
    SearchSpace,
    Trial,
    Uniform,
    hookimpl,
)
from neps_core.showing import Shown
from neps_plugins.toolkit.fidelity import fixed_fidelities
from neps_plugins.toolkit.randomness import given_or_fresh

NAME = "random_search"


class RandomSearch(Shown):
    """Samples uniformly, or from the priors.

    Args:
        space: What to search.
        use_priors: Sample what has a prior from it.
        ignore_fidelity: What to do about a fidelity: False refuses it, True samples it like any parameter,
            `"highest_fidelity"` keeps it at its upper bound.

    Raises:
        OptimizerError: If the space has a fidelity that isn't ignored.
    """

    ignores_results = True

    def __init__(self, space: SearchSpace, use_priors: bool = False, ignore_fidelity: bool | str = False) -> None:
        self._space = space
        self._source = Prior if use_priors else Uniform
        self._fixed = fixed_fidelities(space, ignore_fidelity, NAME)

    def __call__(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo | None = None,
        n: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> list[SampledConfig]:
        source = Fixed(self._fixed, self._source(given_or_fresh(rng)))
        return [SampledConfig(self._space.resolve(source).config) for _ in range(n or 1)]


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`random_search`."""
    summary = "every configuration independently, uniformly or from the priors"
    return [
        OptimizerSpec(
            NAME, RandomSearch, summary, aliases=("neps_random_search",), uses_priors=True, several_objectives=True
        )
    ]
