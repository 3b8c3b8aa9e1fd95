"""`neps.algorithms.NAME`: every installed optimizer as a function `(pipeline_space, **keywords) -> optimizer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neps_core.errors import OptimizerError
from neps_core.optimizers.choosing import as_function
from neps_core.optimizers.spec import find_optimizer, optimizer_specs


def __getattr__(name: str) -> Callable[..., Any]:
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        return as_function(find_optimizer(name))
    except OptimizerError as reason:
        raise AttributeError(str(reason)) from None


def __dir__() -> list[str]:
    return sorted(alias for _, spec in optimizer_specs() for alias in (spec.name, *spec.aliases))
