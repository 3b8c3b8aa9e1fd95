"""The plugin author's door: everything that a plugin needs from the framework.

The core runs nothing by itself: spaces are parsed, configurations proposed, budgets counted and runs
stored by plugins (`neps_core.hookspecs` lists the hooks), the built-in ones like anybody's.
"""

from neps_core import hookspecs, plugins
from neps_core.artifacts import Artifacts, TrialFolders
from neps_core.assignments import Assignment, Job, Outcome
from neps_core.budgets import BudgetInfo, BudgetSpec
from neps_core.errors import (
    ArtifactsError,
    BudgetError,
    ConfigError,
    EvaluationError,
    ExecutorError,
    LockLostError,
    NePSError,
    NePSWarning,
    NotAnsweringError,
    NotInTrialError,
    ObserverError,
    OptimizerError,
    PluginError,
    ResultError,
    RunError,
    RunGoneError,
    SpaceError,
    StoppingRuleError,
    StopTrial,
    StorageError,
    TargetError,
    TrialError,
    nearest,
)
from neps_core.executors import Asked, Engine, ExecutorSpec
from neps_core.hookspecs import HOOK_VERSION
from neps_core.observers import ObserverSpec
from neps_core.optimizers.protocol import Optimizer
from neps_core.optimizers.spec import OptimizerSpec
from neps_core.plugins import hookimpl
from neps_core.ranks import FollowingRank, LeadingRank
from neps_core.resources import Resources
from neps_core.run import Run, open_run
from neps_core.run_folder import RunFolder
from neps_core.showing import Shown
from neps_core.space_parsing import parse_space
from neps_core.spaces.domains import CategoricalDomain, Domain, FloatDomain, IntegerDomain, Value
from neps_core.spaces.protocol import Config, Decide, Resolution, SearchSpace
from neps_core.spaces.sources import Fixed, Prior, Replay, Uniform, replay
from neps_core.stopping import StoppingRule, StoppingRuleSpec
from neps_core.storage import Journal, LeaseHeld, Locks, Storage
from neps_core.trial_log import TrialLog
from neps_core.trial_views import TrialView, filtered, scalarised
from neps_core.trials import Metadata, Point, Report, SampledConfig, State, Trial, Trials

# Here, where everything comes together: what hooks are given and give stands above those who call them.
plugins.plugins.specify(hookspecs)

__all__ = [
    "HOOK_VERSION",
    "Artifacts",
    "ArtifactsError",
    "Asked",
    "Assignment",
    "BudgetError",
    "BudgetInfo",
    "BudgetSpec",
    "CategoricalDomain",
    "Config",
    "ConfigError",
    "Decide",
    "Domain",
    "Engine",
    "EvaluationError",
    "ExecutorError",
    "ExecutorSpec",
    "Fixed",
    "FloatDomain",
    "FollowingRank",
    "IntegerDomain",
    "Job",
    "Journal",
    "LeadingRank",
    "LeaseHeld",
    "LockLostError",
    "Locks",
    "Metadata",
    "NePSError",
    "NePSWarning",
    "NotAnsweringError",
    "NotInTrialError",
    "ObserverError",
    "ObserverSpec",
    "Optimizer",
    "OptimizerError",
    "OptimizerSpec",
    "Outcome",
    "PluginError",
    "Point",
    "Prior",
    "Replay",
    "Report",
    "Resolution",
    "Resources",
    "ResultError",
    "Run",
    "RunError",
    "RunFolder",
    "RunGoneError",
    "SampledConfig",
    "SearchSpace",
    "Shown",
    "SpaceError",
    "State",
    "StopTrial",
    "StoppingRule",
    "StoppingRuleError",
    "StoppingRuleSpec",
    "Storage",
    "StorageError",
    "TargetError",
    "Trial",
    "TrialError",
    "TrialFolders",
    "TrialLog",
    "TrialView",
    "Trials",
    "Uniform",
    "Value",
    "filtered",
    "hookimpl",
    "nearest",
    "open_run",
    "parse_space",
    "replay",
    "scalarised",
]
