"""The walk through a space written as `PipelineSpace`, and the base of the parts that it is written in.

A walk visits each part once. A part that is a choice asks for a decision; every other part combines the
values of the parts in it. An object has one value in a walk however often it is used, and a part that is
an attribute of the space is known by that name wherever it turns up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from neps_core.spaces.domains import Domain, Value
from neps_core.spaces.protocol import Config, Decide

#: Labels are cut off here.
LABEL_LENGTH = 60


class Part(ABC):
    """Anything in a space that is more than a constant."""

    @abstractmethod
    def resolve(self, walk: Walk, path: str) -> Any:
        """The value of this part in `walk`, for which decisions are taken at `path` and below."""

    def check(self) -> None:  # noqa: B027 - most parts can't be wrong
        """Refuse what can't be meant.

        Raises:
            ValueError: Saying what is wrong; the space adds the attribute's name.
        """

    @abstractmethod
    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        """The fields that make this part again, as plain data; `write` turns a field's value into it."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any], read: Callable[[Any], Any]) -> Part:
        """The inverse of `to_document`."""
        return cls(**{key: read(value) for key, value in document.items()})

    @property
    def label(self) -> str:
        """What this part is called where it is one of several choices."""
        return type(self).__name__

    @property
    def has_prior(self) -> bool:
        """Whether a decision of this part has a prior."""
        return False

    @property
    def children(self) -> tuple[Any, ...]:
        """What this part is written in terms of."""
        return ()


class Deferred(ABC):
    """A value that is made only when the arguments of `evaluate_pipeline` are wanted."""

    @abstractmethod
    def build(self) -> Any:
        """The value itself."""


class Walk:
    """One pass through a space.

    Args:
        decide: Answers the questions.
        names: Attribute name by `id` of the attribute's value.
    """

    __slots__ = ("_decide", "_names", "_values", "decisions")

    def __init__(self, decide: Decide, names: Mapping[int, str]) -> None:
        self._decide = decide
        self._names = names
        self._values: dict[int, Any] = {}
        self.decisions: Config = {}

    def decide(self, path: str, domain: Domain) -> Value:
        """Ask for the decision at `path`, and record it."""
        value = self.decisions[path] = self._decide(path, domain)
        return value

    def value(self, thing: Any, path: str) -> Any:
        """The value of a part, of a container of parts, or of a constant."""
        if isinstance(thing, Part):
            key = id(thing)
            if key in self._values:
                return self._values[key]
            value = self._values[key] = thing.resolve(self, self._names.get(key, path))
            return value
        if type(thing) in (list, tuple):
            return type(thing)(self.value(item, f"{path}[{i}]") for i, item in enumerate(thing))
        return thing


def label_of(choice: Any) -> str:
    """A readable name for a choice that isn't a plain value; the same after the space was stored and loaded."""
    if isinstance(choice, Part):
        text = choice.label
    elif isinstance(choice, (list, tuple, dict)):
        text = repr(choice)
    else:
        name = getattr(choice, "__qualname__", None)
        text = name.rpartition(".")[2] if isinstance(name, str) else type(choice).__name__
    return text if len(text) <= LABEL_LENGTH else text[: LABEL_LENGTH - 3] + "..."


def build(value: Any) -> Any:
    """Make what is deferred in a value of a walk."""
    if isinstance(value, Deferred):
        return value.build()
    if type(value) in (list, tuple):
        return type(value)(build(item) for item in value)
    return value
