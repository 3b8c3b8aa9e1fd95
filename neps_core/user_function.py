"""The user's function: finding it, checking it against the space, and calling it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from neps_core.errors import TargetError, nearest
from neps_core.reserved import RESERVED
from neps_core.spaces.protocol import SearchSpace


def load_function(target: Any) -> Callable[..., Any]:
    """The function to evaluate.

    Args:
        target: A callable, `"package.module:function"` or `"path/to/file.py:function"`.

    Raises:
        TargetError: If it can't be imported, or there is no such function in it.
    """
    if callable(target):
        return target  # type: ignore[no-any-return]
    if not isinstance(target, str) or ":" not in target:
        raise TargetError(
            f"evaluate_pipeline={target!r} must be a function, 'package.module:function' or 'path/to/file.py:function'."
        )
    where, _, name = target.rpartition(":")
    try:
        module = _load_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
    except Exception as reason:  # importing runs the user's code, so anything
        raise TargetError(f"evaluate_pipeline={target!r}: can't import {where!r}: {reason!r}.") from reason
    function = getattr(module, name, None)
    if not callable(function):
        names = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        raise TargetError(f"evaluate_pipeline={target!r}: there is no function {name!r} in it. {nearest(name, names)}")
    return function  # type: ignore[no-any-return]


def _load_file(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path.absolute())!r}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Under its name, so that what it defines can be pickled; a module that is imported already stays.
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


class UserFunction:
    """A function that was checked against a space.

    Args:
        function: The user's.
        space: What will be handed to it.

    Raises:
        TargetError: If it doesn't take a parameter of the space, or needs one that isn't there.
    """

    def __init__(self, function: Callable[..., Any], space: SearchSpace) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        try:
            parameters = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):  # some built-in functions have no signature
            self._wanted: tuple[str, ...] = ()
            return
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
        named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        self._wanted = tuple(name for name in RESERVED if name in named)
        for parameter in parameters:
            if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty:
                raise TargetError(
                    f"{self.name}() takes {parameter.name!r} by position only, but a configuration is passed by name. "
                    "Remove the '/' from its signature."
                )
        offered = space.argument_names
        for name, always in offered.items():
            if name not in named and not takes_any:
                raise TargetError(
                    f"{self.name}() does not take {name!r}, which is a parameter of the space. "
                    f"Add it to the function, or begin its name in the space with '_'. {nearest(name, named)}"
                )
            if not always and name in named and named[name].default is inspect.Parameter.empty:
                raise TargetError(
                    f"{self.name}() needs {name!r}, which some configurations don't have. Give it a default."
                )
        for name, p in named.items():
            if p.default is p.empty and name not in offered and name not in RESERVED:
                raise TargetError(
                    f"{self.name}() needs {name!r}, which is not in the space. "
                    f"Add it to the space, or give it a default. {nearest(name, offered)}"
                )

    def __call__(self, arguments: Mapping[str, Any], injected: Mapping[str, Any]) -> Any:
        """Evaluate.

        Args:
            arguments: Of the configuration.
            injected: A value for each of `RESERVED`; those that the function names are passed.
        """
        return self.function(**arguments, **{name: injected[name] for name in self._wanted})
