"""Trials and their parts."""

from neps_core.trials import Metadata as MetaData
from neps_core.trials import Report as Report
from neps_core.trials import State as State
from neps_core.trials import Trial as Trial
