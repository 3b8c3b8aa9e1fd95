"""PriorBand's sampling.

N. Mallik, E. Bergman, C. Hvarfner, D. Stoll, M. Janowski, M. Lindauer, L. Nardi and F. Hutter, "PriorBand:
practical hyperparameter optimization in the age of deep learning", NeurIPS 2023, Sections 5.1 to 5.3 and
Algorithms 2 to 4.

Notation:
    r        the level (rung) that is sampled for, counted from 0
    p_u      the probability of sampling uniformly; p_pi: from the prior; p_inc: around the incumbent
    p_pi     = eta**r * p_u, and p_u + p_pi = 1: the dearer an evaluation, the more the prior is trusted
    S_pi     how well the prior explains the best configurations; S_inc: how well the incumbent does
p_pi is divided between prior and incumbent in proportion to S_pi and S_inc. These are weighted sums of densities over
the best eta configurations at the highest level that has eta of them, weighted eta, eta - 1, ..., 1 from the best down.
With several objectives, the incumbent is any one of those that nothing dominates, another one for each proposal, so
that all of the front is gone on with.

This begins once any level has eta results. The paper waits until a bracket of successive halving is paid for. With many
workers it takes long until one is, and all that while a wrong prior goes on being sampled: `tests/benchmarks/README.md`
has what that costs.

The incumbent's density is a product like a prior's: each number normal around the incumbent with `SIGMA`,
each category kept or drawn anew with `CHANGE`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neps_core import CategoricalDomain, Config, ConfigError, Domain, Prior, SearchSpace, Trial, Uniform
from neps_core.spaces.priors import NormalPrior
from neps_core.spaces.variation import domains_of, mutate
from neps_plugins.toolkit.brackets.followed import FollowedBrackets
from neps_plugins.toolkit.brackets.request import Request
from neps_plugins.toolkit.brackets.rungs import Ladder

#: The standard deviation of a step from the incumbent, in the unit cube.
SIGMA = 0.25

#: The probability with which a decision of the incumbent is changed.
CHANGE = 0.5


class PriorBandSampler:
    """Draws from the uniform distribution, the prior, or around the incumbent, as the evidence says.

    Args:
        space: The space; with priors on any of its decisions.
        ladder: Its rungs.
        inc_ratio: p_inc / (p_pi + p_inc), once there is an incumbent; None for what the evidence says.
    """

    def __init__(self, space: SearchSpace, ladder: Ladder, inc_ratio: float | None = None) -> None:
        self._space = space
        self._ladder = ladder
        self._inc_ratio = inc_ratio
        self._n_best = max(1, math.floor(ladder.eta))

    def __call__(self, request: Request) -> Config:
        """A configuration for a level."""
        run, trials, rng = request.run, request.trials, request.rng
        best = self.best(run, trials, rng)
        uniform, prior, incumbent = self.probabilities(request.level, best)
        u = rng.random()
        if u < uniform:
            return self._space.resolve(Uniform(rng)).config
        if u < uniform + prior or not incumbent:
            return self._space.resolve(Prior(rng)).config
        return self._around(best[0], rng)

    def probabilities(self, level: int, best: Sequence[Mapping[str, Any]]) -> tuple[float, float, float]:
        """How likely each way of sampling is at a level: uniform, prior, incumbent. They add up to 1."""
        uniform = 1.0 / (1.0 + self._ladder.eta**level)
        informed = 1.0 - uniform
        if not best:
            return uniform, informed, 0.0
        if self._inc_ratio is not None:
            return uniform, informed * (1.0 - self._inc_ratio), informed * self._inc_ratio
        log_prior = [self._log_prior(config) for config in best]
        log_incumbent = [self._log_incumbent(config, best[0]) for config in best]
        weights = np.arange(len(best), 0, -1.0)
        highest = max(*log_prior, *log_incumbent)
        s_prior = float(weights @ np.exp(np.array(log_prior) - highest))
        s_incumbent = float(weights @ np.exp(np.array(log_incumbent) - highest))
        share = s_prior / (s_prior + s_incumbent)
        return uniform, informed * share, informed * (1.0 - share)

    def best(
        self, run: FollowedBrackets, trials: Mapping[str, Trial], rng: np.random.Generator
    ) -> list[Mapping[str, Any]]:
        """The best eta configurations at the highest level with so many finite results; the incumbent first."""
        for level in range(self._ladder.top, -1, -1):
            ranking = run.ranked.get(level)
            if ranking is not None and len(ranking) >= self._n_best:
                numbers = ranking.best(self._n_best)
                if ranking.single is None:
                    front = ranking.ordered(next(ranking.groups()))
                    incumbent = front[int(rng.integers(len(front)))]
                    numbers = [incumbent, *(number for number in numbers if number != incumbent)][: self._n_best]
                found = [trials[run.trial_at[number, level]] for number in numbers]
                if all(math.isfinite(value) for trial in found for value in trial.objectives or ()):
                    return [trial.config for trial in found]
        return []

    def _around(self, incumbent: Mapping[str, Any], rng: np.random.Generator) -> Config:
        changed = max(1, int(rng.binomial(len(incumbent), CHANGE)))
        return mutate(self._space, incumbent, rng, changed, SIGMA).config

    def _log_prior(self, config: Mapping[str, Any]) -> float:
        """Logarithm of the density of the prior, uniform where there is none."""
        return sum(_log_prior(domain, config[path]) for path, domain in self._domains(config).items())

    def _log_incumbent(self, config: Mapping[str, Any], incumbent: Mapping[str, Any]) -> float:
        """Logarithm of the density around the incumbent; uniform for decisions that it doesn't have."""
        return sum(
            _log_near(domain, config[path], incumbent[path])
            for path, domain in self._domains(config).items()
            if path in incumbent
        )

    def _domains(self, config: Mapping[str, Any]) -> dict[str, Domain]:
        try:
            domains = domains_of(self._space, config)
        except ConfigError:  # of another space, imported by hand
            return {}
        return {path: domain for path, domain in domains.items() if not domain.is_fidelity}


def _log_prior(domain: Domain, value: Any) -> float:
    if isinstance(domain, CategoricalDomain):
        # Relative to the uniform distribution, so that categories and numbers can be multiplied.
        n = len(domain.choices)
        return 0.0 if domain.prior is None else domain.prior.log_density(domain.index(value)) + math.log(n)
    return 0.0 if domain.prior is None else domain.prior.log_density(domain.to_unit(value))


def _log_near(domain: Domain, value: Any, centre: Any) -> float:
    if isinstance(domain, CategoricalDomain):
        n = len(domain.choices)
        probability = CHANGE / n + (1.0 - CHANGE if value == centre else 0.0)
        return math.log(probability * n)
    try:
        return NormalPrior(domain.to_unit(domain.check(centre)), SIGMA).log_density(domain.to_unit(value))
    except ValueError:  # the incumbent's value lies outside what this configuration's domain is
        return 0.0
