"""Where new configurations of brackets come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from attrs import frozen

from neps_core import BudgetInfo, Config, OptimizerError, Prior, SearchSpace, Trial, Uniform, nearest
from neps_plugins.toolkit.brackets import FollowedBrackets
from neps_plugins.toolkit.rungs import Ladder

NAMES = ("uniform", "prior", "priorband", "bayesian_optimization")


@frozen
class Request:
    """What a new configuration is wanted for.

    Attributes:
        level: The rung at which it will be evaluated first.
        run: The brackets.
        trials: All trials.
        budget_info: What was given to spend, and what is used.
        batch: Configurations that were proposed just now and have no trials yet.
        rng: The randomness of this proposal.
        seed: The run's seed.
    """

    level: int
    run: FollowedBrackets
    trials: Mapping[str, Trial]
    budget_info: BudgetInfo
    batch: Sequence[Mapping[str, Any]]
    rng: np.random.Generator
    seed: int


class Sampler(Protocol):
    """Gives new configurations to brackets."""

    def __call__(self, request: Request) -> Config:
        """A configuration; its fidelity is overwritten."""
        ...


def make_sampler(name: str, space: SearchSpace, ladder: Ladder, optimizer: str) -> Sampler:
    """A sampler by name.

    Args:
        name: `"uniform"`, `"prior"`, `"priorband"` or `"bayesian_optimization"`.
        space: The space.
        ladder: Its rungs.
        optimizer: The optimizer's name, for messages.

    Raises:
        OptimizerError: If there is none of this name, or it needs priors and the space has none.
    """
    if name == "uniform":
        return lambda request: space.resolve(Uniform(request.rng)).config
    if name == "bayesian_optimization":
        return ModelSampler(space, ladder, optimizer)
    if name not in NAMES:
        raise OptimizerError(f"sampler={name!r} is unknown. {nearest(str(name), NAMES)}")
    require_priors(space, f"sampler={name!r} of {optimizer!r}")
    if name == "prior":
        return lambda request: space.resolve(Prior(request.rng)).config
    from neps_plugins.toolkit.priorband import PriorBandSampler  # which is a sampler, and imports this

    return PriorBandSampler(space, ladder)


def require_priors(space: SearchSpace, who: str, instead: str = "hyperband") -> None:
    """Refuse a space without priors, and name an optimizer that needs none.

    Raises:
        OptimizerError: If the space has none.
    """
    if not space.has_priors:
        raise OptimizerError(
            f"{who} needs a prior, and the space has none. Add one, such as Float(1e-4, 1e-1, log=True, prior=1e-3), "
            f"or use {instead!r}."
        )


class ModelSampler:
    """What a Gaussian process expects to be best at the highest fidelity.

    The model sees the results at all fidelities, with the fidelity as one more dimension, so what is cheap informs
    what is dear as far as the two agree. This is the idea of BOHB with another model: S. Falkner, A. Klein and
    F. Hutter, "BOHB: robust and efficient hyperparameter optimization at scale", ICML 2018.

    Args:
        space: The space.
        ladder: Its rungs.
        optimizer: The optimizer's name, for messages.
    """

    def __init__(self, space: SearchSpace, ladder: Ladder, optimizer: str) -> None:
        from neps_plugins.toolkit.bayesian import BayesianOptimizer  # SciPy takes half a second to import

        self._model = BayesianOptimizer(optimizer, space, fixed={ladder.path: ladder.fidelities[-1]})
        self._space = space

    def __call__(self, request: Request) -> Config:
        """A configuration that no trial has; any, if all have been tried."""
        found = self._model.propose(request.trials, request.budget_info, request.batch, request.rng, request.seed)
        return self._space.resolve(Uniform(request.rng)).config if found is None else found


class KickIn:
    """One sampler until so much was spent, then another one.

    Args:
        first: The sampler at the beginning.
        then: The one that takes over.
        point: When: once the fidelities of all evaluations that have ended add up to so many times the highest one.
        ladder: The rungs.
    """

    def __init__(self, first: Sampler, then: Sampler, point: float, ladder: Ladder) -> None:
        self._first, self._then, self._point = first, then, point
        self._worth = [fidelity / ladder.fidelities[-1] for fidelity in ladder.fidelities]

    def __call__(self, request: Request) -> Config:
        """What the sampler whose turn it is gives."""
        spent = sum(worth * request.run.n_done[level] for level, worth in enumerate(self._worth))
        return (self._then if spent >= self._point - 1e-9 else self._first)(request)
