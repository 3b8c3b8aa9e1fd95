"""What a view sees of a run that is followed."""

from __future__ import annotations

from typing import Any, Protocol

from neps_core import Run
from neps_core.pareto import Front
from neps_plugins.analysis.columns import Columns


class Followed(Protocol):
    """A run, its trials as arrays, and the best of them; see `neps_plugins.analysis.Analysis`."""

    run: Run
    version: int
    columns: Columns
    front: Front

    def told(self) -> list[str]:
        """What the optimizer says of how it stands."""
        ...

    def view(self, name: str, **options: Any) -> dict[str, Any]:
        """Another document of the run."""
        ...
