"""What was evaluated at which fidelity: rungs and brackets."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_plugins.analysis.anytime import rows_with
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Floats, Integers
from neps_plugins.analysis.jsonable import number, numbers
from neps_plugins.analysis.options import as_objective
from neps_plugins.analysis.states import EVALUATED, EVALUATING, PENDING
from neps_plugins.analysis.thinning import kept

#: How many different fidelities there are at most if they are rungs.
MOST = 40


def rungs(columns: Columns, objective: Any = 0) -> dict[str, Any]:
    """The rungs of each bracket, and the results by fidelity.

    A configuration belongs to the bracket that begins at the rung at which it was evaluated first, and is known by the
    number that its trials' ids begin with, or else by the trial that it continues.

    Args:
        columns: The run.
        objective: Of several.

    Returns:
        fidelity (its path), levels (the fidelities that were evaluated at; empty if they are none of a ladder's),
        brackets: name, rungs: level, n (trials), finished, promoted (those whose configuration went on higher up),
        running, best; results: x (fidelity), y, ids; n, kept. Without a fidelity, None for all of them.
    """
    path = columns.fidelity_path
    if path is None:
        return dict.fromkeys(("fidelity", "levels", "brackets", "results"))
    which = as_objective(columns, objective)
    there = np.flatnonzero(np.isfinite(columns.fidelity))
    levels = np.unique(columns.fidelity[there])
    is_ladder = len(levels) <= MOST
    found = rows_with(columns, which)
    found = found[np.isfinite(columns.fidelity[found])]
    found = found[np.argsort(columns.fidelity[found], kind="stable")]
    x = columns.fidelity[found]
    y = columns.objectives[found, which] if len(found) else x
    best = _best_by(x, y)
    chosen = kept(x, y, best)
    return {
        "fidelity": path,
        "levels": numbers(levels) if is_ladder else [],
        "brackets": _brackets(columns, there, levels, which) if is_ladder else [],
        "results": {"x": numbers(x[chosen]), "y": numbers(y[chosen]), "ids": columns.ids_of(found[chosen])},
        "n": len(found),
        "kept": len(chosen),
    }


def _best_by(x: Floats, y: Floats) -> Integers:
    """Where the lowest y is of each x, which rises."""
    order = np.lexsort((y, x))
    first = np.append(True, x[order][1:] != x[order][:-1])[: len(order)]
    return np.sort(order[first])


def _brackets(columns: Columns, rows: Integers, levels: Floats, objective: int) -> list[dict[str, Any]]:
    level = np.searchsorted(levels, columns.fidelity[rows])
    config = _configurations(columns, rows)
    n_configs = int(config.max(initial=-1)) + 1
    lowest, highest = np.full(n_configs, len(levels)), np.full(n_configs, -1)
    np.minimum.at(lowest, config, level)
    np.maximum.at(highest, config, level)
    state = columns.state[rows]
    waits = state == PENDING
    values = (
        columns.objectives[rows, objective] if columns.objectives.shape[1] > objective else np.full(len(rows), np.nan)
    )
    values = np.where(columns.stopped[rows] | ~columns.order.feasible[rows] | np.isnan(values), np.inf, values)
    documents = []
    for start in np.unique(lowest[config]).tolist():
        mine = lowest[config] == start
        documents.append(
            {
                "name": f"from {number(levels[start]):g}",
                "rungs": [
                    {
                        "level": number(levels[k]),
                        "n": int(at.sum()),
                        "finished": int((at & np.isin(state, EVALUATED)).sum()),
                        "promoted": int((at & (highest[config] > k)).sum()),
                        "running": int((at & (state == EVALUATING)).sum()),
                        "waiting": int((at & waits).sum()),
                        "best": number(values[at].min()),
                    }
                    for k in range(start, len(levels))
                    if (at := mine & (level == k)).any()
                ],
            }
        )
    return documents


def _configurations(columns: Columns, rows: Integers) -> Integers:
    """For each of some trials, the number of its configuration, from 0: trials of one have the same."""
    root = np.where(columns.previous >= 0, columns.previous, np.arange(len(columns)))
    while not (root[root] == root).all():  # each step looks back twice as far
        root = root[root]
    by_number: dict[str, int] = {}
    keys = [_family(columns.ids[row], str(at)) for row, at in zip(rows.tolist(), root[rows].tolist())]
    return np.array([by_number.setdefault(key, len(by_number)) for key in keys], dtype=np.int64)


def _family(trial_id: str, otherwise: str) -> str:
    head, rung, _ = trial_id.partition("_rung_")
    return head if rung else f"row {otherwise}"
