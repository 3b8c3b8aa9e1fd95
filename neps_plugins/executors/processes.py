"""The executor `processes`: evaluations in processes on this machine, each with a GPU of its own if that is asked for.

Each slot is a pool of one process: loky's (extra `processes`), which needs no `if __name__ == "__main__":` in scripts,
or else the standard library's. A process that is killed takes one evaluation with it, where it would break a pool of
several.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from neps_core import Asked, Engine, ExecutorError, ExecutorSpec, hookimpl
from neps_plugins.toolkit import EngineAway

#: Seconds between looks of a process at whether the one that started it is still there.
ORPHANED = 0.2

#: What libraries ask how many threads they may use.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def make(asked: Asked, pool: str | None = None) -> Engine:
    """Processes on this machine.

    Args:
        asked: As many processes as there are processors (or shares of `cpus`), or GPUs, if nothing else is said.
        pool: `"loky"` or `"standard"`; None for loky where it is installed.

    Raises:
        ExecutorError: If there are too few GPUs, or this process is one that a pool has started.
    """
    if pool not in (None, "loky", "standard"):
        raise ExecutorError(f"the executor 'processes' takes pool='loky' or 'standard', not {pool!r}.")
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ExecutorError(
            "neps.run was called while a process that it has started imports your script. Put the call under "
            'if __name__ == "__main__":, or install loky (neps-framework[processes]), which needs none.'
        )
    start, has_loky = _starter(pool)
    environments = list(_environments(asked))
    executor = OneProcessPools([partial(start, each) for each in environments])
    return EngineAway(executor, lambda: len(environments), executor.kill, imports_main=not has_loky)


def _starter(pool: str | None) -> tuple[Callable[[dict[str, str]], Executor], bool]:
    if pool != "standard":
        try:
            import loky  # noqa: F401
        except ImportError:
            if pool == "loky":
                raise ExecutorError("pool='loky' needs loky: install neps-framework[processes].") from None
        else:
            return _loky, True
    return _standard, False


def _loky(environment: dict[str, str]) -> Executor:
    import loky

    made: Executor = loky.ProcessPoolExecutor(1, env=environment, initializer=_begin, initargs=(os.getpid(),))
    return made


def _standard(environment: dict[str, str]) -> Executor:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(1, context, _begin, (os.getpid(),))
    with _inheriting:  # before anything is imported there, as NumPy and CUDA look only once
        before = {name: os.environ.get(name) for name in environment}
        try:
            os.environ.update(environment)
            pool.submit(os.getpid)  # which starts the process
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
    return pool


_inheriting = threading.Lock()


def _begin(parent: int) -> None:
    """In each process: it leaves when its parent is gone, whose lease falls then; Ctrl-C is for the parent, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(parent,), name="neps-parent", daemon=True).start()


def _watch(parent: int) -> None:
    # Windows goes on giving the id of a parent that is gone; elsewhere loky's processes don't know whether it lives.
    known = multiprocessing.parent_process() if os.name == "nt" else None
    while os.getppid() == parent and (known is None or known.is_alive()):
        time.sleep(ORPHANED)
    os._exit(1)


