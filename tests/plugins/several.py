"""Runs without a storage whose evaluations give several objectives, or constraints."""

from __future__ import annotations

from neps_core import events as ev
from neps_core.budgets import BudgetInfo
from neps_core.optimizers.choosing import choose
from neps_core.sampling import sample
from neps_core.space_parsing import parse_space
from neps_core.trial_log import TrialLog
from neps_core.trials import Report, State


class Driven:
    """A run whose evaluations end when they are told.

    Args:
        optimizer: As for `neps.run`.
        space: As for `neps.run`.
        evaluate: Gives the objectives, and the constraints or None, of a configuration.
        seed: Of the run.
    """

    def __init__(self, optimizer, space, evaluate, seed=0):
        self.space, self.evaluate = parse_space(space), evaluate
        self.chosen = choose(optimizer, self.space)
        self.log = TrialLog()
        self.log.fold([ev.Created(ev.FORMAT, seed, 0.0)])

    @property
    def optimizer(self):
        return self.chosen.optimizer

    @property
    def trials(self):
        return self.log.trials

    def ask(self, n=1):
        """Ids of trials that are being evaluated now."""
        sampled = sample(self.log, self.chosen, self.space, BudgetInfo(), n, "w", 0.0)
        self.log.fold([*sampled, *(ev.Started(event.id, 0.0, "w") for event in sampled)])
        return [event.id for event in sampled]

    def tell(self, trial_id):
        objectives, constraints = self.evaluate(self.trials[trial_id].config)
        report = Report(objectives, constraints=constraints)
        self.log.fold([ev.Finished(trial_id, 0.0, State.SUCCESS, report)])

    def run(self, n, n_workers=1):
        """Evaluate n more, or as many as are proposed; the longest-running one ends first."""
        running = []
        for _ in range(n):
            running += self.ask()
            if len(running) == n_workers:
                self.tell(running.pop(0))
        for trial_id in running:
            self.tell(trial_id)
        return self
