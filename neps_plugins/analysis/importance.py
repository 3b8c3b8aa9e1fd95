"""How much each parameter matters."""

from __future__ import annotations

from typing import Any

import numpy as np

from neps_core import NePSError
from neps_plugins.analysis.columns import Parameter
from neps_plugins.analysis.followed import Followed
from neps_plugins.analysis.forest import forest, variances
from neps_plugins.analysis.ped_anova import ped_anova
from neps_plugins.analysis.plain import number
from neps_plugins.analysis.points import unit, varying

#: Cells of a number's histogram at most, and how few results say nothing.
CELLS, FEWEST = 16, 4

#: Results that a forest is grown on; of more, an even choice.
MOST = 2000


def importance(analysis: Followed, objective: int = 0, method: str = "auto", target: str = "all") -> dict[str, Any]:
    """How much each parameter matters.

    By fANOVA, which part of the variance each gives; by PED-ANOVA, what tells the best tenth of the trials from all.
    `"auto"` is fANOVA up to `MOST` results. The forest sees ranks of results, so that a few huge ones are not all
    there is, and an inactive parameter as a stretch of its axis as long as its share.

    Raises:
        NePSError: There is no such method or target.
    """
    if method not in ("auto", "fanova", "ped_anova"):
        raise NePSError(f"there is no method {method!r} of importance. Take 'auto', 'fanova' or 'ped_anova'.")
    if target not in ("all", "best"):
        raise NePSError(f"target={target!r} of importance must be 'all' or 'best'.")
    columns = analysis.columns
    y = columns.objective(objective)
    rows = np.flatnonzero(np.isfinite(y))
    if target == "best":  # what matters among the better half
        rows = np.sort(rows[np.argsort(y[rows], kind="stable")[: max(FEWEST, len(rows) // 2)]])
    parameters = varying(analysis)
    document = {"method": "ped_anova", "parameters": [], "pairs": [], "n": len(rows), "reason": None}
    if len(rows) < FEWEST or not parameters:
        why = "no parameter differs between trials" if not parameters else f"fewer than {FEWEST} finite results"
        return document | {"reason": f"{why}, so nothing can be told yet"}
    if y[rows].min() == y[rows].max():
        return document | {"reason": "all results are equal, so nothing can be told"}
    if method == "fanova" or (method == "auto" and len(rows) <= MOST):
        return document | {"method": "fanova", "parameters": _fanova(analysis, parameters, rows, y)}
    bins = int(min(CELLS, max(2, np.sqrt(len(rows)))))
    sizes, cells = [], []
    for parameter in parameters:
        values = parameter.values.first(len(columns))[rows]
        k = bins if parameter.choices is None else len(parameter.choices)
        inside = values if parameter.choices is not None else np.minimum(unit(parameter, values) * k, k - 1)
        cells.append(np.where(np.isnan(inside), k, inside).astype(np.intp))  # inactive: a cell of its own
        sizes.append(k + 1 if np.isnan(inside).any() else k)
    shares = ped_anova(np.column_stack(cells), sizes, y[rows])
    order = np.argsort(-shares, kind="stable")
    told = [{"path": parameters[i].path, "importance": number(shares[i]), "deviation": None} for i in order]
    return document | {"parameters": told}


def _fanova(analysis: Followed, parameters: list[Parameter], rows: Any, y: Any) -> list[dict[str, Any]]:
    if len(rows) > MOST:
        rows = rows[np.linspace(0, len(rows) - 1, MOST).astype(int)]
    x = np.column_stack([_extended(p, p.values.first(len(analysis.columns))[rows]) for p in parameters])
    ranks = np.searchsorted(np.sort(y[rows]), y[rows]) / len(rows)
    told = [variances(tree) for tree in forest(x, ranks)]
    shares = np.array([parts / total for total, parts in told if total > 0] or [np.zeros(len(parameters))])
    mean, deviation = shares.mean(axis=0), shares.std(axis=0)
    return [
        {"path": parameters[i].path, "importance": number(mean[i]), "deviation": number(deviation[i])}
        for i in np.argsort(-mean, kind="stable")
    ]


def _extended(parameter: Parameter, values: Any) -> Any:
    """Values in [0, 1], with what is inactive in the middle of a stretch at the begin that is as long as its share."""
    share = np.isnan(values).mean()
    return np.where(np.isnan(values), share / 2, share + (1 - share) * unit(parameter, values))
