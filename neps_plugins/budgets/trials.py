"""The budgets that trials spend: `evaluations`, `cost` and `fidelities`."""

from __future__ import annotations

from neps_core import BudgetSpec, SearchSpace, Trial, hookimpl


def _cost(trial: Trial, _: SearchSpace) -> float:
    return 0.0 if trial.report is None or trial.report.cost is None else trial.report.cost


def _fidelity(trial: Trial, space: SearchSpace, previous: Trial | None) -> float:
    """What a trial adds to the one that it continues: ten continuations of one epoch each are ten epochs."""
    reached, before = (
        sum(each.config[path] for path in space.fidelities if path in each.config) if each is not None else 0.0
        for each in (trial, previous)
    )
    return max(0.0, float(reached - before))


@hookimpl
def neps_budgets() -> list[BudgetSpec]:
    """One a trial that was begun; the cost that its result reports; the fidelity that it adds to what it continues."""
    return [
        BudgetSpec("evaluations", "evaluations", of_trial=lambda trial, space: 1.0),
        BudgetSpec("cost", "of cost", of_trial=_cost, requires_cost=True),
        BudgetSpec("fidelities", "of fidelity", of_trial=_fidelity, requires_fidelity=True),
    ]
