"""A configuration as a tree that people can read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PART = re.compile(r"\.?((?:[^.\[\]{}]+|\{[^}]*\})+|\[[^\]]*\])")

#: Lines that are shown at most.
LONGEST = 2000


def tree(config: Mapping[str, Any]) -> str | None:
    """The decisions as a tree: what belongs to a part of an architecture stands below it.

    Args:
        config: Path to value.

    Returns:
        A line for each part, with what was decided for it; None if no decision is inside another one's part.
    """
    root: dict[str, Any] = {}
    for path, value in config.items():
        node = root
        for part in parts(path):
            node = node.setdefault(part, {})
        node[_VALUE] = value
    if all(set(node) <= {_VALUE} for node in root.values()):
        return None
    lines: list[str] = []
    pending = [(name, node, 0) for name, node in reversed(root.items())]
    while pending:
        name, node, depth = pending.pop()
        while len(inner := [each for each in node if each != _VALUE]) == 1 and _VALUE not in node:
            name = joined(name, inner[0])
            node = node[inner[0]]
        said = f": {node[_VALUE]}" if _VALUE in node else ""
        lines.append(f"{'  ' * depth}{name}{said}")
        pending += [(each, node[each], depth + 1) for each in reversed(inner)]
    if len(lines) > LONGEST:
        lines = [*lines[:LONGEST], f"... and {len(lines) - LONGEST} more lines"]
    return "\n".join(lines)


def parts(path: str) -> list[str]:
    """What a path is made of: `model`, `[0]`, `act` of `model[0].act`."""
    found = _PART.findall(path)
    return found if "".join(found) == path.replace(".", "") else [path]


def joined(name: str, part: str) -> str:
    """A part's name after that of what it is in."""
    return name + part if part.startswith("[") else f"{name}.{part}"


_VALUE = ""
