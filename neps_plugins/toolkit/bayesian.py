"""Bayesian optimization: fit a model of the objective, propose where it promises the most, evaluate, repeat.

B. Shahriari, K. Swersky, Z. Wang, R. P. Adams and N. de Freitas, "Taking the human out of the loop: a review of
Bayesian optimization", Proceedings of the IEEE 104, 2016. The parts have files of their own: `dataset`, `features`,
`targets`, `gaussian_process`, `surrogate`, `acquisition`, `candidates`, `maximization`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from neps_core import (
    BudgetInfo,
    Config,
    ConfigError,
    Fixed,
    OptimizerError,
    Prior,
    SampledConfig,
    SearchSpace,
    Trial,
    Uniform,
)
from neps_plugins.toolkit.acquisition import LogCost, LogExpectedImprovement, Term, Weighted
from neps_plugins.toolkit.candidates import make_candidates
from neps_plugins.toolkit.dataset import Dataset
from neps_plugins.toolkit.enumeration import Untried
from neps_plugins.toolkit.maximization import WIDE, maximize
from neps_plugins.toolkit.quasirandom import MAX_DIMENSIONS, Along, sobol
from neps_plugins.toolkit.surrogate import Surrogate
from neps_plugins.toolkit.targets import finite
from neps_plugins.toolkit.user_prior import UserPrior

Floats = npt.NDArray[np.float64]

#: How many of the configurations with the best results count as candidates for the best one.
PROMISING = 100

#: How many of the best configurations are varied.
GOOD = 5

#: How many random configurations are tried for one that is new, before all are gone through.
TRIES = 200

#: Of so many proposals in turn, one refines what was found, and one goes where the model would not: on with the initial
#: design, so that what the model is wrongly sure of is found out (as F. Hutter, H. H. Hoos and K. Leyton-Brown,
#: "Sequential model-based optimization for general algorithm configuration", LION 2011, interleave random ones).
TURNS, REFINING, EXPLORING = 8, 3, 7

#: The least improvement that counts, in standard deviations of the targets, for all others. D. J. Lizotte, "Practical
#: Bayesian optimization", PhD thesis, University of Alberta, 2008, Section 3.3.
LEAST_GAIN = 0.01

#: How strongly the user's prior weighs (Hvarfner et al. 2022, Section 4.1).
BETA = 10.0


class BayesianOptimizer:
    """Proposes what a Gaussian process expects to improve most on the best configuration so far.

    Args:
        name: The optimizer's name, for messages.
        space: The space.
        initial_design_size: How many configurations are proposed before there is a model; `"ndim"` for one for
            each dimension.
        fixed: Path to value of what all proposals have.
        uses_prior: Whether the user's prior weighs in. The initial design is drawn from it, then the expected
            improvement is multiplied with its density to the power of `BETA / n` at the n-th proposal of the model.
        sample_prior_first: Whether the first proposal is what the user believes to be best.
        cost_aware: Divide the expected improvement by the predicted cost: True to model the cost, `"log"` to model
            its logarithm.
        reference_point: None; it is of use with several objectives only.

    Raises:
        OptimizerError: If a keyword makes no sense.
    """

    def __init__(
        self,
        name: str,
        space: SearchSpace,
        initial_design_size: int | str = "ndim",
        fixed: Mapping[str, Any] | None = None,
        uses_prior: bool = False,
        sample_prior_first: bool = False,
        cost_aware: bool | str = False,
        reference_point: Any = None,
    ) -> None:
        if sample_prior_first not in (True, False):
            raise OptimizerError(f"sample_prior_first={sample_prior_first!r} must be True or False.")
        if cost_aware not in (True, False, "log"):
            raise OptimizerError(f"cost_aware={cost_aware!r} must be True, False or 'log'.")
        if reference_point is not None:
            raise OptimizerError(f"reference_point of {name!r} is for several objectives, and it minimises one.")
        self._name = name
        self._space = space
        self._fixed = dict(fixed or {})
        self._uses_prior = uses_prior
        self._prior_first = sample_prior_first
        self._cost_aware = cost_aware
        self._data = Dataset(space, name, self._fixed)
        self._begin_anew()
        self._n_initial = _design_size(initial_design_size, self._candidates.n_dimensions)

    def _begin_anew(self) -> None:
        self._surrogate = Surrogate()
        self._costs = Surrogate(offsets=(math.inf,))
        self._candidates = make_candidates(self._space, self._data.encoder, self._fixed)
        self._untried = Untried(self._space, self._fixed)
        self._prior: UserPrior | None = None

    @property
    def details(self) -> dict[str, Any]:
        """For people: how many proposals there are before the model's."""
        return {"initial_design_size": self._n_initial}

    def __call__(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo,
        n: int | None,
        rng: np.random.Generator,
        seed: int = 0,
    ) -> list[SampledConfig]:
        proposals: list[Config] = []
        for _ in range(n or 1):
            config = self.propose(trials, budget_info, proposals, rng, seed)
            if config is None:
                break
            proposals.append(config)
        return [SampledConfig(config) for config in proposals]

    def propose(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo,
        batch: Sequence[Mapping[str, Any]],
        rng: np.random.Generator,
        seed: int,
    ) -> Config | None:
        """The next configuration.

        Args:
            trials: All trials.
            budget_info: What is left to spend says how much costs matter.
            batch: Configurations that were proposed just now and have no trials yet.
            rng: Of this proposal.
            seed: Of the run.

        Returns:
            One that no trial has; None if there is none left.
        """
        try:
            return self._propose(trials, budget_info, batch, rng, seed)
        except BaseException:  # an interrupt too: what was half taken in is taken in anew
            self._data = Dataset(self._space, self._name, self._fixed)
            raise

    def _propose(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo,
        batch: Sequence[Mapping[str, Any]],
        rng: np.random.Generator,
        seed: int,
    ) -> Config | None:
        if self._data.follow(trials):
            self._begin_anew()
        in_batch = {self._data.identity(config) for config in batch}
        place = len(self._data.tried) + len(in_batch)  # trials that continue others are no further configurations
        known = self._data.objectives[np.isfinite(self._data.objectives)]
        is_known = (known != known[:1]).any()  # with equal results there is nothing to model
        if place < self._n_initial or place % TURNS == EXPLORING or not is_known:
            ideas = self._design(place, rng, seed)
        else:
            ideas = self._promising(batch, place, budget_info, rng, seed)
        for config in ideas:
            this = self._data.identity(config)
            if this not in self._data.tried and this not in in_batch:
                return config
        return self._anything_new(in_batch, rng)

    def _resolve(self, source: Any) -> Config:
        return self._space.resolve(Fixed(self._fixed, source)).config

    def _design(self, place: int, rng: np.random.Generator, seed: int) -> Iterator[Config]:
        """The initial design, without an end: a Sobol sequence that depends on the run's seed alone."""
        if place == 0 and self._prior_first:
            with suppress(ConfigError):  # what users believe to be best may be forbidden as a whole
                yield self._resolve(lambda path, domain: domain.default())
        from_prior = self._uses_prior and place < self._n_initial
        otherwise = Prior(rng) if from_prior else Uniform(rng)
        points = sobol(place + 1, min(self._candidates.n_decisions, MAX_DIMENSIONS), np.random.default_rng([seed, 1]))
        yield self._resolve(Along(points[place], otherwise, from_prior))

    def _promising(
        self,
        batch: Sequence[Mapping[str, Any]],
        place: int,
        budget_info: BudgetInfo,
        rng: np.random.Generator,
        seed: int,
    ) -> Iterator[Config]:
        """What the model finds most worth evaluating, best first."""
        data, candidates = self._data, self._candidates
        model = self._surrogate.update(data.encoder.columns, data.values, data.active, data.objectives, seed)
        running = [*data.running, *batch]
        if running:
            model = model.believing(*data.encoder.encode(running, grow=False))
        promising = np.argsort(finite(data.objectives), kind="stable")[:PROMISING]
        seen = candidates.encode([*(data.configs[i] for i in promising), *running])
        means, _ = model.predict(seen.values, seen.active)
        gain = least_gain(place)
        terms: list[tuple[float, Term]] = [(1.0, LogExpectedImprovement(model, float(means.min()) - gain))]
        wide = candidates.sample(WIDE, rng)
        if self._uses_prior:
            if self._prior is None or self._prior.width < data.encoder.width:
                self._prior = UserPrior(data.encoder)
            terms.append((BETA / (place - self._n_initial + 1), self._prior))
            wide += candidates.sample(WIDE // 2, rng, from_prior=True)
        if self._cost_aware:
            terms += self._cost(budget_info)
        good = seen[np.argsort(means, kind="stable")[:GOOD]]
        ranked = maximize(Weighted(terms), candidates, wide, good, rng)
        return (candidates.config(ranked, i) for i in range(len(ranked)))

    def _cost(self, budget_info: BudgetInfo) -> list[tuple[float, Term]]:
        """How much the cost weighs: less, the less there is left to spend.

        E. H. Lee, V. Perrone, C. Archambeau and M. Seeger, "Cost-aware Bayesian optimization", 2020, Section 3.2.
        """
        data = self._data
        rows = np.flatnonzero(np.isfinite(data.costs) & (data.costs > 0))
        if len(rows) < 2:
            return []
        costs = data.costs[rows] / data.costs[rows].max()  # however large they are, nothing overflows
        modelled = np.log(costs) if self._cost_aware == "log" else costs
        model = self._costs.update(data.encoder.columns, data.values[rows], data.active[rows], modelled)
        limit = budget_info.max_cost
        left = 1.0 if not limit else max(0.0, 1.0 - budget_info.used_cost / limit)
        is_log = self._cost_aware == "log"
        term = LogCost(model, float(modelled.mean()), float(modelled.std()), is_log, float(costs.min()) / 10)
        return [(-left, term)]

    def _anything_new(self, batch: set[str], rng: np.random.Generator) -> Config | None:
        """Any configuration that no trial has; None if there is none."""
        for _ in range(TRIES):
            config = self._resolve(Uniform(rng))
            this = self._data.identity(config)
            if this not in self._data.tried and this not in batch:
                return config
        return next(iter(self._untried.first(1, self._data.tried, batch)), None)


def least_gain(place: int) -> float:
    """The improvement that counts for the proposal after `place` others, in standard deviations of the targets."""
    return 0.0 if place % TURNS == REFINING else LEAST_GAIN


def _design_size(size: Any, n_dimensions: int) -> int:
    if size == "ndim":
        return max(n_dimensions, 1)
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise OptimizerError(f"initial_design_size={size!r} must be 'ndim' or a whole number of at least 1.")
    return size
