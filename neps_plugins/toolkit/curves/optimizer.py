"""Freeze-thaw Bayesian optimization: one step of training at a time, for whatever promises most after the last one.

K. Swersky, J. Snoek and R. P. Adams, "Freeze-thaw Bayesian optimization", arXiv:1406.3896, 2014; H. Rakotoarison,
S. Adriaensen, N. Mallik, S. Garibov, E. Bergman and F. Hutter, "In-context freeze-thaw Bayesian optimization for
hyperparameter optimization", ICML 2024, Algorithm 1. The parts have files of their own: `steps`, `progress` and `scale`
say what curves there are, a `surrogate` what they will come to, and `mfpi` what is worth looking at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import evolve

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
    replay,
)
from neps_core.spaces.identity import config_hash
from neps_plugins.toolkit.acquisition.candidates import make_candidates
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.acquisition.user_prior import UserPrior
from neps_plugins.toolkit.brackets.imported import imported_rungs
from neps_plugins.toolkit.curves.mfpi import Goal
from neps_plugins.toolkit.curves.progress import Progress, Trained
from neps_plugins.toolkit.curves.scale import POSSIBLE, CurveScale
from neps_plugins.toolkit.curves.steps import make_steps
from neps_plugins.toolkit.curves.surrogate import Curve, Curves, CurveSurrogate, Outlook
from neps_plugins.toolkit.encoding import Column, Encoder
from neps_plugins.toolkit.enumeration import Untried
from neps_plugins.toolkit.gp.features import Features
from neps_plugins.toolkit.gp.kernels import squared_distances
from neps_plugins.toolkit.priors import PriorMode, require_priors
from neps_plugins.toolkit.quasirandom import MAX_DIMENSIONS, Along, sobol
from neps_plugins.toolkit.randomness import given_or_fresh
from neps_plugins.toolkit.scalarised import as_one_objective

Floats = npt.NDArray[np.float64]

#: How many new configurations are looked at from everywhere, and around how many of the best, and how many there.
WIDE, GOOD, NEAR = 512, 5, 256

#: How far new configurations are at least from those that were begun, in the unit cube: what is nearer is no other one,
#: and going on with the one that there is costs less.
TOO_NEAR = 0.02

#: How strongly the user's prior weighs, as in piBO (Hvarfner et al. 2022, Section 4.1).
BETA = 10.0

#: The scale is made anew whenever there is this much more to be seen.
GROWTH = 0.2

#: How many random configurations are tried for one that is new, before all are gone through.
TRIES = 200


class FreezeThawOptimizer:
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
        self._begin_anew()
        size: Any = initial_design_size
        if size != "ndim" and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise OptimizerError(
                f"initial_design_size={size!r} of {name!r} must be 'ndim' or a whole number of at least 1."
            )
        self._n_initial: int = max(self._candidates.n_dimensions, 1) if size == "ndim" else size
        self._surrogate = surrogate()

    def _begin_anew(self) -> None:
        self._encoder = Encoder(self._space, one_hot=False)
        self._candidates = make_candidates(self._space, self._encoder, self._fixed)
        self._values, self._active = self._encoder.encode([])
        self._configs: list[Config] = []  # the configurations of the space that were begun, at their rows
        self._row_of: dict[int, int] = {}
        self._foreign: set[int] = set()  # numbers of configurations that are none of the space's
        self._tried: set[str] = set()
        self._untried = Untried(self._space, self._fixed)
        self._scale, self._scaled_at = CurveScale.of(np.zeros(0)), 0
        self._is_fitted = False
        self._made: dict[int, tuple[int, Curve]] = {}  # by number: of how many results, and the curve

    @property
    def details(self) -> dict[str, Any]:
        """For people: the first fidelity, how many steps there are, and how many configurations are begun first."""
        return {
            "first_fidelity": self._ladder.fidelities[0],
            "steps": len(self._ladder.fidelities),
            "initial_design_size": self._n_initial,
        }

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
            self._take_in(trials)
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

    # ---------------------------------------------------------------------- what there is

    def _take_in(self, trials: Mapping[str, Trial]) -> None:
        run, trained = self._progress.run, self._progress.trained
        for number in sorted(trained.keys() - self._row_of.keys() - self._foreign):
            config = trials[run.trial_at[number, trained[number].reached]].config
            self._tried.add(self._identity(config))
            try:
                canonical = replay(self._space, {**config, **self._fixed}).config
                values, active = self._encoder.encode([canonical])
            except ConfigError:
                self._foreign.add(number)
                continue
            self._tried.add(self._identity(canonical))
            before = self._encoder.widened(self._values, self._active)
            self._row_of[number] = len(self._configs)
            self._configs.append(canonical)
            self._values, self._active = np.vstack([before[0], values]), np.vstack([before[1], active])
        ended = self._progress.ended
        due = self._scaled_at
        while (later := due + 1 + int(GROWTH * due)) <= len(ended):
            due = later
        if due != self._scaled_at:
            self._scale, self._scaled_at = CurveScale.of(np.array(ended[:due])), due
            self._made = {}
            # Somebody who sees the run later has to learn the same.
            early = {number: each for number, each in self._progress.early(due).items() if number in self._row_of}
            if early:
                rows = [self._row_of[number] for number in early]
                points = Points(self._values[rows], self._active[rows])
                told = [self._curve(each) for each in early.values()]
                self._surrogate.fit(Curves(self._steps.times, self._columns, points, told))
                self._is_fitted = True

    def _identity(self, config: Mapping[str, Any]) -> str:
        return config_hash({**config, **self._fixed})

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
        in_batch = {self._identity(config) for config in fresh}
        if begun < self._n_initial or not self._is_fitted:
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
            this = self._identity(config)
            if this not in self._tried and this not in batch:
                return config
            config = self._space.resolve(Fixed(self._fixed, Uniform(rng))).config
        return next(iter(self._untried.first(1, self._tried, batch)), None)

    def _promising(
        self,
        open_ones: Sequence[Trained],
        batch: Mapping[int, int],
        fresh: Sequence[Config],
        in_batch: set[str],
        rng: np.random.Generator,
    ) -> Trained | Config | None:
        """What is most likely to beat the best at a random horizon."""
        outlook, curves = self._outlook(batch, fresh)
        ends = outlook.continued(np.arange(len(curves)), np.full(len(curves), len(curves.times) - 1)).mean
        best = _best(curves, ends)
        goal = Goal.drawn(len(self._ladder.fidelities), best, rng, best - POSSIBLE)
        open_ones = [each for each in open_ones if each.number in self._row_of]
        rows = np.array([self._row_of[each.number] for each in open_ones], dtype=np.intp)
        levels = np.array([each.reached for each in open_ones], dtype=np.intp) + goal.horizon
        cells = self._steps.cell_of[np.minimum(levels, self._steps.top)]
        known = outlook.continued(rows, cells).log_below(goal.threshold) if len(rows) else np.zeros(0)
        points = self._new_points(ends[: len(self._configs)], rng)
        cell = int(self._steps.cell_of[goal.horizon - 1])
        points = points[~self._seen(points)]
        new = outlook.begun(points, cell).log_below(goal.threshold)
        if self._use_priors:
            prior, n_modelled = UserPrior(self._encoder), len(self._progress.trained) + len(fresh) - self._n_initial + 1
            weight = BETA / max(n_modelled, 1)
            new = new + weight * prior(points)
            if len(rows):
                known = known + weight * prior(Points(self._values[rows], self._active[rows]))
        best_known = int(np.argmax(known)) if len(known) else -1
        for i in np.argsort(-new, kind="stable"):
            if best_known >= 0 and known[best_known] >= new[i]:
                return open_ones[best_known]
            config = self._candidates.config(points, int(i))
            this = self._identity(config)
            if this not in self._tried and this not in in_batch:
                return config
        if best_known >= 0:
            return open_ones[best_known]
        return self._unless_tried(self._space.resolve(Fixed(self._fixed, Uniform(rng))).config, in_batch, rng)

    def _seen(self, points: Points) -> npt.NDArray[np.bool_]:
        """Which points are configurations that were begun, or all but."""
        features = Features.of(self._columns, self._values, self._active)
        begun, new = (features(each.values, each.active) for each in (Points(self._values, self._active), points))
        return np.asarray(squared_distances(new, begun).min(axis=1) < TOO_NEAR**2)

    def _new_points(self, ends: Floats, rng: np.random.Generator) -> Points:
        """New configurations, from everywhere and around those that are expected to end best."""
        points = self._candidates.sample(WIDE, rng)
        if self._use_priors:
            points += self._candidates.sample(WIDE // 2, rng, from_prior=True)
        good = self._candidates.encode([self._configs[row] for row in np.argsort(ends, kind="stable")[:GOOD]])
        return points + self._candidates.around(good, NEAR, rng)

    def _outlook(self, batch: Mapping[int, int], fresh: Sequence[Config]) -> tuple[Outlook, Curves]:
        """What the surrogate expects, as if each step that is under way had given what it expects of it."""
        curves, pending = self._curves(batch)
        outlook = self._surrogate.outlook(curves)
        new = self._candidates.encode(fresh) if fresh else None
        if not pending and new is None:
            return outlook, curves
        told = list(curves.curves)
        if pending:
            rows, cells = np.array(list(pending)), np.array(list(pending.values()))
            for row, cell, value in zip(rows, cells, outlook.continued(rows, cells).mean):
                told[row] = _with(told[row], cell, value)
        points = curves.points
        if new is not None:
            first = int(self._steps.cell_of[0])
            for i, value in enumerate(outlook.begun(new, first).mean):
                empty = Curve(-1 - i, np.zeros(0, dtype=np.intp), np.zeros(0))
                told.append(_with(empty, first, value))
            points += new
        curves = evolve(curves, points=points, curves=told)
        return self._surrogate.outlook(curves), curves

    def _curves(self, batch: Mapping[int, int]) -> tuple[Curves, dict[int, int]]:
        """The curves, and the cells at which some of them are being looked at, by row."""
        told: list[Curve] = []
        pending: dict[int, int] = {}
        for number, row in self._row_of.items():
            trained = self._progress.trained[number]
            told.append(self._curve(trained))
            under_way = [level for level, value in trained.values.items() if value is None]
            level = batch.get(number, max(under_way, default=-1))
            if level >= 0 and not trained.is_broken:
                pending[row] = int(self._steps.cell_of[level])
        return Curves(self._steps.times, self._columns, Points(self._values, self._active), told), pending

    @property
    def _columns(self) -> tuple[Column, ...]:
        return tuple(column for column in self._encoder.columns if not column.is_fidelity)

    def _curve(self, trained: Trained) -> Curve:
        """What was seen of a configuration; of a broken one, that nothing comes of it."""
        seen = {level: value for level, value in trained.values.items() if value is not None}
        n, known = self._made.get(trained.number, (-1, None))
        if known is not None and n == len(seen):
            return known
        if trained.is_broken:
            cells, values = np.array([len(self._steps.times) - 1]), self._scale(np.array([np.inf]))
        else:
            levels = sorted(seen)
            cells = self._steps.cell_of[levels]
            values = self._scale(np.array([seen[level] for level in levels], dtype=float))
        curve = Curve(trained.number, cells, values)
        self._made[trained.number] = len(seen), curve
        return curve


def _best(curves: Curves, ends: Floats) -> float:
    """The best value so far, where what was seen of a curve that is expected to get worse counts as what it ends at.

    Otherwise, where the objective rises with the fidelity, the cheapest results would be the best ones for ever, and
    nothing worth going on with.
    """
    seen = [(curve, end) for curve, end in zip(curves.curves, ends) if len(curve.values)]
    complete = len(curves.times) - 1
    best = (curve.values[-1] if complete in curve.cells else max(curve.values.min(), end) for curve, end in seen)
    return float(min(best))


def _with(curve: Curve, cell: int, value: float) -> Curve:
    return Curve(curve.key, np.append(curve.cells, cell), np.append(curve.values, value))
