"""What `optimizer="auto"` means."""

from __future__ import annotations

from typing import Any

from neps_core import SearchSpace, hookimpl


@hookimpl(trylast=True)
def neps_choose_optimizer(space: SearchSpace) -> tuple[str, dict[str, Any]]:
    """Brackets where there is a fidelity that allows them, with the priors where there are any; else random search."""
    if len(space.fidelities) == 1 and all(getattr(d, "lower", 0) > 0 for d in space.fidelities.values()):
        return ("priorband" if space.has_priors else "hyperband"), {}
    keywords: dict[str, Any] = {}
    if space.has_priors:
        keywords["use_priors"] = True
    if space.fidelities:
        keywords["ignore_fidelity"] = "highest_fidelity"
    return "random_search", keywords
