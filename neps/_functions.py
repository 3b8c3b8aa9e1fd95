"""Modules that are functions, too: `neps.clean(root)` beside `import neps.clean` and `python -m neps.clean`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


class _Function(ModuleType):
    """A module that can be called, and looks like what is called then."""

    __wrapped__: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__wrapped__(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:  # a function can be pickled
        return importlib.import_module, (self.__name__,)


def callable_as(name: str, function: Callable[..., Any]) -> None:
    """Let a module be called as a function, whose documentation and signature it shows.

    Args:
        name: The module.
        function: What a call of it calls.
    """
    module = sys.modules[name]
    module.__class__ = _Function
    module.__wrapped__ = function  # type: ignore[attr-defined]
    module.__doc__ = function.__doc__
