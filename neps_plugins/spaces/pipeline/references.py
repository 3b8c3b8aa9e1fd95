"""Parts that stand for others: `ByName`, `Resample` and `Lazy`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from neps_core import SpaceError, Value, nearest
from neps_core.spaces.labels import label_of
from neps_plugins.spaces.pipeline.walk import Part, Walk


class Resamplable(Part):
    """What every part that can be written in a space is.

    It is a class of its own, above the walk, because what resampling gives is a part itself.
    """

    def resample(self) -> Part:
        """This part with a value of its own where that stands: `Resample(part)`."""
        return Resample(self)


@frozen(eq=False, repr=False)
class ByName(Resamplable):
    """The attribute of this name, which may be defined later, or be the one that this stands in.

    Elsewhere it is the attribute's one value. Inside the attribute itself it is a value of its own at each
    place: that is how grammars recurse.

    Args:
        name: The attribute.
    """

    name: str
    forwards = True

    def target(self, attributes: Mapping[str, Any]) -> Any:
        """What it stands for.

        Raises:
            SpaceError: If there is no such attribute.
        """
        if self.name not in attributes:
            raise SpaceError(f"ByName({self.name!r}) names no attribute of the space. {nearest(self.name, attributes)}")
        return attributes[self.name]

    def resolve(self, walk: Walk, path: str) -> Any:
        target = walk.target(self)
        return walk.fresh(target, path) if walk.is_inside(target) else walk.value(target, path)

    @property
    def label(self) -> Value:
        return self.name

    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        return {"name": self.name}


@frozen(eq=False, repr=False)
class Resample(Resamplable):
    """A value of its own, at each place where this stands.

    What is written inside `source` is drawn anew with it. Attributes of the space that it refers to keep
    their one value, unless they are wrapped as well.

    Args:
        source: A parameter, an operation, ...; or the name of an attribute.
    """

    source: Any
    forwards = True

    def __attrs_post_init__(self) -> None:
        if isinstance(self.source, str):
            object.__setattr__(self, "source", ByName(self.source))

    def target(self, attributes: Mapping[str, Any]) -> Any:
        """What it stands for."""
        return self.source

    def resolve(self, walk: Walk, path: str) -> Any:
        return walk.fresh(self, path)

    @property
    def label(self) -> Value:
        return label_of(self.source)

    @property
    def children(self) -> tuple[Any, ...]:
        return (self.source,)

    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        return {"source": write(self.source)}


@frozen(eq=False, repr=False)
class Lazy(Resamplable):
    """Its content, looked at only when it is chosen.

    Every choice is resolved only once it is chosen, so this changes nothing; it lets a space say so.

    Args:
        content: A part or a constant.
    """

    content: Any
    forwards = True

    def target(self, attributes: Mapping[str, Any]) -> Any:
        """What it stands for."""
        return self.content

    def resolve(self, walk: Walk, path: str) -> Any:
        return walk.value(self.content, path)

    @property
    def label(self) -> Value:
        return label_of(self.content)

    @property
    def children(self) -> tuple[Any, ...]:
        return (self.content,)

    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        return {"content": write(self.content)}
