"""The walk through a space written as `PipelineSpace`, and the base of the parts that it is written in.

A part that is a choice asks for a decision; every other part combines the values of the parts in it.

**One object, one value.** An object has one value in a walk however often it is used. A part that is an
attribute of the space is known by the attribute's name wherever it turns up; any other by its place.
**A value of its own** is what `Walk.fresh` gives: of the part itself, and of everything written inside it
that is no attribute. Attributes keep their one value inside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from neps_core import CategoricalDomain, Config, ConfigError, Decide, Domain, Value
from neps_core.showing import brief
from neps_core.spaces.labels import Labelled

#: How often a part may be met inside itself. Beyond about 20 that is next to impossible by sampling.
MAX_DEPTH = 60

#: How many decisions a configuration may have.
MAX_DECISIONS = 20_000

_BEING_MADE = object()


class Part(Labelled, ABC):
    """Anything in a space that is more than a constant."""

    #: Whether the part stands for another one, and has no value of its own to remember.
    forwards = False

    def __repr__(self) -> str:
        return brief(self, longest=10_000) if attrs.has(type(self)) else object.__repr__(self)

    @abstractmethod
    def resolve(self, walk: Walk, path: str) -> Any:
        """The value of this part in `walk`, for which decisions are taken at `path` and below."""

    def check(self) -> None:
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
    def has_prior(self) -> bool:
        """Whether a decision of this part has a prior."""
        return False

    @property
    def has_open_domain(self) -> bool:
        """Whether what can be decided here depends on other decisions."""
        return False

    @property
    def children(self) -> tuple[Any, ...]:
        """What this part is written in terms of."""
        return ()

    def least_decisions(self, of: Callable[[Any], float]) -> float:
        """How many decisions the smallest value of this part takes; infinite if it has no finite one.

        Args:
            of: The same for anything that this part is written in terms of.
        """
        return sum(of(child) for child in self.children)


class Walk:
    """One pass through a space.

    Args:
        decide: Answers the questions.
        attributes: The space's attributes.
        names: Attribute name by `id` of the attribute's value.
        lean: Gives the domain of a choice at a depth of recursion, where some choices are less likely
            than others so that the walk ends; by `id` of the choice's part, for those that need it.

    Attributes:
        decisions: By path, in the order in which they were taken.
        depth: How many parts are met inside themselves at this point.
    """

    __slots__ = (
        "_attributes",
        "_decide",
        "_inside",
        "_lean",
        "_names",
        "_own",
        "_shared",
        "decisions",
        "depth",
    )

    def __init__(
        self,
        decide: Decide,
        attributes: Mapping[str, Any],
        names: Mapping[int, str],
        lean: Mapping[int, Callable[[CategoricalDomain, int], CategoricalDomain]],
    ) -> None:
        self._decide = decide
        self._attributes = attributes
        self._names = names
        self._lean = lean
        self._shared: dict[int, Any] = {}
        self._own = self._shared
        self._inside: list[int] = []  # the parts that the walk is in, outermost first
        self.decisions: Config = {}
        self.depth = 0

    def decide(self, path: str, domain: Domain) -> Value:
        """Ask for the decision at `path`, and record it."""
        value = self.decisions[path] = self._decide(path, domain)
        if len(self.decisions) > MAX_DECISIONS:
            raise ConfigError(f"the configuration has more than {MAX_DECISIONS} decisions; make the space smaller.")
        return value

    def choose(self, part: Part, path: str, domain: CategoricalDomain) -> int:
        """Ask for the decision of a choice. Returns the index of what was chosen."""
        if self.depth and id(part) in self._lean:
            domain = self._lean[id(part)](domain, self.depth)
        return domain.index(self.decide(path, domain))

    def value(self, thing: Any, path: str) -> Any:
        """The value of a part, of a container of parts, or of a constant."""
        if isinstance(thing, Part):
            return thing.resolve(self, path) if thing.forwards else self._shared_value(thing, path)
        kind = type(thing)
        if kind is list or kind is tuple:
            return kind(self.value(item, f"{path}[{i}]") for i, item in enumerate(thing))
        if kind is dict:
            return {key: self.value(item, f"{path}[{key!r}]") for key, item in thing.items()}
        return thing

    def _shared_value(self, part: Part, path: str) -> Any:
        key = id(part)
        name = self._names.get(key)
        values = self._own if name is None else self._shared
        if key in values:
            value = values[key]
            # An object that is met inside itself (through a name) can't have that same value there.
            return self.fresh(part, path) if value is _BEING_MADE else value
        values[key] = _BEING_MADE
        # Not put back after an exception, which ends the walk.
        before, self._own = self._own, values
        self._inside.append(key)
        value = values[key] = part.resolve(self, path if name is None else name)
        self._inside.pop()
        self._own = before
        return value

    def fresh(self, thing: Any, path: str) -> Any:
        """The value of a part at a place of its own: nothing of it is shared but the space's attributes in it."""
        while isinstance(thing, Part) and thing.forwards:
            thing = self.target(thing)
        if not isinstance(thing, Part):
            return self.value(thing, path)
        recursion = self.is_inside(thing)
        before, self._own = self._own, {}
        self._inside.append(id(thing))
        self.depth += recursion
        if self.depth > MAX_DEPTH:
            raise ConfigError(f"{path[:60]!r}...: the configuration is nested more than {MAX_DEPTH} deep.")
        value = thing.resolve(self, path)
        self.depth -= recursion
        self._inside.pop()
        self._own = before
        return value

    def target(self, part: Part) -> Any:
        """What a part that forwards stands for."""
        return part.target(self._attributes)  # type: ignore[attr-defined]

    def is_inside(self, thing: Any) -> bool:
        """Whether the walk is inside this part right now."""
        return id(thing) in self._inside


def parts_in(thing: Any) -> list[Part]:
    """A part and everything that it is written in terms of, each object once; what a name refers to is left out."""
    found: dict[int, Part] = {}
    waiting = [thing]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Part):
            if id(item) not in found:
                found[id(item)] = item
                waiting += item.children
        elif type(item) in (list, tuple):
            waiting += item
        elif type(item) is dict:
            waiting += item.values()
    return list(found.values())
