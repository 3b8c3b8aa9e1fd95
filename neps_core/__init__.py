"""The plugin author's door: everything that a plugin needs from the framework.

The core runs nothing by itself: spaces are parsed, configurations proposed, budgets counted and runs
stored by plugins (`neps_core.hookspecs` lists the hooks), the built-in ones like anybody's.
"""

from neps_core.budgets import BudgetInfo, BudgetSpec
from neps_core.errors import (
    BudgetError,
    ConfigError,
    EvaluationError,
    NePSError,
    NePSWarning,
    OptimizerError,
    PluginError,
    ResultError,
    RunError,
    SpaceError,
    StorageError,
    TargetError,
    TrialError,
    nearest,
)
from neps_core.hookspecs import hookimpl
from neps_core.optimizers import OptimizerSpec
from neps_core.parsing import parse_space
from neps_core.run import Run, open_run
from neps_core.spaces.domains import CategoricalDomain, Domain, FloatDomain, IntegerDomain, Value
from neps_core.spaces.protocol import Config, Decide, Resolution, SearchSpace
from neps_core.spaces.sources import Fixed, Prior, Replay, Uniform, replay
from neps_core.storage import LeaseHeld, Storage
from neps_core.trial_log import TrialLog, Trials
from neps_core.trials import Metadata, Report, SampledConfig, State, Trial

__all__ = [
    "BudgetError",
    "BudgetInfo",
    "BudgetSpec",
    "CategoricalDomain",
    "Config",
    "ConfigError",
    "Decide",
    "Domain",
    "EvaluationError",
    "Fixed",
    "FloatDomain",
    "IntegerDomain",
    "LeaseHeld",
    "Metadata",
    "NePSError",
    "NePSWarning",
    "OptimizerError",
    "OptimizerSpec",
    "PluginError",
    "Prior",
    "Replay",
    "Report",
    "Resolution",
    "ResultError",
    "Run",
    "RunError",
    "SampledConfig",
    "SearchSpace",
    "SpaceError",
    "State",
    "Storage",
    "StorageError",
    "TargetError",
    "Trial",
    "TrialError",
    "TrialLog",
    "Trials",
    "Uniform",
    "Value",
    "hookimpl",
    "nearest",
    "open_run",
    "parse_space",
    "replay",
]
