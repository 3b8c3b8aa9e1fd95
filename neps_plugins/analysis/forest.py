"""A regression forest, kept as boxes, whose variance is told apart by axes: functional ANOVA.

F. Hutter, H. Hoos and K. Leyton-Brown, "An efficient approach for assessing hyperparameter importance", ICML 2014,
Section 3: the marginal of a tree is the sum over its leaves, each weighted by the volume of its box along other
axes. The
trees are those of L. Breiman, "Random forests", Machine Learning 45, 2001, with some of the axes tried at each split.

Notation: n points in [0, 1]^d; a tree has L leaves, their boxes from `low` to `high`, each (L, d), and `value` (L,).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Tree(NamedTuple):
    """The leaves of a tree."""

    low: Floats
    high: Floats
    value: Floats


def forest(x: Floats, y: Floats, n_trees: int = 16, fewest: int = 3, seed: int = 0) -> list[Tree]:
    """Trees over bootstrap samples of points x (n, d) and their values y (n,)."""
    rng = np.random.default_rng(seed)
    return [
        _tree(x[rows], y[rows], fewest, rng) for rows in (rng.integers(len(y), size=len(y)) for _ in range(n_trees))
    ]


def _tree(x: Floats, y: Floats, fewest: int, rng: np.random.Generator) -> Tree:
    d = x.shape[1]
    tried = max(1, int(np.ceil(0.7 * d)))
    leaves, open_boxes = [], [(np.arange(len(y)), np.zeros(d), np.ones(d))]
    while open_boxes:
        rows, low, high = open_boxes.pop()
        split = _split(x[rows], y[rows], np.sort(rng.permutation(d)[:tried]), fewest)
        if split is None:
            leaves.append((low, high, y[rows].mean()))
            continue
        axis, at = split
        left = x[rows, axis] <= at
        middle = np.where(np.arange(d) == axis, at, high), np.where(np.arange(d) == axis, at, low)
        open_boxes += [(rows[left], low, middle[0]), (rows[~left], middle[1], high)]
    lows, highs, values = zip(*leaves)
    return Tree(np.array(lows), np.array(highs), np.array(values))


def _split(x: Floats, y: Floats, axes: npt.NDArray[np.intp], fewest: int) -> tuple[int, float] | None:
    """The axis and place that leave least variance; None if there is none with enough points on both sides."""
    n = len(y)
    if n < 2 * fewest or y.min() == y.max():
        return None
    tried = x[:, axes]
    order = np.argsort(tried, axis=0, kind="stable")
    xs, ys = np.take_along_axis(tried, order, axis=0), y[order] - y.mean()
    sums, counts = np.cumsum(ys, axis=0)[:-1], np.arange(1, n)[:, None]
    gain = sums**2 * (1.0 / counts + 1.0 / (n - counts))
    gain[(xs[1:] <= xs[:-1]) | (counts < fewest) | (n - counts < fewest)] = -1.0
    i, k = np.unravel_index(int(gain.argmax()), gain.shape)
    return None if gain[i, k] <= 0 else (int(axes[k]), float((xs[i, k] + xs[i + 1, k]) / 2))


def marginal(tree: Tree, axis: int, at: Floats) -> Floats:
    """The mean of a tree over all other axes, at places (g,) of one."""
    width = tree.high - tree.low
    others = tree.value * np.delete(width, axis, axis=1).prod(axis=1)
    return others @ _inside(tree, axis, at)


def pair_marginal(tree: Tree, a: int, b: int, at_a: Floats, at_b: Floats) -> Floats:
    """The mean of a tree over all axes but two, at places (g,) and (h,) of these; shape (g, h)."""
    others = tree.value * np.delete(tree.high - tree.low, [a, b], axis=1).prod(axis=1)
    return np.asarray((_inside(tree, a, at_a) * others[:, None]).T @ _inside(tree, b, at_b))


def variances(tree: Tree) -> tuple[float, Floats]:
    """The variance of a tree over the unit cube, and the part that each axis alone gives, shape (d,)."""
    width = tree.high - tree.low
    volume = width.prod(axis=1)
    mean = float(volume @ tree.value)
    total = float(volume @ (tree.value - mean) ** 2)
    parts = []
    for axis in range(width.shape[1]):
        edges = np.unique(np.concatenate([tree.low[:, axis], tree.high[:, axis]]))
        values = marginal(tree, axis, (edges[1:] + edges[:-1]) / 2)
        parts.append(float(np.diff(edges) @ (values - mean) ** 2))
    return total, np.array(parts)


def _inside(tree: Tree, axis: int, at: Floats) -> Floats:
    inside = (tree.low[:, axis, None] < at) & (at <= tree.high[:, axis, None])
    return np.asarray(inside | ((at == 0) & (tree.low[:, axis, None] == 0)), dtype=float)
