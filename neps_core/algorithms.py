"""`neps.algorithms.NAME`: every installed optimizer as a callable `(space, **keywords) -> optimizer`."""

from __future__ import annotations

from neps_core.errors import OptimizerError
from neps_core.optimizers.choosing import Registered
from neps_core.optimizers.spec import find_optimizer, optimizer_specs


def __getattr__(name: str) -> Registered:
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        return Registered(find_optimizer(name).name)
    except OptimizerError as reason:
        raise AttributeError(str(reason)) from None


def __dir__() -> list[str]:
    return sorted(alias for _, spec in optimizer_specs() for alias in (spec.name, *spec.aliases))
