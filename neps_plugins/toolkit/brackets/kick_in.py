"""One sampler after another."""

from __future__ import annotations

from neps_core import Config
from neps_plugins.toolkit.brackets.request import Request, Sampler
from neps_plugins.toolkit.brackets.rungs import Ladder


class KickIn:
    """One sampler until so much was spent, then another one.

    Args:
        first: The sampler at the beginning.
        then: The one that takes over.
        point: When: once the fidelities of all evaluations that have ended add up to so many times the highest one.
        ladder: The rungs.
    """

    def __init__(self, first: Sampler, then: Sampler, point: float, ladder: Ladder) -> None:
        self._first, self._then, self._point = first, then, point
        self._worth = [fidelity / ladder.fidelities[-1] for fidelity in ladder.fidelities]

    def __call__(self, request: Request) -> Config:
        """What the sampler whose turn it is gives."""
        spent = sum(worth * request.run.n_done[level] for level, worth in enumerate(self._worth))
        return (self._then if spent >= self._point - 1e-9 else self._first)(request)
