"""Spaces as plain data, for YAML: readable, comparable, and enough to make the space again elsewhere.

Scalars and lists stand for themselves; everything else is a mapping with a `type`. A function or a class
is written as its import path and imported only when a configuration's arguments are built, so that
reading a file never runs anything. An object that has no such path is written as `Opaque`: the space can
be looked at, but using that object again needs the original space.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

import numpy as np
from attrs import frozen

from neps_core.errors import SpaceError, nearest
from neps_core.spaces.categorical import Categorical
from neps_core.spaces.operations import Operation, Repeated
from neps_core.spaces.parameters import Fidelity, Float, FloatFidelity, Integer, IntegerFidelity
from neps_core.spaces.priors import ConfidenceLevel
from neps_core.spaces.references import ByName, Lazy, Resample
from neps_core.spaces.walk import Deferred, Part, Walk, label_of


@frozen(eq=False)
class Import(Part, Deferred):
    """A function or class that is known by its import path.

    Args:
        path: `module:qualified_name`.
    """

    path: str

    def resolve(self, walk: Walk, path: str) -> Any:
        return self

    def build(self) -> Any:
        module, _, name = self.path.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for step in name.split("."):
                found = getattr(found, step)
                if isinstance(found, ModuleType):  # what a module happens to import is not its own
                    raise AttributeError(f"{step!r} is a module")
        except (ImportError, AttributeError) as reason:
            raise SpaceError(
                f"{self.path!r}, which this space uses, can't be imported here ({reason}). "
                "Install or restore it, or pass the space itself as pipeline_space=."
            ) from reason
        return found

    def build_operator(self) -> Any:
        found = self.build()
        module = self.path.partition(":")[0]
        own = f"{getattr(found, '__module__', None)}:{getattr(found, '__qualname__', None)}" == self.path
        if not own or module.partition(".")[0] in _NEVER_CALLED:
            raise SpaceError(
                f"the stored space calls {self.path!r}, which is not done on the word of a file that anybody may have "
                "written: pass the space itself as pipeline_space=."
            )
        return found

    @property
    def label(self) -> str:
        return self.path.replace(":", ".").rpartition(".")[2]

    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        return {"path": self.path}


@frozen(eq=False)
class Opaque(Part, Deferred):
    """A constant that plain data can't hold.

    Args:
        of: What it was.
        label: What it is called where it is one of several choices.
    """

    of: str
    label: str

    def resolve(self, walk: Walk, path: str) -> Any:
        return self

    def build(self) -> Any:
        raise SpaceError(
            f"the run holds an object ({self.of}) that could not be stored with it. "
            "Pass what it came from again: the space as pipeline_space=, or the optimizer as optimizer=."
        )

    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        return {"of": self.of, "label": self.label}


#: Packages whose functions a stored space never gets called: they could do anything to a machine.
_NEVER_CALLED = sys.stdlib_module_names | {"yaml", "neps", "neps_core", "neps_plugins", "filelock", "pluggy", "_pytest"}

#: Every part that can stand in a document, by its `type`.
PARTS: dict[str, type[Part]] = {
    part.__name__: part
    for part in (
        Float,
        Integer,
        Categorical,
        Fidelity,
        IntegerFidelity,
        FloatFidelity,
        Operation,
        Repeated,
        Resample,
        ByName,
        Lazy,
        Import,
        Opaque,
    )
}


class _Writer:
    """Writes parts so that what is one object stays one.

    An attribute's value that turns up elsewhere is written as `Attribute` with its name; any other part
    that is used twice gets an `id` where it stands first, and is `Same` after that.
    """

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self._names = {id(v): n for n, v in reversed(list(attributes.items())) if isinstance(v, Part)}
        self._shared = {key for key, uses in _uses(attributes).items() if uses > 1} - set(self._names)
        self._numbers: dict[int, int] = {}

    def attribute(self, name: str, value: Any) -> Any:
        """The value of an attribute, where the attribute itself is written."""
        return self._part(value) if self._names.get(id(value)) == name else self.write(value)

    def write(self, value: Any) -> Any:
        """A part or a constant."""
        if isinstance(value, Part):
            name = self._names.get(id(value))
            return self._part(value) if name is None else {"type": "Attribute", "name": name}
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
        return {"type": "Path", "path": str(value)} if isinstance(value, PurePath) else _by_path(value)

    def _part(self, part: Part) -> dict[str, Any]:
        key = id(part)
        if key in self._numbers:
            return {"type": "Same", "id": self._numbers[key]}
        document: dict[str, Any] = {"type": type(part).__name__}
        if key in self._shared:
            self._numbers[key] = document["id"] = len(self._numbers) + 1
        return {**document, **part.to_document(self.write)}


def _uses(attributes: Mapping[str, Any]) -> Counter[int]:
    """In how many places each part stands, by `id`."""
    uses: Counter[int] = Counter()
    waiting: list[Any] = list(attributes.values())
    while waiting:
        item = waiting.pop()
        if isinstance(item, Part) and not isinstance(item, ByName):
            uses[id(item)] += 1
            if uses[id(item)] == 1:
                waiting += item.children
        elif type(item) in (list, tuple):
            waiting += item
        elif type(item) is dict:
            waiting += item.values()
    return uses


def _by_path(value: Any) -> dict[str, Any]:
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if module and name and "<" not in name and not isinstance(value, Enum):
        return {"type": "Import", "path": f"{module}:{name}"}
    kind = type(value)
    of = f"{kind.__module__}.{kind.__qualname__}" + (f" {name}" if name else "")
    return {"type": "Opaque", "of": of, "label": label_of(value)}


class _Reader:
    """The inverse of `_Writer`."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self._documents = documents
        self._attributes: dict[str, Any] = {}
        self._being_read: list[str] = []
        self._numbered = {document["id"]: document for document in _numbered(documents)}
        self._parts: dict[Any, Part] = {}

    def attribute(self, name: str) -> Any:
        """The value of an attribute."""
        if name not in self._attributes:
            if name not in self._documents or name in self._being_read:
                raise SpaceError(f"the stored space has no attribute {name!r} to refer to, or it holds itself.")
            self._being_read.append(name)
            self._attributes[name] = self.read(self._documents[name])
            self._being_read.pop()
        return self._attributes[name]

    def read(self, document: Any) -> Any:
        """A part or a constant."""
        if isinstance(document, list):
            return [self.read(item) for item in document]
        if not isinstance(document, Mapping):
            return document
        fields = dict(document)
        kind = fields.pop("type", None)
        number = fields.pop("id", None)
        try:
            if kind == "Tuple":
                return tuple(self.read(item) for item in fields["items"])
            if kind == "Mapping":
                return {key: self.read(item) for key, item in fields["items"].items()}
            if kind == "Path":
                return Path(fields["path"])
            if kind == "NumPy":
                return np.dtype(fields["dtype"]).type(fields["value"])
            if kind == "Attribute":
                return self.attribute(fields["name"])
            if kind == "Same":
                return self._parts[number] if number in self._parts else self.read(self._numbered[number])
            if kind in PARTS:
                if number not in self._parts:
                    part = PARTS[kind].from_document(fields, self.read)
                    if number is None:
                        return part
                    self._parts[number] = part
                return self._parts[number]
        except (KeyError, TypeError, AttributeError, ValueError) as reason:
            if isinstance(reason, SpaceError):
                raise
            raise SpaceError(f"the stored {kind} {fields!r} can't be read: {reason!r}.") from reason
        raise SpaceError(f"the stored space has a part of type {kind!r}. {nearest(str(kind), PARTS)}")


