"""A random forest for regression whose trees are told as boxes: what a functional ANOVA needs.

L. Breiman, "Random forests", Machine Learning 45, 2001 (bootstrap, random subsets of columns at each node).
L. Breiman, J. Friedman, R. Olshen and C. Stone, "Classification and regression trees", 1984, Section 8.8 (the best
split of k choices is among the k - 1 that are contiguous once they are ordered by their mean).

Points where a column is inactive are a branch of their own: a node that has some of them is split into those and the
others before the others are split by value, and the gain of both together is what makes it be split so. Mostly another
decision tells them apart just as well: the one that they are inactive because of. Then the split is by that one.

All trees grow together, one level at a time: a node is a run of rows, which each column has sorted by its values, so
a level costs one pass over each column.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_plugins.analysis.importance.points import Floats, Integers, Kinds, Points

Bools = npt.NDArray[np.bool_]

#: Deeper there are only single outliers left to tell apart.
MAX_DEPTH = 48


@frozen
class Leaves:
    """The leaves of one tree, L of them, which share out the space.

    Attributes:
        value: The mean of y in each, standardized, shape (L,).
        lower: Of numbers the lower bounds, shape (L, d).
        upper: Of numbers the upper bounds, shape (L, d).
        choices: Of each categorical column which choices are in the leaf, shape (L, choices).
        active: The share of the leaf's points where each column is active, shape (L, d).
        branch: How large a part of its box a leaf is: what the splits by activity have left of it, shape (L,).
    """

    value: Floats
    lower: Floats
    upper: Floats
    choices: Mapping[int, Bools]
    active: Floats
    branch: Floats


@frozen
class Forest:
    """A fitted forest.

    Attributes:
        trees: The leaves of each.
        kinds: Of the columns.
        gains: How much of the squared error the splits of each column took away, shape (d,).
        mean: Of y.
        spread: The standard deviation of y; 0 if it is constant. In a tree, y is `(y - mean) / spread`.
        unit: What `mean` and `spread` have to be multiplied by: large values of y would overflow.
    """

    trees: list[Leaves]
    kinds: Kinds
    gains: Floats
    mean: float
    spread: float
    unit: float


def grow_forest(points: Points, n_trees: int = 32, min_leaf: int = 3, columns: float = 0.7, seed: int = 0) -> Forest:
    """Fits a forest.

    Args:
        points: n of them, at least one, in d columns.
        n_trees: How many trees.
        min_leaf: How many points, with those drawn several times, a leaf has at least.
        columns: The share of the columns, drawn anew at each node, that it may be split by.
        seed: Of all randomness: the same points and seed make the same forest.

    Raises:
        ValueError: If there are no points.
    """
    if not len(points.y):
        raise ValueError("a forest needs at least one point.")
    unit = float(np.abs(points.y).max()) or 1.0
    scaled = points.y / unit
    mean, spread = float(scaled.mean()), float(scaled.std())
    spread = spread if spread > 1e-14 else 0.0
    y = (scaled - mean) / spread if spread else np.zeros_like(scaled)
    rng = np.random.default_rng(seed)
    growth = _Growth(points, y, n_trees, min_leaf, rng)
    n_allowed = max(1, math.ceil(columns * points.x.shape[1]))
    for _ in range(MAX_DEPTH):
        if not growth.n_open:
            break
        growth.split(rng, n_allowed)
    return Forest(growth.trees(), points.kinds, growth.gains, mean, spread, unit)


@frozen
class _Boxes:
    """Nodes: the tree of each, its box and its moments."""

    tree: Integers
    lower: Floats
    upper: Floats
    choices: Mapping[int, Bools]
    active: Floats
    branch: Floats
    moments: Floats  # shape (3, nodes): the sums of weights w, of w y and of w y^2

    def at(self, which: npt.NDArray[np.generic]) -> _Boxes:
        choices = {j: mask[which] for j, mask in self.choices.items()}
        return _Boxes(
            self.tree[which],
            self.lower[which],
            self.upper[which],
            choices,
            self.active[which],
            self.branch[which],
            self.moments[:, which],
        )


@frozen
class _Candidates:
    """By one column the best split of each open node.

    Attributes:
        score: The sum of S^2 / w over all sides, where S is the sum of y there and w its weight, shape (nodes,); -inf
            without a split. With inactive points, of the three sides that two splits make.
        gain: The same of the two sides that there are after this one.
        threshold: Of a number, that between the two sides, shape (nodes,).
        by_activity: Whether this split tells active from inactive points, shape (nodes,).
        left: Of each row, whether it goes to the left, which is where a column is active.
    """

    score: Floats
    gain: Floats
    threshold: Floats
    by_activity: Bools
    left: Bools


class _Growth:
    """All trees, down to some level. Rows are what the bootstrap drew, of all trees one below the other."""

    def __init__(self, points: Points, y: Floats, n_trees: int, min_leaf: int, rng: np.random.Generator) -> None:
        n, d = points.x.shape
        self._kinds = points.kinds
        self._conditional: Bools = np.asarray(np.isnan(points.x).any(axis=0))
        self._min_leaf = min(min_leaf, max(1, n // 4))  # few points would have no splits at all
        drawn = np.zeros((n_trees, n))
        for i in range(n_trees):
            drawn[i] = np.bincount(rng.integers(n, size=n), minlength=n)
        tree, row = np.nonzero(drawn)
        self._w = drawn[tree, row]
        self._wy = self._w * y[row]
        self._wyy = self._wy * y[row]
        #: Of each column the values of the rows, and their ranks among all values.
        self._values = np.empty((d, len(row)))
        self._ranks = np.empty((d, len(row)), dtype=np.intp)
        #: Of each column the rows, node by node, ascending by value within it.
        self._order = np.empty((d, len(row)), dtype=np.intp)
        for j in range(d):
            x = points.x[:, j]
            ranks = np.unique(x, return_inverse=True)[1].reshape(-1)  # NaN comes last
            self._values[j], self._ranks[j] = x[row], ranks[row]
            self._order[j] = np.argsort(tree * n + ranks[row], kind="stable")
        self._node = tree  # of each row
        self._leaves: list[_Boxes] = []
        self.gains = np.zeros(d)
        roots = _Boxes(
            np.arange(n_trees),
            np.zeros((n_trees, d)),
            np.ones((n_trees, d)),
            {j: np.ones((n_trees, size), dtype=bool) for j, size in enumerate(points.kinds) if size is not None},
            self._active(tree, n_trees),
            np.ones(n_trees),
            np.stack([np.bincount(tree, sums, n_trees) for sums in (self._w, self._wy, self._wyy)]),
        )
        self._open = roots
        self._put_down(np.arange(len(row)))

    @property
    def n_open(self) -> int:
        """How many nodes may yet be split."""
        return len(self._open.tree)

    def trees(self) -> list[Leaves]:
        """The leaves of each tree; nodes that are open count as leaves."""
        parts = [*self._leaves, self._open]
        tree = np.concatenate([part.tree for part in parts])
        order = np.argsort(tree, kind="stable")
        moments = np.concatenate([part.moments for part in parts], axis=1)[:, order]
        lower, upper, active, branch = (
            np.concatenate([getattr(part, name) for part in parts])[order]
            for name in ("lower", "upper", "active", "branch")
        )
        choices = {j: np.concatenate([part.choices[j] for part in parts])[order] for j in self._open.choices}
        ends = np.cumsum(np.bincount(tree))
        return [
            Leaves(
                moments[1, start:end] / moments[0, start:end],
                lower[start:end],
                upper[start:end],
                {j: mask[start:end] for j, mask in choices.items()},
                active[start:end],
                branch[start:end],
            )
            for start, end in zip([0, *ends[:-1]], ends)
        ]

    def split(self, rng: np.random.Generator, n_allowed: int) -> None:
        """Splits the open nodes by one of their allowed columns each; what can't be split becomes leaves."""
        nodes, d = self.n_open, len(self._kinds)
        candidates = [self._best_split(j) for j in range(d)]
        scores, gains, thresholds, by_activity = (
            np.array([getattr(candidate, name) for candidate in candidates])
            for name in ("score", "gain", "threshold", "by_activity")
        )
        order = rng.random((d, nodes)).argsort(axis=0).argsort(axis=0)
        allowed = np.where(order < n_allowed, scores, -np.inf)
        allowed = np.where(np.isneginf(allowed.max(axis=0)), scores, allowed)
        at = np.arange(nodes)
        best = allowed.argmax(axis=0)
        found = ~np.isneginf(allowed[best, at])
        # What is inactive is so because of another decision: if that splits as well, by it.
        same = gains >= gains[best, at] - 1e-9 * np.abs(gains[best, at])
        because = (same & ~by_activity).argmax(axis=0)
        best = np.where(by_activity[best, at] & (same & ~by_activity).any(axis=0), because, best)
        self._leaves.append(self._open.at(~found))
        left = np.array([candidate.left for candidate in candidates])
        goes_left = left[best[self._node], np.arange(len(self._node))]
        parents = self._open.at(found)
        w, wy, _ = parents.moments
        np.add.at(self.gains, best[found], gains[best, at][found] - wy**2 / w)
        thresholds = np.where(by_activity, np.nan, thresholds)
        self._divide(found, goes_left, parents, best[found], thresholds[best, at][found])

    def _best_split(self, j: int) -> _Candidates:
        """By column j, of each open node."""
        nodes = self.n_open
        order = self._order[j]
        rank, node = self._ranks[j][order], self._node[order]
        first = np.empty(len(order), dtype=bool)  # of those with the same node and value: a group
        first[0] = True
        first[1:] = (rank[1:] != rank[:-1]) | (node[1:] != node[:-1])
        begins = np.flatnonzero(first)
        w, s = np.add.reduceat(self._w[order], begins), np.add.reduceat(self._wy[order], begins)
        of, value = node[begins], self._values[j][order[begins]]
        w_active, s_active, _ = self._open.moments
        apart = np.zeros(nodes)  # what the inactive ones add to the score
        mixed = np.zeros(nodes, dtype=bool)
        groups = np.arange(len(of))
        if self._conditional[j]:
            inactive: Bools = np.isnan(value)
            w_active, s_active = w_active.copy(), s_active.copy()
            w_active[of[inactive]] -= w[inactive]
            s_active[of[inactive]] -= s[inactive]
            apart[of[inactive]] = s[inactive] ** 2 / w[inactive]
            groups = np.flatnonzero(~inactive)
            has_active = np.bincount(of[groups], minlength=nodes) > 0
            mixed[of[inactive]] = True
            mixed &= has_active
            w, s, of, value = w[groups], s[groups], of[groups], value[groups]
        if self._kinds[j] is not None:
            by_mean = np.lexsort((s / w, of))
            groups, w, s, value = groups[by_mean], w[by_mean], s[by_mean], value[by_mean]
        score, where = _best_cut(w, s, of, w_active, s_active, self._min_leaf)
        threshold = np.zeros(nodes)
        if self._kinds[j] is None and len(of):
            threshold = (value[where] + value[np.minimum(where + 1, len(value) - 1)]) / 2
        group_left = np.zeros(len(begins), dtype=bool)
        group_left[groups] = mixed[of] | (np.arange(len(of)) <= where[of])
        left = np.empty(len(order), dtype=bool)
        left[order] = np.repeat(group_left, np.diff(np.append(begins, len(order))))
        both = np.divide(s_active**2, w_active, out=np.zeros(nodes), where=mixed)
        gain = np.where(mixed, both + apart, score)
        return _Candidates(np.where(mixed, np.maximum(score, both) + apart, score), gain, threshold, mixed, left)

    def _divide(self, found: Bools, goes_left: Bools, parents: _Boxes, columns: Integers, thresholds: Floats) -> None:
        """Puts two children in the place of each node that was split, by activity where there's no threshold."""
        number = np.cumsum(found) - 1
        child = np.where(found[self._node], 2 * number[self._node] + ~goes_left, -1)
        stays = child >= 0
        n_children = 2 * len(columns)
        rows = np.flatnonzero(stays)
        moments: Floats = np.stack(
            [np.bincount(child[rows], sums[rows], n_children) for sums in (self._w, self._wy, self._wyy)]
        )
        children = parents.at(np.repeat(np.arange(len(columns)), 2))
        lower, upper = children.lower, children.upper
        choices = dict(children.choices)
        even = 2 * np.arange(len(columns))
        heavier = even + (moments[0, even + 1] > moments[0, even])
        for j, size in enumerate(self._kinds):
            split = (columns == j) & ~np.isnan(thresholds)
            if size is None:
                upper[even[split], j] = thresholds[split]
                lower[even[split] + 1, j] = thresholds[split]
            elif split.any():
                present = np.zeros((n_children, size), dtype=bool)
                seen = rows[~np.isnan(self._values[j][rows])]
                present[child[seen], self._values[j][seen].astype(np.intp)] = True
                unseen = choices[j] & ~(present | present[np.arange(n_children) ^ 1])
                is_split = np.repeat(split, 2)
                is_heavier = np.zeros(n_children, dtype=bool)
                is_heavier[heavier] = True
                mine = present | (unseen & is_heavier[:, None])
                choices[j] = np.where(is_split[:, None], mine, choices[j])
        self._node = child
        of_parent: Floats = moments[0] / np.repeat(parents.moments[0], 2)
        branch = children.branch * np.where(np.repeat(np.isnan(thresholds), 2), of_parent, 1.0)
        active = self._active(child, n_children)
        self._open = _Boxes(children.tree, lower, upper, choices, active, branch, moments)
        self._put_down(rows)

    def _active(self, node: Integers, n_nodes: int) -> Floats:
        """The share of each node's points where each column is active, shape (nodes, d); -1 is no node."""
        active = np.ones((n_nodes, len(self._kinds)))
        rows = np.flatnonzero(node >= 0)
        total = np.bincount(node[rows], self._w[rows], n_nodes)
        for j in np.flatnonzero(self._conditional):
            inactive = rows[np.isnan(self._values[j][rows])]
            active[:, j] -= np.bincount(node[inactive], self._w[inactive], n_nodes) / total
        return active

    def _put_down(self, rows: Integers) -> None:
        """Makes leaves of the open nodes where y is constant or points are few, and drops all rows but the others'."""
        w, wy, wyy = self._open.moments
        varies = (wyy - wy**2 / w > 1e-12 * w) & (w >= 2 * self._min_leaf)
        self._leaves.append(self._open.at(~varies))
        self._open = self._open.at(varies)
        number = np.where(varies, np.cumsum(varies) - 1, -1)
        node = np.full(len(self._w), -1)
        node[rows] = number[self._node[rows]]
        stays = node >= 0
        renumbered = np.cumsum(stays) - 1
        orders = np.empty((len(self._kinds), np.count_nonzero(stays)), dtype=np.intp)
        for j, order in enumerate(self._order):
            kept = order[stays[order]]
            orders[j] = renumbered[kept[np.argsort(node[kept], kind="stable")]]
        self._order, self._node = orders, node[stays]
        self._w, self._wy, self._wyy = self._w[stays], self._wy[stays], self._wyy[stays]
        self._values, self._ranks = self._values[:, stays], self._ranks[:, stays]


