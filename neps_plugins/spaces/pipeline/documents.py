"""Spaces as plain data: `neps_core.documents` with the parts of the language.

A part is a mapping with its class's name as its `type`, and with the fields that it gives itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
from attrs import frozen

from neps_core import SpaceError
from neps_core import documents as constants
from neps_plugins.spaces.pipeline.categorical import Categorical
from neps_plugins.spaces.pipeline.operations import Operation, Repeated
from neps_plugins.spaces.pipeline.parameters import Fidelity, Float, FloatFidelity, Integer, IntegerFidelity
from neps_plugins.spaces.pipeline.references import ByName, Lazy, Resamplable, Resample
from neps_plugins.spaces.pipeline.walk import Part, Walk


class _Constant(Resamplable):
    """A constant of a stored space that has yet to be made: a part, so that it is found wherever it stands."""

    def resolve(self, walk: Walk, path: str) -> Any:
        return self

    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        return self.to_plain() if isinstance(self, constants.Named) else attrs.asdict(self)  # type: ignore[arg-type]

    @classmethod
    def from_document(cls, document: Mapping[str, Any], read: Callable[[Any], Any]) -> Part:
        return cls(**document)


@frozen(eq=False)
class Import(constants.Import, _Constant):
    """A function or class that is known by its import path."""


@frozen(eq=False)
class Opaque(constants.Opaque, _Constant):
    """A constant that plain data can't hold."""


@frozen(eq=False)
class Instance(constants.Instance, _Constant):
    """A constant that is its class and plain data."""


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
        Instance,
    )
}


class _Writer(constants.Writer):
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
        if not isinstance(value, Part):
            return super().write(value)
        name = self._names.get(id(value))
        return self._part(value) if name is None else {"type": "Attribute", "name": name}

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


class _Reader(constants.Reader):
    """The inverse of `_Writer`."""

    types = PARTS

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

    def make(self, kind: Any, fields: dict[str, Any]) -> Any:
        """A part or a constant."""
        number = fields.pop("id", None)
        if kind == "Attribute":
            return self.attribute(fields["name"])
        if kind == "Same":
            return self._parts[number] if number in self._parts else self.read(self._numbered[number])
        if kind not in PARTS:
            return super().make(kind, fields)
        if number not in self._parts:
            part = PARTS[kind].from_document(fields, self.read)
            if number is None:
                return part
            self._parts[number] = part
        return self._parts[number]


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
