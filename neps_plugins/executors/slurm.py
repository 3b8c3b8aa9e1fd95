"""The executor `slurm` (extra `slurm`): each evaluation is a Slurm job of its own, submitted through submitit."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from neps_core import Asked, Engine, ExecutorError, ExecutorSpec, hookimpl

#: Seconds between looks at the jobs.
PAUSE = 0.1


class SubmititExecutor(Executor):
    """Submits calls as jobs, and follows them.

    Args:
        submitit_executor: Submits a job.
    """

    def __init__(self, submitit_executor: Any) -> None:
        self._executor = submitit_executor
        self._jobs: dict[Future[Any], Any] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._follow, name="neps-jobs", daemon=True).start()

    def submit(self, function: Callable[..., Any], /, *args: Any, **keywords: Any) -> Future[Any]:
        if self._over.is_set():
            raise RuntimeError("its jobs have been cancelled")
        future: Future[Any] = Future()
        job = self._executor.submit(function, *args, **keywords)
        future.set_running_or_notify_cancel()
        with self._lock:
            self._jobs[future] = job
        return future

    def _follow(self) -> None:
        while not self._over.wait(PAUSE):
            with self._lock:
                jobs = list(self._jobs.items())
            for future, job in jobs:
                try:
                    if not job.done():
                        continue
                    error, result = None, job.result()
                except Exception as reason:  # the job failed, or Slurm did
                    error, result = reason, None
                with self._lock:
                    self._jobs.pop(future, None)
                if error is None:
                    future.set_result(result)
                else:
                    future.set_exception(error)

    def kill(self) -> None:
        """Cancel all jobs at once."""
        self._over.set()
        with self._lock:
            jobs, self._jobs = list(self._jobs.values()), {}
        for job in jobs:
            job.cancel()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.kill()


def make(asked: Asked, folder: str | Path = "slurm_jobs", cluster: str | None = None, **parameters: Any) -> Engine:
    """Jobs of Slurm.

    Args:
        asked: How many jobs at a time, which has to be said.
        folder: Where submitit keeps their files and logs; all nodes must see it.
        cluster: `"slurm"`, or `"local"` for processes on this machine that behave like jobs; None to find out.
        parameters: Further ones of `sbatch`: `partition`, `account`, `constraint`, ...; or submitit's own by their name
            there (`slurm_...`, `timeout_min`, ...).

    Raises:
        ExecutorError: If submitit is not installed, or it is not said how many.
    """
    try:
        import submitit
    except ImportError as reason:
        raise ExecutorError("the executor 'slurm' needs submitit: install neps-framework[slurm].") from reason
    n = asked.n_workers
    if n is None:
        raise ExecutorError("the executor 'slurm' has to be told how many jobs at a time: n_workers=16, say.")
    if asked.resources.gpus == "all":
        raise ExecutorError("the executor 'slurm' takes gpus=1, say; 'all' is for one host.")
    made = submitit.AutoExecutor(folder=str(folder), cluster=cluster)
    made.update_parameters(**_parameters(asked, parameters, submitit.AutoExecutor._typed_parameters()))
    executor = SubmititExecutor(made)
    return Engine(executor, lambda: n, executor.kill, writes_files=True)


def _parameters(asked: Asked, given: dict[str, Any], known: Any) -> dict[str, Any]:
    resources = asked.resources
    asks = {
        "cpus_per_task": resources.cpus,
        "gpus_per_node": resources.gpus,
        "mem_gb": None if resources.memory is None else max(math.ceil(resources.memory / 1024**3), 1),
        "timeout_min": None if resources.walltime is None else max(math.ceil(resources.walltime / 60), 1),
    }
    named = {key if key in known or key.startswith("slurm_") else f"slurm_{key}": value for key, value in given.items()}
    return {"name": "neps", **{key: value for key, value in asks.items() if value is not None}, **named}


@hookimpl
def neps_executors() -> list[ExecutorSpec]:
    """`slurm`."""
    understood = ("cpus", "gpus", "memory", "walltime")
    return [ExecutorSpec("slurm", make, "a Slurm job for each evaluation (extra slurm)", understood)]
