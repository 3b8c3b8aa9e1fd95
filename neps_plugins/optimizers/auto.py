"""What `optimizer="auto"` means."""

from __future__ import annotations

from typing import Any

from neps_core import SearchSpace, hookimpl


@hookimpl(trylast=True)
def neps_choose_optimizer(space: SearchSpace) -> tuple[str, dict[str, Any]]:
    """Random search, from the priors where there are any, at the highest fidelity where there is one."""
    keywords: dict[str, Any] = {}
    if space.has_priors:
        keywords["use_priors"] = True
    if space.fidelities:
        keywords["ignore_fidelity"] = "highest_fidelity"
    return "random_search", keywords
