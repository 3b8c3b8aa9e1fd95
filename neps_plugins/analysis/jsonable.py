"""Data as JSON has it: no NaN, no infinity, nothing of NumPy's, and no object of anybody's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from neps_core.spaces.domains import exact

#: Characters of a text, and entries of a list, that are shown of a value of the user's.
LONGEST, MOST = 20_000, 1000


def numbers(values: npt.ArrayLike) -> list[Any]:
    """An array as (nested) lists, None for NaN and infinities."""
    array = np.asarray(values)
    if array.dtype.kind != "f":
        return array.tolist()  # type: ignore[no-any-return]
    finite = np.isfinite(array)
    if finite.all():
        return array.tolist()  # type: ignore[no-any-return]
    return _holed(array.astype(object), finite)


def _holed(array: npt.NDArray[Any], finite: npt.NDArray[np.bool_]) -> list[Any]:
    array[~finite] = None
    found: list[Any] = array.tolist()
    return found


def number(value: Any) -> float | None:
    """A float, None for NaN, infinities and what is missing."""
    if value is None:
        return None
    found = as_float(value)
    return found if math.isfinite(found) else None


def as_float(value: Any) -> float:
    """A float; an infinity for a whole number beyond all floats, NaN for what is no number."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        return math.nan


def plain(value: Any) -> Any:
    """A value of the user's; what is long is cut, and infinities and NaN are texts."""
    value = exact(value)
    if value is None or isinstance(value, (bool, int)):
        return value if not isinstance(value, int) or abs(value) <= 1 << 1023 else str(value)[:100]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}..."
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in list(value.items())[:MOST]}
    if isinstance(value, Sequence):
        return [plain(item) for item in value[:MOST]]
    return str(value)[:LONGEST]
