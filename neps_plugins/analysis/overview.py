"""How a run stands: the first that one wants to know."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_core.run_status import running
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.growing import Integers
from neps_plugins.analysis.jsonable import number
from neps_plugins.analysis.rows import rows
from neps_plugins.analysis.spent import fidelity_added, first_time, last_time
from neps_plugins.analysis.states import EVALUATED, STATES

#: Parameters, and trials on the front, that are named at most: there may be any number of them.
MOST = 300


def overview(columns: Columns) -> dict[str, Any]:
    """How the run stands.

    Returns:
        root_directory, optimizer, seed, n_trials, states (how many are in each), objectives and constraints (names),
        parameters (those that most trials have, if there are very many), n_parameters, best (a row, None with several
        objectives; infeasible only if all are), front (rows; the best with one objective), n_front, spent, first_time
        and last_time (Unix seconds), workers (how many are alive), running (trials), read_only (why nothing can be
        added), has_curves.
    """
    run, n = columns.run, len(columns)
    counts = np.bincount(columns.state, minlength=len(STATES)).tolist() if n else [0] * len(STATES)
    front = columns.order.front
    best = front if len(front) else least_violating(columns)
    shown = sorted(columns.parameters.values(), key=lambda parameter: -len(parameter.rows))[:MOST]
    at = {parameter.path: i for i, parameter in enumerate(columns.parameters.values())}
    return {
        "root_directory": str(run.root_directory),
        "optimizer": run.log.optimizers[-1].name if run.log.optimizers else None,
        "seed": run.log.seed,
        "n_trials": n,
        "states": {state.value: count for state, count in zip(STATES, counts) if count},
        "objectives": columns.objective_names,
        "constraints": columns.constraint_names,
        "parameters": [parameter.document(n) for parameter in sorted(shown, key=lambda each: at[each.path])],
        "n_parameters": len(columns.parameters),
        "best": rows(columns, best[:1])[0] if len(best) and columns.objectives.shape[1] == 1 else None,
        "front": rows(columns, front[:MOST]),
        "n_front": len(front),
        "spent": _spent(columns),
        "first_time": number(first_time(columns)),
        "last_time": number(last_time(columns)),
        "workers": len(run.locks.living_workers()),
        "running": len(running(run)),
        "read_only": run.read_only,
        "has_curves": bool(columns.has_curve.any()),
    }


def least_violating(columns: Columns) -> Integers:
    """The result that breaks its constraints least, all together, and the first of equals; empty if there is none.

    Meant for runs without any feasible result.
    """
    ended = columns.order.ended
    possible = columns.success & ~columns.stopped & ~np.isnan(columns.objectives).all(axis=1)
    candidates: Integers = ended[possible[ended]]
    if not len(candidates):
        return candidates
    broken = np.nan_to_num(columns.constraints[candidates], nan=np.inf)
    with np.errstate(over="ignore"):
        total = np.maximum(broken, 0.0).sum(axis=1)
    ties = candidates[total == total.min()]
    first: Integers = ties[[np.argmin(columns.objectives[ties, 0])]]
    return first


def _spent(columns: Columns) -> dict[str, Any]:
    over = np.isin(columns.state, EVALUATED)

    def total(values: Any) -> float | None:
        known = values[over & np.isfinite(values)]
        with np.errstate(over="ignore"):
            return number(known.sum()) if len(known) else None

    has_fidelity = columns.fidelity_path is not None
    return {
        "evaluations": int(over.sum()),
        "cost": total(columns.cost),
        "time": total(columns.duration),
        "fidelity": total(fidelity_added(columns)) if has_fidelity else None,
    }
