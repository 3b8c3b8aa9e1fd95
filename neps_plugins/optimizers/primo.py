"""PriMO (Basu et al. 2025): several objectives, a prior for each, and cheap evaluations first.

S. Basu, F. Hutter and D. Stoll, "Multi-objective hyperparameter optimization in the age of deep learning",
arXiv:2511.08371, 2025. MO-ASHA is the initial design; then each proposal is one of Bayesian optimization at the highest
fidelity, of a random linear scalarisation of the objectives.

Notation:
    n_BO     proposals after the initial design, before this one
    n_d      dimensions of the space
    gamma    exp(-n_BO**2 / n_d): to which power the density of a prior multiplies what is to be gained
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from neps_core import (
    BudgetInfo,
    Config,
    OptimizerError,
    OptimizerSpec,
    Prior,
    SampledConfig,
    SearchSpace,
    Trial,
    hookimpl,
    nearest,
)
from neps_core.showing import Shown
from neps_plugins.toolkit.beliefs import Believing, parse_beliefs
from neps_plugins.toolkit.brackets.followed import RUNG_ID
from neps_plugins.toolkit.brackets.optimizer import BracketOptimizer
from neps_plugins.toolkit.brackets.request import Request
from neps_plugins.toolkit.fidelity import fixed_fidelities
from neps_plugins.toolkit.pareto.promotion import make_selector
from neps_plugins.toolkit.pareto.scalarisation import random_weights
from neps_plugins.toolkit.randomness import given_or_fresh

if TYPE_CHECKING:
    from neps_plugins.toolkit.acquisition.terms import Term
    from neps_plugins.toolkit.gp.bayesian import BayesianOptimizer
    from neps_plugins.toolkit.gp.situation import Situation, TermMaker

NAME = "primo"

SAMPLERS = ("uniform", "mopriorsampler")

logger = logging.getLogger("neps.optimizers")


class PriMO(Shown):
    """Begins with MO-ASHA, goes on with a model, and asks at each proposal what one objective's prior says.

    The initial design ends when the fidelities of all evaluations that have ended add up to `initial_design_size` times
    the highest one. Without a fidelity, it is so many configurations that are spread evenly. From then on the model,
    which sees the results at all fidelities, proposes for the highest one. What it expects to gain is multiplied with
    the density of one objective's prior, drawn anew for each proposal, to a power that soon fades to nothing.

    Args:
        space: What to search, with one fidelity or none.
        sampler: Where the configurations of the initial design come from: `"uniform"`, or `"mopriorsampler"` for the
            prior of an objective that is drawn for each.
        sample_prior_first: Evaluate what the first objective's prior says is best before anything else: True, or
            `"highest_fidelity"` to do it there.
        eta: How many configurations compete for one place in the next rung, and how much dearer that is.
        epsilon: The share of proposals of the model that no prior has a say in, from 0 to 1.
        prior_centers: What is believed to be best, by objective and parameter: `{"loss": {"learning_rate": 1e-3}}`.
            Objectives go by the names of the results, or by their numbers from 0. Parameters that are left out keep the
            space's priors. None for the space's priors in the place of each objective's; if it has none, no prior plays
            a part, and the log says so.
        mo_selector: Which of those that do not dominate each other are promoted first: `"epsnet"` or `"nsga2"`.
        prior_confidences: How sure that is, in the same form: above 0 and at most 1, where 1 less it is the standard
            deviation as a share of the range; or `"low"`, `"medium"` or `"high"`. `"medium"` where it is left out.
        initial_design_size: Of the initial design; `"ndim"` for as many as the space has dimensions, at most
            10.
        cost_aware: As for `bayesian_optimization`.
        bo_scalar_weights: The weight of each objective for the model, at least 0; None to draw them for each proposal.

    Raises:
        OptimizerError: If the space has several fidelities, or a keyword makes no sense.
    """

    def __init__(
        self,
        space: SearchSpace,
        sampler: str = "uniform",
        sample_prior_first: bool | str = False,
        eta: float = 3,
        epsilon: float = 0.25,
        prior_centers: Mapping[Any, Mapping[str, Any]] | None = None,
        mo_selector: str = "epsnet",
        prior_confidences: Mapping[Any, Mapping[str, Any]] | None = None,
        initial_design_size: int | str = "ndim",
        cost_aware: bool | str = False,
        bo_scalar_weights: Mapping[Any, float] | None = None,
    ) -> None:
        from neps_plugins.toolkit.gp.bayesian import BayesianOptimizer  # SciPy takes half a second to import
        from neps_plugins.toolkit.gp.cost import cost_terms

        if sampler not in SAMPLERS:
            raise OptimizerError(f"sampler={sampler!r} is unknown. {nearest(str(sampler), SAMPLERS)}")
        if sample_prior_first not in (True, False, "highest_fidelity"):
            raise OptimizerError(
                f"sample_prior_first={sample_prior_first!r} must be True, False or 'highest_fidelity'."
            )
        if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float)) or not 0 <= epsilon <= 1:
            raise OptimizerError(f"epsilon={epsilon!r} must be a number from 0 to 1.")
        make_selector(mo_selector, "mo_selector")
        cost_terms(cost_aware)
        self._weights = _checked_weights(bo_scalar_weights)
        beliefs = parse_beliefs(space, prior_centers, prior_confidences)
        self._named = {"prior_centers": list(beliefs), "bo_scalar_weights": list(self._weights or ())}
        self._space = space
        self._spaces: list[SearchSpace] = [Believing(space, each) for each in beliefs.values()]
        if not self._spaces and space.has_priors:
            self._spaces = [space]
        if not self._spaces:
            logger.warning("There are neither prior_centers nor priors in the space, so %r goes on without.", NAME)
            sampler, sample_prior_first = "uniform", False
        self._from_prior = sampler == "mopriorsampler"
        self._prior_first = sample_prior_first
        self._epsilon = epsilon
        self._brackets: BracketOptimizer | None = None
        if space.fidelities:
            seen = self._spaces[0] if sample_prior_first else space
            sample = self._drawn if self._from_prior else "uniform"
            self._brackets = BracketOptimizer(
                NAME, seen, "asha", eta, sample, sample_prior_first, mo_selector=mo_selector
            )
        self._fixed = fixed_fidelities(space, "highest_fidelity", NAME)
        plain = BayesianOptimizer(NAME, space, initial_design_size, self._fixed)
        self._size: int = plain.details["initial_design_size"]
        self._n_d = plain.n_dimensions
        self._cost_aware = cost_aware
        self._models: dict[int, tuple[BayesianOptimizer, Sequence[TermMaker]]] = {}

    def _model(self, which: int) -> tuple[BayesianOptimizer, Sequence[TermMaker]]:
        """One for each prior, which has candidates from it, and one at -1 without; with what it knows of costs."""
        from neps_plugins.toolkit.gp.bayesian import BayesianOptimizer
        from neps_plugins.toolkit.gp.cost import cost_terms

        if which not in self._models:
            believes = which >= 0
            space = self._spaces[which] if believes else self._space
            first = believes and bool(self._prior_first)
            size = self._size if self._brackets is None else 1
            model = BayesianOptimizer(NAME, space, size, self._fixed, believes, first)
            self._models[which] = model, cost_terms(self._cost_aware)
        return self._models[which]

    @property
    def details(self) -> dict[str, Any]:
        """For people: the rungs, and after how many evaluations' worth the model takes over."""
        return {**(self._brackets.details if self._brackets else {}), "initial_design_size": self._size}

    def __call__(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo | None = None,
        n: int | None = None,
        rng: np.random.Generator | None = None,
        seed: int = 0,
    ) -> list[SampledConfig]:
        budget_info, rng = budget_info or BudgetInfo(), given_or_fresh(rng)
        names = _objectives(trials)
        for keyword, keys in self._named.items():
            _places(keyword, keys, names)
        if self._brackets is not None and self._spent(trials) < self._size - 1e-9:
            return self._brackets(trials, budget_info, n, rng, seed)
        batch: list[Config] = []
        for _ in range(n or 1):
            config = self._modelled(trials, names, budget_info, batch, rng, seed)
            if config is None:
                break
            batch.append(config)
        return [SampledConfig(config) for config in batch]

    def _spent(self, trials: Mapping[str, Trial]) -> float:
        """What was evaluated, in evaluations at the highest fidelity."""
        [(path, highest)] = self._fixed.items()
        return math.fsum(trial.config.get(path, 0) / highest for trial in trials.values() if trial.state.is_finished)

    def _n_bo(self, trials: Mapping[str, Trial]) -> int:
        """n_BO; below 0 in an initial design without brackets."""
        own = [trial for trial in trials.values() if trial.metadata.time_sampled is not None]  # the rest was imported
        if self._brackets is not None:
            return sum(RUNG_ID.fullmatch(trial.id) is None for trial in own)
        return min(len(own), len(trials) - self._size)

    def _modelled(
        self,
        trials: Mapping[str, Trial],
        names: Sequence[Sequence[str]],
        budget_info: BudgetInfo,
        batch: Sequence[Config],
        rng: np.random.Generator,
        seed: int,
    ) -> Config | None:
        """A proposal of Bayesian optimization."""
        from neps_plugins.toolkit.acquisition.user_prior import UserPrior  # SciPy takes half a second to import
        from neps_plugins.toolkit.gp.expected_improvement import improvement_of_sum
        from neps_plugins.toolkit.gp.feasibility import feasibility

        n_bo = self._n_bo(trials) + len(batch)
        weights = self._fixed_weights(names)

        def improvement(situation: Situation) -> tuple[float, Term] | None:
            m = len(situation.models.objectives)
            return improvement_of_sum(situation, random_weights(rng, m, 1)[0] if weights is None else weights)

        def belief(situation: Situation) -> tuple[float, Term]:
            return gamma(n_bo, self._n_d), UserPrior(situation.data.encoder)

        if self._prior_first and not trials and not batch:
            has_say, which = True, 0
        else:
            has_say = self._from_prior if n_bo < 0 else bool(self._spaces) and rng.random() >= self._epsilon
            which = int(rng.integers(len(self._spaces))) if has_say else -1
        model, cost = self._model(which)
        terms = [improvement, feasibility, *([belief] if has_say else []), *cost]
        return model.propose(trials, budget_info, batch, rng, seed, terms)

    def _fixed_weights(self, names: Sequence[Sequence[str]]) -> npt.NDArray[np.float64] | None:
        if self._weights is None or not names:
            return None
        weights = np.full(len(names), math.nan)
        weights[_places("bo_scalar_weights", list(self._weights), names)] = list(self._weights.values())
        if np.isnan(weights).any():
            missing = [each[0] for each, weight in zip(names, weights) if math.isnan(weight)]
            raise OptimizerError(f"bo_scalar_weights has none for the objectives {missing}. Give each a weight.")
        return weights

    def _drawn(self, request: Request) -> Config:
        """A draw from the prior of an objective that is drawn before."""
        space = self._spaces[int(request.rng.integers(len(self._spaces)))]
        return space.resolve(Prior(request.rng)).config

    @property
    def begins_at(self) -> dict[str, float]:
        """The fidelity at which the initial design begins; empty without one."""
        return self._brackets.begins_at if self._brackets else {}

    def imported(self, configs: Sequence[Config], trials: Mapping[str, Trial]) -> list[SampledConfig]:
        """Which rungs configurations count for that were evaluated elsewhere."""
        return self._brackets.imported(configs, trials) if self._brackets else [SampledConfig(each) for each in configs]

    def status(self, trials: Mapping[str, Trial]) -> list[str]:
        """How the initial design stands, for `neps status`."""
        return self._brackets.status(trials) if self._brackets else []


