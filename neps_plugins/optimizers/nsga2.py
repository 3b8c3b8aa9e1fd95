"""NSGA-II (Deb et al. 2002), without generations: the best configurations so far are the parents of the next one.

K. Deb, A. Pratap, S. Agarwal and T. Meyarivan, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE
Trans. Evolutionary Computation 6(2), 2002; A. J. Nebro and J. J. Durillo, "On the effect of applying a steady-state
selection scheme in the multi-objective genetic algorithm NSGA-II", 2009. Nobody waits for a generation to be complete,
so any number of workers may evaluate at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from neps_core import (
    BudgetInfo,
    Config,
    ConfigError,
    Decide,
    Fixed,
    OptimizerError,
    OptimizerSpec,
    SampledConfig,
    SearchSpace,
    Trial,
    Uniform,
    hookimpl,
)
from neps_core.showing import Shown
from neps_plugins.toolkit.evolution.novelty import Novelty
from neps_plugins.toolkit.evolution.offspring import offspring
from neps_plugins.toolkit.evolution.population import Population
from neps_plugins.toolkit.fidelity import fixed_fidelities
from neps_plugins.toolkit.priors import PriorMode
from neps_plugins.toolkit.randomness import given_or_fresh

NAME = "nsga2"


class NSGA2(Shown):
    """Lets the best configurations have children: for several objectives, many cheap evaluations, and any space.

    The best are those that keep all constraints before those that don't, then those that the fewest fronts lie before,
    then the loneliest of their front. Parents are the winners of tournaments of two. Numbers of a child lie near those
    of its parents (simulated binary crossover, polynomial mutation), other decisions are those of one of them, or drawn
    anew.

    The first configurations are spread evenly (a Sobol sequence), after the prior's mode if the space has priors. A
    configuration that was tried is not tried again as long as there is another one; a finite space in which all are
    tried ends the run.

    Args:
        space: What to search.
        population_size: How many configurations begin, and how many may be parents at least: all that nothing
            dominates are, if they are more.
        mutation_rate: The probability with which each decision of a child is mutated; None for one decision of each
            child, on average.
        crossover_rate: The probability with which a child has two parents.
        ignore_fidelity: What to do about a fidelity: False refuses it, True treats it like any parameter,
            `"highest_fidelity"` keeps it at its upper bound.

    Raises:
        OptimizerError: If a number is out of range, or the space has a fidelity that isn't ignored.
    """

    def __init__(
        self,
        space: SearchSpace,
        population_size: int = 10,
        mutation_rate: float | None = None,
        crossover_rate: float = 0.9,
        ignore_fidelity: bool | str = False,
    ) -> None:
        if isinstance(population_size, bool) or not isinstance(population_size, int) or population_size < 2:
            raise OptimizerError(f"population_size={population_size!r} must be a whole number of at least 2.")
        for keyword, rate in (("crossover_rate", crossover_rate), ("mutation_rate", mutation_rate)):
            if not _is_share(rate) and (rate is not None or keyword == "crossover_rate"):
                raise OptimizerError(f"{keyword}={rate!r} must be a number from 0 to 1.")
        self._space = space
        self._size = population_size
        self._mutation_rate = mutation_rate
        self._crossover_rate = crossover_rate
        self._fixed = fixed_fidelities(space, ignore_fidelity, NAME)
        self._population = Population(NAME)
        self._novelty = Novelty(space, self._fixed)

    def __call__(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo | None = None,
        n: int | None = None,
        rng: np.random.Generator | None = None,
        seed: int = 0,
    ) -> list[SampledConfig]:
        rng = given_or_fresh(rng)
        try:
            if self._population.follow(trials):
                self._novelty.begin_anew()
        except BaseException:  # an interrupt too: what was half taken in is taken in anew
            self._population = Population(NAME)
            raise
        tried = self._population.tried
        best = self._population.best(max(self._size, self._population.n_not_dominated))
        parents = [parent.config for parent in best]
        n_before = len(tried)

        def idea(k: int) -> Callable[[], Config]:
            place = n_before + k
            if place < self._size or not parents:
                return partial(self._early, self._sources(place, rng, seed))
            return partial(self._child, parents, itertools.count(1), rng)

        return self._novelty.proposals(n, idea, tried, rng)

    def _early(self, sources: Iterator[Decide]) -> Config:
        """One of the initial population."""
        return self._space.resolve(Fixed(self._fixed, next(sources))).config

    def _sources(self, place: int, rng: np.random.Generator, seed: int) -> Iterator[Decide]:
        """What the initial population is taken from: a sequence that depends on the run's seed alone, or at random."""
        from neps_plugins.toolkit.quasirandom import MAX_DIMENSIONS, Along, sobol  # SciPy takes half a second to import

        if place == 0 and self._space.has_priors:
            yield PriorMode(Uniform(rng))
        if place < self._size:
            with suppress(ConfigError):  # nearly everything is forbidden
                typical = self._space.resolve(Uniform(np.random.default_rng([seed, 2]))).config
                points = sobol(place + 1, min(len(typical), MAX_DIMENSIONS), np.random.default_rng([seed, 1]))
                yield Along(points[place], Uniform(rng))
        yield from itertools.repeat(Uniform(rng))

    def _child(self, parents: list[Mapping[str, Any]], attempts: Iterator[int], rng: np.random.Generator) -> Config:
        """A child of the best, mutated the more the more of them were not new."""
        a = self._winner(parents, rng)
        others = [parent for parent in parents if parent is not a]
        b = self._winner(others, rng) if others and rng.random() < self._crossover_rate else None
        rate = 1.0 / max(1, len(a) - len(self._fixed)) if self._mutation_rate is None else self._mutation_rate
        return offspring(self._space, a, b, rng, min(1.0, rate * next(attempts)), self._fixed)

    def _winner(self, ranked: list[Mapping[str, Any]], rng: np.random.Generator) -> Mapping[str, Any]:
        """Of a tournament of two."""
        return ranked[int(rng.integers(len(ranked), size=2).min())]


def _is_share(rate: Any) -> bool:
    return isinstance(rate, (int, float)) and not isinstance(rate, bool) and 0.0 <= rate <= 1.0


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`nsga2`."""
    summary = "children of the best configurations; for several objectives, and many cheap evaluations"
    return [OptimizerSpec(NAME, NSGA2, summary, several_objectives=True)]
