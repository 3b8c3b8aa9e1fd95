"""The user's prior over configurations, for many encoded ones at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from attrs import field, frozen

from neps_core import CategoricalDomain, Domain
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.encoding import Column, Encoder

Floats = npt.NDArray[np.float64]

#: How finely the density of a number is tabulated.
CELLS = 512

#: The least density, relative to the highest: what a user excludes is unlikely, not impossible.
LEAST = 1e-12


@frozen(eq=False)
class _Table:
    """The logarithm of a density at evenly spaced positions, or at choices."""

    column: Column
    logs: Floats
    slopes: Floats = field(init=False)

    def __attrs_post_init__(self) -> None:
        logs = np.maximum(self.logs, self.logs.max() + np.log(LEAST))
        object.__setattr__(self, "logs", logs - logs.max())
        object.__setattr__(self, "slopes", np.diff(self.logs) * (len(logs) - 1))

    def at(self, x: Floats) -> tuple[Floats, Floats]:
        """The logarithm of the density, 0 at its highest, and its slope."""
        if self.column.kind in ("index", "ordered"):
            scale = 1 if self.column.kind == "index" else max(len(self.logs) - 1, 1)
            cell = np.clip(np.round(x * scale).astype(int), 0, len(self.logs) - 1)
            return self.logs[cell], np.zeros_like(x)
        place = np.clip(x, 0.0, 1.0) * (len(self.logs) - 1)
        cell = np.minimum(place.astype(int), len(self.slopes) - 1)
        return self.logs[cell] + (place - cell) * (self.logs[cell + 1] - self.logs[cell]), self.slopes[cell]


class UserPrior:
    """The product of the priors of a configuration's decisions.

    Where what a decision is taken from depends on others, its prior is the one that was met first.

    Args:
        encoder: Of the space, with choices as indices.

    Attributes:
        width: How many columns the encoder had; paths that have turned up since make no difference.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.width = encoder.width
        self._tables = []
        for column in encoder.columns:
            domain = encoder.domain(column.path)
            if domain.prior is not None:
                self._tables.append(_Table(column, _logs(domain)))

    def __call__(self, points: Points) -> Floats:
        """The logarithm of the density at m points, relative to its highest value. Shape (m,)."""
        return self.with_gradient(points)[0]

    def with_gradient(self, points: Points) -> tuple[Floats, Floats]:
        """The same, and its gradient by the values.

        Args:
            points: m points.

        Returns:
            Shapes (m,) and (m, width). Decisions that are absent or have no prior make no difference.
        """
        total, gradient = np.zeros(len(points)), np.zeros_like(points.values)
        for table in self._tables:
            j = table.column.start
            there = points.active[:, j]
            logs, slopes = table.at(points.values[:, j])
            total += np.where(there, logs, 0.0)
            gradient[:, j] = np.where(there, slopes, 0.0)
        return total, gradient


def _logs(domain: Domain) -> Floats:
    assert domain.prior is not None
    if isinstance(domain, CategoricalDomain):
        return np.array([domain.prior.log_density(i) for i in range(len(domain.choices))])
    return np.array([domain.prior.log_density(float(x)) for x in np.linspace(0.0, 1.0, CELLS + 1)])
