"""Which trials a filter means: `lr < 0.01, loss = hinge, some text`. A trial has to fit all of its terms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neps_core import NePSError
from neps_plugins.analysis.cells import Cells
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Booleans

_TERM = re.compile(r"\s*(.+?)\s*(<=|>=|!=|==|=|<|>)\s*(.*?)\s*")

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "=": np.equal,
    "!=": np.not_equal,
}


def matching(columns: Columns, cells: Mapping[str, Cells], text: str) -> Booleans:
    """Which trials fit a filter.

    Args:
        columns: The run.
        cells: The columns of the table, by key.
        text: Terms between commas: a column by its key, label or end of its path, compared to a number or a text; or
            a text that stands in an id, a worker's id, a state, a message, a note or a choice, whatever its case.

    Raises:
        NePSError: If a text is compared by `<` or `>`.
    """
    fits = np.ones(len(columns), dtype=bool)
    for term in filter(None, map(str.strip, text.split(","))):
        match = _TERM.fullmatch(term)
        found = None if match is None else _cells_of(cells, match[1])
        fits &= (
            _having(columns, term.lower()) if match is None or found is None else _compared(found, match[2], match[3])
        )
    return fits


def _cells_of(cells: Mapping[str, Cells], name: str) -> Cells | None:
    if name in cells:
        return cells[name]
    lower = name.lower()
    by_label = [each for each in cells.values() if each.label.lower() == lower]
    by_end = [each for each in cells.values() if each.label.lower().rpartition(".")[2] == lower]
    return next(iter([*by_label, *by_end]), None)


def _compared(cells: Cells, sign: str, wanted: str) -> Booleans:
    sign = "=" if sign == "==" else sign
    if cells.labels is not None:
        if sign not in ("=", "!="):
            raise NePSError(f"{cells.label} {sign} {wanted}: it has no order. Compare it by = or !=.")
        is_wanted = [str(label).lower() == wanted.lower() for label in cells.labels]
        found = np.append(np.array(is_wanted, dtype=bool), False)[np.nan_to_num(cells.values, nan=-1).astype(np.int64)]
        known = ~np.isnan(cells.values)
        return np.asarray(known & (found if sign == "=" else ~found))
    try:
        number = float(wanted)
    except ValueError:
        raise NePSError(f"{cells.label} {sign} {wanted}: {cells.label} is a number, and {wanted!r} is none.") from None
    return np.asarray(~np.isnan(cells.values) & _COMPARE[sign](cells.values, number))


def _having(columns: Columns, text: str) -> Booleans:
    """Which trials have a text somewhere."""
    n = len(columns)
    fits = np.fromiter((text in trial_id.lower() for trial_id in columns.ids), dtype=bool, count=n)
    for codes, texts in (
        (columns.worker, columns.workers),
        (columns.message, columns.messages.texts),
        (columns.state, columns.state_names),
    ):
        fits |= np.append([text in each.lower() for each in texts], False).astype(bool)[codes]
    for trial_id, note in columns.run.log.notes.items():
        if text in note.lower() and trial_id in columns.row_of:
            fits[columns.row_of[trial_id]] = True
    for parameter in columns.parameters.values():
        if parameter.is_category:
            has = np.array([text in str(choice).lower() for choice in parameter.choices], dtype=bool)
            if has.any():
                fits[parameter.rows[has[parameter.values.astype(np.int64)]]] = True
    return fits
