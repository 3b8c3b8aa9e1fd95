"""What the optimizer of a run says itself of how it stands."""

from __future__ import annotations

from typing import Any

from neps_core import Run
from neps_core.optimizers.choosing import choose, restore


class Told:
    """Asks the optimizer, which is made once, and so looks at what is new only.

    Args:
        run: The run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._made_for: object = None
        self._tell: Any = None

    def lines(self) -> list[str]:
        """What it says, a line each; none if it has nothing to say, or isn't here."""
        log = self._run.log
        if not log.optimizers or log.space is None:
            return []
        if self._made_for is not log.optimizers[-1]:
            self._made_for, self._tell = log.optimizers[-1], None
            try:
                self._tell = getattr(choose(restore(log.optimizers[-1]), self._run.space).optimizer, "status", None)
            except Exception:  # a plugin or an operator that isn't here, or fails: the rest can still be shown
                return []
        if not callable(self._tell):
            return []
        try:
            return [str(line) for line in self._tell(self._run.trials)]
        except Exception as error:  # an optimizer's code, so anything
            return [f"(the optimizer can't say how it stands: {error!r})"]
