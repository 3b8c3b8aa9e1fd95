"""What a model of the objective is fitted to: the evaluated configurations, in the order in which they ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from attrs import define, field, frozen

from neps_core import OptimizerError, Trial
from neps_core.spaces.identity import config_hash
from neps_core.trials import State
from neps_plugins.toolkit.trial_follower import Follower, by_end


@frozen
class Observation:
    """One evaluation.

    Attributes:
        config: The decisions by path.
        objective: What came of it, of several the first; NaN if it failed or crashed, possibly infinite.
        cost: What it cost; None if that isn't known.
        objectives: All that came of it; empty if it failed or crashed.
        constraints: What should be at most 0; empty if it gave none.
    """

    config: Mapping[str, Any]
    objective: float
    cost: float | None
    objectives: tuple[float, ...] = ()
    constraints: tuple[float, ...] = ()


@define
class Observations:
    """Follows a run and keeps what has been observed.

    Attributes:
        optimizer: The optimizer's name, for messages.
        fixed: Path to value of what makes no difference between two configurations.
        several: Whether it minimises several objectives.
        ended: Every evaluation, in the order in which they ended.
        running: The configurations that are under way or wait for a worker, by trial, in the order of sampling.
        tried: The identities of the configurations of all trials.
    """

    optimizer: str
    fixed: Mapping[str, Any] = field(factory=dict)
    several: bool = False
    ended: list[Observation] = field(factory=list, init=False)
    running: dict[str, Mapping[str, Any]] = field(factory=dict, init=False)
    tried: set[str] = field(factory=set, init=False)
    _follower: Follower = field(factory=Follower, init=False)

    def identity(self, config: Mapping[str, Any]) -> str:
        """The hash of a configuration, whatever it has for what is fixed."""
        return config_hash({**config, **{path: value for path, value in self.fixed.items() if path in config}})

    def follow(self, trials: Mapping[str, Trial]) -> tuple[bool, list[str]]:
        """Take in what has happened since the last call.

        Args:
            trials: The trials, as an optimizer gets them.

        Returns:
            Whether everything was taken in anew (trials were deleted, or these are others), and the ids of the
            trials to which something has happened, in the order of sampling where they are new.

        Raises:
            OptimizerError: If an evaluation gave several objectives, and it minimises one.
        """
        anew, ids = self._follower.news(trials)
        if anew:
            self.ended.clear()
            self.running.clear()
            self.tried.clear()
        ids = [trial_id for trial_id in ids if trials[trial_id].state is not State.CORRUPTED]  # no configuration
        for trial_id in ids:
            trial = trials[trial_id]
            self.tried.add(self.identity(trial.config))
            if trial.state.is_finished:
                self.running.pop(trial_id, None)
            else:
                self.running[trial_id] = trial.config
        self.ended.extend(self._observation(trials[trial_id]) for trial_id in by_end(trials, ids))
        return anew, ids

    def _observation(self, trial: Trial) -> Observation:
        objectives = trial.objectives or ()
        if len(objectives) > 1 and not self.several:
            raise OptimizerError(
                f"{self.optimizer!r} minimises one objective, and trial {trial.id!r} has {len(objectives)}. Return one "
                "number from evaluate_pipeline, or take an optimizer for several, such as 'random_search'."
            )
        cost = None if trial.report is None else trial.report.cost
        objective = objectives[0] if objectives else math.nan
        return Observation(trial.config, objective, cost, objectives, trial.constraints)
