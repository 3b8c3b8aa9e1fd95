"""The budget `wallclock`: seconds since this call of `run` began. No evaluation begins after that."""

from __future__ import annotations

from neps_core import BudgetSpec, hookimpl


@hookimpl
def neps_budgets() -> list[BudgetSpec]:
    """One second a second."""
    return [BudgetSpec("wallclock", "seconds", of_call=lambda seconds: seconds)]
