"""The tree-structured Parzen estimator, over all decisions jointly.

J. Bergstra, R. Bardenet, Y. Bengio and B. Kegl, "Algorithms for hyper-parameter optimization", NeurIPS 2011;
S. Watanabe, "Tree-structured Parzen estimator: understanding its algorithm components and their roles for better
empirical performance", arXiv:2304.11127, 2023; Y. Ozaki, Y. Tanigaki, S. Watanabe, M. Nomura and M. Onishi,
"Multiobjective tree-structured Parzen estimator", JAIR 73, 2022 (several objectives).

Notation:
    N       the number of evaluations that have ended, whatever came of them
    gamma   which share of them is good
    l, g    the densities of the good and of all other configurations (`neps_plugins.toolkit.parzen.mixture`)
Of some candidates drawn from l, the one with the highest l / g is proposed: where good ones are dense and others are
not (Bergstra et al., Equation 9: the expected improvement grows with it).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from zlib import crc32

import numpy as np

from neps_core import (
    BudgetInfo,
    Config,
    ConfigError,
    Decide,
    Domain,
    OptimizerError,
    OptimizerSpec,
    SampledConfig,
    SearchSpace,
    Trial,
    Uniform,
    Value,
    hookimpl,
)
from neps_core.showing import Shown
from neps_core.spaces.identity import config_hash
from neps_core.spaces.variation import domains_of
from neps_plugins.toolkit.enumeration import Untried
from neps_plugins.toolkit.fidelity import fixed_at_highest
from neps_plugins.toolkit.observations import Observations
from neps_plugins.toolkit.pareto.ranking import Ranking
from neps_plugins.toolkit.pareto.sampled import sampled_contributions, sampled_subset
from neps_plugins.toolkit.parzen.drawn import Drawn
from neps_plugins.toolkit.parzen.mixture import Mixture
from neps_plugins.toolkit.parzen.queries import Queries
from neps_plugins.toolkit.parzen.table import Table
from neps_plugins.toolkit.randomness import given_or_fresh

NAME = "tpe"

#: The least number of configurations before anything is modelled, unless another one is asked for.
LEAST_INITIAL = 10

#: A configuration and what its decisions were taken from, without those that are fixed.
Proposal = tuple[Config, Mapping[str, Domain]]


class TPE(Shown):
    """Looks where good configurations are dense and others are not: quick, also after thousands of evaluations.

    It works on every space, and is a good choice if evaluations are many or cheap, or decisions depend on others.

    The first configurations are spread evenly (a Latin hypercube). After that, the best `gamma` of all evaluations
    make one density, and all others another one: a mixture of a kernel around each, and of the prior (yours, where
    you gave one, the uniform distribution elsewhere). A configuration that was tried is not tried again as long as
    there is another one; a finite space in which all are tried ends the run. Evaluations that are under way count as
    bad ones, so that workers keep apart, and so do those that failed, crashed, or were infinite.

    With several objectives, the best are those that the fewest fronts lie before, and of one front those that have
    most of the hypervolume together; with constraints, those come first that keep all of them, then those that break
    them least.

    Args:
        space: What to search.
        initial_design_size: How many configurations to try before there is a model: a number, or `"ndim"` for as
            many as the space's default configuration has decisions, at least 10.
        gamma: The share of the evaluations that counts as good, between 0 and 1.
        n_candidates: Among how many configurations a proposal is chosen. More of them follow the model more closely.
        ignore_fidelity: What to do about a fidelity: False refuses it, True or `"highest_fidelity"` keeps it at its
            upper bound.

    Raises:
        OptimizerError: If a number is out of range, or the space has a fidelity that isn't ignored.
    """

    def __init__(
        self,
        space: SearchSpace,
        initial_design_size: str | int = "ndim",
        gamma: float = 0.15,
        n_candidates: int = 24,
        ignore_fidelity: bool | str = False,
    ) -> None:
        if isinstance(gamma, bool) or not isinstance(gamma, (int, float)) or not 0.0 < gamma < 1.0:
            raise OptimizerError(f"gamma={gamma!r} must be a number between 0 and 1: the share that counts as good.")
        if not _is_count(n_candidates):
            raise OptimizerError(f"n_candidates={n_candidates!r} must be a whole number of at least 1.")
        if initial_design_size != "ndim" and not _is_count(initial_design_size):
            raise OptimizerError(
                f"initial_design_size={initial_design_size!r} must be a whole number of at least 1, or 'ndim'."
            )
        self._space = space
        self._gamma = float(gamma)
        self._n_candidates = n_candidates
        self._fixed = fixed_at_highest(space, ignore_fidelity, NAME)
        self._n_initial = max(LEAST_INITIAL, _n_decisions(space))
        if isinstance(initial_design_size, int):
            self._n_initial = initial_design_size
        self.details = {"initial_design_size": self._n_initial}
        self._seen = Observations(NAME, several=True)
        self._table = Table()
        self._ranking = Ranking("nsga2")
        self._n_ended = 0
        self._untried = Untried(space, self._fixed)

    def __call__(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo | None = None,
        n: int | None = None,
        rng: np.random.Generator | None = None,
        seed: int = 0,
    ) -> list[SampledConfig]:
        rng = given_or_fresh(rng)
        proposals: list[SampledConfig] = []
        batch: set[str] = set()
        try:
            self._follow(trials)
            for config in self._seen.running.values():
                self._table.append(config, self._domains(config))
            for _ in range(n or 1):
                proposal = self._propose(batch, rng, seed)
                if proposal is None:
                    break
                self._table.append(*proposal)
                batch.add(config_hash(proposal[0]))
                proposals.append(SampledConfig(proposal[0]))
        except BaseException:  # an interrupt too: what was half taken in is taken in anew
            self._seen = Observations(NAME, several=True)
            raise
        self._table.truncate(self._n_ended)
        return proposals

    def _follow(self, trials: Mapping[str, Trial]) -> None:
        """Take in what has ended. The table holds the evaluations, and during a call also what is under way."""
        anew, _ = self._seen.follow(trials)
        if anew:
            self._table = Table()
            self._ranking = Ranking("nsga2")
            self._n_ended = 0
            self._untried = Untried(self._space, self._fixed)
        for observation in self._seen.ended[self._n_ended :]:
            self._table.append(observation.config, self._domains(observation.config))
            objectives = observation.objectives
            if objectives and all(value < math.inf for value in objectives):
                self._ranking.add(self._n_ended, objectives, observation.constraints)
            self._n_ended += 1

    def _domains(self, config: Mapping[str, Any]) -> dict[str, Domain]:
        """What the decisions of a configuration were taken from; nothing if it is of another space."""
        domains: Mapping[str, Domain] = self._space.flat_domains or {}
        if self._space.flat_domains is None:
            with suppress(ConfigError):
                domains = domains_of(self._space, config)
        return {path: domain for path, domain in domains.items() if path not in self._fixed}

    def _propose(self, batch: set[str], rng: np.random.Generator, seed: int) -> Proposal | None:
        """A configuration that was not tried; None if there is none."""
        if self._table.n < self._n_initial:
            proposal = self._walk(_Stratum(seed, self._table.n, self._n_initial, rng))
            if self._is_new(proposal[0], batch):
                return proposal
        good, others = self._densities(rng)
        for candidates in self._rounds(good, batch, rng):
            queries = Queries(candidates)
            ratios = good.log_density(queries) - others.log_density(queries)
            best_first: list[int] = np.argsort(-ratios, kind="stable").tolist()
            for i in best_first:
                if self._is_new(candidates[i][0], batch):
                    return candidates[i]
        return None

    def _is_new(self, config: Config, batch: set[str]) -> bool:
        this = config_hash(config)
        return this not in self._seen.tried and this not in batch

    def _rounds(self, good: Mixture, batch: set[str], rng: np.random.Generator) -> Iterator[list[Proposal]]:
        """Candidates: from l, then from anywhere, and at last, in what must be a finite space, those that are left."""
        draws = good.draws(self._n_candidates, rng)
        yield self._sample(lambda: Drawn(draws, rng))
        yield self._sample(lambda: Uniform(rng))
        left = self._untried.first(self._n_candidates, self._seen.tried, batch)
        yield [(config, self._domains(config)) for config in left]

    def _densities(self, rng: np.random.Generator) -> tuple[Mixture, Mixture]:
        """l and g.

        With one objective, the good configuration of rank i, of k, weighs log(k + 1) - log(i); all others weigh the
        same. Watanabe (Section 3.2) recommends the improvement as weight. In our measurements this is as good, and it
        depends on the order only, so that no objective is too large for it. With several objectives, each good one
        weighs what it adds to the hypervolume (Ozaki et al. 2022).
        """
        best = np.array(self._best(math.ceil(self._gamma * self._n_ended), rng), dtype=np.intp)
        weights = np.zeros(self._table.n)
        weights[best] = math.log(len(best) + 1.0) - np.log(np.arange(1, len(best) + 1))
        kept = [i for i in best if self._keeps_all(i)]
        values = [self._seen.ended[i].objectives for i in kept]
        if values and len(values[0]) > 1:
            weights[best] = 1.0
            weights[kept] += sampled_contributions(np.array(values), rng)
        good, others = np.flatnonzero(weights), np.flatnonzero(weights == 0)
        return Mixture(self._table, good, weights[good]), Mixture(self._table, others, np.ones(len(others)))

    def _best(self, n: int, rng: np.random.Generator) -> list[int]:
        """The best n results; of a front, if not all of it is wanted, what dominates most together (Ozaki et al.)."""
        if self._ranking.single is not None:
            return self._ranking.best(n)
        found: list[int] = []
        for group in self._ranking.groups():
            ranked, wanted = self._ranking.ordered(group), n - len(found)
            if wanted < len(ranked) and self._keeps_all(ranked[0]) and len(self._seen.ended[ranked[0]].objectives) > 1:
                values = np.array([self._seen.ended[i].objectives for i in ranked])
                ranked = [ranked[i] for i in sampled_subset(values, wanted, rng)]
            found += ranked[:wanted]
            if len(found) == n:
                break
        return found

    def _keeps_all(self, i: int) -> bool:
        return all(value <= 0 for value in self._seen.ended[i].constraints)

    def _sample(self, source: Callable[[], Decide]) -> list[Proposal]:
        """Candidates; fewer where a source's decisions are forbidden."""
        candidates = []
        for _ in range(self._n_candidates):
            with suppress(ConfigError):
                candidates.append(self._walk(source()))
        return candidates

    def _walk(self, source: Decide) -> Proposal:
        asked = _Asked(self._fixed, source)
        return self._space.resolve(asked).config, asked.domains


