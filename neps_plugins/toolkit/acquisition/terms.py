"""What a configuration is worth evaluating: a weighted sum of terms.

Each is a logarithm, which never underflows, so that what is multiplied elsewhere is added here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_plugins.toolkit.acquisition.points import Points

Floats = npt.NDArray[np.float64]


class Term(Protocol):
    """The logarithm of something that a configuration is valued by."""

    def __call__(self, points: Points) -> Floats:
        """At m points, shape (m,)."""
        ...

    def with_gradient(self, points: Points) -> tuple[Floats, Floats]:
        """At m points, shape (m,), and its gradient by their values, shape (m, width)."""
        ...


@frozen
class Weighted:
    """A weighted sum of terms.

    Attributes:
        terms: Each with its weight.
    """

    terms: Sequence[tuple[float, Term]]

    def __call__(self, points: Points) -> Floats:
        """At m points, shape (m,)."""
        return sum((weight * term(points) for weight, term in self.terms), np.zeros(len(points)))

    def with_gradient(self, points: Points) -> tuple[Floats, Floats]:
        """At m points, shape (m,), and its gradient by their values, shape (m, width)."""
        value, gradient = np.zeros(len(points)), np.zeros_like(points.values)
        for weight, term in self.terms:
            one, slope = term.with_gradient(points)
            value += weight * one
            gradient += weight * slope
        return value, gradient
