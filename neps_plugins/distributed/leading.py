"""Rank 0: the worker, which tells the other ranks who it is, and what the stopping rule has judged."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from attrs import evolve

from neps_core import NePSError, Run, StoppingRule, Trial, Trials
from neps_plugins.distributed.jobs import Job
from neps_plugins.distributed.notes import ALL, Note, write_note
from neps_plugins.distributed.processes import Process

logger = logging.getLogger("neps.distributed")


class Leader:
    """A process that others follow, or may follow once it has started them.

    Args:
        process: This process.
        job: The job that it is rank 0 of; None if it was started on its own.
        root: The run's folder, as `Process.count` was told.
        path: Where its note is.
    """

    def __init__(self, process: Process, job: Job | None, root: str, path: Path) -> None:
        self._process = process
        self._job = job
        self._root = root
        self._path = path
        self._note = Note("", process.began)

    @contextmanager
    def leading(self, run: Run, rule: StoppingRule | None) -> Iterator[StoppingRule | None]:
        """Let others follow this worker in this block."""
        self._note = evolve(self._note, worker=run.worker_id, judges=rule is not None)
        self._tell()
        left = "it has ended its work"
        try:
            with nullcontext() if self._job else self._process.announcing(self._root, self._note):
                yield None if rule is None else self._judging(rule)
        except BaseException as error:
            left = repr(error)
            raise
        finally:
            if os.getpid() == self._process.pid:  # and no child that the user's code has forked
                self._tell(left=left)

    @property
    def _is_followed(self) -> bool:
        """Whether there may be others. A worker that is alone writes nothing."""
        return self._job is not None or "LOCAL_RANK" in os.environ  # Lightning sets it when it starts them

    def _tell(self, **changes: Any) -> None:
        self._note = evolve(self._note, **changes)
        if not self._is_followed:
            return
        try:
            write_note(self._path, self._note)
        except OSError as reason:
            logger.warning("The other ranks can't be told what rank 0 does: %s", reason)

    def _judging(self, rule: StoppingRule) -> StoppingRule:
        """A rule that judges like another, and tells the other ranks, which wait for it."""

        def judge(trial: Trial, trials: Trials) -> bool:
            now: dict[str, Any] = {
                "trial": trial.id,
                "started": trial.metadata.time_started,
                "judged": len(trial.points),
            }
            try:
                stops = bool(rule(trial, trials))
            except NePSError:  # this evaluation ends by it
                self._tell(**now, stopped=True)
                raise
            except Exception:  # it is not asked again in this trial
                self._tell(**{**now, "judged": ALL}, stopped=False)
                raise
            self._tell(**now, stopped=stops)
            return stops

        judge.__qualname__ = getattr(rule, "__qualname__", type(rule).__qualname__)
        return judge