def _best_cut(
    w: Floats, s: Floats, of: Integers, w_active: Floats, s_active: Floats, min_leaf: int
) -> tuple[Floats, Integers]:
    """Where to cut each node's groups in two.

    Args:
        w: The weight of each group, shape (g,).
        s: The sum of w y over it, shape (g,).
        of: The node it belongs to, ascending, shape (g,).
        w_active: Of each node the sum of `w`, shape (nodes,).
        s_active: Of each node the sum of `s`.
        min_leaf: What either side has to weigh.

    Returns:
        Of each node the sum of S^2 / w over both sides, -inf without a cut; and the last group of the left one.
    """
    nodes = len(w_active)
    score, where = np.full(nodes, -np.inf), np.zeros(nodes, dtype=np.intp)
    if not len(of):
        return score, where
    present = np.flatnonzero(np.bincount(of, minlength=nodes))
    starts = np.searchsorted(of, present)
    start = np.repeat(starts, np.diff(np.append(starts, len(of))))
    w_left, s_left = np.cumsum(w), np.cumsum(s)
    w_left, s_left = w_left - (w_left - w)[start], s_left - (s_left - s)[start]
    w_right, s_right = w_active[of] - w_left, s_active[of] - s_left
    inside = np.append(of[1:] == of[:-1], False)
    inside &= (w_left >= min_leaf - 0.5) & (w_right >= min_leaf - 0.5)
    scores = np.full(len(of), -np.inf)
    scores[inside] = s_left[inside] ** 2 / w_left[inside] + s_right[inside] ** 2 / w_right[inside]
    score[present] = np.maximum.reduceat(scores, starts)
    hits = np.flatnonzero(scores == score[of])[::-1]
    where[of[hits]] = hits  # of several, the first
    return score, where
