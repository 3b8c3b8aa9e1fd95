"""Runs that are made of events, so that each is as odd as it has to be."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from neps_core import Run, State, parse_space
from neps_core import events as ev
from neps_core.storage import open_storage
from neps_core.trials import Report

_NUMBER = itertools.count()


def nothing() -> Run:
    """A run in memory in which nothing has happened."""
    run = Run(open_storage(f"memory://analysis-{next(_NUMBER)}"))
    run.journal.create()
    return run


def made(space: Any = None, events: Sequence[Any] = (), optimizer: str | None = "random_search") -> Run:
    """A run in memory, as far as these events go."""
    run = nothing()
    run.journal.append([ev.Created(ev.FORMAT, 1, 0.0)])
    if space is not None:
        run.journal.append([ev.SpaceRecorded(parse_space(space).to_document())])
    if optimizer is not None:
        run.journal.append([ev.OptimizerRecorded(optimizer, {})])
    add(run, events)
    return run


def add(run: Run, events: Sequence[Any]) -> None:
    """Something happens in a run."""
    run.journal.append(list(events))
    run.refresh()


def evaluated(
    trial_id: str,
    config: Mapping[str, Any],
    result: Any,
    at: float = 10.0,
    worker: str = "w1",
    state: State = State.SUCCESS,
    previous: str | None = None,
    **report: Any,
) -> list[Any]:
    """A trial from its beginning, two seconds before, to its end."""
    return [
        ev.Sampled(trial_id, dict(config), at - 2, worker, previous),
        ev.Started(trial_id, at - 2, worker),
        ev.Finished(trial_id, at, state, Report(result, evaluation_duration=2.0, **report)),
    ]


def many(values: Sequence[Any], **report: Any) -> list[Any]:
    """Trials 1, 2, ... with these results, where x goes from 0 to 1."""
    last = max(1, len(values) - 1)
    each = (evaluated(str(i + 1), {"x": i / last}, v, at=10.0 + i, **report) for i, v in enumerate(values))
    return [event for events in each for event in events]
