"""The executor `ray` (extra `ray`): evaluations as tasks of a Ray cluster, or of one that it starts here."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from neps_core import Asked, Engine, ExecutorError, ExecutorSpec, hookimpl
from neps_plugins.toolkit import EngineAway

#: Seconds for which a count of the cluster's resources is good.
COUNTED = 1.0


class RayExecutor(Executor):
    """Submits calls as tasks; a task whose worker dies fails, and is not tried again by Ray.

    Args:
        ray: The module.
        options: Of every task (`num_cpus`, `num_gpus`, `memory`).
    """

    def __init__(self, ray: Any, options: dict[str, Any]) -> None:
        self._ray = ray
        self._options = {"max_retries": 0, **options}
        self._references: dict[Future[Any], Any] = {}
        self._remote: dict[Callable[..., Any], Any] = {}  # one a function: another one would get processes of its own

    def submit(self, function: Callable[..., Any], /, *args: Any, **keywords: Any) -> Future[Any]:
        if function not in self._remote:
            self._remote[function] = self._ray.remote(function).options(**self._options)
        reference = self._remote[function].remote(*args, **keywords)
        future: Future[Any] = reference.future()
        self._references[future] = reference
        future.add_done_callback(lambda ended: self._references.pop(ended, None))
        return future

    def kill(self) -> None:
        """End all tasks at once."""
        for reference in list(self._references.values()):
            self._ray.cancel(reference, force=True)


def make(asked: Asked, address: str | None = None, **init: Any) -> Engine:
    """A Ray cluster.

    Args:
        asked: As many evaluations as the cluster has room for, each with one CPU, if nothing else is said.
        address: Of the cluster; None for one that this process is connected to, or else a new one here.
        init: Further keywords of `ray.init`.

    Raises:
        ExecutorError: If Ray is not installed, or such resources can't be asked for.
    """
    try:
        import ray
    except ImportError as reason:
        raise ExecutorError("the executor 'ray' needs Ray: install neps-framework[ray].") from reason
    resources = asked.resources
    if resources.gpus == "all":
        raise ExecutorError("the executor 'ray' takes gpus=1, say; 'all' is for one host.")
    needs = {"CPU": resources.cpus or 1, "GPU": resources.gpus or 0, "memory": resources.memory or 0}
    options = {"num_cpus": needs["CPU"], "num_gpus": needs["GPU"]}
    if needs["memory"]:
        options["memory"] = needs["memory"]
    is_ours = not ray.is_initialized()
    if is_ours:
        if address is None:
            init = {"include_dashboard": False, **({"num_cpus": asked.n_workers} if asked.n_workers else {}), **init}
        ray.init(address=address, **{"log_to_driver": False, **init})
    executor = RayExecutor(ray, options)
    counted = [0.0, 0.0]  # how many, and until when that is good

    def count() -> int:
        if asked.n_workers is not None:
            return asked.n_workers
        if time.monotonic() >= counted[1]:
            has = ray.cluster_resources()
            counted[:] = (
                min(has.get(name, 0) // need for name, need in needs.items() if need),
                time.monotonic() + COUNTED,
            )
        return int(counted[0])

    def end() -> None:
        if not ray.is_initialized():
            return
        executor.kill()
        if is_ours:
            ray.shutdown()

    return EngineAway(executor, count, end)


@hookimpl
def neps_executors() -> list[ExecutorSpec]:
    """`ray`."""
    return [ExecutorSpec("ray", make, "a Ray cluster (extra ray)", ("cpus", "gpus", "memory"))]
