"""Bayesian optimization: fit a model of the objective, propose where it promises the most, evaluate, repeat.

B. Shahriari, K. Swersky, Z. Wang, R. P. Adams and N. de Freitas, "Taking the human out of the loop: a review of
Bayesian optimization", Proceedings of the IEEE 104, 2016. The parts have files of their own. In this room: `kernels`,
`hyperparameters`, `fit`, `laplace` and `posterior` are the Gaussian process; `features`, `targets` and
`constraint_warp` what it is of; `model`, `surrogate` and `models` put them together; `standing` is what is best so far;
`expected_improvement`, `hypervolume_improvement`, `feasibility`, `prior_weight` and `cost` are what configurations are
valued by. In the room `acquisition`: `candidates`, and their `maximization`.
"""

from __future__ import annotations

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
from neps_core.showing import Shown
from neps_plugins.toolkit.acquisition.candidates import make_candidates
from neps_plugins.toolkit.acquisition.maximization import ITERATIONS, WIDE, maximize
from neps_plugins.toolkit.acquisition.terms import Weighted
from neps_plugins.toolkit.dataset import Dataset
from neps_plugins.toolkit.enumeration import Untried
from neps_plugins.toolkit.gp.expected_improvement import expected_improvement
from neps_plugins.toolkit.gp.feasibility import feasibility
from neps_plugins.toolkit.gp.kernels import MATERN52, Kernel
from neps_plugins.toolkit.gp.models import Models, Surrogates, predictions
from neps_plugins.toolkit.gp.situation import Situation, TermMaker
from neps_plugins.toolkit.gp.standing import best_first, worth_varying
from neps_plugins.toolkit.pareto.values import as_numbers
from neps_plugins.toolkit.quasirandom import MAX_DIMENSIONS, Along, latin_hypercube
from neps_plugins.toolkit.randomness import given_or_fresh
from neps_plugins.toolkit.threads import with_one_blas_thread

Floats = npt.NDArray[np.float64]

#: How many of the configurations with the best results count as candidates for the best one.
PROMISING = 100

#: The most iterations of L-BFGS in a turn, with several objectives: more make proposals dearer, and not better.
ITERATIONS_OF_FRONT = 6

#: The most proposals before the model's where nobody says how many: even of 50 dimensions it knows which count sooner
#: than a design has gone through as many points, and unordered choices have dimensions by the dozen.
LARGEST_DESIGN = 10

#: How many random configurations are tried for one that is new, before all are gone through.
TRIES = 200


