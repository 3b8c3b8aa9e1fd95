"""Configurations as models see them, several at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@frozen(eq=False)
class Points:
    """Configurations as an encoder encodes them.

    Attributes:
        values: Shape (m, width).
        active: Of the same shape.
        configs: The configurations themselves; None if the values say everything.
    """

    values: Floats
    active: Bools
    configs: tuple[Mapping[str, Any], ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: Any) -> Points:
        rows = np.arange(len(self))[rows]
        chosen = None if self.configs is None else tuple(self.configs[i] for i in rows)
        return Points(self.values[rows], self.active[rows], chosen)

    def __add__(self, other: Points) -> Points:
        configs = None if self.configs is None or other.configs is None else self.configs + other.configs
        return Points(np.vstack([self.values, other.values]), np.vstack([self.active, other.active]), configs)
