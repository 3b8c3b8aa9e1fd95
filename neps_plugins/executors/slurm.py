"""The executor `slurm` (extra `slurm`): each evaluation is a Slurm job of its own, submitted through submitit."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, Protocol

from neps_core import Asked, Engine, ExecutorError, ExecutorSpec, hookimpl
from neps_plugins.toolkit import EngineAway

#: Seconds between looks for results, and between questions to Slurm.
PAUSE, QUEUE_PAUSE = 0.1, 5.0

#: What Slurm says of a job that will not go on.
_OVER = (
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED"),
    *("REVOKED", "TIMEOUT"),
)


class JobLostError(RuntimeError):
    """A job ended without a result."""


class States(Protocol):
    """Knows how jobs stand.

    Attributes:
        grace: Seconds in which the result of a job that is over may still come into sight.
    """

    grace: float

    def of(self, job: Any, since: float) -> str:
        """One of `_OVER`, or anything else while a job may still have a result.

        Args:
            job: The job.
            since: When it was submitted, by `time.monotonic()`.
        """
        ...


class LocalStates:
    """How processes of this machine stand that behave like jobs."""

    grace = 0.0

    def of(self, job: Any, since: float) -> str:
        return "COMPLETED" if job.done() else "RUNNING"


class Queue:
    """How jobs stand in Slurm's queue. submitit asks the accounting database, which not every cluster has."""

    grace = 10.0  # files of a network come late

    def __init__(self) -> None:
        self._states: Mapping[str, str] | None = None
        self._asked = float("-inf")

    def of(self, job: Any, since: float) -> str:
        now = time.monotonic()
        if now - self._asked > QUEUE_PAUSE:
            self._states, self._asked = self._ask(), now
        if self._states is None or since > self._asked:
            return "UNKNOWN"
        return self._states.get(job.job_id, "COMPLETED")  # what is over is forgotten after a while

    def _ask(self) -> dict[str, str] | None:
        command = ["squeue", f"--user={os.getuid()}", "--states=all", "--noheader", "--format=%i %T"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):  # the controller is away
            return None
        pairs = (line.split() for line in done.stdout.splitlines())
        return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


class _Call:
    """One call, and the job that makes it.

    Args:
        submit: Submits the job.
    """

    def __init__(self, submit: Callable[[], Any]) -> None:
        self._submit = submit
        self.submit()

    def submit(self) -> None:
        """In a job; in another one if the last was preempted."""
        self.job = self._submit()
        self.submitted = time.monotonic()
        self.over_since: float | None = None


class SubmititExecutor(Executor):
    """Submits calls as jobs, and follows them.

    Args:
        submitit_executor: Submits a job.
        states: Knows how the jobs stand.
    """

    def __init__(self, submitit_executor: Any, states: States) -> None:
        self._executor = submitit_executor
        self._states = states
        self._calls: dict[Future[Any], _Call] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._follow, name="neps-jobs", daemon=True).start()

    def submit(self, function: Callable[..., Any], /, *args: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._over.is_set():
                raise RuntimeError("its jobs have been cancelled")
            self._calls[future] = _Call(lambda: self._executor.submit(call, function, *args, **keywords))
        return future

    def _follow(self) -> None:
        while not self._over.wait(PAUSE):
            with self._lock:
                calls = list(self._calls.items())
            for future, each in calls:
                try:
                    if not self._is_over(each):
                        continue
                    error, result = None, each.job.result()
                except Exception as reason:  # the job failed, or Slurm did
                    error, result = reason, None
                with self._lock:
                    self._calls.pop(future, None)
                if error is None:
                    future.set_result(result)
                else:
                    future.set_exception(error)

    def _is_over(self, each: _Call) -> bool:
        """Whether a job has a result.

        Raises:
            JobLostError: If it won't have one.
        """
        job, now = each.job, time.monotonic()
        with suppress(OSError):
            os.utime(job.paths.folder)  # so that NFS looks anew
        if job.paths.result_pickle.exists():
            return True
        state = self._states.of(job, each.submitted)
        if state not in _OVER:
            each.over_since = None
            return False
        if each.over_since is None:
            each.over_since = now
            return False  # it may have written its result just now
        if now - each.over_since < self._states.grace:
            return False
        if state == "PREEMPTED":  # nothing that the trial could help, and nobody else begins the job again
            with self._lock:
                if not self._over.is_set():
                    each.submit()
            return False
        raise JobLostError(f"its job {job.job_id} ended without a result ({state}); its log is {job.paths.stderr}")

    def kill(self) -> None:
        """Cancel all jobs at once."""
        with self._lock:
            self._over.set()
            calls, self._calls = list(self._calls.values()), {}
        for each in calls:
            each.job.cancel(check=False)  # it may have ended

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.kill()


def call(function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    """Call a function in a job, and leave it when Slurm says that the job's time is nearly over.

    submitit would raise an exception that the user's function may take for an error of its own, or requeue the job, of
    which the dispatcher does not know. And it would ignore SIGTERM, so that a cancelled job goes on for a while.
    """
    from submitit import JobEnvironment

    signal.signal(getattr(signal, f"SIG{JobEnvironment.USR_SIG}"), _leave)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return function(*args, **keywords)


def _leave(number: int, frame: Any) -> NoReturn:
    raise SystemExit("its job's time is over")


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
    executor = SubmititExecutor(made, Queue() if made.cluster == "slurm" else LocalStates())
    return EngineAway(executor, lambda: n, executor.kill, writes_files=True)


def _parameters(asked: Asked, given: dict[str, Any], known: Any) -> dict[str, Any]:
    resources = asked.resources
    asks = {
        "cpus_per_task": resources.cpus,
        "gpus_per_node": resources.gpus,
        "mem_gb": None if resources.memory is None else max(math.ceil(resources.memory / 1024**3), 1),
        "timeout_min": None if resources.walltime is None else max(math.ceil(resources.walltime / 60), 1),
    }
    named = {key if key in known or key.startswith("slurm_") else f"slurm_{key}": value for key, value in given.items()}
    if resources.walltime is not None:  # submitit's 90 s would be nearly all of a short job's time
        asks["slurm_signal_delay_s"] = max(min(90, int(resources.walltime) // 4), 1)
    # The dispatcher puts back what is lost, and nobody else: else a trial would be evaluated twice.
    further = {"no_requeue": True, **named.pop("slurm_additional_parameters", {})}
    asks = {key: value for key, value in asks.items() if value is not None}
    return {"name": "neps", **asks, **named, "slurm_additional_parameters": further}


@hookimpl
def neps_executors() -> list[ExecutorSpec]:
    """`slurm`."""
    understood = ("cpus", "gpus", "memory", "walltime")
    return [ExecutorSpec("slurm", make, "a Slurm job for each evaluation (extra slurm)", understood)]
