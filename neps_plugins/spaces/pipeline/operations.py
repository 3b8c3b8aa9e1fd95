"""Parts that build something: `Operation` and `Repeated`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen

from neps_core import ConfigError, Value
from neps_core.documents import Deferred, build
from neps_core.results import shown
from neps_core.spaces.domains import exact
from neps_core.spaces.labels import label_of
from neps_plugins.spaces.pipeline.formatting import text_of
from neps_plugins.spaces.pipeline.intervals import range_of
from neps_plugins.spaces.pipeline.references import Resamplable
from neps_plugins.spaces.pipeline.walk import Part, Walk, parts_in


@frozen(eq=False)
class Call(Deferred):
    """What an operation has become: an operator with its arguments.

    Attributes:
        operator: A callable, something deferred that makes one, or text.
        args: Positional arguments.
        kwargs: Keyword arguments.
    """

    operator: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def build(self) -> Any:
        """The operator's result; or, for one that is text, the whole as text."""
        if isinstance(self.operator, str):
            return text_of(self)
        is_stored = isinstance(self.operator, Deferred)
        operator = self.operator.build_operator() if is_stored else build(self.operator)
        return operator(*map(build, self.args), **{key: build(v) for key, v in self.kwargs.items()})


def _as_tuple(args: Any) -> Any:
    return tuple(args) if isinstance(args, list) else args


@frozen(eq=False, repr=False)
class Operation(Resamplable):
    """An operator applied to arguments.

    A callable operator is called, and the user's function gets what it returns. A string is handed over as
    text with its arguments: `"conv(3, relu)"`.

    Args:
        operator: A callable, a string, or a part whose value is one.
        args: Positional arguments: constants and parts, or a part whose value is a tuple.
        kwargs: Keyword arguments by name, or a part whose value is a dict.
    """

    operator: Any
    args: Any = field(default=None, converter=_as_tuple)
    kwargs: Any = None

    def check(self) -> None:
        if not isinstance(self.operator, (str, Part)) and not callable(self.operator):
            raise ValueError(f"the operator must be a callable or a string, not {self.operator!r}")
        if self.args is not None and not isinstance(self.args, (tuple, list, Part)):
            raise ValueError(f"args must be a tuple or list, not {self.args!r}; for a single one, write (x,)")
        if self.kwargs is not None and not isinstance(self.kwargs, (Mapping, Part)):
            raise ValueError(f"kwargs must be a dict, not {self.kwargs!r}")
        for key in self.kwargs if isinstance(self.kwargs, Mapping) else ():
            if not isinstance(key, str) or not key.isidentifier():
                raise ValueError(f"kwargs has the key {key!r}, which is no name of an argument")

    def resolve(self, walk: Walk, path: str) -> Call:
        operator = walk.value(self.operator, f"{path}()") if isinstance(self.operator, Part) else self.operator
        args: Any = ()
        if isinstance(self.args, Part):
            args = walk.value(self.args, f"{path}[*]")
        elif self.args:
            args = tuple(walk.value(item, f"{path}[{i}]") for i, item in enumerate(self.args))
        kwargs: Any = {}
        if isinstance(self.kwargs, Part):
            kwargs = walk.value(self.kwargs, f"{path}[**]")
        elif self.kwargs:
            kwargs = {key: walk.value(item, f"{path}.{key}") for key, item in self.kwargs.items()}
        if not isinstance(args, (tuple, list)) or not isinstance(kwargs, Mapping):
            raise ConfigError(
                f"{path}: an operation needs a tuple of args and a dict of kwargs, not {args!r}, {kwargs!r}."
            )
        return Call(operator, tuple(args), kwargs)

    @property
    def label(self) -> Value:
        return label_of(self.operator)

    @property
    def children(self) -> tuple[Any, ...]:
        args = self.args if isinstance(self.args, (tuple, list)) else (self.args,)
        kwargs = self.kwargs.values() if isinstance(self.kwargs, Mapping) else (self.kwargs,)
        return (self.operator, *args, *kwargs)

    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        document = {"operator": write(self.operator)}
        if self.args is not None:
            document["args"] = write(self.args if isinstance(self.args, Part) else list(self.args))
        if isinstance(self.kwargs, Part):
            document["kwargs"] = write(self.kwargs)
        elif self.kwargs is not None:
            # Readable, unless a key would make the mapping look like a part.
            plain = {key: write(value) for key, value in self.kwargs.items()}
            document["kwargs"] = write(dict(self.kwargs)) if "type" in plain else plain
        return document

    @classmethod
    def from_document(cls, document: Mapping[str, Any], read: Callable[[Any], Any]) -> Part:
        kwargs = document.get("kwargs")
        if isinstance(kwargs, Mapping) and "type" not in kwargs:
            kwargs = {key: read(value) for key, value in kwargs.items()}
        elif kwargs is not None:
            kwargs = read(kwargs)
        return cls(read(document["operator"]), read(document.get("args")), kwargs)


#: How often a content may be repeated: what has more of it than this would only fill the memory.
MAX_COUNT = 1_000_000


@frozen(eq=False, repr=False)
class Repeated(Resamplable):
    """A tuple of as many values as `count` says.

    The content is one object and has one value. For another one in each place write
    `Repeated(count, Resample(content))`.

    Args:
        count: A whole number of at least 0, or a part whose value is one.
        content: What is repeated.
    """

    count: Any
    content: Any

    def check(self) -> None:
        least = range_of(self.count)[0]
        if least is None:
            if not parts_in(self.count):
                raise ValueError(f"count must be a whole number, not {self.count!r}")
        elif not 0 <= least <= MAX_COUNT or least != int(least):
            raise ValueError(f"count must be a whole number from 0 to {MAX_COUNT}, and may be {shown(least)}")

    def resolve(self, walk: Walk, path: str) -> tuple[Any, ...]:
        count = exact(walk.value(self.count, f"{path}.count"))
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MAX_COUNT:
            raise ConfigError(
                f"{path}: the count of a Repeated must be a whole number from 0 to {MAX_COUNT}, not {shown(count)}."
            )
        return tuple(walk.value(self.content, f"{path}[{i}]") for i in range(count))

    @property
    def label(self) -> Value:
        return label_of(self.content)

    @property
    def children(self) -> tuple[Any, ...]:
        return (self.count, self.content)

    def least_decisions(self, of: Callable[[Any], float]) -> float:
        least = range_of(self.count)[0]
        times = 0 if least is None else least
        return of(self.count) + (times * of(self.content) if times else 0.0)

    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        return {"count": write(self.count), "content": write(self.content)}


def convert_operation_to_callable(operation: Any) -> Any:
    """What an operation without any choice in it builds.

    Args:
        operation: An `Operation` whose operator and arguments are constants or such operations, or what an
            operation has become in a walk.

    Returns:
        The operator's result; text for an operator that is text.

    Raises:
        ConfigError: If there is a choice left in it.
    """

    def no_choice(path: str, domain: Any) -> Any:
        raise ConfigError(f"{path!r} is still to be decided; sample or replay a configuration of the space instead.")

    return build(Walk(no_choice, {}, {}, {}).value(operation, "operation"))
