"""How much each parameter matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neps_core import NePSError
from neps_plugins.analysis.ped_anova import ped_anova
from neps_plugins.analysis.plain import number
from neps_plugins.analysis.points import unit, varying

if TYPE_CHECKING:
    from neps_plugins.analysis.analysis import Analysis

#: Cells of a number's histogram at most, and how few results say nothing.
CELLS, FEWEST = 16, 4


def importance(analysis: Analysis, objective: int = 0, method: str = "auto", target: str = "all") -> dict[str, Any]:
    """How much each parameter matters: by PED-ANOVA, what tells the best tenth of the trials from all.

    Raises:
        NePSError: There is no such method or target.
    """
    if method not in ("auto", "ped_anova"):
        raise NePSError(f"there is no method {method!r} of importance. Take 'auto' or 'ped_anova'.")
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
