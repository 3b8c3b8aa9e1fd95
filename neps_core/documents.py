"""Constants as plain data, for YAML: readable, comparable, and enough to make them again elsewhere.

Scalars and lists stand for themselves; everything else is a mapping with a `type`. A function or a class
is written as its import path and imported only when it is needed, so that reading a file never runs
anything. Even then it is imported, and called, only on the user's own word (`trusting`). What somebody else
has written gets what is imported already, and nothing is called. An object that has no such path is written
as `Opaque`: it can be looked at, but using it again needs the original.

Kinds of spaces write their parts by extending `Writer` and `Reader`.
"""

from __future__ import annotations

import copy
import importlib
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from pathlib import Path, PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any
from uuid import UUID

import attrs
import numpy as np
from attrs import field, frozen

from neps_core.errors import SpaceError, nearest
from neps_core.spaces.domains import EXACT, Value, exact
from neps_core.spaces.labels import Labelled, label_of
from neps_core.spaces.priors import ConfidenceLevel


class Deferred(ABC):
    """A value that is made only when it is needed: in a space, for the arguments of `evaluate_pipeline`."""

    @abstractmethod
    def build(self) -> Any:
        """The value itself."""

    def build_operator(self) -> Any:
        """The value itself, which is then called with arguments of the space's choosing."""
        return self.build()


_TRUSTED: ContextVar[bool] = ContextVar("trusted", default=False)


@contextmanager
def trusting(trusted: bool) -> Iterator[None]:
    """What is read in this block is the user's own word, or not.

    Args:
        trusted: Whether what it names may be imported and called, whatever it is.
    """
    token = _TRUSTED.set(trusted)
    try:
        yield
    finally:
        _TRUSTED.reset(token)


@frozen(eq=False)
class Named(Deferred):
    """A value that is known by an import path.

    Attributes:
        path: `module:qualified_name`.
        trusted: Whether it was read as the user's own word.
    """

    path: str
    trusted: bool = field(init=False, repr=False, factory=_TRUSTED.get)

    def to_plain(self) -> dict[str, Any]:
        """Its fields, as plain data."""
        return attrs.asdict(self, filter=lambda attribute, _: attribute.init)

    def build_operator(self) -> Any:
        if not self.trusted:  # whatever it is: too much, such as `numpy.load`, does what a file tells it to
            raise SpaceError(
                f"the stored space calls {self.path!r}, and nothing is called on the word of a file that is not known "
                f"to be yours. {_IF_TRUSTED}"
            )
        return self.build()

    def find(self) -> Any:
        """What stands at the path.

        Raises:
            SpaceError: If there is nothing, or it would have to be imported for somebody else.
        """
        module, _, name = str(self.path).partition(":")
        if not self.trusted and module not in sys.modules:
            raise SpaceError(
                f"{self.path!r}, which the stored space uses, is not imported here, and nothing is imported on the "
                f"word of a file that is not known to be yours. Import {module!r} first. {_IF_TRUSTED}"
            )
        try:
            return _found_in(importlib.import_module(module), name, ask=self.trusted)
        except (ImportError, AttributeError, TypeError) as reason:
            if module == "__main__":
                raise SpaceError(
                    f"{name!r} was defined in the script that made this run (it is stored as {self.path!r}), and this "
                    f"is another script. Pass the space as pipeline_space=, with {name} defined here, or imported from "
                    "a module that both scripts share."
                ) from reason
            raise SpaceError(
                f"{self.path!r}, which this space uses, can't be imported here ({reason}). "
                "Install or restore it, or pass the space itself as pipeline_space=."
            ) from reason


