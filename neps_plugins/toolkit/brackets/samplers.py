"""Where new configurations of brackets come from."""

from __future__ import annotations

from typing import Any, Union, cast

from neps_core import Config, OptimizerError, Prior, SearchSpace, Uniform, nearest
from neps_plugins.toolkit.brackets.model_sampler import ModelSampler
from neps_plugins.toolkit.brackets.priorband_sampler import PriorBandSampler
from neps_plugins.toolkit.brackets.request import Request, Sampler, SamplerClass
from neps_plugins.toolkit.brackets.rungs import Ladder
from neps_plugins.toolkit.priors import require_priors

#: How samplers may be given: see `make_sampler`.
AnySampler = Union[str, SamplerClass, Sampler]

NAMES = ("uniform", "prior", "priorband", "bayesian_optimization", "pibo")


def uniform(request: Request) -> Config:
    """Any configuration."""
    return request.space.resolve(Uniform(request.rng)).config


def prior(request: Request) -> Config:
    """A draw from the user's prior."""
    return request.space.resolve(Prior(request.rng)).config


def make_sampler(sampler: AnySampler, space: SearchSpace, ladder: Ladder, optimizer: str) -> Sampler:
    """A sampler, however it was given.

    Args:
        sampler: A name, `"uniform"`, `"prior"`, `"priorband"`, `"bayesian_optimization"` or `"pibo"`; or a class, of
            which `sampler(space, ladder)` is made; or, if it is anything else that can be called, the sampler itself,
            which takes a `Request` and returns a configuration. What a sampler keeps belongs to one optimizer: then
            give the class.
        space: The space.
        ladder: Its rungs.
        optimizer: The optimizer's name, for messages.

    Raises:
        OptimizerError: If there is none of this name, it needs priors and the space has none, or it can't be called.
    """
    made: Any = sampler(space, ladder) if isinstance(sampler, type) else sampler
    if callable(made):
        return cast(Sampler, made)
    if sampler not in NAMES:
        raise OptimizerError(f"sampler={sampler!r} is unknown. {nearest(str(sampler), NAMES)}")
    if sampler == "uniform":
        return uniform
    if sampler == "bayesian_optimization":
        return ModelSampler(space, ladder, optimizer)
    require_priors(space, f"sampler={sampler!r} of {optimizer!r}")
    if sampler == "pibo":
        return ModelSampler(space, ladder, optimizer, with_priors=True)
    return prior if sampler == "prior" else PriorBandSampler(space, ladder)
