"""Arrays that grow at their end, at a cost of what is added."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


class Growing:
    """An array whose first axis grows, and whose second one may, too.

    Args:
        fill: What stands where nothing was put.
        dtype: Of the entries.
        width: Entries of a row; None for an array of one axis.
    """

    def __init__(self, fill: Any, dtype: Any, width: int | None = None) -> None:
        self._fill, self._n = fill, 0
        self._room = np.full((16,) if width is None else (16, width), fill, dtype=dtype)

    @property
    def array(self) -> npt.NDArray[Any]:
        """What there is: a view, which is not to be kept while the array grows."""
        return self._room[: self._n]

    def grow(self, n: int) -> None:
        """Make it n rows long, if it is shorter."""
        if n > len(self._room):
            more = np.full((max(n, 2 * len(self._room)), *self._room.shape[1:]), self._fill, dtype=self._room.dtype)
            more[: self._n] = self._room[: self._n]
            self._room = more
        self._n = max(self._n, n)

    def widen(self, width: int) -> None:
        """Make its rows that wide, if they are narrower."""
        missing = width - self._room.shape[1]
        if missing > 0:
            self._room = np.pad(self._room, ((0, 0), (0, missing)), constant_values=self._fill)

    def append(self, values: npt.ArrayLike) -> None:
        """Add entries at the end."""
        added = np.asarray(values, dtype=self._room.dtype)
        n = self._n
        self.grow(n + len(added))
        self._room[n : self._n] = added
