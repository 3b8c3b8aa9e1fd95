"""What an optimizer is told of the budget."""

from neps_core.budgets import BudgetInfo as BudgetInfo
