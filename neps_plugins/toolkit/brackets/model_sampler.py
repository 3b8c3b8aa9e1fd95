"""New configurations from a Gaussian process over all fidelities."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import evolve

from neps_core import Config, SearchSpace, Trial, Uniform
from neps_plugins.toolkit.brackets.request import Request
from neps_plugins.toolkit.brackets.rungs import Ladder
from neps_plugins.toolkit.pareto.constraints import violations
from neps_plugins.toolkit.pareto.scalarisation import augmented_chebyshev, random_weights
from neps_plugins.toolkit.pareto.scale import normalised


class ModelSampler:
    """What a Gaussian process expects to be best at the highest fidelity.

    The model sees the results at all fidelities, with the fidelity as one more dimension, so what is cheap informs
    what is dear as far as the two agree. This is the idea of BOHB with another model: S. Falkner, A. Klein and
    F. Hutter, "BOHB: robust and efficient hyperparameter optimization at scale", ICML 2018. Of several objectives it
    sees one, by weights that are drawn for each proposal (Knowles 2006, ParEGO).

    Args:
        space: The space.
        ladder: Its rungs.
        optimizer: The optimizer's name, for messages.
    """

    def __init__(self, space: SearchSpace, ladder: Ladder, optimizer: str = "bayesian_optimization") -> None:
        from neps_plugins.toolkit.gp.bayesian import BayesianOptimizer  # SciPy takes half a second to import

        self._model = BayesianOptimizer(optimizer, space, fixed={ladder.path: ladder.fidelities[-1]})
        self._space = space

    def __call__(self, request: Request) -> Config:
        """A configuration that no trial has; any, if all have been tried."""
        trials = as_single_objective(request.trials, request.rng)
        found = self._model.propose(trials, request.budget_info, request.batch, request.rng, request.seed)
        return self._space.resolve(Uniform(request.rng)).config if found is None else found


def as_single_objective(trials: Mapping[str, Trial], rng: np.random.Generator) -> Mapping[str, Trial]:
    """The trials with a single objective, the lower the better, in the place of several and of constraints.

    What breaks a constraint is worse than everything that breaks none, by as much as it breaks it.

    Args:
        trials: All trials. They are given back as they are if they have one objective and no constraints.
        rng: Draws the weights.
    """
    known = {trial_id: trial.objectives for trial_id, trial in trials.items() if trial.objectives is not None}
    constraints = [trials[trial_id].constraints for trial_id in known]
    m, c = max(map(len, known.values()), default=1), max(map(len, constraints), default=0)
    if m == 1 and c == 0:
        return trials
    values = np.array([[*objectives, *[np.nan] * (m - len(objectives))] for objectives in known.values()])
    broken = violations([[*each, *[0.0] * (c - len(each))] for each in constraints])
    single = augmented_chebyshev(normalised(values), random_weights(rng, m, 1)[0])
    worst = np.max(single, where=np.isfinite(single), initial=0.0)
    single = np.where(broken > 0, worst + broken, single)
    seen = dict(trials)
    for trial_id, value in zip(known, single.tolist()):
        report = trials[trial_id].report
        assert report is not None
        seen[trial_id] = evolve(trials[trial_id], report=evolve(report, objective_to_minimize=value))
    return seen
