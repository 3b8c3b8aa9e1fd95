"""Public parts for authors of optimizers. Nothing here is a plugin.

```python
from neps_plugins.toolkit import BayesianOptimizer, Encoder, Follower
```

The names below are imported when they are first used, so that who needs no model does not wait for SciPy. They come
from seven rooms, and from what these share:

- `acquisition`: candidates of any space, and where an acquisition function is highest among them, whatever the model;
- `brackets`: successive halving, Hyperband and their kind: rungs, schedules, samplers;
- `curves`: learning curves, and freeze-thaw Bayesian optimization with them;
- `evolution`: children of configurations, in spaces of every kind;
- `gp`: Gaussian processes, and Bayesian optimization with them;
- `pareto`: several objectives and constraints: fronts, hypervolume, scalarisations, in arrays;
- `parzen`: densities over configurations.

`Scalarised` shows several objectives to what was written for one. The rooms `brackets`, `evolution`, `gp` and `parzen`
don't know each other, but for the sampler of brackets that has a model; `curves` builds on them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neps_plugins.toolkit.acquisition.batched_lbfgs import minimize_in_box as minimize_in_box
    from neps_plugins.toolkit.acquisition.candidates import Candidates as Candidates
    from neps_plugins.toolkit.acquisition.candidates import make_candidates as make_candidates
    from neps_plugins.toolkit.acquisition.maximization import maximize as maximize
    from neps_plugins.toolkit.acquisition.points import Points as Points
    from neps_plugins.toolkit.acquisition.terms import Term as Term
    from neps_plugins.toolkit.acquisition.terms import Weighted as Weighted
    from neps_plugins.toolkit.acquisition.user_prior import UserPrior as UserPrior
    from neps_plugins.toolkit.beliefs import Belief as Belief
    from neps_plugins.toolkit.beliefs import Believing as Believing
    from neps_plugins.toolkit.beliefs import parse_beliefs as parse_beliefs
    from neps_plugins.toolkit.brackets.asynchronous import AsynchronousBrackets as AsynchronousBrackets
    from neps_plugins.toolkit.brackets.followed import FollowedBrackets as FollowedBrackets
    from neps_plugins.toolkit.brackets.kick_in import KickIn as KickIn
    from neps_plugins.toolkit.brackets.model_sampler import ModelSampler as ModelSampler
    from neps_plugins.toolkit.brackets.optimizer import BracketOptimizer as BracketOptimizer
    from neps_plugins.toolkit.brackets.priorband_sampler import PriorBandSampler as PriorBandSampler
    from neps_plugins.toolkit.brackets.request import Request as Request
    from neps_plugins.toolkit.brackets.request import Sampler as Sampler
    from neps_plugins.toolkit.brackets.rungs import Ladder as Ladder
    from neps_plugins.toolkit.brackets.rungs import first_level as first_level
    from neps_plugins.toolkit.brackets.rungs import make_ladder as make_ladder
    from neps_plugins.toolkit.brackets.samplers import AnySampler as AnySampler
    from neps_plugins.toolkit.brackets.samplers import make_sampler as make_sampler
    from neps_plugins.toolkit.brackets.schedules import AnySchedule as AnySchedule
    from neps_plugins.toolkit.brackets.schedules import Asynchronous as Asynchronous
    from neps_plugins.toolkit.brackets.schedules import Schedule as Schedule
    from neps_plugins.toolkit.brackets.schedules import Synchronous as Synchronous
    from neps_plugins.toolkit.brackets.schedules import make_schedule as make_schedule
    from neps_plugins.toolkit.brackets.state import Brackets as Brackets
    from neps_plugins.toolkit.brackets.state import Entry as Entry
    from neps_plugins.toolkit.brackets.state import Wanted as Wanted
    from neps_plugins.toolkit.brackets.synchronous import SynchronousBrackets as SynchronousBrackets
    from neps_plugins.toolkit.curves.evidence import Explained as Explained
    from neps_plugins.toolkit.curves.evidence import Moments as Moments
    from neps_plugins.toolkit.curves.evidence import explained as explained
    from neps_plugins.toolkit.curves.freeze_thaw import FreezeThaw as FreezeThaw
    from neps_plugins.toolkit.curves.mixtures import Normals as Normals
    from neps_plugins.toolkit.curves.optimizer import FreezeThawOptimizer as FreezeThawOptimizer
    from neps_plugins.toolkit.curves.prior import Shapes as Shapes
    from neps_plugins.toolkit.curves.prior import drawn_shapes as drawn_shapes
    from neps_plugins.toolkit.curves.scale import CurveScale as CurveScale
    from neps_plugins.toolkit.curves.steps import Steps as Steps
    from neps_plugins.toolkit.curves.steps import make_steps as make_steps
    from neps_plugins.toolkit.curves.surrogate import Curve as Curve
    from neps_plugins.toolkit.curves.surrogate import Curves as Curves
    from neps_plugins.toolkit.curves.surrogate import CurveSurrogate as CurveSurrogate
    from neps_plugins.toolkit.curves.surrogate import Outlook as Outlook
    from neps_plugins.toolkit.curves.surrogate import Prediction as Prediction
    from neps_plugins.toolkit.curves.transformer import Transformer as Transformer
    from neps_plugins.toolkit.dataset import Dataset as Dataset
    from neps_plugins.toolkit.encoding import Column as Column
    from neps_plugins.toolkit.encoding import Encoder as Encoder
    from neps_plugins.toolkit.engines.away import EngineAway as EngineAway
    from neps_plugins.toolkit.engines.here import EngineHere as EngineHere
    from neps_plugins.toolkit.enumeration import Odometer as Odometer
    from neps_plugins.toolkit.enumeration import Untried as Untried
    from neps_plugins.toolkit.enumeration import enumerate_configs as enumerate_configs
    from neps_plugins.toolkit.evolution.mutation import forgotten as forgotten
    from neps_plugins.toolkit.evolution.mutation import moved as moved
    from neps_plugins.toolkit.evolution.offspring import offspring as offspring
    from neps_plugins.toolkit.evolution.operators import mutated as mutated
    from neps_plugins.toolkit.evolution.population import Population as Population
    from neps_plugins.toolkit.evolution.steady_state import SteadyState as SteadyState
    from neps_plugins.toolkit.fidelity import fixed_at_highest as fixed_at_highest
    from neps_plugins.toolkit.fidelity import fixed_fidelities as fixed_fidelities
    from neps_plugins.toolkit.gp.bayesian import BayesianOptimizer as BayesianOptimizer
    from neps_plugins.toolkit.gp.constraint_warp import ConstraintWarp as ConstraintWarp
    from neps_plugins.toolkit.gp.cost import LogCost as LogCost
    from neps_plugins.toolkit.gp.cost import PredictedCost as PredictedCost
    from neps_plugins.toolkit.gp.cost import cost_terms as cost_terms
    from neps_plugins.toolkit.gp.expected_improvement import LogExpectedImprovement as LogExpectedImprovement
    from neps_plugins.toolkit.gp.expected_improvement import expected_improvement as expected_improvement
    from neps_plugins.toolkit.gp.expected_improvement import improvement_of_sum as improvement_of_sum
    from neps_plugins.toolkit.gp.feasibility import LogFeasibility as LogFeasibility
    from neps_plugins.toolkit.gp.feasibility import feasibility as feasibility
    from neps_plugins.toolkit.gp.features import Features as Features
    from neps_plugins.toolkit.gp.fit import Fit as Fit
    from neps_plugins.toolkit.gp.fit import fit as fit
    from neps_plugins.toolkit.gp.hyperparameters import Hyperparameters as Hyperparameters
    from neps_plugins.toolkit.gp.hyperparameters import prior_mode as prior_mode
    from neps_plugins.toolkit.gp.hypervolume_improvement import (
        LogExpectedHypervolumeImprovement as LogExpectedHypervolumeImprovement,
    )
    from neps_plugins.toolkit.gp.kernels import Kernel as Kernel
    from neps_plugins.toolkit.gp.kernels import Matern52 as Matern52
    from neps_plugins.toolkit.gp.laplace import drawn as drawn
    from neps_plugins.toolkit.gp.model import Model as Model
    from neps_plugins.toolkit.gp.models import Models as Models
    from neps_plugins.toolkit.gp.models import Surrogates as Surrogates
    from neps_plugins.toolkit.gp.models import predictions as predictions
    from neps_plugins.toolkit.gp.models import predictions_with_gradient as predictions_with_gradient
    from neps_plugins.toolkit.gp.posterior import Posterior as Posterior
    from neps_plugins.toolkit.gp.prior_weight import DecayingPrior as DecayingPrior
    from neps_plugins.toolkit.gp.situation import Situation as Situation
    from neps_plugins.toolkit.gp.situation import TermMaker as TermMaker
    from neps_plugins.toolkit.gp.surrogate import Surrogate as Surrogate
    from neps_plugins.toolkit.gp.targets import warped as warped
    from neps_plugins.toolkit.gp.weighted_sum import WeightedSum as WeightedSum
    from neps_plugins.toolkit.observations import Observation as Observation
    from neps_plugins.toolkit.observations import Observations as Observations
    from neps_plugins.toolkit.pareto.boxes import Boxes as Boxes
    from neps_plugins.toolkit.pareto.boxes import box_decomposition as box_decomposition
    from neps_plugins.toolkit.pareto.boxes import hypervolume_improvement as hypervolume_improvement
    from neps_plugins.toolkit.pareto.constraints import constrained_sort as constrained_sort
    from neps_plugins.toolkit.pareto.constraints import violations as violations
    from neps_plugins.toolkit.pareto.diversity import crowding_distance as crowding_distance
    from neps_plugins.toolkit.pareto.diversity import epsilon_net_order as epsilon_net_order
    from neps_plugins.toolkit.pareto.feasibility import log_probability_of_feasibility as log_probability_of_feasibility
    from neps_plugins.toolkit.pareto.hypervolume import RunningHypervolume as RunningHypervolume
    from neps_plugins.toolkit.pareto.hypervolume import hypervolume as hypervolume
    from neps_plugins.toolkit.pareto.hypervolume import hypervolume_contributions as hypervolume_contributions
    from neps_plugins.toolkit.pareto.improvement import (
        log_expected_hypervolume_improvement as log_expected_hypervolume_improvement,
    )
    from neps_plugins.toolkit.pareto.prepared import Prepared as Prepared
    from neps_plugins.toolkit.pareto.promotion import promotion_order as promotion_order
    from neps_plugins.toolkit.pareto.ranking import Ranking as Ranking
    from neps_plugins.toolkit.pareto.reference import beyond_all as beyond_all
    from neps_plugins.toolkit.pareto.reference import reference_point as reference_point
    from neps_plugins.toolkit.pareto.scalarisation import augmented_chebyshev as augmented_chebyshev
    from neps_plugins.toolkit.pareto.scalarisation import chebyshev as chebyshev
    from neps_plugins.toolkit.pareto.scalarisation import linear as linear
    from neps_plugins.toolkit.pareto.scalarisation import random_weights as random_weights
    from neps_plugins.toolkit.pareto.scale import Scale as Scale
    from neps_plugins.toolkit.pareto.scale import normalised as normalised
    from neps_plugins.toolkit.pareto.scale import observed_scale as observed_scale
    from neps_plugins.toolkit.pareto.sorting import non_dominated as non_dominated
    from neps_plugins.toolkit.pareto.sorting import non_dominated_sort as non_dominated_sort
    from neps_plugins.toolkit.parzen.drawn import Drawn as Drawn
    from neps_plugins.toolkit.parzen.mixture import Mixture as Mixture
    from neps_plugins.toolkit.parzen.queries import Queries as Queries
    from neps_plugins.toolkit.parzen.table import Table as Table
    from neps_plugins.toolkit.priors import PriorMode as PriorMode
    from neps_plugins.toolkit.priors import require_priors as require_priors
    from neps_plugins.toolkit.quasirandom import Along as Along
    from neps_plugins.toolkit.quasirandom import sobol as sobol
    from neps_plugins.toolkit.randomness import given_or_fresh as given_or_fresh
    from neps_plugins.toolkit.reports import BestSoFar as BestSoFar
    from neps_plugins.toolkit.reports import one_objective as one_objective
    from neps_plugins.toolkit.scalarised import Scalarised as Scalarised
    from neps_plugins.toolkit.scalarised import as_one_objective as as_one_objective
    from neps_plugins.toolkit.trial_follower import Follower as Follower
    from neps_plugins.toolkit.trial_follower import by_end as by_end

#: What is public of each module.
_PUBLIC = {
    "encoding": (
        "Column",
        "Encoder",
    ),
    "beliefs": (
        "Belief",
        "Believing",
        "parse_beliefs",
    ),
    "dataset": ("Dataset",),
    "engines.away": ("EngineAway",),
    "engines.here": ("EngineHere",),
    "enumeration": (
        "Odometer",
        "Untried",
        "enumerate_configs",
    ),
    "fidelity": (
        "fixed_at_highest",
        "fixed_fidelities",
    ),
    "observations": (
        "Observation",
        "Observations",
    ),
    "priors": (
        "PriorMode",
        "require_priors",
    ),
    "quasirandom": (
        "Along",
        "sobol",
    ),
    "randomness": ("given_or_fresh",),
    "reports": (
        "BestSoFar",
        "one_objective",
    ),
    "scalarised": (
        "Scalarised",
        "as_one_objective",
    ),
    "trial_follower": (
        "Follower",
        "by_end",
    ),
    "acquisition.batched_lbfgs": ("minimize_in_box",),
    "acquisition.candidates": (
        "Candidates",
        "make_candidates",
    ),
    "acquisition.maximization": ("maximize",),
    "acquisition.points": ("Points",),
    "acquisition.terms": (
        "Term",
        "Weighted",
    ),
    "acquisition.user_prior": ("UserPrior",),
    "brackets.asynchronous": ("AsynchronousBrackets",),
    "brackets.followed": ("FollowedBrackets",),
    "brackets.kick_in": ("KickIn",),
    "brackets.model_sampler": ("ModelSampler",),
    "brackets.optimizer": ("BracketOptimizer",),
    "brackets.priorband_sampler": ("PriorBandSampler",),
    "brackets.request": (
        "Request",
        "Sampler",
    ),
    "brackets.rungs": (
        "Ladder",
        "first_level",
        "make_ladder",
    ),
    "brackets.samplers": (
        "AnySampler",
        "make_sampler",
    ),
    "brackets.schedules": (
        "AnySchedule",
        "Asynchronous",
        "Schedule",
        "Synchronous",
        "make_schedule",
    ),
    "brackets.state": (
        "Brackets",
        "Entry",
        "Wanted",
    ),
    "brackets.synchronous": ("SynchronousBrackets",),
    "curves.evidence": (
        "Explained",
        "Moments",
        "explained",
    ),
    "curves.freeze_thaw": ("FreezeThaw",),
    "curves.mixtures": ("Normals",),
    "curves.optimizer": ("FreezeThawOptimizer",),
    "curves.prior": (
        "Shapes",
        "drawn_shapes",
    ),
    "curves.scale": ("CurveScale",),
    "curves.steps": (
        "Steps",
        "make_steps",
    ),
    "curves.surrogate": (
        "Curve",
        "Curves",
        "CurveSurrogate",
        "Outlook",
        "Prediction",
    ),
    "curves.transformer": ("Transformer",),
    "evolution.mutation": (
        "forgotten",
        "moved",
    ),
    "evolution.offspring": ("offspring",),
    "evolution.operators": ("mutated",),
    "evolution.population": ("Population",),
    "evolution.steady_state": ("SteadyState",),
    "gp.bayesian": ("BayesianOptimizer",),
    "gp.constraint_warp": ("ConstraintWarp",),
    "gp.cost": (
        "LogCost",
        "PredictedCost",
        "cost_terms",
    ),
    "gp.expected_improvement": (
        "LogExpectedImprovement",
        "expected_improvement",
        "improvement_of_sum",
    ),
    "gp.feasibility": (
        "LogFeasibility",
        "feasibility",
    ),
    "gp.features": ("Features",),
    "gp.fit": (
        "Fit",
        "fit",
    ),
    "gp.hypervolume_improvement": ("LogExpectedHypervolumeImprovement",),
    "gp.hyperparameters": (
        "Hyperparameters",
        "prior_mode",
    ),
    "gp.kernels": (
        "Kernel",
        "Matern52",
    ),
    "gp.laplace": ("drawn",),
    "gp.model": ("Model",),
    "gp.models": (
        "Models",
        "Surrogates",
        "predictions",
        "predictions_with_gradient",
    ),
    "gp.posterior": ("Posterior",),
    "gp.prior_weight": ("DecayingPrior",),
    "gp.situation": (
        "Situation",
        "TermMaker",
    ),
    "gp.surrogate": ("Surrogate",),
    "gp.targets": ("warped",),
    "gp.weighted_sum": ("WeightedSum",),
    "pareto.boxes": (
        "Boxes",
        "box_decomposition",
        "hypervolume_improvement",
    ),
    "pareto.constraints": (
        "constrained_sort",
        "violations",
    ),
    "pareto.diversity": (
        "crowding_distance",
        "epsilon_net_order",
    ),
    "pareto.feasibility": ("log_probability_of_feasibility",),
    "pareto.hypervolume": (
        "RunningHypervolume",
        "hypervolume",
        "hypervolume_contributions",
    ),
    "pareto.improvement": ("log_expected_hypervolume_improvement",),
    "pareto.prepared": ("Prepared",),
    "pareto.promotion": ("promotion_order",),
    "pareto.ranking": ("Ranking",),
    "pareto.reference": (
        "beyond_all",
        "reference_point",
    ),
    "pareto.scalarisation": (
        "augmented_chebyshev",
        "chebyshev",
        "linear",
        "random_weights",
    ),
    "pareto.scale": (
        "Scale",
        "normalised",
        "observed_scale",
    ),
    "pareto.sorting": (
        "non_dominated",
        "non_dominated_sort",
    ),
    "parzen.drawn": ("Drawn",),
    "parzen.mixture": ("Mixture",),
    "parzen.queries": ("Queries",),
    "parzen.table": ("Table",),
}

#: Name to where it is defined.
_WHERE = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = [*_WHERE]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
