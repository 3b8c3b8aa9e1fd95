"""Plain data from YAML, each part of which knows where it was written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import chain
from pathlib import Path
from typing import Any, Union

from attrs import Factory, evolve, frozen

from neps_core import NePSError, RunError
from neps_core.files import from_yaml, read_text

#: Keys and indices, from the whole to a part.
Way = tuple[Union[str, int], ...]

#: What YAML makes of plain text that is plain data, too.
_PLAIN = (str, int, float, bool, type(None))

#: What YAML 1.1 takes for true or false, an octal number (010 is 8), or minutes (1:30 is 90), and hardly anybody else.
_AMBIGUOUS = re.compile(r"yes|no|on|off|[-+]?0[0-7_]+|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?", re.IGNORECASE)


class SearchFileError(RunError):
    """Something in a search file, or in an option that stands for it, that can't be meant; the message says where."""


@frozen
class Located:
    """A mapping, and where each part of it was written.

    Attributes:
        data: The mapping.
        places: By the way to a part, `"search.yaml, line 3"`, or the option that has set it.
        origin: Where the whole is from.
    """

    data: dict[str, Any] = Factory(dict)
    places: dict[Way, str] = Factory(dict)
    origin: str = "the command line"

    def place(self, *way: str | int) -> str:
        """Where a part was written, or else what is around it."""
        while way and way not in self.places:
            way = way[:-1]
        return self.places.get(way, self.origin)

    def error(self, message: str, *way: str | int) -> SearchFileError:
        """An error about a part."""
        return SearchFileError(f"{self.place(*way)}: {message}")

    @contextmanager
    def about(self, *way: str | int) -> Iterator[None]:
        """Say of errors in this block which part they are about."""
        try:
            yield
        except SearchFileError:
            raise
        except (NePSError, ValueError, OSError) as reason:
            raise self.error(str(reason), *way) from reason

    def with_value(self, way: Sequence[str], value: Any, place: str) -> Located:
        """The same with another value in one place.

        Args:
            way: To the place; mappings that aren't there are made.
            value: Plain data.
            place: Where that is from.

        Raises:
            SearchFileError: If there is something else than a mapping on the way.
        """
        data = deepcopy(self.data)
        inner = data
        for n, key in enumerate(way[:-1], 1):
            following = inner.setdefault(key, {})
            if not isinstance(following, dict):
                raise SearchFileError(f"{place}: {'.'.join(way[:n])} is {following!r}, in which nothing can be set.")
            inner = following
        inner[way[-1]] = value
        made: dict[Way, str] = {tuple(way[:n]): place for n in range(1, len(way) + 1)}
        places = {known: where for known, where in self.places.items() if known[: len(way)] != tuple(way)}
        return evolve(self, data=data, places={**made, **places, tuple(way): place})

    def with_part(self, key: str, part: Located) -> Located:
        """The same with a mapping from elsewhere under a key."""
        located = self.with_value((key,), part.data, part.origin)
        return evolve(located, places={**located.places, **{(key, *way): place for way, place in part.places.items()}})

    def part(self, key: str) -> Located:
        """The mapping under a key."""
        places = {way[1:]: place for way, place in self.places.items() if way[:1] == (key,)}
        return Located(self.data[key], places, self.place(key))


def read(path: Path) -> Located:
    """The mapping in a YAML (or JSON) file.

    Raises:
        SearchFileError: If it can't be read, is no mapping, has a key twice, or holds anything but plain data.
    """
    try:
        text = read_text(path)
    except UnicodeDecodeError as reason:
        line = reason.object.count(b"\n", 0, reason.start) + 1
        raise SearchFileError(f"{path}, line {line}: it can't be read: {reason.reason}. Save it as UTF-8.") from None
    except (OSError, ValueError) as reason:
        problem = reason.strerror if isinstance(reason, OSError) else reason
        raise SearchFileError(f"{path} can't be read: {problem}.") from None
    return parse(text, str(path))


def parse(text: str, origin: str) -> Located:
    """As `read`, of a text.

    Args:
        text: YAML.
        origin: What it is called in messages.
    """
    try:
        data = from_yaml(text)
    except ValueError as reason:
        raise _unreadable(text, origin, reason) from None
    if not isinstance(data, dict):
        what = "is empty" if data is None else f"holds {type(data).__name__}"
        raise SearchFileError(f"{origin} {what}, where a mapping is needed: lines of the form `key: value`.")
    located = Located(data, {}, origin)
    root = _composed(text)
    _note_places(root, (), located)
    _check_written(root, located)
    _check_plain(data, (), located)
    return located