class _Asked:
    """Answers what is fixed, asks a source for the rest, and remembers the domains of that."""

    def __init__(self, fixed: Mapping[str, Any], source: Decide) -> None:
        self._fixed, self._source = fixed, source
        self.domains: dict[str, Domain] = {}

    def restart(self) -> None:
        self.domains.clear()
        restart = getattr(self._source, "restart", None)
        if restart is not None:
            restart()

    def __call__(self, path: str, domain: Domain) -> Value:
        if path in self._fixed:
            return domain.check(self._fixed[path])
        self.domains[path] = domain
        return self._source(path, domain)


class _Stratum:
    """One configuration of a Latin hypercube: at each path, the unit interval has as many parts as configurations.

    M. D. McKay, R. J. Beckman and W. J. Conover, "A comparison of three methods for selecting values of input
    variables in the analysis of output from a computer code", Technometrics 21(2), 1979.
    """

    def __init__(self, seed: int, index: int, size: int, rng: np.random.Generator) -> None:
        self._seed, self._index, self._size = seed, index, size
        self._otherwise = Uniform(rng)
        self._walks = 0

    def restart(self) -> None:
        self._walks += 1

    def __call__(self, path: str, domain: Domain) -> Value:
        if self._walks > 1:  # the first one was forbidden, and would be again
            return self._otherwise(path, domain)
        lots = np.random.default_rng([self._seed, crc32(path.encode())])  # each path has an order of its own
        part, within = lots.permutation(self._size)[self._index], lots.random(self._size)[self._index]
        return domain.from_unit(float(part + within) / self._size)


def _n_decisions(space: SearchSpace) -> int:
    """How many decisions the default configuration has; 0 if it is none."""
    try:
        return len(space.resolve(lambda path, domain: domain.default()).config)
    except ConfigError:  # forbidden, or a recursion without an end
        return 0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`tpe`."""
    summary = "where good configurations are dense and others are not; quick, also after thousands of evaluations"
    return [OptimizerSpec(NAME, TPE, summary, uses_priors=True, several_objectives=True)]
