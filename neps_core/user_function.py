"""The user's function: finding it, checking it against the space, and calling it."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve

from neps_core.artifacts import Artifacts, TrialFolders
from neps_core.errors import TargetError, nearest
from neps_core.files import to_path
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
        module = _load_file(where) if where.endswith(".py") else importlib.import_module(where)
    except (Exception, SystemExit) as reason:  # importing runs the user's code, so anything
        problem = f"can't import {where!r}: {reason!r}{_place_of(reason)}"
        raise TargetError(f"evaluate_pipeline={target!r}: {problem}.") from reason
    function = getattr(module, name, None)
    if not callable(function):
        names = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        raise TargetError(f"evaluate_pipeline={target!r}: there is no function {name!r} in it. {nearest(name, names)}")
    return function  # type: ignore[no-any-return]


def _load_file(where: str) -> Any:
    """The module in a file, found and finding its neighbours as if `python FILE` ran it; but not called `__main__`."""
    file = to_path("the file", where).resolve()
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {str(file)!r}")
    name = re.sub(r"\W", "_", file.stem)
    if name in sys.stdlib_module_names or not _is_free_or(name, file):
        name = f"{name}_{hashlib.blake2b(os.fsencode(file), digest_size=6).hexdigest()}"
    if name in sys.modules:  # the same file, given before or imported by another
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before, directory = list(sys.path), str(file.parent)
    if directory not in sys.path:
        sys.path.insert(0, directory)
    sys.modules[name] = module  # so that what it defines can be pickled
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        sys.path[:] = before
        raise
    return module


def _is_free_or(name: str, file: Path) -> bool:
    """Whether no module has this name, or the one that has it comes from this file."""
    if name not in sys.modules:
        return True
    other = getattr(sys.modules[name], "__file__", None)
    return other is not None and Path(other).resolve() == file


def _place_of(error: BaseException) -> str:
    """Where in the user's code an error comes from, to end a message."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" in {error.filename}, line {error.lineno}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<frozen")]
    theirs = [f for f in frames if f.filename not in (__file__, importlib.__file__)]
    return f" in {theirs[-1].filename}, line {theirs[-1].lineno}" if theirs else ""


class UserFunction:
    """A function that was checked against a space.

    Args:
        function: The user's.
        space: What will be handed to it.
        artifacts: Where the folders of trials are kept besides; None if nowhere.

    Raises:
        TargetError: If it doesn't take a parameter of the space, or needs one that isn't there.
    """

    def __init__(self, function: Callable[..., Any], space: SearchSpace, artifacts: Artifacts | None = None) -> None:
        self.function = function
        self._artifacts = artifacts
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
            injected: A value for each of `RESERVED`; those that the function names are passed. With artifacts, also
                the `folders`.
        """
        call = partial(self.function, **arguments, **{name: injected[name] for name in self._wanted})
        if self._artifacts is None:
            return call()
        folders: TrialFolders = injected["folders"]
        if "previous_pipeline_directory" not in self._wanted:
            folders = evolve(folders, previous_name=None)  # nobody looks into it
        return self._artifacts.evaluated(call, folders)