def _environments(asked: Asked) -> Iterator[dict[str, str]]:
    """What is set in the environment of each process."""
    resources = asked.resources
    threads = {} if resources.cpus is None else dict.fromkeys(_THREADS, str(resources.cpus))
    if resources.gpus is None:
        n = asked.n_workers or max((os.cpu_count() or 1) // (resources.cpus or 1), 1)
        yield from (dict(threads) for _ in range(n))
        return
    if resources.gpus == 0:
        yield from ({**threads, "CUDA_VISIBLE_DEVICES": ""} for _ in range(asked.n_workers or 1))
        return
    each = 1 if resources.gpus == "all" else resources.gpus
    found = visible_gpus()
    n = asked.n_workers or max(len(found) // each, 1)
    if n * each > len(found):
        raise ExecutorError(
            f"{n} evaluation(s) at a time with {each} GPU(s) each need {n * each}, and this machine shows "
            f"{len(found)}{': ' + ', '.join(found) if found else ''} (CUDA_VISIBLE_DEVICES, or else nvidia-smi)."
        )
    for i in range(n):
        yield {**threads, "CUDA_VISIBLE_DEVICES": ",".join(found[i * each : (i + 1) * each])}


def visible_gpus() -> list[str]:
    """What names the GPUs that this process may use: in CUDA_VISIBLE_DEVICES if it is set, else all that there are."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1", "NoDevFiles")]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    gpus = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    return [str(i) for i in range(len(gpus))]


class OneProcessPools(Executor):
    """Several pools of one process each; a broken one is replaced.

    Args:
        starters: Start the pool of each slot.
    """

    def __init__(self, starters: list[Callable[[], Executor]]) -> None:
        self._starters = starters
        self._pools: list[Executor | None] = [None] * len(starters)
        self._free = list(range(len(starters)))[::-1]
        self._waiting: list[tuple[Future[Any], Callable[[Executor], Future[Any]]]] = []
        self._lock = threading.RLock()
        self._is_over = False

    def submit(self, function: Callable[..., Any], /, *args: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            if self._is_over:
                raise RuntimeError("these processes have been ended")
            self._waiting.append((future, lambda pool: pool.submit(function, *args, **keywords)))
        self._assign()
        return future

    def _assign(self) -> None:
        while True:
            with self._lock:
                if not self._free or not self._waiting or self._is_over:
                    return
                slot = self._free.pop()
                future, call = self._waiting.pop(0)
            if not future.set_running_or_notify_cancel():
                with self._lock:
                    self._free.append(slot)
                continue
            try:
                begun, inner = self._called(slot, call)
            except Exception as error:  # a process that can't be started, say
                with self._lock:
                    self._free.append(slot)
                future.set_exception(error)
                continue
            inner.add_done_callback(partial(self._ended, slot, future, begun))

    def _called(self, slot: int, call: Callable[[Executor], Future[Any]]) -> tuple[Future[Any] | None, Future[Any]]:
        """A call in the process of a slot; before it, one that says whether the process could be started."""
        pool = self._pools[slot]
        if pool is not None:
            with suppress(BrokenExecutor, RuntimeError):  # its process was killed while it had nothing to do
                return None, call(pool)
            _kill(pool)
        pool = self._pools[slot] = self._starters[slot]()
        return pool.submit(os.getpid), call(pool)

    def _ended(self, slot: int, future: Future[Any], begun: Future[Any] | None, inner: Future[Any]) -> None:
        error = inner.exception() if not inner.cancelled() else RuntimeError("its process was ended")
        if error is not None and begun is not None and (begun.cancelled() or begun.exception() is not None):
            cause, error = error, ExecutorError(f"no process could be started ({error}); standard error may say why.")
            error.__cause__ = cause
        with self._lock:
            if isinstance(error, BrokenExecutor):
                self._pools[slot] = None
            self._free.append(slot)
        if error is None:
            future.set_result(inner.result())
        else:
            future.set_exception(error)
        self._assign()

    def kill(self) -> None:
        """End all processes at once, with what they evaluate."""
        with self._lock:
            self._is_over = True
            pools, self._pools = [pool for pool in self._pools if pool is not None], [None] * len(self._pools)
            waiting, self._waiting = self._waiting, []
        for future, _ in waiting:
            future.cancel()
        for pool in pools:
            _kill(pool)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            self._is_over = True
            pools = [pool for pool in self._pools if pool is not None]
        for pool in pools:
            pool.shutdown(wait=wait)


def _kill(pool: Executor) -> None:
    for process in list((getattr(pool, "_processes", None) or {}).values()):  # no public way before Python 3.14
        with suppress(OSError):  # it is gone already
            os.kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    pool.shutdown(wait=False)


@hookimpl
def neps_executors() -> list[ExecutorSpec]:
    """`processes`."""
    return [ExecutorSpec("processes", make, "processes on this machine", ("cpus", "gpus"))]
