"""Freeze-thaw Bayesian optimization: one step of training at a time, for whatever promises most after the last one.

K. Swersky, J. Snoek and R. P. Adams, "Freeze-thaw Bayesian optimization", arXiv:1406.3896, 2014; H. Rakotoarison,
S. Adriaensen, N. Mallik, S. Garibov, E. Bergman and F. Hutter, "In-context freeze-thaw Bayesian optimization for
hyperparameter optimization", ICML 2024, Algorithm 1. The parts have files of their own: `steps`, `progress`, `scale`
and `observed` say what curves there are, a `surrogate` what they will come to, and `mfpi` what is promising.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.acquisition.user_prior import UserPrior
from neps_plugins.toolkit.brackets.imported import imported_rungs
from neps_plugins.toolkit.curves.mfpi import Goal
from neps_plugins.toolkit.curves.observed import Observed
from neps_plugins.toolkit.curves.progress import Progress, Trained
from neps_plugins.toolkit.curves.steps import make_steps
from neps_plugins.toolkit.curves.surrogate import CurveSurrogate
from neps_plugins.toolkit.enumeration import Untried
from neps_plugins.toolkit.priors import PriorMode, require_priors
from neps_plugins.toolkit.quasirandom import MAX_DIMENSIONS, Along, sobol
from neps_plugins.toolkit.randomness import given_or_fresh
from neps_plugins.toolkit.scalarised import as_one_objective
from neps_plugins.toolkit.threads import with_one_blas_thread

Floats = npt.NDArray[np.float64]

#: How many new configurations are looked at from everywhere, and around how many of the best, and how many there.
WIDE, GOOD, NEAR = 512, 5, 256

#: How strongly the user's prior weighs, as in piBO (Hvarfner et al. 2022, Section 4.1).
BETA = 10.0

#: How many random configurations are tried for one that is new, before all are gone through.
TRIES = 200


class FreezeThawOptimizer(Shown):
    """Continues a configuration by one step, or begins a new one with its first.

    Args:
        name: The optimizer's name, for messages.
        space: A space with one fidelity.
        surrogate: Makes what says what curves will come to; called once everything else makes sense.
        step_size: By how much the fidelity is raised each time.
        initial_design_size: How many configurations are begun before the surrogate is asked; `"ndim"` for as many as
            the space has dimensions.
        use_priors: Whether the initial design, and some of the candidates, are drawn from the user's prior, and all
            are weighted by it, ever less.
        sample_prior_first: Whether the first configuration is what the user believes to be best.

    Raises:
        OptimizerError: If the space hasn't one fidelity or no priors where they are asked for, or a keyword makes no
            sense.
    """

    def __init__(
        self,
        name: str,
        space: SearchSpace,
        surrogate: Callable[[], CurveSurrogate],
        step_size: float = 1,
        initial_design_size: int | str = "ndim",
        use_priors: bool = False,
        sample_prior_first: bool = False,
    ) -> None:
        for keyword, value in (("use_priors", use_priors), ("sample_prior_first", sample_prior_first)):
            if value not in (True, False):
                raise OptimizerError(f"{keyword}={value!r} of {name!r} must be True or False.")
            if value:
                require_priors(space, f"{keyword}=True of {name!r}")
        self._steps = make_steps(space, step_size, name)
        self._ladder = self._steps.ladder
        self._space = space
        self._use_priors, self._prior_first = use_priors, sample_prior_first
        self._fixed = {self._ladder.path: self._ladder.fidelities[0]}
        self._progress = Progress(self._ladder)
        size: Any = initial_design_size
        if size != "ndim" and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise OptimizerError(
                f"initial_design_size={size!r} of {name!r} must be 'ndim' or a whole number of at least 1."
            )
        self._surrogate = surrogate()
        self._begin_anew()
        self._n_initial: int = max(self._candidates.n_dimensions, 1) if size == "ndim" else size

    def _begin_anew(self) -> None:
        self._observed = Observed(self._space, self._fixed, self._steps, self._surrogate)
        self._candidates = make_candidates(self._space, self._observed.encoder, self._fixed)
        self._untried = Untried(self._space, self._fixed)

    @property
    def begins_at(self) -> dict[str, float]:
        """The fidelity of the first step."""
        return {self._ladder.path: self._ladder.fidelities[0]}

    @property
    def details(self) -> dict[str, Any]:
        """For people: the first fidelity, how many steps there are, and how many configurations are begun first."""
        return {
            "first_fidelity": self._ladder.fidelities[0],
            "steps": len(self._ladder.fidelities),
            "initial_design_size": self._n_initial,
        }

    @with_one_blas_thread
    def __call__(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo | None = None,
        n: int | None = None,
        rng: np.random.Generator | None = None,
        seed: int = 0,
    ) -> list[SampledConfig]:
        rng = given_or_fresh(rng)
        trials = as_one_objective(trials, rng)
        try:
            if self._progress.follow(trials):
                self._begin_anew()
            self._observed.take_in(trials, self._progress)
            return self._proposals(trials, n or 1, rng, seed)
        except BaseException:  # an interrupt too: what was half taken in is taken in anew
            self._progress = Progress(self._ladder)
            raise

    def imported(self, configs: Sequence[Config], trials: Mapping[str, Trial]) -> list[SampledConfig]:
        """Which steps configurations count for that were evaluated elsewhere; see `imported_rungs`."""
        self._progress.follow(trials)
        return imported_rungs(configs, trials, self._progress.run)

    def status(self, trials: Mapping[str, Trial]) -> list[str]:
        """How far the run is, for `neps status`."""
        self._progress.follow(trials)
        trained = list(self._progress.trained.values())
        done = sum(each.reached == self._steps.top and not each.is_under_way for each in trained)
        return [f"{len(trained)} configurations begun, {done} of them trained to {self._ladder.fidelities[-1]:g}"]

    def _proposals(
        self, trials: Mapping[str, Trial], n: int, rng: np.random.Generator, seed: int
    ) -> list[SampledConfig]:
        proposals: list[SampledConfig] = []
        batch: dict[int, int] = {}  # what was continued just now, to which level
        fresh: list[Config] = []
        for _ in range(n):
            wanted = self._next(batch, fresh, rng, seed)
            if wanted is None:
                break
            if isinstance(wanted, Trained):
                level = wanted.reached + 1
                batch[wanted.number] = level
                previous = self._progress.run.trial_at[wanted.number, wanted.reached]
                config = {**trials[previous].config, self._ladder.path: self._ladder.fidelities[level]}
                proposals.append(SampledConfig(config, f"{wanted.number}_rung_{level}", previous))
            else:
                number = self._progress.run.next_number + len(fresh)
                fresh.append(wanted)
                proposals.append(SampledConfig(wanted, f"{number}_rung_0"))
        return proposals

    # ---------------------------------------------------------------------- what to do

    def _next(
        self, batch: Mapping[int, int], fresh: Sequence[Config], rng: np.random.Generator, seed: int
    ) -> Trained | Config | None:
        """A configuration to continue, or a new one; None if there is neither."""
        begun = len(self._progress.trained) + len(fresh)
        open_ones = [
            each
            for number, each in self._progress.trained.items()
            if number not in batch and each.reached < self._steps.top and not each.is_under_way and not each.is_broken
        ]
        in_batch = {self._observed.identity(config) for config in fresh}
        if begun < self._n_initial or not self._observed.is_fitted:
            new = self._unless_tried(self._design(begun, rng, seed), in_batch, rng)
            if new is not None:
                return new
            return open_ones[int(rng.integers(len(open_ones)))] if open_ones else None
        return self._promising(open_ones, batch, fresh, in_batch, rng)

    def _design(self, place: int, rng: np.random.Generator, seed: int) -> Config:
        """The initial design: a Sobol sequence that depends on the run's seed alone."""
        otherwise = Prior(rng) if self._use_priors else Uniform(rng)
        if place == 0 and self._prior_first:
            with suppress(ConfigError):  # what users believe to be best may be forbidden as a whole
                return self._space.resolve(Fixed(self._fixed, PriorMode(Uniform(rng)))).config
        points = sobol(place + 1, min(self._candidates.n_decisions, MAX_DIMENSIONS), np.random.default_rng([seed, 1]))
        return self._space.resolve(Fixed(self._fixed, Along(points[place], otherwise, self._use_priors))).config

    def _unless_tried(self, config: Config, batch: set[str], rng: np.random.Generator) -> Config | None:
        """A configuration if it is new, else another one that is; None if there is none left."""
        for _ in range(TRIES):
            this = self._observed.identity(config)
            if this not in self._observed.tried and this not in batch:
                return config
            config = self._space.resolve(Fixed(self._fixed, Uniform(rng))).config
        return next(iter(self._untried.first(1, self._observed.tried, batch)), None)

    def _promising(
        self,
        open_ones: Sequence[Trained],
        batch: Mapping[int, int],
        fresh: Sequence[Config],
        in_batch: set[str],
        rng: np.random.Generator,
    ) -> Trained | Config | None:
        """What is most likely to be below all others, at a horizon and by a margin drawn at random."""
        observed, top = self._observed, self._steps.top
        outlook, curves = observed.outlook(
            self._progress, batch, self._candidates.encode(list(fresh)) if fresh else None
        )
        goal = Goal.drawn(len(self._ladder.fidelities), rng)
        begun = np.arange(len(curves))
        ahead = np.minimum(observed.levels(curves) + goal.horizon, top)
        ends = outlook.continued(begun, np.full(len(curves), len(self._steps.times) - 1)).mean
        # What rises with the fidelity is lowest at once, and only its end says how good it is.
        best = max(float(outlook.continued(begun, self._steps.cell_of[ahead]).mean.min()), float(ends.min()))
        to_beat = best - goal.margin
        open_ones = [each for each in open_ones if each.number in observed.row_of]
        rows = np.array([observed.row_of[each.number] for each in open_ones], dtype=np.intp)
        known = np.zeros(0)
        if len(rows):
            levels = np.array([each.reached for each in open_ones], dtype=np.intp) + goal.horizon
            cells = self._steps.cell_of[np.minimum(levels, top)]
            known = outlook.continued(rows, cells).log_below(to_beat)
        points = self._new_points(ends[: len(observed.configs)], rng)
        points = points[~observed.are_begun(points)]
        new = outlook.begun(points, int(self._steps.cell_of[goal.horizon - 1])).log_below(to_beat)
        if self._use_priors:
            prior = UserPrior(observed.encoder)
            n_modelled = len(self._progress.trained) + len(fresh) - self._n_initial + 1
            weight = BETA / max(n_modelled, 1)
            new = new + weight * prior(points)
            if len(rows):
                known = known + weight * prior(observed.points[rows])
        best_known = int(np.argmax(known)) if len(known) else -1
        for i in np.argsort(-new, kind="stable"):
            if best_known >= 0 and known[best_known] >= new[i]:
                return open_ones[best_known]
            config = self._candidates.config(points, int(i))
            this = self._observed.identity(config)
            if this not in self._observed.tried and this not in in_batch:
                return config
        if best_known >= 0:
            return open_ones[best_known]
        return self._unless_tried(self._space.resolve(Fixed(self._fixed, Uniform(rng))).config, in_batch, rng)

    def _new_points(self, ends: Floats, rng: np.random.Generator) -> Points:
        """New configurations, from everywhere and around those that are expected to end best."""
        points = self._candidates.sample(WIDE, rng)
        if self._use_priors:
            points += self._candidates.sample(WIDE // 2, rng, from_prior=True)
        good = self._candidates.encode([self._observed.configs[row] for row in np.argsort(ends, kind="stable")[:GOOD]])
        return points + self._candidates.around(good, NEAR, rng)