def _numbered(document: Any) -> Iterator[Mapping[str, Any]]:
    """Everything in a document that has an `id` of its own."""
    if isinstance(document, Mapping):
        if "id" in document and document.get("type") in PARTS:
            yield document
        for item in document.values():
            yield from _numbered(item)
    elif isinstance(document, list):
        for item in document:
            yield from _numbered(item)


def write_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a space as plain data."""
    writer = _Writer(attributes)
    return {name: writer.attribute(name, value) for name, value in attributes.items()}


def read_attributes(documents: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `write_attributes`.

    Raises:
        SpaceError: If something has a type that doesn't exist, or wrong fields.
    """
    reader = _Reader(documents)
    return {name: reader.attribute(name) for name in documents}


def write(value: Any) -> Any:
    """A part or a constant on its own as plain data."""
    return _Writer({}).write(value)


def read(document: Any) -> Any:
    """The inverse of `write`.

    Raises:
        SpaceError: If something has a type that doesn't exist, or wrong fields.
    """
    return _Reader({}).read(document)


def differences(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """What differs between two documents of spaces, one readable line an attribute; empty if nothing does."""

    def text(value: Any) -> str:
        return json.dumps(value, sort_keys=True)

    lines = []
    if stored.get("format") != given.get("format"):
        return [f"kind of space: {stored.get('format')!r} on disk, {given.get('format')!r} given"]
    for section in sorted({*stored, *given} - {"format", "name", "written_by"}):
        old, new = stored.get(section), given.get(section)
        if not isinstance(old, Mapping) or not isinstance(new, Mapping):
            old, new = {section: old}, {section: new}
        for key in dict.fromkeys([*old, *new]):
            if key not in new:
                lines.append(f"{key}: only on disk ({text(old[key])})")
            elif key not in old:
                lines.append(f"{key}: only in the given space ({text(new[key])})")
            elif text(old[key]) != text(new[key]):
                lines.append(f"{key}: {text(old[key])} on disk, {text(new[key])} given")
    return lines
