"""From encoded configurations to the features between which a kernel measures distances.

What a decision contributes to the squared distance of two configurations, in units of its squared lengthscale:

    a number, or the rank of an ordered choice     the squared difference, both in the unit interval
    an unordered choice                            1 if the two differ, else 0 (Hamming)
    a path that both lack                          0
    a path that one of them lacks                  a constant, plus another one that is learned, for all paths that
                                                   come and go together

All of these are squared distances between points of a Euclidean space, which is what the features are: a stationary
kernel on them is positive definite, and a change of lengthscales is a change of units. A choice becomes one column
per label with sqrt(1/2) for the one that is chosen. A number on a path that some lack becomes a point on an arc of
a circle around the origin, at which those stand that lack it: K. Swersky, D. Duvenaud, J. Snoek, F. Hutter and
M. A. Osborne, "Raiders of the lost architecture: kernels for Bayesian optimization in conditional parameter spaces",
2014, Section 3. The learned constant is the lengthscale of one more column, which is 1 for those that have the path.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from attrs import evolve, field, frozen

from neps_plugins.toolkit.encoding import Column

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

#: The angle of the whole arc; with this one, both its ends are as far from each other as from the origin.
ARC = math.pi / 3


@frozen(eq=False)
class Features:
    """The features of configurations, and which lengthscale each one has.

    Attributes:
        columns: The encoded decisions that vary; choices as indices.
        optional: Which of them some observations lack.
        presence: The columns of those, as places in `columns`, in groups that come and go together.
        group: For each feature, its lengthscale.
        keys: For each lengthscale, a name that stays the same as the run grows.
    """

    columns: tuple[Column, ...]
    optional: tuple[bool, ...]
    presence: tuple[tuple[int, ...], ...]
    group: Indices = field(init=False)
    keys: tuple[str, ...] = field(init=False)
    _starts: Indices = field(init=False)
    _are_values: bool = field(init=False)  # each feature is one of the values

    @classmethod
    def of(cls, columns: Sequence[Column], values: Floats, active: Bools) -> Features:
        """The features for observations.

        Args:
            columns: What stands where in them.
            values: The observations, encoded, shape (n, width).
            active: Which paths each of them has, of the same shape.
        """
        there = (_as_seen(c, values[active[:, c.start], c.start]) for c in columns if active[:, c.start].any())
        used = tuple(c for c in there if c.size != 1)
        optional = tuple(not bool(active[:, c.start].all()) for c in used)
        patterns: dict[bytes, list[int]] = {}
        for i, column in enumerate(used):
            if optional[i]:
                patterns.setdefault(active[:, column.start].tobytes(), []).append(i)
        return cls(used, optional, tuple(map(tuple, patterns.values())))

    def __attrs_post_init__(self) -> None:
        group: list[int] = []
        for i, (column, optional) in enumerate(zip(self.columns, self.optional)):
            group += [i] * (_width(column) if _is_choice(column) else 1 + optional)
        group += range(len(self.columns), len(self.columns) + len(self.presence))
        object.__setattr__(self, "group", np.array(group, dtype=np.intp))
        object.__setattr__(self, "_starts", np.array([column.start for column in self.columns], dtype=np.intp))
        object.__setattr__(self, "_are_values", not any(self.optional) and not any(map(_is_choice, self.columns)))
        names = [column.path for column in self.columns]
        object.__setattr__(self, "keys", (*names, *(f"has {names[members[0]]}" for members in self.presence)))

    def __call__(self, values: Floats, active: Bools) -> Floats:
        """The features of configurations.

        Args:
            values: As they are encoded, shape (n, width).
            active: Which are there, of the same shape.

        Returns:
            Shape (n, number of features).
        """
        if self._are_values:
            return values[:, self._starts]
        parts: list[Floats] = []
        for column, optional in zip(self.columns, self.optional):
            x, has = values[:, column.start, None], active[:, column.start, None]
            if _is_choice(column):
                parts.append(np.where(has & (x == np.arange(_width(column))), math.sqrt(0.5), 0.0))
            elif optional:
                angle = ARC * x
                parts.append(np.where(has, np.hstack([np.cos(angle), np.sin(angle)]), 0.0))
            else:
                parts.append(x)
        for members in self.presence:
            parts.append(active[:, self.columns[members[0]].start, None].astype(float))
        return np.hstack(parts) if parts else np.zeros((len(values), 0))

    def by_value(self, gradient: Floats, values: Floats, active: Bools) -> Floats:
        """The gradient by the values, of what has this gradient by the features.

        Args:
            gradient: Shape (n, number of features).
            values: Shape (n, width).
            active: Of the same shape.

        Returns:
            Shape (n, width); 0 for choices and for what isn't there.
        """
        out = np.zeros_like(values)
        if self._are_values:
            out[:, self._starts] = gradient
            return out
        at = 0
        for column, optional in zip(self.columns, self.optional):
            if _is_choice(column):
                at += _width(column)
            elif optional:
                angle = ARC * values[:, column.start]
                slope = ARC * (np.cos(angle) * gradient[:, at + 1] - np.sin(angle) * gradient[:, at])
                out[:, column.start] = np.where(active[:, column.start], slope, 0.0)
                at += 2
            else:
                out[:, column.start] = gradient[:, at]
                at += 1
        return out


def _as_seen(column: Column, values: Floats) -> Column:
    """A column whose size takes in what was seen: where domains depend on other decisions, it may be larger."""
    if column.size is None:
        return column
    if _is_choice(column):
        return evolve(column, size=max(column.size, int(values.max()) + 1))
    return evolve(column, size=max(column.size, 1 + bool(values.max() > values.min())))


def _is_choice(column: Column) -> bool:
    return column.kind == "index"


def _width(column: Column) -> int:
    assert column.size is not None
    return column.size
