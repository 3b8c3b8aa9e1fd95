"""Several objectives and constraints for optimizers that were written for one objective.

J. Knowles, "ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective optimization
problems", IEEE Trans. Evolutionary Computation 10(1), 2006: each proposal minimises one scalarisation, with weights of
its own, and over a run the weights lead to all parts of the front.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from attrs import evolve

from neps_core import BudgetInfo, SampledConfig, Trial, Trials, TrialView
from neps_core.optimizers.asking import Chosen
from neps_plugins.toolkit.pareto.constraints import violations
from neps_plugins.toolkit.pareto.scalarisation import augmented_chebyshev, random_weights
from neps_plugins.toolkit.pareto.scale import normalised, observed_scale
from neps_plugins.toolkit.randomness import given_or_fresh

Floats = npt.NDArray[np.float64]


class Scalarised:
    """Shows an optimizer the trials as if each had one objective and no constraints.

    Whenever it is asked, that is another one: the augmented Chebyshev distance to the best of each objective, by
    weights that are drawn anew. What breaks constraints is worse than all that doesn't, by how much it breaks them. The
    proposals of a batch share their weights. Where there is one objective and no constraints, the optimizer sees the
    trials themselves.

    A view of all trials is made at each call, so that a call takes the time to follow a run from its beginning.

    Args:
        optimizer: What minimises one objective: an optimizer as `neps_core.Optimizer` says.
    """

    def __init__(self, optimizer: Callable[..., Any]) -> None:
        self._optimizer = Chosen(type(optimizer).__name__, {}, optimizer)
        self.details = self._optimizer.details

    def __call__(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo | None = None,
        n: int | None = None,
        rng: np.random.Generator | None = None,
        seed: int = 0,
    ) -> list[SampledConfig]:
        rng = given_or_fresh(rng)
        return self._optimizer.ask(None, cast(Trials, as_one_objective(trials, rng)), budget_info, n, rng, seed)


def as_one_objective(trials: Mapping[str, Trial], rng: np.random.Generator) -> Mapping[str, Trial]:
    """The trials as if each had one objective and no constraints.

    Args:
        trials: As an optimizer gets them.
        rng: Draws the weights.

    Returns:
        The trials themselves where that is so already; else a view of them, to be looked at until something happens.
    """
    ended = {trial_id: trial for trial_id, trial in trials.items() if trial.objectives is not None}
    m = max((len(trial.objectives or ()) for trial in ended.values()), default=1)
    if m == 1 and not any(trial.constraints for trial in ended.values()):
        return trials
    values = np.array([_padded(trial.objectives or (), m) for trial in ended.values()])
    c = max(len(trial.constraints) for trial in ended.values())
    broken = violations(np.array([[*t.constraints, *[0.0] * (c - len(t.constraints))] for t in ended.values()]))
    one = dict(zip(ended, _scalar(values, broken, random_weights(rng, m, 1)[0]).tolist()))

    def see(trial: Trial) -> Trial:
        if trial.report is None or trial.id not in one:
            return trial
        report = evolve(trial.report, objective_to_minimize=one[trial.id], objective_names=None, constraints=None)
        return evolve(trial, report=report)

    if not hasattr(trials, "changes"):  # somebody called an optimizer by hand
        return {trial_id: see(trial) for trial_id, trial in trials.items()}
    return TrialView(cast(Trials, trials), see)


def _scalar(values: Floats, broken: Floats, weights: Floats) -> Floats:
    """Shape (n,), for values of shape (n, m) and violations of shape (n,)."""
    kept = broken <= 0
    if not kept.any():
        return broken
    one = augmented_chebyshev(normalised(values, observed_scale(values[kept])), weights)
    worst = one.max(where=kept & np.isfinite(one), initial=0.0)
    return np.where(kept, one, worst + broken)


def _padded(objectives: Sequence[float], m: int) -> list[float]:
    """One number, as `objective_value_on_error` gives, stands for all objectives."""
    return [*objectives] * m if len(objectives) == 1 else [*objectives]
