"""Data without an end: what contains itself, what is nested very deeply, whole numbers of thousands of digits.

It is refused where it comes in, for whatever writes, reads or walks it later would fail.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

#: How many levels deep constants and spaces may be nested: all that writes, reads and walks them is recursive.
LEVELS = 100

#: How many bits a whole number may have: about 4200 digits. Python doesn't write many more.
BITS = 14_000


def contents(thing: Any) -> Collection[Any]:
    """What is directly in a container; nothing for anything else."""
    if isinstance(thing, Mapping):
        return (*thing, *thing.values())
    return thing if isinstance(thing, (list, tuple, set, frozenset)) else ()


def refuse_endless(thing: Any, inside: Callable[[Any], Collection[Any]] = contents) -> None:
    """Refuse what contains itself, is nested too deeply, or has a whole number that is too long to be written.

    Args:
        thing: Anything.
        inside: Gives what is directly in a thing.

    Raises:
        ValueError: Saying which of them it is.
    """
    levels: dict[int, int] = {}  # of what was looked through, by `id`
    root = [thing]
    path: list[tuple[Any, Iterator[Any]]] = [(root, iter(root))]
    below = {id(root): 0}  # how many levels are below each thing on the path, as far as is known
    while path:
        item, rest = path[-1]
        for child in rest:
            if id(child) in below:
                raise ValueError("it contains itself, so it has no end")
            if type(child) is int and child.bit_length() > BITS:
                raise ValueError("it has a whole number that is too long to be written down")
            inner = () if id(child) in levels else inside(child)
            if inner:
                path.append((child, iter(inner)))
                below[id(child)] = 0
                break
            below[id(item)] = max(below[id(item)], levels.get(id(child), 1))
        else:
            path.pop()
            levels[id(item)] = found = below.pop(id(item)) + 1
            if path:
                above = id(path[-1][0])
                below[above] = max(below[above], found)
    deep = levels[id(root)] - 1
    if deep > LEVELS:
        raise ValueError(f"it is nested too deeply: {deep} levels, and {LEVELS} is the most; make it flatter")
