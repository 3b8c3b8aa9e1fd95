"""Kernels: how alike the objective is at two configurations, by their distance."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from attrs import frozen

Floats = npt.NDArray[np.float64]


class Kernel(Protocol):
    """A stationary kernel of unit variance, by squared distances in units of the lengthscales.

    It has to be positive definite in a Euclidean space of any dimension, and have a finite slope at distance 0: the
    objective is differentiable then, which is what lets the acquisition climb.
    """

    def __call__(self, d2: Floats) -> tuple[Floats, Floats]:
        """Values and slopes.

        Args:
            d2: Squared distances, of any shape, at least 0. To be left as they are.

        Returns:
            The kernel, which is 1 at distance 0, and minus twice its derivative by the squared distance; both new
            arrays of the shape of `d2`.
        """
        ...


@frozen
class Matern52:
    """Matern-5/2 (Rasmussen and Williams 2006, Equation 4.17): twice differentiable, and no smoother than that."""

    def __call__(self, d2: Floats) -> tuple[Floats, Floats]:
        """Values and slopes, as `Kernel` has them."""
        r = np.sqrt(5.0 * d2)
        e = np.exp(-r)
        slope = (1.0 + r) * e
        value = slope + (5.0 / 3.0) * d2 * e
        slope *= 5.0 / 3.0
        return value, slope


#: The kernel where none is given.
MATERN52 = Matern52()


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Between the rows of two arrays. Shape (len(a), len(b))."""
    d2: Floats = a @ b.T
    d2 *= -2.0
    d2 += np.einsum("ij,ij->i", a, a)[:, None]
    d2 += np.einsum("ij,ij->i", b, b)
    np.maximum(d2, 0.0, out=d2)
    return d2
