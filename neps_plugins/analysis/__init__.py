"""What people see of a run, as plain data: no drawing, and no web."""

from neps_plugins.analysis.analysis import VIEWS, Analysis
from neps_plugins.analysis.comparing import compare

__all__ = ["VIEWS", "Analysis", "compare"]
