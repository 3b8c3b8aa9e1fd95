"""What `optimizer="auto"` means."""

from __future__ import annotations

from typing import Any

from neps_core import SearchSpace, hookimpl
from neps_plugins.toolkit.fidelity import allows_continuing


@hookimpl(trylast=True)
def neps_choose_optimizer(space: SearchSpace) -> tuple[str, dict[str, Any]]:
    """A model, within brackets where there is a fidelity that allows them; with the priors where there are any."""
    model = "pibo" if space.has_priors else "bayesian_optimization"
    if allows_continuing(space):
        return "hyperband", {"sampler": model}
    return model, ({"ignore_fidelity": "highest_fidelity"} if space.fidelities else {})
