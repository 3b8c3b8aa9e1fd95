"""Every installed optimizer as a function `(pipeline_space, **keywords) -> optimizer`, and `custom` for one's own."""

from typing import Any

from neps_core import algorithms as _installed
from neps_plugins.compat.algorithms import PredefinedOptimizers as OptimizerChoice
from neps_plugins.compat.algorithms import PredefinedOptimizers as PredefinedOptimizers
from neps_plugins.compat.algorithms import custom as custom
from neps_plugins.compat.algorithms import determine_optimizer_automatically as determine_optimizer_automatically


def __getattr__(name: str) -> Any:
    return getattr(_installed, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_installed)})
