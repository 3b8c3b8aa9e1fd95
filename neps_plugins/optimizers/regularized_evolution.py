"""Regularized evolution (Real et al. 2019): the best of a few young ones has a child, and the oldest leave.

E. Real, A. Aggarwal, Y. Huang and Q. V. Le, "Regularized evolution for image classifier architecture search", AAAI
2019, Algorithm 1. A child is made whenever a worker is free, as in the paper's own runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neps_core import (
    BudgetInfo,
    Config,
    OptimizerError,
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
from neps_plugins.toolkit.evolution.mutation import Amount, check_amount, forgotten, moved
from neps_plugins.toolkit.evolution.population import Population
from neps_plugins.toolkit.evolution.steady_state import SteadyState
from neps_plugins.toolkit.priors import check_flag

NAME = "regularized_evolution"


class RegularizedEvolution(Shown):
    """Lets the winners of tournaments have children, but only while they are young: for architectures, and any space.

    The population is the `population_size` evaluations that ended last. Of `tournament_size` of them, drawn at random,
    the best one is the parent. A configuration that was good by luck leaves with time; one that is good has children
    that are. With several objectives, the better of two is the one of the lower rank.

    A configuration that was tried is not tried again as long as there is another one; a finite space in which all are
    tried ends the run.

    Args:
        space: What to search.
        population_size: How many random configurations begin, and how many may be parents.
        tournament_size: How many compete for having a child; at most `population_size`. The more, the greedier.
        use_priors: Draw the first configurations from the priors, where there are any.
        mutation_type: `"mutate_best"` for children that are changed winners, as in the paper; `"crossover_top_2"` for
            children of the two best of a tournament; or the probability of the first.
        n_mutations: How many decisions of a winner are changed: a number, `"random"` for any from 1 to half of them,
            `"half"`, or None. Numbers stay near what they were.
        n_forgets: In the place of `n_mutations`, if that is None: how many decisions are drawn anew, from anywhere.
        ignore_fidelity: What to do about a fidelity: False refuses it, True draws it at random for each child,
            `"highest_fidelity"` keeps it at its upper bound.

    Raises:
        OptimizerError: If a keyword makes no sense, or the space has a fidelity that isn't ignored.
    """

    def __init__(
        self,
        space: SearchSpace,
        population_size: int = 20,
        tournament_size: int = 5,
        use_priors: bool = True,
        mutation_type: float | str = "mutate_best",
        n_mutations: Amount | None = "random",
        n_forgets: Amount | None = None,
        ignore_fidelity: bool | str = False,
    ) -> None:
        _check_sizes(population_size, tournament_size)
        check_flag("use_priors", use_priors)
        for keyword, amount in (("n_mutations", n_mutations), ("n_forgets", n_forgets)):
            if amount is not None:
                check_amount(keyword, amount)
        if n_mutations is None and n_forgets is None:
            raise OptimizerError("n_mutations and n_forgets are both None, so no child would differ from its parent.")
        self._space = space
        self._population_size, self._tournament_size = population_size, tournament_size
        self._source = Prior if use_priors else Uniform
        self._p_mutation = _p_mutation(mutation_type)
        self._n_mutations, self._n_forgets = n_mutations, n_forgets
        self._evolution = SteadyState(NAME, space, self._child, ignore_fidelity)

    def __call__(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo | None = None,
        n: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> list[SampledConfig]:
        return self._evolution(trials, budget_info, n, rng)

    def _child(self, population: Population, number: int, rng: np.random.Generator) -> Config:
        if number < self._population_size or not population.members:
            return self._space.resolve(self._source(rng)).config
        first, *others = population.tournament(self._population_size, self._tournament_size, rng)
        parent = first.config
        other = next((each.config for each in others if each.config != parent), None)
        if other is not None and rng.random() >= self._p_mutation:
            return crossover(self._space, parent, other, rng).config
        if self._n_mutations is not None:
            return moved(self._space, parent, self._n_mutations, rng)
        assert self._n_forgets is not None
        return forgotten(self._space, parent, self._n_forgets, rng)


def _check_sizes(population_size: Any, tournament_size: Any) -> None:
    for keyword, size in (("population_size", population_size), ("tournament_size", tournament_size)):
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise OptimizerError(f"{keyword}={size!r} must be a whole number of at least 1.")
    if tournament_size > population_size:
        raise OptimizerError(
            f"tournament_size={tournament_size} must be at most population_size={population_size}: "
            "its participants are drawn from the population."
        )


def _p_mutation(mutation_type: Any) -> float:
    """The probability of mutating rather than crossing."""
    named = {"mutate_best": 1.0, "crossover_top_2": 0.0}
    if isinstance(mutation_type, str) and mutation_type in named:
        return named[mutation_type]
    if isinstance(mutation_type, (int, float)) and not isinstance(mutation_type, bool) and 0 <= mutation_type <= 1:
        return float(mutation_type)
    raise OptimizerError(
        f"mutation_type={mutation_type!r} must be 'mutate_best', 'crossover_top_2', or the probability of the first."
    )


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`regularized_evolution`."""
    summary = "children of the best of a few young configurations; for architectures, and any space"
    aliases = ("neps_regularized_evolution",)
    return [OptimizerSpec(NAME, RegularizedEvolution, summary, aliases, uses_priors=True, several_objectives=True)]
