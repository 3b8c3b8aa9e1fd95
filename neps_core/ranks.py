"""Several processes that evaluate each trial together: which of them is the worker, and which follow it.

The core only asks. Plugins know the launchers that start such processes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from neps_core.errors import RunError
from neps_core.plugins import plugins
from neps_core.run import Run
from neps_core.run_result import RunResult
from neps_core.spaces.domains import exact
from neps_core.stopping import StoppingRule
from neps_core.storage import open_storage


@runtime_checkable
class LeadingRank(Protocol):
    """The process of a group that is the worker; also one that may get a group of its own while it evaluates."""

    def leading(self, run: Run, rule: StoppingRule | None) -> AbstractContextManager[StoppingRule | None]:
        """What surrounds its work: those who follow it know it in this block.

        Args:
            run: The run, begun; `run.worker_id` is this process's.
            rule: The stopping rule of the call.

        Returns:
            In the block, the rule to use: the same, or one that judges the same and tells the followers, too.
        """
        ...


@runtime_checkable
class FollowingRank(Protocol):
    """A process of a group that is no worker: it evaluates what the leader evaluates, and records nothing."""

    def follow(self, function: Callable[..., Any], pipeline_space: Any) -> RunResult:
        """Evaluate the leader's trials with it, until it leaves.

        Args:
            function: The user's.
            pipeline_space: The space as the user gave it; None to use the stored one.
        """
        ...


class Alone:
    """A worker that nobody follows."""

    def leading(self, run: Run, rule: StoppingRule | None) -> AbstractContextManager[StoppingRule | None]:
        return nullcontext(rule)


def find_rank(root_directory: str | Path, distributed: Any, storage: str | None = None) -> LeadingRank | FollowingRank:
    """What this process is for a run.

    Args:
        root_directory: The run's folder.
        distributed: As for `neps.run`.
        storage: As for `neps.run`.

    Raises:
        RunError: If `distributed` says nothing that can be meant, or no plugin can follow.
    """
    said = _checked(distributed)
    if distributed is False:
        return Alone()
    rank: LeadingRank | FollowingRank | None = plugins.first(
        "neps_rank", storage=open_storage(root_directory, storage), distributed=said
    )
    if rank is None and said is not None:
        raise RunError(f"distributed={distributed!r} was given, and no installed plugin lets ranks follow each other.")
    return Alone() if rank is None else rank


def _checked(distributed: Any) -> tuple[int, str] | None:
    """A rank and the name of its job, if they were given."""
    if distributed is None or distributed is False:
        return None
    is_pair = isinstance(distributed, (tuple, list)) and len(distributed) == 2
    rank, job = distributed if is_pair else (distributed, "")
    rank = exact(rank)
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 0 or not isinstance(job, str):
        raise RunError(
            f"distributed={distributed!r} must be None (found out from the environment), False (a worker of its own), "
            "this process's rank (0, 1, ...), or (rank, 'name of the job')."
        )
    return rank, job
