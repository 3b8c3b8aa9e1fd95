"""What brackets ask a sampler for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from attrs import frozen

from neps_core import BudgetInfo, Config, SearchSpace, Trial
from neps_plugins.toolkit.brackets.followed import FollowedBrackets
from neps_plugins.toolkit.brackets.rungs import Ladder


@frozen
class Request:
    """What a new configuration is wanted for.

    Attributes:
        space: The space.
        level: The rung at which it will be evaluated first.
        run: The brackets: what is done at which rung, and how well.
        trials: All trials.
        budget_info: What was given to spend, and what is used.
        batch: Configurations that were proposed just now and have no trials yet.
        rng: The randomness of this proposal.
        seed: The run's seed.
    """

    space: SearchSpace
    level: int
    run: FollowedBrackets
    trials: Mapping[str, Trial]
    budget_info: BudgetInfo
    batch: Sequence[Mapping[str, Any]]
    rng: np.random.Generator
    seed: int


class Sampler(Protocol):
    """Gives new configurations to brackets."""

    def __call__(self, request: Request) -> Config:
        """A configuration; its fidelity is overwritten."""
        ...


#: A sampler that is made for a space and its ladder.
SamplerClass = Callable[[SearchSpace, Ladder], Sampler]
