"""Random search that also varies the best configurations: no model, and no state but who is best."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from neps_core import (
    BudgetInfo,
    Config,
    ConfigError,
    OptimizerSpec,
    Prior,
    SampledConfig,
    SearchSpace,
    Trial,
    Uniform,
    hookimpl,
)
from neps_core.showing import Shown
from neps_core.spaces.variation import crossover
from neps_plugins.toolkit.evolution.mutation import forgotten, moved
from neps_plugins.toolkit.evolution.population import Population
from neps_plugins.toolkit.evolution.steady_state import SteadyState
from neps_plugins.toolkit.priors import PriorMode

NAME = "complex_random_search"

#: How many of the best are varied.
N_BEST = 5

#: What a configuration is, by weight: uniform, from the priors, a child of two; and, for each of the best, for each of
#: the four ways to change it.
UNIFORM, PRIOR, CROSSED, CHANGED = 5, 5, 6, 5


class ComplexRandomSearch(Shown):
    """Samples anywhere, from the priors, and around the best five: a draw decides which, each time anew.

    The first configuration is what the priors say is best. Once there are five good results, 5 in 116 are uniform, 5
    from the priors, and 6 children of two of the best. The rest are changed ones of the best, in equal shares: one
    decision, or up to half of them, moved to something near or drawn anew. With several objectives, the best are those
    of the lowest rank.

    A configuration that was tried is not tried again as long as there is another one; a finite space in which all are
    tried ends the run.

    Args:
        space: What to search.
        ignore_fidelity: What to do about a fidelity: False refuses it, True draws it at random for each configuration,
            `"highest_fidelity"` keeps it at its upper bound.

    Raises:
        OptimizerError: If the space has a fidelity that isn't ignored.
    """

    ignores_results = True

    def __init__(self, space: SearchSpace, ignore_fidelity: bool | str = False) -> None:
        self._space = space
        self._evolution = SteadyState(NAME, space, self._sample, ignore_fidelity)

    def __call__(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo | None = None,
        n: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> list[SampledConfig]:
        return self._evolution(trials, budget_info, n, rng)

    def _sample(self, population: Population, number: int, rng: np.random.Generator) -> Config:
        space = self._space
        if number == 0:
            with suppress(ConfigError):  # what users believe to be best may be forbidden as a whole
                return space.resolve(PriorMode(Uniform(rng))).config
        best = [member.config for member in population.best(N_BEST)]
        weights = np.array([UNIFORM, PRIOR, CROSSED * (len(best) > 1), *[CHANGED * len(best)] * 4])
        way = int(rng.choice(len(weights), p=weights / weights.sum()))
        if way < 2:
            return space.resolve((Uniform, Prior)[way](rng)).config
        if way == 2:
            a, b = rng.choice(len(best), 2, replace=False)
            return crossover(space, best[a], best[b], rng).config
        parent = best[int(rng.integers(len(best)))]
        change, amount = ((moved, 1), (moved, "random"), (forgotten, 1), (forgotten, "random"))[way - 3]
        return change(space, parent, amount, rng)


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`complex_random_search`."""
    summary = "anywhere, from the priors, and around the best five, as a draw decides"
    return [OptimizerSpec(NAME, ComplexRandomSearch, summary, uses_priors=True, several_objectives=True)]
