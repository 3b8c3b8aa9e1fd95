"""`neps.algorithms.NAME`: every installed optimizer as a callable `(space, **keywords) -> optimizer`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from neps_core.errors import OptimizerError
from neps_core.optimizers import choose, find_optimizer, optimizer_specs
from neps_core.parsing import parse_space


def _make(name: str, space: Any, **keywords: Any) -> Callable[..., Any]:
    return choose((name, keywords), parse_space(space)).optimizer


def __getattr__(name: str) -> Callable[..., Any]:
    if name.startswith("__"):
        raise AttributeError(name)
    try:
        find_optimizer(name)
    except OptimizerError as reason:
        raise AttributeError(str(reason)) from None
    made = partial(_make, name)
    made.__doc__ = f"The optimizer {name!r}: (space, **keywords) -> optimizer."
    return made


def __dir__() -> list[str]:
    return sorted(alias for _, spec in optimizer_specs() for alias in (spec.name, *spec.aliases))
