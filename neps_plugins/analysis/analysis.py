"""A run, followed and seen from every side."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from neps_core import NePSError, Run, SearchSpace, nearest
from neps_core.pareto import Front
from neps_core.run_status import _of_optimizer
from neps_plugins.analysis import health, importance, overview, points, progress, table
from neps_plugins.analysis.columns import Columns
from neps_plugins.toolkit.trial_follower import Follower, by_end

#: Every document by name: a function of an analysis and options.
VIEWS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "overview": overview.overview,
    "anytime": progress.anytime,
    "curves": progress.curves,
    "rungs": progress.rungs,
    "workers": health.workers,
    "timeline": health.timeline,
    "errors": health.errors,
    "table": table.table,
    "trial": table.trial,
    "front": points.front,
    "slices": points.slices,
    "rank": points.rank,
    "parallel": points.parallel,
    "distribution": points.distribution,
    "importance": importance.importance,
}


class Analysis:
    """One run, followed: a refresh takes in what is new only.

    Args:
        run: The run, as `neps_core.open_run` gives it.

    Attributes:
        run: The run.
        version: Grows when something has changed.
        columns: The run as arrays.
        front: The best trials so far.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.version = 0
        self.columns = Columns(None)
        self.front = Front()
        self._follower = Follower()
        self._knows_space = False
        self._told: tuple[int, list[str]] = (-1, [])
        self._take_in()

    def refresh(self) -> bool:
        """Read what is new. Returns whether something has changed."""
        self.run.refresh()
        return self._take_in()

    def view(self, name: str, **options: Any) -> dict[str, Any]:
        """A document: plain data, with None for what is missing, NaN or infinite.

        Args:
            name: One of `VIEWS`.
            options: Its own.

        Raises:
            NePSError: There is no such view, option, trial, parameter or column.
        """
        if name not in VIEWS:
            raise NePSError(f"there is no view {name!r}. {nearest(str(name), VIEWS)}")
        known = list(inspect.signature(VIEWS[name]).parameters)[1:]
        for option in options:
            if option not in known:
                raise NePSError(f"the view {name!r} has no option {option!r}. {nearest(option, known)}")
        return VIEWS[name](self, **options)

    def told(self) -> list[str]:
        """What the optimizer says of how it stands; asked once a version."""
        if self._told[0] != self.version:
            self._told = self.version, _of_optimizer(self.run)
        return self._told[1]

    def _take_in(self) -> bool:
        trials = self.run.trials
        anew, ids = self._follower.news(trials)
        if not self._knows_space and self.run.log.space is not None:
            anew, ids = True, list(trials)
        if anew:
            space = _space_of(self.run)
            self._knows_space = self.run.log.space is not None
            self.columns, self.front = Columns(space), Front()
        columns = self.columns
        known = set() if anew else {i for i in ids if i in columns.rows and _had_ended(columns, i)}
        for trial_id in ids:
            if trial_id in trials:
                columns.take(trials[trial_id], trials)
        for trial_id in by_end(trials, ids):
            if trial_id not in known:
                columns.ends.append(columns.rows[trial_id])
                self.front.take(trials[trial_id])
        if anew or ids or not self.version:
            self.version += 1
            return True
        return False


def _had_ended(columns: Columns, trial_id: str) -> bool:
    from neps_plugins.analysis.columns import STATES

    return STATES[int(columns.state[columns.rows[trial_id]])].is_finished


def _space_of(run: Run) -> SearchSpace | None:
    try:
        return None if run.log.space is None else run.space
    except NePSError:  # something of it isn't installed here: decisions are still shown
        return None
