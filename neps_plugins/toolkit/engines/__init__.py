"""Engines over a `concurrent.futures.Executor`: in threads of this process, or in other processes."""

from neps_plugins.toolkit.engines.away import EngineAway
from neps_plugins.toolkit.engines.here import EngineHere

__all__ = ["EngineAway", "EngineHere"]
