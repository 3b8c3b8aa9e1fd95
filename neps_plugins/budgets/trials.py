"""The budgets that trials spend: `evaluations`, `cost` and `fidelities`."""

from __future__ import annotations

from neps_core import BudgetSpec, SearchSpace, Trial, hookimpl


def _cost(trial: Trial, _: SearchSpace) -> float:
    return 0.0 if trial.report is None or trial.report.cost is None else trial.report.cost


def _fidelity(trial: Trial, space: SearchSpace) -> float:
    return float(sum(trial.config[path] for path in space.fidelities if path in trial.config))


@hookimpl
def neps_budgets() -> list[BudgetSpec]:
    """One a trial that was begun; the cost that its result reports; the fidelity at which it is evaluated."""
    return [
        BudgetSpec("evaluations", "evaluations", of_trial=lambda trial, space: 1.0),
        BudgetSpec("cost", "of cost", of_trial=_cost, requires_cost=True),
        BudgetSpec("fidelities", "of fidelity", of_trial=_fidelity),
    ]
