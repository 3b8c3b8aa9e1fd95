"""CMA-ES (Hansen and Ostermeier 2001) with restarts, for numbers and hundreds of evaluations.

N. Hansen and A. Ostermeier, "Completely derandomized self-adaptation in evolution strategies", Evolutionary Computation
9(2), 2001; A. Auger and N. Hansen, "A restart CMA evolution strategy with increasing population size", CEC 2005 (IPOP);
N. Hansen, "Benchmarking a bi-population CMA-ES on the BBOB-2009 function testbed", GECCO 2009 (BIPOP). One descent is
`neps_plugins.toolkit.evolution.descent`.

Notation:
    d        decisions that are numbers or ordered: the coordinates of the descent, as positions in the unit interval
    lambda   results that make a generation
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from neps_core import (
    BudgetInfo,
    CategoricalDomain,
    Config,
    ConfigError,
    Decide,
    Domain,
    Fixed,
    FloatDomain,
    OptimizerError,
    OptimizerSpec,
    Prior,
    SampledConfig,
    SearchSpace,
    Trial,
    Uniform,
    Value,
    hookimpl,
)
from neps_core.showing import Shown
from neps_core.spaces.variation import Keep, domains_of
from neps_plugins.toolkit.evolution.descent import LEAST_SPREAD, Descent
from neps_plugins.toolkit.evolution.novelty import Novelty
from neps_plugins.toolkit.evolution.operators import mutated
from neps_plugins.toolkit.fidelity import fixed_at_highest
from neps_plugins.toolkit.observations import Observation, Observations
from neps_plugins.toolkit.pareto.ranking import Ranking
from neps_plugins.toolkit.priors import PriorMode, check_flag
from neps_plugins.toolkit.randomness import given_or_fresh

NAME = "cma_es"

Floats = npt.NDArray[np.float64]

#: How many random configurations are looked at for the coordinates of a space that is no product.
WALKS = 50

#: Of how many generations the parents are whose choices are inherited.
MEMORY = 3

RESTARTS = ("ipop", "bipop", None)


class CMAES(Shown):
    """See `cma_es`.

    All that it keeps is a function of the results in the order in which they ended, taken in one after another, so that
    a worker that joins late comes to the same, and one that is there takes in what is new.
    """

    def __init__(
        self,
        space: SearchSpace,
        population_size: int | None,
        sigma: float,
        use_priors: bool,
        restarts: str | None,
        fixed: Mapping[str, Any],
    ) -> None:
        self._space, self._fixed = space, fixed
        self._size, self._sigma, self._restarts = population_size, sigma, restarts
        self._use_priors = use_priors and space.has_priors
        self._coordinates = _coordinates(space, fixed)
        self._whole = [not isinstance(domain, FloatDomain) for domain in self._coordinates.values()] or [True]
        self._place = {path: i for i, path in enumerate(self._coordinates)}
        self._novelty = Novelty(space, fixed)
        self._begin_anew(0)
        self._default_size = self._descent.population_size
        self.details = {"population_size": self._default_size}

    def _begin_anew(self, seed: int) -> None:
        self._seed = seed
        self._seen = Observations(NAME, self._fixed, several=True)
        self._ranking = Ranking("nsga2")
        self._novelty.begin_anew()
        self._read = 0
        self._n_restarts = 0
        self._doubled = 0
        self._spent = {"large": 0, "small": 0}
        self._regime = "large"
        mean = [d.to_unit(d.default()) if self._use_priors else 0.5 for d in self._coordinates.values()]  # type: ignore[arg-type]
        self._descend(np.array(mean or [0.5]), self._sigma, self._size)

    def _descend(self, mean: Floats, sigma: float, population_size: int | None) -> None:
        self._descent = Descent(mean, sigma, population_size, self._whole)
        self._generation: list[Floats] = []
        self._recent: deque[int] = deque(maxlen=MEMORY * self._descent.population_size)
        self._parents: list[Mapping[str, Any]] = []

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
            self._follow(trials, seed)
        except BaseException:  # an interrupt too: what was half taken in is taken in anew
            self._begin_anew(seed)
            raise
        n_before = len(trials)
        return self._novelty.proposals(n, lambda k: partial(self._idea, n_before + k, rng), self._seen.tried, rng)

    def _follow(self, trials: Mapping[str, Trial], seed: int) -> None:
        if seed != self._seed:
            self._begin_anew(seed)
        anew, _ = self._seen.follow(trials)
        if anew:
            self._begin_anew(seed)
            self._seen.follow(trials)
        while self._read < len(self._seen.ended):
            number, self._read = self._read, self._read + 1
            with suppress(ConfigError):  # of another space, imported by hand
                self._take(number, self._seen.ended[number])

    def _take(self, number: int, observation: Observation) -> None:
        """With several objectives or constraints, it is the place in NSGA-II's order of all results that counts."""
        point = self._position(observation.config)
        objectives = observation.objectives
        if objectives and all(value < math.inf for value in objectives):  # not NaN either
            self._ranking.add(number, objectives, observation.constraints)
        self._generation.append(point)
        self._recent.append(number)
        size = self._descent.population_size
        if len(self._generation) < size:
            return
        places = {n: place for place, n in enumerate(self._ranking.best())}
        latest = list(self._recent)[-size:]
        values = [self._seen.ended[n].objective for n in latest]
        self._descent.tell(np.array(self._generation), [places.get(n, math.inf) for n in latest], values)
        self._generation.clear()
        best = sorted((n for n in self._recent if n in places), key=places.__getitem__)
        self._parents = [self._seen.ended[n].config for n in best[: size // 2]]
        if self._descent.is_over and self._restarts is not None:
            self._restart(self._restarts)

    def _position(self, config: Mapping[str, Any]) -> Floats:
        """A configuration as a point; a coordinate that it doesn't have is drawn, so that it says nothing there."""
        domains = self._space.flat_domains or domains_of(self._space, config)
        point = self._descent.ask(np.random.default_rng([self._seed, self._read, 1]))
        for path, i in self._place.items():
            if path in config and _is_coordinate(domains[path]):
                domain = domains[path]
                try:
                    point[i] = domain.to_unit(domain.check(config[path]))  # type: ignore[arg-type]
                except ValueError as reason:
                    raise ConfigError(f"{path!r}: {reason}.") from None
        return point

    def _restart(self, restarts: str) -> None:
        """Begin a descent anywhere: with twice the lambda of the last one, or, of two populations, a small one."""
        self._spent[self._regime] += self._descent.n_told
        self._n_restarts += 1
        rng = np.random.default_rng([self._seed, self._n_restarts, 2])
        is_small = restarts == "bipop" and self._doubled > 0 and self._spent["small"] < self._spent["large"]
        self._regime = "small" if is_small else "large"
        self._doubled += not is_small
        growth, sigma = 2.0**self._doubled, self._sigma
        if is_small:  # Hansen 2009, Section 2
            u = rng.random()
            growth, sigma = (0.5 * growth) ** u**2, sigma * 10.0 ** (-2.0 * rng.random())
        size = int(self._default_size * growth)
        self._descend(rng.random(len(self._whole)), sigma, size)

    def _idea(self, number: int, rng: np.random.Generator) -> Config:
        otherwise: Decide = Prior(rng) if self._use_priors else Uniform(rng)
        if number == 0 and self._use_priors:
            with suppress(ConfigError):  # what users believe to be best may be forbidden as a whole
                return self._space.resolve(Fixed(self._fixed, PriorMode(otherwise))).config
        parent: Mapping[str, Any] = {}
        if self._parents:
            weights = math.log(len(self._parents) + 0.5) - np.log(np.arange(1, len(self._parents) + 1))
            parent = self._parents[int(rng.choice(len(weights), p=weights / weights.sum()))]
        source = _Drawn(self._descent, self._place, parent, otherwise, rng)
        return self._space.resolve(Fixed(self._fixed, source)).config


class _Drawn:
    """A point of the descent; what is no coordinate is inherited, and sometimes mutated."""

    def __init__(
        self,
        descent: Descent,
        place: Mapping[str, int],
        parent: Mapping[str, Any],
        otherwise: Decide,
        rng: np.random.Generator,
    ) -> None:
        self._descent, self._place, self._parent, self._rng = descent, place, parent, rng
        self._inherited = Keep(parent, otherwise)
        self._point = descent.ask(rng)
        self._walks = 0

    def restart(self) -> None:
        """Begin a walk. What is forbidden would be again: another point, and nothing inherited."""
        self._walks += 1
        if self._walks > 1:
            self._point = self._descent.ask(self._rng)

    def __call__(self, path: str, domain: Domain) -> Value:
        i = self._place.get(path)
        if i is not None and _is_coordinate(domain):
            value = domain.from_unit(float(self._point[i]))
            # A margin, so that a whole number never stays what it is for good (Hamano et al. 2022 have the idea).
            share = 0.0 if isinstance(domain, FloatDomain) else 1.0 / (len(self._point) * self._descent.population_size)
        else:
            value = self._inherited(path, domain)
            share = 1.0 / len(self._parent) if path in self._parent else 0.0
        if domain.size != 1 and self._rng.random() < share:
            return mutated(domain, value, self._rng)
        return value


def _is_coordinate(domain: Domain) -> bool:
    return not isinstance(domain, CategoricalDomain) or domain.ordered


def _coordinates(space: SearchSpace, fixed: Mapping[str, Any]) -> dict[str, Domain]:
    """What the coordinates are taken from, by path; in a space that is no product, as far as random walks meet them."""
    met: dict[str, Domain] = {}
    if space.flat_domains is not None:
        met.update(space.flat_domains)
    else:
        draw = Uniform(np.random.default_rng(0))

        def meet(path: str, domain: Domain) -> Value:
            met.setdefault(path, domain)
            return draw(path, domain)

        with suppress(ConfigError):  # nearly everything is forbidden: what was met says as much as what is allowed
            for _ in range(WALKS):
                space.resolve(meet)
    return {
        path: domain
        for path, domain in met.items()
        if path not in fixed and domain.size != 1 and _is_coordinate(domain)
    }


def cma_es(
    space: SearchSpace,
    population_size: int | None = None,
    sigma: float | None = None,
    use_priors: bool = True,
    restarts: str | None = "ipop",
    ignore_fidelity: bool | str = False,
) -> CMAES:
    """Follows a normal distribution, whose shape it adapts, to where results are good: for numbers, and many results.

    Take it for hundreds or thousands of cheap evaluations of some numbers that depend on each other. A generation is
    the next `population_size` results to end, whoever works on what, so that no worker waits. Where it gets nowhere any
    more, it begins again elsewhere. An evaluation that failed or crashed counts as worse than all that did not.

    Numbers are searched on their (log) scale, whole numbers and ordered choices as positions on theirs, which are moved
    to another one now and then so that they do not get stuck. Choices without an order are inherited from the
    best of the last generations, and changed now and then; so are numbers that a random configuration hardly ever has.
    A space of choices alone is no task for it: take `"regularized_evolution"`. A configuration that was tried is not
    tried again as long as there is another one.

    With several objectives, what counts is the place in the order of all results: first those that the fewest fronts
    lie before, of a front the loneliest; and what breaks constraints after all that keeps them. One distribution covers
    a part of the front at a time: `"nsga2"` is better at the whole of it.

    Needs the package `cmaes`: `pip install 'neps-framework[cmaes]'`.

    Args:
        space: What to search.
        population_size: How many results make a generation, at least 4; None for 4 + floor(3 ln d), with d numbers.
        sigma: The standard deviation to begin with, as a share of each (log) range, from 1e-6 to 1; None for a sixth.
        use_priors: Begin at what the priors say is best, and draw choices from them; otherwise in the middle.
        restarts: What to do where it gets nowhere any more: `"ipop"` begins elsewhere with twice the population,
            `"bipop"` does so in turn with small ones, None goes on.
        ignore_fidelity: What to do about a fidelity: False refuses it, True or `"highest_fidelity"` keeps it at its
            upper bound.

    Raises:
        OptimizerError: If a keyword makes no sense, the space has a fidelity that isn't ignored, or `cmaes` is not
            installed.
    """
    size = population_size
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 4):
        raise OptimizerError(f"population_size={size!r} must be a whole number of at least 4, or None.")
    sigma = 1 / 6 if sigma is None else sigma
    if isinstance(sigma, bool) or not isinstance(sigma, (int, float)) or not LEAST_SPREAD <= sigma <= 1:
        raise OptimizerError(f"sigma={sigma!r} must be None, or a number from {LEAST_SPREAD:g} to 1.")
    check_flag("use_priors", use_priors)
    if restarts not in RESTARTS:
        raise OptimizerError(f"restarts={restarts!r} must be 'ipop', 'bipop' or None.")
    fixed = fixed_at_highest(space, ignore_fidelity, NAME)
    return CMAES(space, size, sigma, use_priors, restarts, fixed)


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`cma_es`."""
    summary = "a normal distribution that adapts its shape; for numbers, and hundreds of evaluations"
    return [OptimizerSpec(NAME, cma_es, summary, uses_priors=True, several_objectives=True)]
