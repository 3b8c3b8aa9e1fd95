"""The trials as a table, a page at a time: filtered, and sorted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neps_core import NePSError, nearest
from neps_plugins.analysis.cells import cells_of
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.filtering import matching
from neps_plugins.analysis.options import as_count, one_of
from neps_plugins.analysis.rows import rows
from neps_plugins.analysis.states import STATES

#: Rows of the largest page.
LARGEST = 200_000

_NAMES = [state.value for state in STATES]


def table(
    run: Columns,
    /,
    page: Any = 1,
    size: Any = 50,
    sort: str = "id",
    descending: bool = False,
    filter: str = "",
    state: str | None = None,
    columns: Sequence[str] | None = None,
) -> dict[str, Any]:
    """A page of trials.

    Args:
        run: The run.
        page: From 1; the last one if there are fewer.
        size: Rows of a page.
        sort: The key of a column. What has nothing there comes last, either way.
        descending: The highest first.
        filter: See `neps_plugins.analysis.filtering`.
        state: Only trials in this state.
        columns: The keys of the columns to name; all if left out.

    Returns:
        columns (key, label and kind of each), rows, n (trials that fit), pages, page.

    Raises:
        NePSError: If there is no such column or state, or the filter can't be meant.
    """
    cells = cells_of(run)
    if sort not in cells:
        raise NePSError(f"sort={sort!r} is no column. {nearest(str(sort), cells)}")
    for key in columns or ():
        if key not in cells:
            raise NePSError(f"columns: there is no {key!r}. {nearest(str(key), cells)}")
    fits = matching(run, cells, str(filter))
    if state is not None:
        fits &= run.state == _NAMES.index(one_of("state", state, _NAMES))
    found = np.flatnonzero(fits)
    ranks = cells[sort].ranks[found]
    missing = np.isnan(ranks)
    keys = np.where(missing, 0.0, -ranks if descending else ranks)
    found = (found[::-1] if descending else found)[np.lexsort(_turned(descending, keys, missing))]
    each = as_count("size", size, 1, LARGEST)
    pages = max(1, -(-len(found) // each))
    number = as_count("page", page, 1, pages)
    return {
        "columns": [
            {"key": column.key, "label": column.label, "kind": column.kind}
            for column in cells.values()
            if columns is None or column.key in columns
        ],
        "rows": rows(run, found[(number - 1) * each : number * each]),
        "n": len(found),
        "pages": pages,
        "page": number,
    }


def _turned(descending: bool, *keys: Any) -> tuple[Any, ...]:
    """Keys in the order of the rows that they are for, the last one foremost: of equals, the later trial is higher."""
    return tuple(key[::-1] for key in keys) if descending else keys
