"""Distributed training inside a trial: of several processes that train a model together, one is the worker.

`jobs` reads from the environment what launchers say, `processes` knows how this process stands to others, `notes` is
what a leader tells, and `leading` and `following` are what the two kinds of process do.
"""

from __future__ import annotations

import os
from pathlib import Path

from neps_core import FollowingRank, LeadingRank, RunError, Storage, hookimpl
from neps_core.errors import warn
from neps_plugins.distributed.following import Follower
from neps_plugins.distributed.jobs import by_hand
from neps_plugins.distributed.leading import Leader
from neps_plugins.distributed.notes import note_path
from neps_plugins.distributed.processes import this_process


@hookimpl
def neps_rank(storage: Storage, distributed: tuple[int, str] | None) -> LeadingRank | FollowingRank | None:
    """The leader of a job's processes, or one that follows it."""
    process = this_process()
    job = process.job if distributed is None else by_hand(*distributed)
    parent = process.parent if distributed is None else None
    if not storage.crosses_processes:
        if parent is None and (job is None or job.leads):
            return None  # nobody can follow it
        label = job.label if job else f"local rank {process.rank}"
        raise RunError(
            f"this process, {label}, can't see the run of rank 0, which is kept in its memory. Give a folder as "
            "root_directory=, or distributed=False for a worker of its own."
        )
    root = os.path.realpath(storage.folder.root_directory)
    call = process.count(root)
    if parent is not None:
        began_before = call <= parent.n_calls(root)
        goes_on = call == parent.n_calls(root) and root in parent.leading
        return Follower(
            storage,
            note_path(Path(root), parent.job, call),
            f"local rank {process.rank}",
            note=parent.leading[root] if goes_on else None,
            is_over=began_before and not goes_on,
        )
    path = note_path(Path(root), job.name if job else process.name, call)
    if job is None or job.leads:
        return Leader(process, job, root, path)
    if call == 1 and not job.is_certain:
        warn(
            f"this process is {job.label}, so it evaluates the trials of rank 0 with it, and records nothing. If these "
            "processes don't train together, give distributed=False: each is then a worker of its own."
        )
    return Follower(storage, path, job.label, None if job.is_unique else process.began)