def gamma(n_bo: int, n_d: int) -> float:
    """The power of the prior: 1 at first, and the longer, the more dimensions there are, near it."""
    return math.exp(-(n_bo**2) / n_d)


def _objectives(trials: Mapping[str, Trial]) -> list[list[str]]:
    """What each objective may be called, its name first if it has one; empty as long as that is not known."""
    for trial in trials.values():
        # One number in the place of an error says nothing of how many there are.
        if trial.objectives is not None and trial.report is not None and trial.report.err is None:
            names = list(trial.objectives_by_name)
            return [[*names[i : i + 1], str(i)] for i in range(len(trial.objectives))]
    return []


def _places(keyword: str, keys: Sequence[str], names: Sequence[Sequence[str]]) -> list[int]:
    """Which objectives are meant, counted from 0.

    Raises:
        OptimizerError: If one does not exist, or is meant twice.
    """
    if not names:
        return []
    # A name is one even if it looks like a number.
    where = {str(i): i for i in range(len(names))} | {each[0]: i for i, each in enumerate(names)}
    for key in keys:
        if key not in where:
            there = [each[0] for each in names]
            raise OptimizerError(f"{keyword} has {key!r}, which is no objective of the results. They have {there}.")
    places = [where[key] for key in keys]
    if len(set(places)) < len(places):
        raise OptimizerError(f"{keyword} names an objective twice: {list(keys)}.")
    return places


def _checked_weights(given: Any) -> dict[str, float] | None:
    if given is None:
        return None
    numbers = list(given.values()) if isinstance(given, Mapping) else []
    if not all(
        isinstance(w, (int, float)) and not isinstance(w, bool) and math.isfinite(w) and w >= 0 for w in numbers
    ) or not any(numbers):
        raise OptimizerError(
            f"bo_scalar_weights={given!r} must be a dict with a number of at least 0 for each objective, not all 0."
        )
    return {str(objective): float(weight) for objective, weight in given.items()}


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`primo`."""
    summary = "several objectives with a prior for each: MO-ASHA, then Bayesian optimization"
    return [
        OptimizerSpec(
            NAME, PriMO, summary, uses_fidelity=True, uses_priors=True, several_objectives=True, ignored=("device",)
        )
    ]
