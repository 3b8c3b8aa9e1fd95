"""Fewer points of many, that look the same."""

from __future__ import annotations

import numpy as np

from neps_plugins.analysis.growing import Floats, Integers

#: Points that a picture shows at most of a cloud.
POINTS = 2000


def largest_triangles(x: Floats, y: Floats, n: int) -> Integers:
    """Which points of a curve to keep, so that it looks the same: in each bucket the one that stands out most.

    The buckets have about as many points each; the first and the last point are kept. Source: S. Steinarsson,
    "Downsampling time series for visual representation", MSc thesis, University of Iceland, 2013, Section 4.2
    (largest triangle, three buckets).

    Args:
        x: Rising, shape (k,), finite.
        y: Shape (k,), finite.
        n: How many to keep.

    Returns:
        Their indices, rising: n, or all k if there are no more.
    """
    k = len(x)
    if k <= max(n, 2):
        return np.arange(k)
    if n < 3:
        return np.array([0, k - 1][:n], dtype=np.int64)
    xs, ys = _unit(x), _unit(y)
    edges = np.linspace(1, k - 1, n - 1).astype(np.int64)
    sizes = np.diff(edges)
    # Of each bucket the middle, and after the last one the last point.
    middle_x = np.append(np.add.reduceat(xs[1 : k - 1], edges[:-1] - 1) / sizes, xs[-1])
    middle_y = np.append(np.add.reduceat(ys[1 : k - 1], edges[:-1] - 1) / sizes, ys[-1])
    kept = np.empty(n, dtype=np.int64)
    kept[0], kept[-1] = 0, k - 1
    at = 0
    for i in range(n - 2):
        start, end = edges[i], edges[i + 1]
        ax, ay, cx, cy = xs[at], ys[at], middle_x[i + 1], middle_y[i + 1]
        areas = np.abs((ax - cx) * (ys[start:end] - ay) - (ax - xs[start:end]) * (cy - ay))
        at = start + int(areas.argmax())
        kept[i + 1] = at
    return kept


def _unit(values: Floats) -> Floats:
    """Values as shares of their range; those beyond 1e300, too."""
    low, high = values.min(), values.max()
    span = high / 2 - low / 2
    return np.asarray((values / 2 - low / 2) / span if span > 0 else np.zeros(len(values)))


def kept(x: Floats, y: Floats, always: Integers, n: int = POINTS, log: bool = False) -> Integers:
    """Which points of a cloud to keep: the largest triangles of what is finite, and some of the points always.

    Args:
        x: Shape (k,), rising where it matters.
        y: Shape (k,).
        always: Indices of points that are kept whatever else.
        n: About how many.
        log: Whether `y` is looked at on a log scale, where it is positive.

    Returns:
        Indices, rising.
    """
    usable = np.isfinite(x) & np.isfinite(y)
    if log:
        usable &= y > 0
    at = np.flatnonzero(usable)
    if len(at) > n:
        heights = np.log(y[at]) if log else y[at]
        at = at[largest_triangles(x[at], heights, max(3, n - len(always)))]
    always = always[np.isfinite(x[always]) & np.isfinite(y[always])]
    return np.union1d(at, always)


def spread(k: int, n: int) -> Integers:
    """n of k indices, evenly: the first and the last among them."""
    return np.arange(k) if k <= n else np.unique(np.linspace(0, k - 1, max(n, 1)).round().astype(np.int64))
