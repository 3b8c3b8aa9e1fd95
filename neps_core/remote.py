"""An evaluation that is not made by the process that claimed its trial: what goes there, and what comes back."""

from __future__ import annotations

import pickle
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from attrs import Factory, evolve, frozen

from neps_core.artifacts import Artifacts
from neps_core.carrying import carried, packed
from neps_core.errors import ArtifactsError, SpaceError, StopTrial, StorageError, TargetError
from neps_core.live import LiveTrial, Told
from neps_core.observers import Observers
from neps_core.run import Run
from neps_core.spaces.protocol import SearchSpace
from neps_core.spaces.sources import replay
from neps_core.stopping import StoppingRule
from neps_core.storage import open_storage
from neps_core.trials import Trial
from neps_core.user_function import UserFunction, load_function


@frozen
class Outcome:
    """What an evaluation came to.

    Attributes:
        returned: What the user's function returned or raised; `carried`, if it comes from another process.
        duration: In seconds.
        told: What it reported meanwhile.
        refused: Why it could not even begin.
        left: What the user's function left its process by, if it meant to end it.
    """

    returned: Any = None
    duration: float = 0.0
    told: Told = Factory(Told)
    refused: Exception | None = None
    left: str | None = None


@frozen
class Assignment:
    """One trial, for whoever evaluates it.

    Attributes:
        trial: The trial, started.
        injected: What the user's function gets besides the configuration, if it names it.
    """

    trial: Trial
    injected: Mapping[str, Any]


@frozen(eq=False)
class Job:
    """What the evaluations of one call share.

    Attributes:
        target: The user's function, or where it is.
        space: The search space.
        worker_id: Who claims the trials.
        location: Where the run is opened to report something; None if it is only there in the process that claims.
        storage: What it is kept in, if not there.
        rule: Says whether to go on; None for always.
        requires_cost: Whether a result needs a cost.
        artifacts: Where the folders of trials are kept besides; None if nowhere.
    """

    target: Any
    space: SearchSpace
    worker_id: str
    location: str | None
    storage: str | None = None
    rule: StoppingRule | None = None
    requires_cost: bool = False
    artifacts: Artifacts | None = None

    def packed(self, imports_main: bool) -> bytes:
        """For another process.

        Raises:
            TargetError: If it can't travel.
        """
        path = [str(Path(entry).absolute()) for entry in sys.path]
        return pickle.dumps((path, packed(self, (self.target, self.space, self.rule), imports_main)))


def evaluated(
    function: UserFunction, space: SearchSpace, assignment: Assignment, live: LiveTrial, began: float
) -> Outcome:
    """Evaluate a trial, and never raise."""
    returned: Any
    try:
        with live.current():
            try:
                arguments = replay(space, assignment.trial.config).arguments()
            except (SpaceError, StorageError) as error:  # nothing that the trial could help
                return Outcome(refused=error)
            returned = function(arguments, assignment.injected)
    except StopTrial:
        returned = live.stopped()
    except ArtifactsError as error:  # nor this
        return Outcome(refused=error)
    except Exception as error:  # the user's code, so anything
        returned = error
    except BaseException as error:
        return Outcome(left=repr(error))
    return Outcome(returned, time.perf_counter() - began, live.told())


def evaluate(job: bytes, assignment: bytes) -> bytes:
    """Evaluate a trial in another process than the one that claimed it: what executors are given to do."""
    began = time.perf_counter()
    try:
        here = _arrived(job)
        given: Assignment = pickle.loads(assignment)
    except Exception as error:  # unpickling imports the user's code, so anything
        reason = TargetError(f"an executor's process can't take over the evaluations: {type(error).__name__}: {error}.")
        return pickle.dumps(Outcome(refused=reason))
    live = LiveTrial(here.run, given.trial, here.job.rule, here.job.requires_cost)
    outcome = evaluated(here.function, here.job.space, given, live, began)
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
                run = _FollowedRun(open_storage(self.job.location, self.job.storage), Observers(()))
                if not run.journal.exists():
                    raise StorageError(
                        f"there is no run in {self.job.location} as this process sees it, so neps.report can't reach "
                        "it. Use a folder that the executor's processes share."
                    )
                run.worker_id = self.job.worker_id
                run.refresh()
                self._run = run
            return self._run


_unpacking = threading.Lock()


def _arrived(job: bytes) -> _Arrived:
    with _unpacking:
        return _unpacked(job)


@lru_cache(maxsize=2)
def _unpacked(job: bytes) -> _Arrived:
    path, data = pickle.loads(job)
    sys.path.extend(entry for entry in path if entry not in sys.path)  # before anything that is found there
    return _Arrived(pickle.loads(data))


def here(job: Job, function: UserFunction, run: Run, assignment: Assignment) -> Callable[[], Outcome]:
    """The evaluation of a trial in a thread of the process that claimed it."""
    live = LiveTrial(run, assignment.trial, job.rule, job.requires_cost)
    return lambda: evaluated(function, job.space, assignment, live, time.perf_counter())