def value_of(text: str, option: str) -> Any:
    """The value that is meant in an option: a list, a mapping or a quoted text, as in a file; a number, true, false or
    null; the text itself where it is none of these.

    Args:
        text: What was given.
        option: All of the option, for messages.

    Raises:
        SearchFileError: If it begins like a list, a mapping or a quoted text, and is none.
    """
    if text.lstrip()[:1] in ("[", "{", "'", '"'):
        try:
            return parse(f"value: {text}", option).data["value"]
        except SearchFileError as reason:
            raise SearchFileError(option + re.sub(r"^, line \d+", "", str(reason)[len(option) :])) from None
    if "#" in text or _AMBIGUOUS.fullmatch(text.strip()):
        return text
    try:
        value = from_yaml(text)
    except ValueError:
        return text
    return value if isinstance(value, _PLAIN) else text


def _composed(text: str) -> Any:
    """The tree of nodes of a text that `from_yaml` has read, or has refused for a key that is there twice."""
    import yaml

    return yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    return node.value if type(node).__name__ == "MappingNode" else []


def _line(origin: str, node: Any) -> str:
    return f"{origin}, line {node.start_mark.line + 1}"


def _note_places(node: Any, way: Way, located: Located) -> None:
    parts = [(key.value, key, value) for key, value in _pairs(node)]
    if type(node).__name__ == "SequenceNode":
        parts = [(i, item, item) for i, item in enumerate(node.value)]
    for name, written, value in parts:
        inner = (*way, name)
        located.places[inner] = _line(located.origin, written)
        _note_places(value, inner, located)


def _check_written(node: Any, located: Located) -> None:
    """Make sure that nothing is read as something else than what people read."""
    if type(node).__name__ != "ScalarNode":
        for item in chain(*node.value) if type(node).__name__ == "MappingNode" else node.value:
            _check_written(item, located)
    elif not node.style and _AMBIGUOUS.fullmatch(node.value):
        meant = json.dumps(from_yaml(node.value))
        raise SearchFileError(
            f"{_line(located.origin, node)}: {node.value} is {meant} to YAML, and not to everybody. Write {meant} if "
            "that is meant, or put it in quotes if it is text."
        )


def _check_plain(value: Any, way: Way, located: Located) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise located.error(
                    f"the key {key!r} is {type(key).__name__}, not text; put it in quotes.", *way, str(key)
                )
            _check_plain(item, (*way, key), located)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _check_plain(item, (*way, i), located)
    elif not isinstance(value, _PLAIN):
        raise located.error(f"{value!s} is read as {type(value).__name__}; put it in quotes if it is text.", *way)


def _unreadable(text: str, origin: str, reason: ValueError) -> SearchFileError:
    """What is wrong with a YAML text, and where."""
    cause: Any = reason.__cause__
    problem = getattr(cause, "problem", None) or str(reason).splitlines()[0]
    if "there twice" in problem:
        key, line, first = _twice(_composed(text))
        return SearchFileError(f"{origin}, line {line}: the key {key!r} is there twice; it is in line {first}, too.")
    problem = re.sub(r'\s*in "<unicode string>", line \d+, column \d+:?', "", problem)
    mark, context = getattr(cause, "problem_mark", None), getattr(cause, "context", None)
    if mark is not None and any(
        "\t" in line[: mark.column + 1] for line in text.split("\n")[mark.line : mark.line + 1]
    ):
        problem = f"{problem} (it is a tab; indent by spaces)"
    found = _line_of(text, reason)
    where = origin if found is None else f"{origin}, line {found}"
    return SearchFileError(f"{where}: it can't be read: {context + ', ' if context else ''}{problem}.")


def _line_of(text: str, reason: ValueError) -> int | None:
    """The line of what can't be read; None if nobody says."""
    position, mark = (getattr(reason.__cause__, name, None) for name in ("position", "problem_mark"))
    if position is not None:  # of a character that YAML doesn't have, in bytes
        return text.encode().count(b"\n", 0, position) + 1
    found = re.search(r"line (\d+)", str(reason))
    return int(mark.line) + 1 if mark is not None else int(found[1]) if found else None


def _twice(node: Any) -> tuple[str, int, int]:
    """The first key that is there twice, its line, and the line where it was before."""
    waiting = [node]
    while waiting:
        node = waiting.pop(0)
        lines: dict[str, int] = {}
        for key, value in _pairs(node):
            line = key.start_mark.line + 1
            if key.value in lines:
                return key.value, line, lines[key.value]
            lines[key.value] = line
            waiting.append(value)
        if type(node).__name__ == "SequenceNode":
            waiting += node.value
    raise AssertionError("no key is there twice")
