"""The executor `futures`: what takes any `concurrent.futures.Executor` that a user gives."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor

from neps_core import Asked, Engine, ExecutorError, ExecutorSpec, hookimpl
from neps_plugins.toolkit import EngineAway, EngineHere


def make(asked: Asked, executor: Executor) -> Engine:
    """An executor of the user's, which the user ends.

    Args:
        asked: How many evaluations at a time, if the executor doesn't say it.
        executor: Whoever runs them.

    Raises:
        ExecutorError: If it is no executor, it is not known how many it can run, or resources are asked for.
    """
    if not isinstance(executor, Executor):
        raise ExecutorError(f"{executor!r} is no concurrent.futures.Executor.")
    if asked.resources.given:
        raise ExecutorError(
            "resources= can't be handed to an executor that is made already: give them to it, and leave them out."
        )
    counts = (getattr(executor, name, None) for name in ("_max_workers", "max_workers", "num_workers"))
    n = asked.n_workers or next((count for count in counts if type(count) is int), None)
    if n is None:
        raise ExecutorError(f"how many evaluations {executor!r} can run at a time is not known: give n_workers=.")
    return (EngineHere if isinstance(executor, ThreadPoolExecutor) else EngineAway)(executor, lambda: n)


@hookimpl
def neps_executors() -> list[ExecutorSpec]:
    """`futures`."""
    refused_by_it = ("cpus", "gpus", "memory", "walltime")
    return [ExecutorSpec("futures", make, "a concurrent.futures.Executor of yours: executor=it", refused_by_it)]
