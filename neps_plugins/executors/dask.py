"""The executor `dask` (extra `dask`): evaluations on the workers of a Dask cluster, or of one that it starts here."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack, suppress
from typing import Any

from neps_core import Asked, Engine, ExecutorError, ExecutorSpec, hookimpl
from neps_plugins.toolkit import EngineAway

#: Seconds for which a count of the workers is good.
COUNTED = 1.0


def make(asked: Asked, address: str | None = None, client: Any = None, **cluster: Any) -> Engine:
    """A Dask cluster.

    `gpus` and `memory` (in bytes) are Dask's own abstract resources `GPU` and `MEMORY`, which workers declare: `dask
    worker --resources "GPU=2 MEMORY=64e9"`. A cluster that is started here declares them itself.

    Args:
        asked: As many evaluations as the workers have threads (or room for the resources), if nothing else is said.
        address: Of the scheduler; None to start a cluster here.
        client: A `distributed.Client` that is connected already; it is not closed.
        cluster: Further keywords of `distributed.LocalCluster`.

    Raises:
        ExecutorError: If distributed is not installed, or both a cluster and keywords of a new one are given.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as reason:
        raise ExecutorError("the executor 'dask' needs distributed: install neps-framework[dask].") from reason
    if cluster and (address is not None or client is not None):
        raise ExecutorError(f"{', '.join(cluster)}: keywords of a new cluster, and one that exists was given.")
    needs = {
        name: float(amount)
        for name, amount in (("GPU", _number_of_gpus(asked)), ("MEMORY", asked.resources.memory))
        if amount is not None
    }
    closing = ExitStack()
    local: Any = None
    if client is None and address is None:
        n = asked.n_workers
        keywords = {
            **({} if n is None else {"n_workers": n}),
            "threads_per_worker": 1,
            "dashboard_address": None,
            **({"resources": needs} if needs else {}),
            **cluster,
        }
        # A trial whose worker dies is put back by its run, which counts, and not started once more behind its back.
        with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
            local = LocalCluster(**keywords)
        closing.callback(local.close, timeout=2)
        address = local.scheduler_address
    if client is None:
        client = Client(address)
        closing.callback(client.close, timeout=2)  # before its scheduler, which it would look for
    if local is not None:
        closing.callback(_kill, local)
    executor = client.get_executor(pure=False, **({"resources": needs} if needs else {}))

    def end() -> None:
        executor.shutdown(wait=False)
        with suppress(TimeoutError):
            closing.close()

    return EngineAway(executor, _Count(client, needs, asked.n_workers, local), end)


def _kill(local: Any) -> None:
    """End the worker processes of a cluster here at once; in order, it takes as long as what they evaluate."""
    for nanny in local.workers.values():
        if getattr(nanny, "pid", None):
            nanny.close_gracefully()  # or it would start another one
            with suppress(OSError):
                os.kill(nanny.pid, getattr(signal, "SIGKILL", signal.SIGTERM))  # either ends it at once on Windows


def _number_of_gpus(asked: Asked) -> int | None:
    if asked.resources.gpus == "all":
        raise ExecutorError(
            "the executor 'dask' takes gpus=1, say, and workers that declare them; 'all' is for one host."
        )
    return asked.resources.gpus


class _Count:
    """How many evaluations the workers that are there have room for."""

    def __init__(self, client: Any, needs: dict[str, float], limit: int | None, local: Any) -> None:
        self._client = client
        self._needs = needs
        self._limit = limit
        self._local = local
        self._n_local = 0 if local is None else len(local.workers)
        self._n = 0
        self._until = float("-inf")

    def __call__(self) -> int:
        if time.monotonic() >= self._until:
            if self._local is not None and len(self._local.workers) < self._n_local:
                self._local.scale(self._n_local)  # it gives up a worker that is killed again at a bad moment
            self._n = self._limit or self._counted()
            self._until = time.monotonic() + COUNTED
        return self._n

    def _counted(self) -> int:
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        except TypeError:  # before 2025 it told of all of them
            workers = self._client.scheduler_info()["workers"].values()
        return sum(map(self._room, workers))

    def _room(self, worker: dict[str, Any]) -> int:
        has = worker.get("resources") or {}
        return min(
            [int(worker["nthreads"]), *(int(has.get(name, 0) // need) for name, need in self._needs.items() if need)]
        )


@hookimpl
def neps_executors() -> list[ExecutorSpec]:
    """`dask`."""
    return [ExecutorSpec("dask", make, "a Dask cluster (extra dask)", ("gpus", "memory"))]
