"""What commands print: lines that stay lines, and JSON that every reader takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def printable(line: str) -> str:
    """A line that stays one, and tells the terminal to do nothing."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def strict(value: Any) -> Any:
    """Plain data as strict JSON can hold it: what is infinite or not a number is null."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        return [strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
