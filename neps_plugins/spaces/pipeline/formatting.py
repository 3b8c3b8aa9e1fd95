"""Operations as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Text that would be longer than this goes on several lines.
WIDTH = 100


def text_of(value: Any, indent: int = 0) -> str:
    """A value of a walk as text: `conv(3, relu)`; on several lines, indented by two, where it is long.

    Args:
        value: What operations have become, containers, constants. Strings stand bare, without quotes.
        indent: How many columns are taken already on this line and at the beginning of every further one.
    """
    line = _line(value)
    if indent + len(line) <= WIDTH or not _pieces(value):
        return line
    opening, pieces, closing = _frame(value)
    inner = " " * (indent + 2)
    lines = [f"{inner}{prefix}{text_of(item, indent + 2)}" for prefix, item in pieces]
    return f"{opening}\n" + ",\n".join(lines) + f"\n{' ' * indent}{closing}"


def _line(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not _is_frame(value):
        return str(getattr(value, "label", None) or getattr(value, "__name__", None) or repr(value))
    opening, pieces, closing = _frame(value)
    if not pieces and hasattr(value, "operator"):
        return opening[:-1]  # an operation without arguments is just its name
    return opening + ", ".join(f"{prefix}{_line(item)}" for prefix, item in pieces) + closing


def _is_frame(value: Any) -> bool:
    return hasattr(value, "operator") or type(value) in (list, tuple, dict)


def _pieces(value: Any) -> list[tuple[str, Any]]:
    return _frame(value)[1] if _is_frame(value) else []


def _frame(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    """What comes first, the items with what stands before each, and what comes last."""
    if hasattr(value, "operator"):
        kwargs: Mapping[str, Any] = value.kwargs
        pieces = [("", item) for item in value.args] + [(f"{key}=", item) for key, item in kwargs.items()]
        return f"{_line(value.operator)}(", pieces, ")"
    if isinstance(value, dict):
        return "{", [(f"{key}: ", item) for key, item in value.items()], "}"
    return (
        ("(", [("", item) for item in value], ")")
        if isinstance(value, tuple)
        else ("[", [("", item) for item in value], "]")
    )
