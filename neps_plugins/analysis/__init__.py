"""What is known of a run as data for pictures and pages: nothing is drawn here, and nothing here knows a web."""

from neps_plugins.analysis.analysis import VIEWS, Analysis
from neps_plugins.analysis.compare import compare

__all__ = ["VIEWS", "Analysis", "compare"]
