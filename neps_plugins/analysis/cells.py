"""The columns of the table of trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen

from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Floats
from neps_plugins.analysis.states import STATES

#: Parameters that have a column, those that most trials have: grammars have any number of them.
MOST = 60


@frozen(eq=False)
class Cells:
    """A column of the table.

    Attributes:
        key: Where it stands in a row: `"cost"`, `"objectives.0"`, `"config.lr"`.
        label: What it is called.
        kind: `"number"`, `"time"` or `"text"`.
        values: A number for each trial; NaN where it has none.
        labels: What the numbers stand for, if they are codes of texts.
    """

    key: str
    label: str
    kind: str
    values: Floats
    labels: Sequence[Any] | None = None

    @property
    def ranks(self) -> Floats:
        """What the trials are sorted by: as `values`; texts as people sort them."""
        if self.labels is None:
            return self.values
        order = sorted(range(len(self.labels)), key=lambda code: str(self.labels[code]).lower())  # type: ignore[index]
        rank = np.full(len(order) + 1, np.nan)
        rank[order] = np.arange(len(order))
        return np.asarray(rank[np.nan_to_num(self.values, nan=-1).astype(np.int64)])


def cells_of(columns: Columns) -> dict[str, Cells]:
    """All columns of the table, by key, in order."""
    n = len(columns)

    def codes(name: str) -> Floats:
        values = getattr(columns, name).astype(float)
        return np.asarray(np.where(values < 0, np.nan, values))

    found = [
        Cells("id", "id", "text", columns.number.astype(float)),
        Cells("state", "state", "text", codes("state"), [state.value for state in STATES]),
    ]
    objectives, constraints = columns.objectives, columns.constraints
    for i, name in enumerate(columns.objective_names[: objectives.shape[1]]):
        found.append(Cells(f"objectives.{i}", name, "number", objectives[:, i]))
    for i, name in enumerate(columns.constraint_names):
        found.append(Cells(f"constraints.{name}", name, "number", constraints[:, i]))
    if np.isfinite(columns.cost).any():
        found.append(Cells("cost", "cost", "number", columns.cost))
    found.append(Cells("duration", "duration", "number", columns.duration))
    if columns.fidelity_path is not None:
        found.append(Cells("fidelity", columns.fidelity_path, "number", columns.fidelity))
    found.append(Cells("time_end", "ended", "time", columns.ended))
    found.append(Cells("worker", "worker", "text", codes("worker"), columns.workers))
    common = sorted(columns.parameters.values(), key=lambda parameter: -len(parameter.rows))[:MOST]
    for parameter in columns.parameters.values():
        if parameter in common and parameter.path != columns.fidelity_path:
            kind = "text" if parameter.is_category else "number"
            found.append(
                Cells(f"config.{parameter.path}", parameter.path, kind, parameter.dense(n), parameter.shown_choices)
            )
    if notes := columns.run.log.notes:
        texts = sorted(set(notes.values()))
        values = np.full(n, np.nan)
        for trial_id, text in notes.items():
            if trial_id in columns.row_of:
                values[columns.row_of[trial_id]] = texts.index(text)
        found.append(Cells("note", "note", "text", values, texts))
    return {cells.key: cells for cells in found}
