"""The observer `plots`: the pictures of `neps.plot`, drawn again while a run goes on."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence

from neps_core import NePSError, ObserverSpec, Run, hookimpl
from neps_plugins.pictures import plot

#: Drawing takes at most this share of the time.
SHARE = 0.05


class Plots:
    """Draws pictures as trials end, and when the run ends.

    Raises:
        NePSError: If matplotlib isn't installed.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec("matplotlib") is None:
            raise NePSError("the observer 'plots' needs matplotlib: pip install 'neps-framework[analysis]'.")
        self._due = 0.0

    def neps_trial_finished(self, run: Run) -> None:
        """Draw, if that was long enough ago."""
        if time.monotonic() >= self._due:
            self.neps_run_finished(run)

    def neps_run_finished(self, run: Run) -> None:
        """Draw."""
        began = time.monotonic()
        plot(run.root_directory)
        took = time.monotonic() - began
        self._due = began + took / SHARE


@hookimpl
def neps_observers() -> Sequence[ObserverSpec]:
    """The observer `plots`."""
    return [ObserverSpec("plots", Plots)]