class BayesianOptimizer(Shown):
    """Proposes what Gaussian processes expect to improve most on the best so far: of several objectives, the front.

    Args:
        name: The optimizer's name, for messages.
        space: The space.
        initial_design_size: How many configurations are proposed before there is a model; `"ndim"` for one for
            each dimension, but `LARGEST_DESIGN` at most.
        fixed: Path to value of what all proposals have.
        from_prior: Whether the initial design, and some of the candidates, are drawn from the user's prior. That it
            counts is up to `terms`.
        sample_prior_first: Whether the first proposal is what the user believes to be best.
        terms: What configurations are valued by. The acquisition is the weighted sum of what they make at each
            proposal: see `TermMaker`.
        kernel: Of the Gaussian process.
        reference_point: With several objectives, what counts is better than this in each of them: as many numbers, in
            their units. None to put it where the worst results are. With one objective it says nothing.

    Raises:
        OptimizerError: If a keyword makes no sense.
    """

    def __init__(
        self,
        name: str,
        space: SearchSpace,
        initial_design_size: int | str = "ndim",
        fixed: Mapping[str, Any] | None = None,
        from_prior: bool = False,
        sample_prior_first: bool = False,
        terms: Sequence[TermMaker] = (expected_improvement, feasibility),
        kernel: Kernel = MATERN52,
        reference_point: Any = None,
    ) -> None:
        if sample_prior_first not in (True, False):
            raise OptimizerError(f"sample_prior_first={sample_prior_first!r} must be True or False.")
        self._name = name
        self._space = space
        self._fixed = dict(fixed or {})
        self._from_prior = from_prior
        self._prior_first = sample_prior_first
        self._terms = tuple(terms)
        self._kernel = kernel
        self._reference_point = _checked(reference_point)
        self._data = Dataset(space, name, self._fixed, several=True)
        self._begin_anew()
        self._n_initial = _design_size(initial_design_size, self.n_dimensions)

    def _begin_anew(self) -> None:
        self._surrogates = Surrogates(self._kernel)
        self._candidates = make_candidates(self._space, self._data.encoder, self._fixed)
        self._untried = Untried(self._space, self._fixed)

    @property
    def details(self) -> dict[str, Any]:
        """For people: how many proposals there are before the model's."""
        return {"initial_design_size": self._n_initial}

    @property
    def n_dimensions(self) -> int:
        """How many dimensions the space has, where no fidelity and nothing else that is fixed counts."""
        return max(self._candidates.n_dimensions, 1)

    def __call__(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo | None = None,
        n: int | None = None,
        rng: np.random.Generator | None = None,
        seed: int = 0,
    ) -> list[SampledConfig]:
        budget_info, rng = budget_info or BudgetInfo(), given_or_fresh(rng)
        proposals: list[Config] = []
        for _ in range(n or 1):
            config = self.propose(trials, budget_info, proposals, rng, seed)
            if config is None:
                break
            proposals.append(config)
        return [SampledConfig(config) for config in proposals]

    @with_one_blas_thread
    def propose(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo,
        batch: Sequence[Mapping[str, Any]],
        rng: np.random.Generator,
        seed: int,
        terms: Sequence[TermMaker] | None = None,
    ) -> Config | None:
        """The next configuration.

        Args:
            trials: All trials.
            budget_info: What is left to spend says how much costs matter.
            batch: Configurations that were proposed just now and have no trials yet.
            rng: Of this proposal.
            seed: Of the run.
            terms: What this one is valued by; None for what all are.

        Returns:
            One that no trial has; None if there is none left.
        """
        try:
            return self._propose(trials, budget_info, batch, rng, seed, self._terms if terms is None else terms)
        except BaseException:  # an interrupt too: what was half taken in is taken in anew
            self._data = Dataset(self._space, self._name, self._fixed, several=True)
            raise

    def _propose(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo,
        batch: Sequence[Mapping[str, Any]],
        rng: np.random.Generator,
        seed: int,
        terms: Sequence[TermMaker],
    ) -> Config | None:
        if self._data.follow(trials):
            self._begin_anew()
        in_batch = {self._data.identity(config) for config in batch}
        place = len(self._data.tried) + len(in_batch)  # trials that continue others are no further configurations
        observed = [*self._data.all_objectives.T, *self._data.constraints.T]
        if place < self._n_initial or not any(map(_differ, observed)):
            ideas = self._design(place, rng, seed)
        else:
            ideas = self._promising(batch, place, budget_info, rng, seed, terms)
        for config in ideas:
            this = self._data.identity(config)
            if this not in self._data.tried and this not in in_batch:
                return config
        return self._anything_new(in_batch, rng)

    def _resolve(self, source: Any) -> Config:
        return self._space.resolve(Fixed(self._fixed, source)).config

    def _design(self, place: int, rng: np.random.Generator, seed: int) -> Iterator[Config]:
        """The initial design, a Latin hypercube that depends on the run's seed alone; after it, what is random.

        Sobol's sequence won't do: its first points halve most dimensions in the same way, so that two choices between
        two can't be told apart.
        """
        if place == 0 and self._prior_first:
            with suppress(ConfigError):  # what users believe to be best may be forbidden as a whole
                yield self._resolve(lambda path, domain: domain.default())
        if place >= self._n_initial:
            yield from (self._resolve(Uniform(rng)) for _ in range(TRIES))
            return
        otherwise = Prior(rng) if self._from_prior else Uniform(rng)
        n_decisions = min(self._candidates.n_decisions, MAX_DIMENSIONS)
        points = latin_hypercube(self._n_initial, n_decisions, np.random.default_rng([seed, 1]))
        yield self._resolve(Along(points[place], otherwise, self._from_prior))

    def _promising(
        self,
        batch: Sequence[Mapping[str, Any]],
        place: int,
        budget_info: BudgetInfo,
        rng: np.random.Generator,
        seed: int,
        terms: Sequence[TermMaker],
    ) -> Iterator[Config]:
        """What the models find most worth evaluating, best first."""
        data, candidates = self._data, self._candidates
        models = self._surrogates.update(data, seed)
        running = [*data.running, *batch]
        if running:
            models = models.believing(*data.encoder.encode(running, grow=False))
        promising = best_first(data.all_objectives, data.constraints)[:PROMISING]
        seen = candidates.encode([*(data.configs[i] for i in promising), *running])
        means, _ = predictions(models.objectives, seen)
        feasible = models.keep_constraints(seen)
        feasible[: len(promising)] = ~(data.constraints[promising] > 0).any(axis=1)
        reference = self._reference(models)
        n_modelled = place - self._n_initial + 1
        situation = Situation(models, means[feasible], reference, data, n_modelled, budget_info)
        made = (make(situation) for make in terms)
        acquisition = Weighted([weighted for weighted in made if weighted is not None])
        wide = candidates.sample(WIDE, rng)
        if self._from_prior:
            wide += candidates.sample(WIDE // 2, rng, from_prior=True)
        good = seen[worth_varying(means, feasible, rng)]
        iterations = ITERATIONS if len(models.objectives) == 1 else ITERATIONS_OF_FRONT
        ranked = maximize(acquisition, candidates, wide, good, rng, iterations)
        return (candidates.config(ranked, i) for i in range(len(ranked)))

    def _reference(self, models: Models) -> Floats | None:
        """The user's reference point, as targets."""
        m = len(models.objectives)
        if self._reference_point is None or m == 1:
            return None
        given = as_numbers(self._reference_point, m, "reference_point")
        return np.array([float(model.target(given[j : j + 1])[0]) for j, model in enumerate(models.objectives)])

    def _anything_new(self, batch: set[str], rng: np.random.Generator) -> Config | None:
        """Any configuration that no trial has; None if there is none."""
        for _ in range(TRIES):
            config = self._resolve(Uniform(rng))
            this = self._data.identity(config)
            if this not in self._data.tried and this not in batch:
                return config
        return next(iter(self._untried.first(1, self._data.tried, batch)), None)


def _differ(values: Floats) -> bool:
    """Whether there are two different results; with equal ones there is nothing to model."""
    known = values[np.isfinite(values)]
    return bool((known != known[:1]).any())


def _checked(reference_point: Any) -> Any:
    if reference_point is None:
        return None
    try:
        array = np.asarray(reference_point, dtype=float)
    except (TypeError, ValueError):
        array = np.zeros(())
    if array.ndim != 1 or len(array) < 2 or not np.isfinite(array).all():
        raise OptimizerError(
            f"reference_point={reference_point!r} must be None, or a finite number for each of several objectives."
        )
    return tuple(map(float, array))


def _design_size(size: Any, n_dimensions: int) -> int:
    if size == "ndim":
        return min(n_dimensions, LARGEST_DESIGN)
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise OptimizerError(f"initial_design_size={size!r} must be 'ndim' or a whole number of at least 1.")
    return size
