"""What travels to other processes and back: functions by the name under which they can be imported, or else by value.

By value takes cloudpickle, which most engines bring along.
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import inspect
import io
import pickle
import sys
import traceback
import types
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from neps_core.errors import ResultError, TargetError
from neps_core.results import plain


class RemoteTraceback(Exception):
    """The cause of an exception that came from another process: its traceback there, as text."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def packed(value: Any, made_of: Iterable[Any], imports_main: bool = False) -> bytes:
    """Something that another process can unpickle.

    Args:
        value: The thing.
        made_of: The user's functions and objects in it: those whose modules can't be imported by name travel by value.
        imports_main: Whether the other process has the same `__main__`.

    Raises:
        TargetError: If it can't travel.
    """
    homes = {home for each in made_of if not _is_importable(home := _home(each))}
    if imports_main:
        homes.discard("__main__")
    has_cloudpickle = importlib.util.find_spec("cloudpickle") is not None
    if homes and not has_cloudpickle:
        raise _stuck(f"what is defined in {', '.join(sorted(homes))} can't be imported there")
    try:
        with _by_value(homes - {"__main__"}):
            return _dumps_by_value(value) if has_cloudpickle else pickle.dumps(value)
    except Exception as reason:  # the user's objects, so anything
        raise _stuck(f"it can't be pickled: {type(reason).__name__}: {reason}") from reason


def _stuck(reason: str) -> TargetError:
    return TargetError(
        f"evaluate_pipeline, the space or the stopping rule can't be sent to other processes: {reason}. "
        "Define them in a module that can be imported, or install cloudpickle; or use executor='threads'."
    )


def _home(thing: Any) -> str:
    """The module in which a function, or the class of an object, is defined."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    named = thing if inspect.isroutine(thing) or isinstance(thing, type) else type(thing)
    return getattr(named, "__module__", None) or "builtins"


@functools.lru_cache(maxsize=256)
def _is_importable(module: str) -> bool:
    """Whether a process with the same paths finds the module; that it is loaded here does not say so."""
    if module in sys.builtin_module_names:
        return True
    path: Any = None
    parts = module.split(".")
    for n in range(1, len(parts) + 1):
        try:
            spec = importlib.machinery.PathFinder.find_spec(".".join(parts[:n]), path)
        except (ImportError, ValueError, AttributeError):
            spec = None
        if spec is None:
            # Editable installations have finders of their own, which only know what is installed.
            return n == 1 and module != "__main__" and _is_found_by_others(parts[0])
        path = spec.submodule_search_locations
    return module != "__main__"


def _is_found_by_others(package: str) -> bool:
    finders = [finder for finder in sys.meta_path if finder is not importlib.machinery.PathFinder]
    return any(getattr(f, "find_spec", lambda *_: None)(package, None) is not None for f in finders)


@contextmanager
def _by_value(modules: set[str]) -> Iterator[None]:
    if not modules:
        yield
        return
    import cloudpickle

    loaded = [sys.modules[name] for name in modules if name in sys.modules]
    for module in loaded:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in loaded:
            cloudpickle.unregister_pickle_by_value(module)


def carried(returned: Any) -> bytes:
    """What an evaluation has returned or raised, for the way back; as text, what in it can't be carried."""
    if isinstance(returned, Mapping) and isinstance(returned.get("exception"), BaseException):
        returned = {**returned, "exception": _shown(returned["exception"])}
    elif isinstance(returned, BaseException):
        returned = _shown(returned)
    try:
        return _dumps(returned)
    except Exception:  # the user's object, so anything
        if isinstance(returned, Mapping):
            odd = {key: value if isinstance(value, _Shown) else plain(value) for key, value in returned.items()}
            return _dumps(odd)
        return pickle.dumps(plain(returned))


def received(data: bytes) -> Any:
    """The inverse of `carried`; what can't be read becomes an error."""
    try:
        value = pickle.loads(data)
    except Exception as reason:  # the user's object, so anything
        return ResultError(f"what evaluate_pipeline returned can't be read back: {type(reason).__name__}: {reason}")
    if isinstance(value, _Shown):
        return value.unwrapped()
    if isinstance(value, Mapping) and isinstance(value.get("exception"), _Shown):
        return {**value, "exception": value["exception"].unwrapped()}
    return value


class _Shown:
    """An exception with its traceback as text, as pickling would lose it."""

    def __init__(self, error: BaseException, text: str) -> None:
        self.error = error
        self.text = text

    def unwrapped(self) -> BaseException:
        self.error.__cause__ = RemoteTraceback(self.text)
        return self.error


def _shown(error: BaseException) -> _Shown:
    try:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:  # one that can't even be shown
        text = "".join(traceback.format_tb(error.__traceback__))
    try:
        pickle.loads(_dumps(error))
        return _Shown(error, text)
    except Exception:  # one that can't be carried: another one of its name
        return _Shown(_stand_in(type(error).__name__, _text(error)), text)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "(it can't be shown)"


def _reduced(error: BaseException) -> Any:
    return _stand_in, (type(error).__name__, str(error))


def _stand_in(name: str, text: str) -> BaseException:
    error: BaseException = type(name, (RuntimeError,), {"__module__": __name__, "__reduce__": _reduced})(text)
    return error


def _dumps(value: Any) -> bytes:
    try:
        return pickle.dumps(value)
    except Exception:  # what is defined in the user's script, say
        return _dumps_by_value(value)


def _dumps_by_value(value: Any) -> bytes:
    """What cloudpickle makes of something; with the names of files, which later versions leave out of tracebacks."""
    import cloudpickle

    tables: ChainMap[Any, Any] = ChainMap({types.CodeType: _code}, cloudpickle.Pickler.dispatch_table)
    buffer = io.BytesIO()
    type("Pickler", (cloudpickle.Pickler,), {"dispatch_table": tables})(buffer).dump(value)
    return buffer.getvalue()


def _code(code: types.CodeType) -> Any:
    import cloudpickle

    make, arguments = cloudpickle.Pickler.dispatch_table[types.CodeType](code)
    return _with_filename, (make, arguments, code.co_filename)


def _with_filename(make: Callable[..., types.CodeType], arguments: Any, filename: str) -> types.CodeType:
    return make(*arguments).replace(co_filename=filename)
