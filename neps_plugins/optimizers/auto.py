"""What `optimizer="auto"` means."""

from __future__ import annotations

from typing import Any

from neps_core import SearchSpace, hookimpl


@hookimpl(trylast=True)
def neps_choose_optimizer(space: SearchSpace) -> tuple[str, dict[str, Any]]:
    """Brackets where there is a fidelity that allows them, else a model; with the priors where there are any."""
    if len(space.fidelities) == 1 and all(getattr(d, "lower", 0) > 0 for d in space.fidelities.values()):
        return ("priorband" if space.has_priors else "hyperband"), {}
    keywords = {"ignore_fidelity": "highest_fidelity"} if space.fidelities else {}
    return ("pibo" if space.has_priors else "bayesian_optimization"), keywords
