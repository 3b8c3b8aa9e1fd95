"""Optimizers of a user's own by another name, and all that are installed as a mapping."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from neps_core import algorithms
from neps_core.optimizers.choosing import choose
from neps_core.space_parsing import parse_space


def custom(
    name: str, optimizer: Callable[..., Any], *, initialized: bool = False, kwargs: Mapping[str, Any] | None = None
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """An optimizer of one's own for `neps.run(..., optimizer=)`, with a name.

    Args:
        name: What it is called in the run's files.
        optimizer: A callable `(space, **keywords) -> optimizer`; or the optimizer itself.
        initialized: Whether it is the optimizer itself.
        kwargs: The keywords for it.
    """

    def factory(space: Any, **keywords: Any) -> Any:
        return optimizer if initialized else optimizer(space, **keywords)

    factory.__name__ = factory.__qualname__ = name
    factory.__module__ = getattr(optimizer, "__module__", factory.__module__)
    if not initialized:
        factory.__signature__ = inspect.signature(optimizer)  # type: ignore[attr-defined]
    return factory, dict(kwargs or {})


class _Installed(Mapping[str, Callable[..., Any]]):
    """All optimizers by name, found when somebody looks."""

    def __getitem__(self, name: str) -> Callable[..., Any]:
        if name not in dir(algorithms):
            raise KeyError(name)
        return getattr(algorithms, name)  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        return iter(dir(algorithms))

    def __len__(self) -> int:
        return len(dir(algorithms))


#: Every installed optimizer by name.
PredefinedOptimizers: Mapping[str, Callable[..., Any]] = _Installed()


def determine_optimizer_automatically(space: Any) -> str:
    """The name of the optimizer that `"auto"` means for a space."""
    return choose("auto", parse_space(space)).name
