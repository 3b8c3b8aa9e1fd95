"""`neps.algorithms.NAME`: every installed optimizer as a function `(pipeline_space, **keywords) -> optimizer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neps_core.errors import OptimizerError
from neps_core.optimizers.choosing import as_function, choose
from neps_core.optimizers.spec import OptimizerSpec, find_optimizer, optimizer_specs
from neps_core.spaces.protocol import SearchSpace


def _auto(space: SearchSpace, **keywords: Any) -> Callable[..., Any]:
    """What `optimizer="auto"` chooses for a space.

    Args:
        space: The space.
        keywords: Of what is chosen.
    """
    return choose((_AUTO.name, keywords), space).optimizer


_AUTO = OptimizerSpec("auto", _auto)


def __getattr__(name: str) -> Callable[..., Any]:
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        return as_function(_AUTO if name == _AUTO.name else find_optimizer(name))
    except OptimizerError as reason:
        raise AttributeError(str(reason)) from None


def __dir__() -> list[str]:
    return sorted(alias for _, spec in optimizer_specs() for alias in (spec.name, *spec.aliases))