def _found_in(module: Any, name: str, ask: bool) -> Any:
    """What a module has by a qualified name.

    Args:
        module: The module.
        name: Of something in it, or below a class in it.
        ask: Whether the module's own `__getattr__` is asked, too, which may import more.

    Raises:
        AttributeError: If there is nothing of its own by that name.
    """
    first, *more = name.split(".")
    if not ask and first not in vars(module):
        raise AttributeError(f"module {module.__name__!r} has no {first!r}")
    found = getattr(module, first)
    for step in more:
        if not isinstance(found, type):
            raise AttributeError(f"{name!r} is not below a class")
        found = getattr(found, step)
    if isinstance(found, ModuleType):
        raise AttributeError(f"{name!r} is a module")
    return found


_IF_TRUSTED = "Pass the space itself as pipeline_space=, or, if you trust who wrote the run, trust_space=True."

#: What nobody can change, so that it need not be copied. A bare `object()` is there to be told from others.
_UNCHANGING = frozenset(
    {type(None), bool, int, float, complex, str, bytes, type, object}
    | {FunctionType, BuiltinFunctionType, ModuleType, range, slice, type(...), type(NotImplemented)}
)


def build(value: Any) -> Any:
    """A value as it is handed over: what is deferred in it is made, and what could be changed is a copy.

    Functions, classes, modules and what can't be copied (a lock, an open file) are handed over as they are.
    """
    kind = type(value)
    if kind in _UNCHANGING:
        return value
    if isinstance(value, Deferred):
        return value.build()
    if kind is list or kind is tuple:
        return kind(map(build, value))
    if kind is dict:
        return {key: build(item) for key, item in value.items()}
    try:
        return copy.deepcopy(value)
    except Exception:  # the user's own object, so anything: it does not want to be copied
        return value


@frozen(eq=False)
class Import(Labelled, Named):
    """A function or class that is known by its import path.

    Args:
        path: `module:qualified_name`.
    """

    def build(self) -> Any:
        return self.find()

    @property
    def label(self) -> Value:
        return self.path.replace(":", ".").rpartition(".")[2]


@frozen(eq=False)
class Opaque(Labelled, Deferred):
    """A constant that plain data can't hold.

    Args:
        of: What it was.
        label: What it is called where it is one of several choices.
    """

    of: str
    label: str

    def build(self) -> Any:
        raise SpaceError(
            f"the run holds an object ({self.of}) that could not be stored with it. "
            "Pass what it came from again: the space as pipeline_space=, or the optimizer as optimizer=."
        )


@frozen(eq=False)
class Instance(Labelled, Named):
    """A member of an enumeration, a named tuple, or text or a number of a class of its own.

    Args:
        path: `module:qualified_name` of the class.
        value: The member's name, or what it is besides its class; as plain data.
        label: What it is called where it is one of several choices.
    """

    value: Any
    label: Any

    def build(self) -> Any:
        return self.made_of(self.find())

    def made_of(self, cls: Any) -> Any:
        """The value, of the class that is found at its path; nothing of the user's is called."""
        try:
            if issubclass(cls, Enum):
                return cls[self.value] if isinstance(self.value, str) else cls(self.value)
            value = build(read(self.value))
            base = next(base for base in (tuple, *EXACT) if issubclass(cls, base) and type(value) is base)
            return base.__new__(cls, value)
        except (TypeError, KeyError, ValueError, StopIteration) as reason:
            raise SpaceError(f"{self.path!r} has no {self.value!r} here any more ({reason!r}).") from reason


def look_up(path: str) -> Any:
    """What stands at an import path, if its module is imported already; None if there is nothing, or it isn't.

    Args:
        path: `module:qualified_name`.
    """
    module, _, name = path.partition(":")
    try:
        return _found_in(sys.modules[module], name, ask=False)
    except (KeyError, AttributeError, TypeError):  # no such module, or nothing in it, or what stands there is no module
        return None


def restore(value: Any) -> Any:
    """Make what is deferred in a value, of what is imported already, unless it is trusted.

    Raises:
        SpaceError: If something isn't imported here, or was not stored.
    """
    if isinstance(value, (Import, Instance)):
        found = value.find() if value.trusted else look_up(value.path)
        if found is None:
            raise SpaceError(f"{value.path!r} isn't imported here. Import it first.")
        return found if isinstance(value, Import) else value.made_of(found)
    if type(value) in (list, tuple):
        return type(value)(map(restore, value))
    if type(value) is dict:
        return {key: restore(item) for key, item in value.items()}
    return build(value)


