"""Hyperparameter and architecture search.

```python
import neps

class Space(neps.PipelineSpace):
    learning_rate = neps.Float(1e-4, 1e-1, log=True)

neps.run(evaluate_pipeline, Space(), root_directory="results", evaluations_to_spend=50)
```

The names below are imported when they are first used, so `import neps` itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neps import torch as torch
    from neps.optimizers import algorithms as algorithms
    from neps_core import plugins as plugins
    from neps_core.api import load_optimizer_info as load_optimizer_info
    from neps_core.api import load_pipeline_space as load_pipeline_space
    from neps_core.api import run as run
    from neps_core.api import save_pipeline_results as save_pipeline_results
    from neps_core.ask_and_tell import AskAndTell as AskAndTell
    from neps_core.budgets import BudgetInfo as BudgetInfo
    from neps_core.cleaning import clean as clean
    from neps_core.errors import NePSError as NePSError
    from neps_core.errors import NePSWarning as NePSWarning
    from neps_core.errors import StopTrial as StopTrial
    from neps_core.live import get_in_progress_trial as get_in_progress_trial
    from neps_core.live import report as report
    from neps_core.results import UserResultDict as UserResultDict
    from neps_core.run_result import RunResult as RunResult
    from neps_core.run_status import status as status
    from neps_core.spaces.priors import ConfidenceLevel as ConfidenceLevel
    from neps_core.trials import SampledConfig as SampledConfig
    from neps_core.trials import Trial as Trial
    from neps_plugins.changes import enqueue as enqueue
    from neps_plugins.compat import tblogger as tblogger
    from neps_plugins.compat.analyzing import analyze as analyze
    from neps_plugins.configs import create_config as create_config
    from neps_plugins.configs import load_and_merge_yamls as load_and_merge_yamls
    from neps_plugins.configs import load_config as load_config
    from neps_plugins.importing import import_trials as import_trials
    from neps_plugins.importing import load_trials as load_trials
    from neps_plugins.pictures import plot as plot
    from neps_plugins.spaces.pipeline.categorical import Categorical as Categorical
    from neps_plugins.spaces.pipeline.compat import HPOCategorical as HPOCategorical
    from neps_plugins.spaces.pipeline.compat import HPOFloat as HPOFloat
    from neps_plugins.spaces.pipeline.compat import HPOInteger as HPOInteger
    from neps_plugins.spaces.pipeline.compat import SearchSpace as SearchSpace
    from neps_plugins.spaces.pipeline.operations import Operation as Operation
    from neps_plugins.spaces.pipeline.operations import Repeated as Repeated
    from neps_plugins.spaces.pipeline.operations import convert_operation_to_callable as convert_operation_to_callable
    from neps_plugins.spaces.pipeline.parameters import Fidelity as Fidelity
    from neps_plugins.spaces.pipeline.parameters import Float as Float
    from neps_plugins.spaces.pipeline.parameters import FloatFidelity as FloatFidelity
    from neps_plugins.spaces.pipeline.parameters import Integer as Integer
    from neps_plugins.spaces.pipeline.parameters import IntegerFidelity as IntegerFidelity
    from neps_plugins.spaces.pipeline.references import ByName as ByName
    from neps_plugins.spaces.pipeline.references import Lazy as Lazy
    from neps_plugins.spaces.pipeline.references import Resample as Resample
    from neps_plugins.spaces.pipeline.shorthand import HPOConstant as HPOConstant
    from neps_plugins.spaces.pipeline.space import PipelineSpace as PipelineSpace

#: Names of the core, and in which of its modules they are.
_CORE = {
    "run": "api",
    "save_pipeline_results": "api",
    "load_pipeline_space": "api",
    "load_optimizer_info": "api",
    "AskAndTell": "ask_and_tell",
    "report": "live",
    "get_in_progress_trial": "live",
    "StopTrial": "errors",
    "ConfidenceLevel": "spaces.priors",
    "Trial": "trials",
    "SampledConfig": "trials",
    "BudgetInfo": "budgets",
    "UserResultDict": "results",
    "RunResult": "run_result",
    "NePSError": "errors",
    "NePSWarning": "errors",
}

#: Names of the language that spaces are written in; it is a plugin.
_LANGUAGE = {
    "PipelineSpace": "space",
    "Float": "parameters",
    "Integer": "parameters",
    "Categorical": "categorical",
    "Fidelity": "parameters",
    "IntegerFidelity": "parameters",
    "FloatFidelity": "parameters",
    "Operation": "operations",
    "Repeated": "operations",
    "convert_operation_to_callable": "operations",
    "ByName": "references",
    "Resample": "references",
    "Lazy": "references",
    "HPOFloat": "compat",
    "HPOInteger": "compat",
    "HPOCategorical": "compat",
    "HPOConstant": "shorthand",
    "SearchSpace": "compat",
}
#: Modules; the first three are functions, too.
_MODULES = {
    "clean": "neps.clean",
    "plot": "neps.plot",
    "status": "neps.status",
    "algorithms": "neps.optimizers.algorithms",
    "plugins": "neps_core.plugins",
    "tblogger": "neps_plugins.compat.tblogger",
    **{
        name: f"neps.{name}"
        for name in ("api", "exceptions", "optimizers", "runtime", "space", "state", "torch", "utils")
    },
}

#: Modules that need an extra: `from neps import *` leaves them alone.
_WITH_EXTRA = {"sklearn": "neps.sklearn"}

_WHERE = {
    **{name: f"neps_core.{module}" for name, module in _CORE.items()},
    **{name: f"neps_plugins.spaces.pipeline.{module}" for name, module in _LANGUAGE.items()},
    **dict.fromkeys(("load_config", "create_config", "load_and_merge_yamls"), "neps_plugins.configs"),
    **dict.fromkeys(("import_trials", "load_trials"), "neps_plugins.importing"),
    "analyze": "neps_plugins.compat.analyzing",
    "enqueue": "neps_plugins.changes",
}

__all__ = [*_WHERE, *_MODULES, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = importlib.import_module("neps_core.cli").version()
    elif name in _MODULES or name in _WITH_EXTRA:
        value = importlib.import_module({**_MODULES, **_WITH_EXTRA}[name])
    elif name in _WHERE:
        value = getattr(importlib.import_module(_WHERE[name]), name)
    else:
        raise AttributeError(f"module 'neps' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})
