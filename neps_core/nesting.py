"""How deep data is nested: what contains itself has no end, and what is very deep no reader would follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

#: How many levels deep constants and spaces may be nested: all that writes, reads and walks them is recursive.
LEVELS = 100


def contents(thing: Any) -> Iterable[Any]:
    """What is directly in a container; nothing for anything else."""
    if isinstance(thing, Mapping):
        return (*thing, *thing.values())
    return thing if isinstance(thing, (list, tuple, set, frozenset)) else ()


def refuse_endless(thing: Any, inside: Callable[[Any], Iterable[Any]] = contents) -> None:
    """Refuse what contains itself, or is nested too deeply.

    Args:
        thing: Anything.
        inside: Gives what is directly in a thing.

    Raises:
        ValueError: Saying which of the two it is.
    """
    levels: dict[int, int] = {}  # of what was looked through, by `id`
    path: list[tuple[Any, Iterator[Any]]] = [(thing, iter(inside(thing)))]
    entered = {id(thing): 0}  # how many levels are below what the path leads through, as far as is known
    while path:
        item, rest = path[-1]
        for child in rest:
            if id(child) in entered:
                raise ValueError("it contains itself, so it has no end")
            if id(child) not in levels:
                path.append((child, iter(inside(child))))
                entered[id(child)] = 0
                break
            entered[id(item)] = max(entered[id(item)], levels[id(child)])
        else:
            path.pop()
            levels[id(item)] = below = entered.pop(id(item)) + 1
            if path:
                above = id(path[-1][0])
                entered[above] = max(entered[above], below)
    if levels[id(thing)] > LEVELS:
        raise ValueError(f"it is nested {levels[id(thing)]} levels deep, and {LEVELS} is the most; make it flatter")