class Writer:
    """Turns constants into plain data."""

    def write(self, value: Any) -> Any:
        """A constant as plain data."""
        if isinstance(value, ConfidenceLevel):
            return value.value
        if value is None or type(value) in (bool, int, float, str):
            return value
        if type(value) is list:
            return [self.write(item) for item in value]
        if type(value) is tuple:
            return {"type": "Tuple", "items": [self.write(item) for item in value]}
        if type(value) is dict and all(isinstance(key, str) for key in value):
            return {"type": "Mapping", "items": {key: self.write(item) for key, item in value.items()}}
        if isinstance(value, np.generic) and value.dtype.kind in "biuf":
            return {"type": "NumPy", "dtype": value.dtype.name, "value": value.item()}
        if isinstance(value, np.generic) and value.dtype.kind in "mMU":
            dtype = "str" if value.dtype.kind == "U" else value.dtype.name
            return {"type": "NumPy", "dtype": dtype, "value": str(value.astype("int64") if dtype[0] == "t" else value)}
        if type(value) in _KINDS and (text := _KINDS[type(value)][0](value)) is not None:
            return {"type": type(value).__name__.capitalize(), "value": text}
        if isinstance(value, PurePath):
            return {"type": "Path", "path": str(value)}
        if isinstance(value, (Import, Opaque, Instance)):
            plain = value.to_plain() if isinstance(value, Named) else attrs.asdict(value)
            return {"type": type(value).__name__, **plain}
        return self._instance(value) or _by_path(value)

    def _instance(self, value: Any) -> dict[str, Any] | None:
        """A value that is its class and plain data; None for any other, and where the class can't be imported."""
        cls = type(value)
        if "<" in cls.__qualname__ or (
            vars(value) if hasattr(value, "__dict__") and not isinstance(value, Enum) else 0
        ):
            return None
        if isinstance(value, Enum):
            plain = value.value if isinstance(value, Flag) else value.name
        elif isinstance(value, tuple) and hasattr(value, "_fields"):
            plain = self.write(tuple(value))
        elif (plain := exact(value)) is value:
            return None
        return {
            "type": "Instance",
            "path": f"{cls.__module__}:{cls.__qualname__}",
            "value": plain,
            "label": label_of(value),
        }


def _by_path(value: Any) -> dict[str, Any]:
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if isinstance(value, MethodType) and not isinstance(value.__self__, type):  # of an object: known by its class alone
        name = value.__name__ if look_up(f"{module}:{value.__name__}") == value else None
    if module and name and "<" not in name and not isinstance(value, Enum):
        return {"type": "Import", "path": f"{module}:{name}"}
    kind = type(value)
    of = f"{kind.__module__}.{kind.__qualname__}" + (f" {name}" if name else "")
    return {"type": "Opaque", "of": of, "label": label_of(value)}


def _isoformat(value: Any) -> str | None:
    """None where the time zone has a name and rules, which the text would lose."""
    zone = getattr(value, "tzinfo", None)
    return value.isoformat() if zone is None or type(zone) is timezone else None


