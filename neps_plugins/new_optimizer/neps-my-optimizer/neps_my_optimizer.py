"""The optimizer `my_optimizer` for neps: it keeps about half of the best configuration, and draws the rest anew.

Change `MyOptimizer` into what you have in mind; everything else may stay.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from neps_core import (
    BudgetInfo,
    Fixed,
    OptimizerError,
    OptimizerSpec,
    SampledConfig,
    SearchSpace,
    Trial,
    Uniform,
    hookimpl,
)
from neps_plugins.toolkit import fixed_fidelities

NAME = "my_optimizer"


class MyOptimizer:
    """Searches around the best configuration so far.

    Args:
        space: What to search.
        explore: How often everything is drawn anew, in [0, 1].
        ignore_fidelity: What to do about a fidelity (epochs, say): False refuses it, True treats it like any
            parameter, `"highest_fidelity"` keeps it at its upper bound.

    Raises:
        OptimizerError: If `explore` is no share, or the space has a fidelity that isn't ignored.
    """

    def __init__(self, space: SearchSpace, explore: float = 0.3, ignore_fidelity: bool | str = False) -> None:
        if not 0 <= explore <= 1:
            raise OptimizerError(f"explore must lie between 0 and 1; it is {explore!r}.")
        self._space = space
        self._explore = explore
        self._fixed = fixed_fidelities(space, ignore_fidelity, NAME)

    def __call__(
        self, trials: Mapping[str, Trial], budget_info: BudgetInfo, n: int | None = None, *, rng: np.random.Generator
    ) -> list[SampledConfig]:
        """Propose configurations.

        Several workers and restarts just work as long as the answer follows from the arguments alone: take what you
        know from `trials`, and what is random from `rng`.

        Args:
            trials: All trials by id: running, failed and finished ones.
            budget_info: What there is to spend, and what is spent.
            n: How many configurations are wanted; None for one.
            rng: Where all randomness comes from.
        """
        finished = [trial for trial in trials.values() if trial.objectives is not None]
        # Objectives are minimised; of several, this looks at the first.
        best = min(finished, key=lambda trial: trial.objectives or (), default=None)
        return [SampledConfig(self._propose(best, rng)) for _ in range(n or 1)]

    def _propose(self, best: Trial | None, rng: np.random.Generator) -> Mapping[str, object]:
        kept = {}
        if best is not None and rng.random() >= self._explore:
            kept = {path: value for path, value in best.config.items() if rng.random() < 0.5}
        # A walk through the space asks for a decision at each choice: what is fixed is answered first, and the rest
        # is drawn. `lambda path, domain: domain.from_unit(u)` would be a source, too, with any u in [0, 1].
        return self._space.resolve(Fixed({**kept, **self._fixed}, Uniform(rng))).config


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`my_optimizer`."""
    summary = "half of the best configuration, and the rest anew"
    return [OptimizerSpec(NAME, MyOptimizer, summary)]
