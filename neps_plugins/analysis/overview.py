"""What a run is, and how it stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_core import CategoricalDomain
from neps_core.pareto import Front
from neps_plugins.analysis.columns import Parameter
from neps_plugins.analysis.followed import Followed
from neps_plugins.analysis.plain import number, plain
from neps_plugins.analysis.table import row_of


def overview(analysis: Followed) -> dict[str, Any]:
    """How the run stands: counts, parameters, the best trials, what was spent, and who works on it."""
    columns, run = analysis.columns, analysis.run
    front = analysis.front
    ended = columns.ends
    spent = {
        "evaluations": len(ended),
        "cost": _sum(columns.cost[ended]),
        "time": _sum(columns.duration[ended]),
        "fidelity": None if columns.fidelity is None else _sum(columns.added[ended]),
    }
    times = np.concatenate([columns.sampled, columns.started, columns.ended])
    times = times[np.isfinite(times)]
    return {
        "root_directory": str(run.root_directory),
        "optimizer": run.log.optimizers[-1].name if run.log.optimizers else None,
        "seed": run.log.seed,
        "n_trials": len(columns),
        "states": columns.counts,
        "objectives": list(columns.objective_names),
        "constraints": list(columns.constraint_names),
        "parameters": [_described(p, analysis) for p in columns.parameters.values()],
        "best": None if front.best is None else row_of(analysis, columns.rows[front.best.id]),
        "front": [row_of(analysis, columns.rows[trial.id]) for trial in front.feasible[:1000]],
        "spent": spent,
        "first_time": number(times.min()) if len(times) else None,
        "last_time": number(times.max()) if len(times) else None,
        "workers": len(run.locks.living_workers()),
        "running": len(run.log.evaluating),
        "read_only": run.read_only,
        "told": list(analysis.told()),
        "version": analysis.version,
    }


def front_of(analysis: Followed) -> Front:
    """The best trials, in the order in which they ended."""
    return Front(analysis.run.trials[analysis.columns.ids[row]] for row in analysis.columns.ends)


def _sum(values: Any) -> float | None:
    known = values[np.isfinite(values)]
    return number(known.sum()) if len(known) else None


def _described(parameter: Parameter, analysis: Followed) -> dict[str, Any]:
    domain = parameter.domain
    prior = getattr(domain, "prior", None)
    default = None
    if domain is not None and prior is not None:
        default = {"default": plain(domain.default()), "confidence": _confidence(prior)}
    is_number = domain is not None and not isinstance(domain, CategoricalDomain)
    return {
        "path": parameter.path,
        "kind": parameter.kind,
        "log": parameter.log,
        "choices": plain(parameter.choices),
        "lower": plain(getattr(domain, "lower", None)) if is_number else None,
        "upper": plain(getattr(domain, "upper", None)) if is_number else None,
        "is_fidelity": parameter.path in analysis.columns.fidelities,
        "prior": default,
        "share": parameter.n / max(len(analysis.columns), 1),
    }


def _confidence(prior: Any) -> Any:
    return plain(getattr(prior, "confidence", None))