#: Kinds of constants that are text and nothing else: how they are written, and read.
_KINDS: dict[type, tuple[Callable[[Any], str | None], Callable[[str], Any]]] = {
    datetime: (_isoformat, datetime.fromisoformat),
    date: (_isoformat, date.fromisoformat),
    time: (_isoformat, time.fromisoformat),
    timedelta: (lambda value: str(value // timedelta.resolution), lambda text: int(text) * timedelta.resolution),
    Decimal: (str, Decimal),
    Fraction: (str, lambda text: Fraction(*map(int, text.split("/")))),  # without "1e999999999"
    complex: (repr, complex),
    bytes: (bytes.hex, bytes.fromhex),
    UUID: (str, UUID),
}
_READ = {kind.__name__.capitalize(): read for kind, (_, read) in _KINDS.items()}


class Reader:
    """The inverse of `Writer`."""

    #: What is made of its fields, by its `type`.
    types: Mapping[str, type] = {"Import": Import, "Opaque": Opaque, "Instance": Instance}

    def read(self, document: Any) -> Any:
        """What was written as this document.

        Raises:
            SpaceError: If something in it has a type that doesn't exist, or wrong fields.
        """
        if isinstance(document, list):
            return [self.read(item) for item in document]
        if not isinstance(document, Mapping):
            return document
        fields = dict(document)
        kind = fields.pop("type", None)
        try:
            return self.make(kind, fields)
        except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as reason:
            if isinstance(reason, SpaceError):
                raise
            raise SpaceError(f"the stored {kind} {fields!r} can't be read: {reason!r}.") from reason

    def make(self, kind: Any, fields: dict[str, Any]) -> Any:
        """What a mapping stands for.

        Args:
            kind: Its `type`.
            fields: The rest of it.

        Raises:
            SpaceError: If there is no such type; other exceptions where the fields are wrong.
        """
        if kind == "Tuple":
            return tuple(self.read(item) for item in fields["items"])
        if kind == "Mapping":
            return {key: self.read(item) for key, item in fields["items"].items()}
        if kind == "Path":
            return Path(fields["path"])
        if kind == "NumPy":
            dtype, value = np.dtype(fields["dtype"]), fields["value"]
            if dtype.kind not in "biufmMU":  # a void would take as many bytes as it is told
                raise ValueError(f"no scalar of the type {dtype}")
            unit = np.datetime_data(dtype) if dtype.kind in "mM" else ()
            return dtype.type(int(value) if dtype.kind == "m" else value, *unit[:1])
        if kind in _READ:
            return _READ[kind](fields["value"])
        if kind in self.types:
            return self.types[kind](**fields)
        raise SpaceError(f"the stored space has a part of type {kind!r}. {nearest(str(kind), self.types)}")


def write(value: Any) -> Any:
    """A constant as plain data."""
    return Writer().write(value)


def read(document: Any) -> Any:
    """The inverse of `write`.

    Raises:
        SpaceError: If something has a type that doesn't exist, or wrong fields.
    """
    return Reader().read(document)


def differences(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """What differs between two documents of spaces, one readable line an attribute; empty if nothing does."""

    lines = []
    if stored.get("format") != given.get("format"):
        return [f"kind of space: {stored.get('format')!r} on disk, {given.get('format')!r} given"]
    for section in sorted({*stored, *given} - {"format", "name", "written_by"}):
        old, new = stored.get(section), given.get(section)
        if not isinstance(old, Mapping) or not isinstance(new, Mapping):
            old, new = {section: old}, {section: new}
        for key in dict.fromkeys([*old, *new]):
            if key not in new:
                lines.append(f"{key}: only on disk ({_text(old[key])})")
            elif key not in old:
                lines.append(f"{key}: only in the given space ({_text(new[key])})")
            elif not _agree(old[key], new[key]):
                lines.append(f"{key}: {_text(old[key])} on disk, {_text(new[key])} given")
    return lines


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _agree(old: Any, new: Any) -> bool:
    """Whether two documents are the same; where a script's own class was moved to a module, or back, they are."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(
            _agree(old[key], new[key]) or (key == "path" and _is_moved(old[key], new[key])) for key in old
        )
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_agree, old, new))
    return _text(old) == _text(new)


def _is_moved(old: Any, new: Any) -> bool:
    paths = [path.partition(":") for path in (old, new) if isinstance(path, str)]
    return len(paths) == 2 and paths[0][2] == paths[1][2] and any(path[0] == "__main__" for path in paths)
