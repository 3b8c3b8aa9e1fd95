"""Which parameters matter."""

from __future__ import annotations

from typing import Any

from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.evaluated import LEAST, evaluated
from neps_plugins.analysis.importance.fanova import fanova
from neps_plugins.analysis.importance.ped_anova import ped_anova
from neps_plugins.analysis.jsonable import number
from neps_plugins.analysis.options import as_objective, one_of

#: Pairs that are named.
PAIRS = 20

#: The shares of the best results that PED-ANOVA compares with all, and with the good ones.
_SHARES = {"all": (0.1, 1.0), "best": (0.025, 0.25)}


def importance(columns: Columns, objective: Any = 0, method: str = "auto", target: str = "all") -> dict[str, Any]:
    """The importance of each parameter that varies, and of pairs.

    Args:
        columns: The run.
        objective: The number of the objective, or its name.
        method: `"fanova"` (`importance.fanova`), `"ped_anova"` (`importance.ped_anova`, without a model, pairs or
            deviations), or `"auto"`: the first.
        target: Over all results, or among the `"best"`.

    Returns:
        method, parameters: path, importance (in 0..1), deviation; pairs: x, y, importance, deviation; the most
        important first; n (results that were looked at), reason (why there is nothing to say; None if there is).
    """
    which, over = as_objective(columns, objective), one_of("target", target, ("all", "best"))
    chosen = one_of("method", method, ("auto", "fanova", "ped_anova"))
    chosen = "fanova" if chosen == "auto" else chosen
    key = ("importance", which, chosen, over)
    document: dict[str, Any] = columns.derived(key, lambda: _importance(columns, which, chosen, over))
    return dict(document)


def _importance(columns: Columns, objective: int, method: str, target: str) -> dict[str, Any]:
    data = evaluated(columns, objective)
    nothing = {"method": method, "parameters": [], "pairs": [], "n": len(data.rows)}
    if len(data.rows) < LEAST:
        return {**nothing, "reason": "there are too few results."}
    if not data.parameters:
        return {**nothing, "reason": "no parameter varies."}
    paths = [parameter.path for parameter in data.parameters]
    pairs: list[dict[str, Any]] = []
    if method == "ped_anova":
        gamma, baseline = _SHARES[target]
        divergences = ped_anova(data.points, gamma, baseline)
        n, reason = divergences.n, divergences.reason
        found = [(path, share, None) for path, share in zip(paths, divergences.importance.tolist())]
    else:
        shares = fanova(data.points, "all" if target == "all" else "best")
        n, reason = shares.n, shares.reason
        found = list(zip(paths, shares.single.tolist(), shares.deviation.tolist()))
        pairs = [
            {"x": paths[i], "y": paths[j], "importance": number(share), "deviation": number(deviation)}
            for i, j, share, deviation in shares.pairs[:PAIRS]
        ]
    found.sort(key=lambda each: -each[1])
    return {
        "method": method,
        "parameters": [
            {"path": path, "importance": number(share), "deviation": number(deviation)}
            for path, share, deviation in found
        ],
        "pairs": pairs,
        "n": int(n),
        "reason": reason,
    }
