"""Stopping rules that look at the trial alone: `threshold` and `patience`."""

from __future__ import annotations

import math

from neps_core import StoppingRuleError, StoppingRuleSpec, Trial, Trials, hookimpl
from neps_plugins.toolkit.reports import BestSoFar, one_objective


class Threshold:
    """Stops a trial whose last result is above a limit, or is no number: it has diverged, or is hopeless.

    Args:
        upper: The limit.
        min_steps: Nothing is stopped before it has reported so often, but for NaN.

    Raises:
        StoppingRuleError: If a number is out of range.
    """

    def __init__(self, upper: float, min_steps: int = 1) -> None:
        if math.isnan(upper) or not min_steps >= 1:
            raise StoppingRuleError(f"upper={upper!r} must be a number, and min_steps={min_steps!r} at least 1.")
        self._upper = upper
        self._min_steps = min_steps

    def __call__(self, trial: Trial, trials: Trials) -> bool:
        value = one_objective(trial.points[-1])
        return math.isnan(value) or (value > self._upper and len(trial.points) >= self._min_steps)


class Patience:
    """Stops a trial that has not become better for some time.

    L. Prechelt, "Early stopping - but when?", in Neural Networks: Tricks of the Trade, 1998: the criterion UP, which
    counts successive reports without progress.

    Args:
        patience: After how many reports in a row that are no better than the best before them.
        min_delta: By how much a result has to be better to count.

    Raises:
        StoppingRuleError: If a number is out of range.
    """

    def __init__(self, patience: int = 5, min_delta: float = 0.0) -> None:
        if not (patience >= 1 and min_delta >= 0):
            raise StoppingRuleError(
                f"patience={patience!r} must be at least 1, and min_delta={min_delta!r} at least 0."
            )
        self._patience = patience
        self._best = BestSoFar(min_delta)

    def __call__(self, trial: Trial, trials: Trials) -> bool:
        self._best.of(trial)
        return len(trial.points) - 1 - self._best.at >= self._patience


@hookimpl
def neps_stopping_rules() -> list[StoppingRuleSpec]:
    """`threshold` and `patience`."""
    return [
        StoppingRuleSpec("threshold", Threshold, "a result above a limit, or NaN"),
        StoppingRuleSpec("patience", Patience, "no progress for some reports"),
    ]
