"""The executor `threads`: evaluations in threads of this process, for those that mostly wait for something."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from neps_core import Asked, Engine, ExecutorSpec, hookimpl
from neps_plugins.toolkit import EngineHere


class DaemonThreads(Executor):
    """A pool of threads that end with the process; those of the standard pool keep it from ending.

    Args:
        n: How many.
    """

    def __init__(self, n: int) -> None:
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._serve, name=f"neps-{i}", daemon=True) for i in range(n)]
        for thread in self._threads:
            thread.start()

    def submit(self, function: Callable[..., Any], /, *args: Any, **keywords: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._tasks.put((future, lambda: function(*args, **keywords)))
        return future

    def _serve(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, call = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as error:  # whoever waits gets it
                future.set_exception(error)
            else:
                future.set_result(result)
            del task, future, call

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for _ in self._threads:
            self._tasks.put(None)
        if wait:
            for thread in self._threads:
                thread.join()


def make(asked: Asked) -> Engine:
    """Threads; as many as there are processors, if nothing else is said."""
    n = asked.n_workers or os.cpu_count() or 1
    executor = DaemonThreads(n)
    return EngineHere(executor, lambda: n, lambda: executor.shutdown(wait=False))


@hookimpl
def neps_executors() -> list[ExecutorSpec]:
    """`threads`."""
    return [ExecutorSpec("threads", make, "threads of this process")]
