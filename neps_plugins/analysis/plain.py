"""What goes into documents: plain data without NaN, and few enough points to draw."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def number(value: Any) -> float | int | None:
    """A number as JSON has it; None for what is missing, NaN or infinite."""
    if value is None or not math.isfinite(value):
        return None
    value = float(value)
    return int(value) if value == int(value) and abs(value) < 2**53 else value


def numbers(values: Iterable[Any]) -> list[float | int | None]:
    """Each as JSON has it."""
    return [number(value) for value in (values.tolist() if isinstance(values, np.ndarray) else values)]


def plain(value: Any) -> Any:
    """Any data as JSON has it: nested, with None for NaN and infinities, and text for what JSON doesn't know."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)


def largest_triangles(x: Floats, y: Floats, n: int, keep: npt.ArrayLike = ()) -> npt.NDArray[np.intp]:
    """Which of many points to draw so that the picture looks the same, in their order.

    S. Steinarsson, "Downsampling time series for visual representation", 2013, Section 4.2 (largest triangle, three
    buckets): of each bucket, the point that spans the largest triangle with the one before and the mean of the next.

    Args:
        x: Increasing, shape (k,).
        y: Finite, shape (k,).
        n: How many at most, besides `keep`.
        keep: Indices that are never dropped.
    """
    kept = np.asarray(keep, dtype=np.intp)
    if len(x) <= n:
        return np.arange(len(x))
    with np.errstate(over="ignore", invalid="ignore"):
        largest = max(np.abs(y).max(), 1e-300)
        y = y / largest  # triangles of large numbers would overflow
        edges = np.linspace(1, len(x) - 1, n - 1).astype(int)
        chosen, last = [0], 0
        for low, high, end in zip(edges[:-1], edges[1:], [*edges[2:], len(x)]):
            following = slice(high, max(end, high + 1))
            mx, my = x[following].mean(), y[following].mean()
            area = np.abs((x[last] - mx) * (y[low:high] - y[last]) - (x[last] - x[low:high]) * (my - y[last]))
            last = int(low + area.argmax())
            chosen.append(last)
    return np.unique(np.concatenate([chosen, [len(x) - 1], kept])).astype(np.intp)
