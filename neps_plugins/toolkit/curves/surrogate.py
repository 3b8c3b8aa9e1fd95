"""What a model of learning curves is to the optimizer: it is shown curves, and says what others will come to.

Values are on the scale of `neps_plugins.toolkit.curves.scale`, the lower the better; times are indices of a grid that
all curves share, the last one where training is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.encoding import Column

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@frozen(eq=False)
class Curve:
    """What has been seen of a configuration.

    Attributes:
        key: Says which configuration this is, and stays the same as the run grows.
        cells: When it was looked at, as indices of the grid, shape (k,); where k is 0, it has only been begun.
        values: What there was, shape (k,).
    """

    key: int
    cells: Indices
    values: Floats


@frozen(eq=False)
class Curves:
    """Curves and the configurations that they are of.

    Attributes:
        times: The grid: training, as a share of what the highest fidelity allows; increasing, the last one 1.
        columns: What stands where in the points; no fidelity.
        points: n encoded configurations.
        curves: What has been seen of each.
    """

    times: tuple[float, ...]
    columns: tuple[Column, ...]
    points: Points
    curves: Sequence[Curve]

    def __len__(self) -> int:
        return len(self.curves)


class Prediction(Protocol):
    """What is believed of m values."""

    @property
    def mean(self) -> Floats:
        """Shape (m,)."""
        ...

    def log_below(self, threshold: float) -> Floats:
        """The logarithms of the probabilities that they are below a threshold, shape (m,)."""
        ...


class Outlook(Protocol):
    """What a surrogate expects, once it has seen curves."""

    def continued(self, rows: Indices, cells: Indices) -> Prediction:
        """How curves that it was shown go on.

        Args:
            rows: Which of them, shape (m,).
            cells: When, shape (m,).
        """
        ...

    def begun(self, points: Points, cell: int) -> Prediction:
        """What m configurations would come to that it was shown nothing of."""
        ...


class CurveSurrogate(Protocol):
    """A model of learning curves.

    What it predicts is a function of the curves that it was last fitted to and of those that it is shown; it may keep
    what else it computes.
    """

    def fit(self, curves: Curves) -> None:
        """Learn what takes long to learn. Called with at least one curve that has a value, now and then."""
        ...

    def outlook(self, curves: Curves) -> Outlook:
        """What is to be expected after these curves, of which there is at least one with a value."""
        ...
