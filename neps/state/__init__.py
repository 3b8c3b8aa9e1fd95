"""What a run consists of, where a script may import it from."""

from neps_core.budgets import BudgetInfo as BudgetInfo
from neps_core.trials import State as State
from neps_core.trials import Trial as Trial
