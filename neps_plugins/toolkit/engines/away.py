"""Evaluations in other processes than the one that claims their trials, here or on other hosts."""

from __future__ import annotations

import pickle
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import lru_cache
from pathlib import Path

from attrs import define, evolve, field

from neps_core import Assignment, ExecutorError, Job, Outcome, Run, StorageError, TargetError
from neps_core.assignments import evaluated
from neps_core.live import LiveTrial
from neps_core.observers import Observers
from neps_core.storage import open_storage, without_passwords
from neps_core.user_function import UserFunction, load_function
from neps_core.waiting import until_it_answers
from neps_plugins.toolkit.engines.carrying import carried, packed, received


@define(eq=False)
class EngineAway:
    """An executor whose processes are others; a `neps_core.Engine`.

    What it is given to run is `evaluate`, which takes bytes, returns bytes and never raises: what a future raises says
    that the evaluation was lost, or, if it is an `ExecutorError`, that there is no point in going on.

    Args:
        executor: Runs the evaluations.
        n_slots: How many it can run at present.
        end: Ends it at once; None to leave that to whoever made it.
        imports_main: Whether its processes import the user's script, so that functions in it are found by name.
        writes_files: Whether what it is given passes through files. Then the passwords of `storage=` stay here.
    """

    executor: Executor
    n_slots: Callable[[], int]
    end: Callable[[], None] = lambda: None
    imports_main: bool = field(default=False, kw_only=True)
    writes_files: bool = field(default=False, kw_only=True)
    is_here: bool = field(default=False, init=False)
    _job: bytes = field(default=b"", init=False)

    def begin(self, job: Job, function: UserFunction, run: Run) -> None:
        if self.writes_files and job.storage is not None:
            job = evolve(job, storage=without_passwords(job.storage))
        path = [str(Path(entry).absolute()) for entry in sys.path]
        self._job = pickle.dumps((path, packed(job, (job.target, job.space, job.rule), self.imports_main)))

    def submit(self, assignment: Assignment) -> Future[bytes]:
        return self.executor.submit(evaluate, self._job, pickle.dumps(assignment))

    def outcome(self, future: Future[bytes]) -> Outcome:
        try:
            outcome: Outcome = pickle.loads(future.result())
        except (ImportError, pickle.PickleError) as error:  # in its processes something is missing
            raise ExecutorError(f"the executor's processes can't evaluate: {type(error).__name__}: {error}") from error
        return outcome if outcome.refused is not None else evolve(outcome, returned=received(outcome.returned))


def evaluate(job: bytes, assignment: bytes) -> bytes:
    """Evaluate a trial in another process than the one that claimed it: what executors are given to do."""
    began = time.perf_counter()
    try:
        arrived = _arrived(job)
        given: Assignment = pickle.loads(assignment)
    except Exception as error:  # unpickling imports the user's code, so anything
        reason = TargetError(f"an executor's process can't take over the evaluations: {type(error).__name__}: {error}.")
        return pickle.dumps(Outcome(refused=reason))
    live = LiveTrial(arrived.run, given.trial, arrived.job.rule, arrived.job.requires_cost)
    outcome = evaluated(arrived.function, arrived.job.space, given, live, began)
    return pickle.dumps(evolve(outcome, returned=carried(outcome.returned)))


class _FollowedRun(Run):
    """The run in a process that only reports: observers are told by the one that has claimed the trial."""

    def tell_news(self, wait: bool = False) -> None:
        self._news.clear()


class _Arrived:
    """A job in the process that it was sent to."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.function = UserFunction(load_function(job.target), job.space, job.artifacts)
        self._lock = threading.Lock()
        self._run: Run | None = None

    def run(self) -> Run:
        """The run, opened when something is reported for the first time.

        Raises:
            StorageError: If this process can't reach it.
        """
        with self._lock:
            if self._run is None:
                if self.job.location is None:
                    raise StorageError(
                        "the run is kept in the memory of the process that called neps.run, so neps.report can't reach "
                        "it from here. Give a folder as root_directory, or executor='threads'."
                    )
                location = self.job.location
                self._run = until_it_answers(lambda: self._opened(location))
            return self._run

    def _opened(self, location: str) -> Run:
        run = _FollowedRun(open_storage(location, self.job.storage), Observers(()))
        if not run.journal.exists():
            raise StorageError(
                f"there is no run in {location} as this process sees it, so neps.report can't reach it. Use a folder "
                "that the executor's processes share."
            )
        run.worker_id = self.job.worker_id
        run.refresh()
        return run


_unpacking = threading.Lock()


def _arrived(job: bytes) -> _Arrived:
    with _unpacking:
        return _unpacked(job)


@lru_cache(maxsize=2)
def _unpacked(job: bytes) -> _Arrived:
    path, data = pickle.loads(job)
    sys.path.extend(entry for entry in path if entry not in sys.path)  # before anything that is found there
    return _Arrived(pickle.loads(data))
