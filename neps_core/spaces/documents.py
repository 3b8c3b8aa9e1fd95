"""Spaces as plain data, for YAML: readable, comparable, and enough to make the space again elsewhere.

Scalars and lists stand for themselves; everything else is a mapping with a `type`. A function or a class
is written as its import path and imported only when a configuration's arguments are built, so that
reading a file never runs anything. An object that has no such path is written as `Opaque`: the space can
be looked at, but using that object again needs the original space.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

from attrs import frozen

from neps_core.errors import SpaceError, nearest
from neps_core.spaces.parameters import Categorical, Fidelity, Float, FloatFidelity, Integer, IntegerFidelity
from neps_core.spaces.priors import ConfidenceLevel
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
        except (ImportError, AttributeError) as reason:
            raise SpaceError(
                f"{self.path!r}, which this space uses, can't be imported here ({reason}). "
                "Install or restore it, or pass the space itself as pipeline_space=."
            ) from reason
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


#: Every part that can stand in a document, by its `type`.
PARTS: dict[str, type[Part]] = {
    part.__name__: part
    for part in (Float, Integer, Categorical, Fidelity, IntegerFidelity, FloatFidelity, Import, Opaque)
}


def write(value: Any) -> Any:
    """A part or a constant as plain data."""
    if isinstance(value, Part):
        return {"type": type(value).__name__, **value.to_document(write)}
    if isinstance(value, ConfidenceLevel):
        return value.value
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [write(item) for item in value]
    if type(value) is tuple:
        return {"type": "Tuple", "items": [write(item) for item in value]}
    if type(value) is dict and all(isinstance(key, str) for key in value):
        return {"type": "Mapping", "items": {key: write(item) for key, item in value.items()}}
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return write(value.item())
    if isinstance(value, PurePath):
        return str(value)
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if module and name and "<" not in name and not isinstance(value, Enum):
        return {"type": "Import", "path": f"{module}:{name}"}
    kind = type(value)
    of = f"{kind.__module__}.{kind.__qualname__}" + (f" {name}" if name else "")
    return {"type": "Opaque", "of": of, "label": label_of(value)}


def read(document: Any) -> Any:
    """The inverse of `write`.

    Raises:
        SpaceError: If the document has a type that doesn't exist, or one with wrong fields.
    """
    if isinstance(document, list):
        return [read(item) for item in document]
    if not isinstance(document, Mapping):
        return document
    fields = dict(document)
    kind = fields.pop("type", None)
    try:
        if kind == "Tuple":
            return tuple(read(item) for item in fields["items"])
        if kind == "Mapping":
            return {key: read(item) for key, item in fields["items"].items()}
        if kind in PARTS:
            return PARTS[kind].from_document(fields, read)
    except (KeyError, TypeError, AttributeError) as reason:
        raise SpaceError(f"the stored {kind} {fields!r} can't be read: {reason}.") from reason
    raise SpaceError(f"the stored space has a part of type {kind!r}. {nearest(str(kind), PARTS)}")


def differences(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """What differs between two documents of spaces, one readable line an attribute; empty if nothing does."""

    def text(value: Any) -> str:
        return json.dumps(value, sort_keys=True)

    lines = []
    if stored.get("format") != given.get("format"):
        return [f"kind of space: {stored.get('format')!r} on disk, {given.get('format')!r} given"]
    for section in sorted({*stored, *given} - {"format", "name"}):
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
