"""All there is to see of one trial."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import asdict, evolve

from neps_core import Trial
from neps_core.trials import location_of
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.jsonable import plain
from neps_plugins.analysis.lines import points_of
from neps_plugins.analysis.rows import row
from neps_plugins.analysis.trees import tree

#: Files of a trial that are named, and bytes of its log's end that are shown.
FILES, TAIL = 200, 8000

#: What a log's name ends with, or is.
_LOGS = (".log", ".out", ".err", "stdout", "stderr")


def trial(columns: Columns, id: Any) -> dict[str, Any]:
    """One trial.

    Args:
        columns: The run.
        id: The trial's.

    Returns:
        As a row; and tree (the configuration as one, None if it is flat), metadata, report (None if there is none),
        points (steps, values, costs), previous (the trial that it continues), continued_by, files (name and size),
        log_tail, superseded (how many results came too late).

    Raises:
        TrialError: If there is none.
    """
    found = columns.run.trial(id)
    folder = columns.run.root_directory / location_of(found.id)
    files = list(itertools.islice(_files(folder), FILES))
    metadata = {name: plain(value) for name, value in asdict(found.metadata).items()}
    return {
        **row(columns, found),
        "tree": tree({path: plain(value) for path, value in found.config.items()}),
        "metadata": {**metadata, "state": found.state.value},
        "report": _report(found),
        "points": points_of(found),
        "previous": found.metadata.previous_trial_id,
        "continued_by": columns.ids_of((columns.previous == columns.row_of[found.id]).nonzero()[0]),
        "files": [{"name": name, "size": size} for name, size in files],
        "log_tail": _tail(folder, [name for name, _ in files]),
        "superseded": len(found.superseded),
    }


def _report(trial: Trial) -> dict[str, Any] | None:
    if trial.report is None:
        return None
    # The curve is among the points.
    plain_report = asdict(evolve(trial.report, learning_curve=None), recurse=False)
    del plain_report["learning_curve"]
    return {name: plain(value) for name, value in plain_report.items()}


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """The files in a folder and those within, not following links."""
    for directory, inner, names in os.walk(folder):
        inner.sort()
        for name in sorted(names):
            path = Path(directory, name)
            try:
                size = path.lstat().st_size
            except OSError:  # gone meanwhile
                continue
            yield path.relative_to(folder).as_posix(), size


def _tail(folder: Path, names: list[str]) -> str | None:
    """The end of the trial's log, of that which was written to last if there are several."""
    found: list[tuple[float, Path]] = []
    for name in names:
        path = folder / name
        if name.endswith(_LOGS) and path.is_file() and not path.is_symlink():
            found.append((path.stat().st_mtime, path))
    if not found:
        return None
    try:
        with max(found)[1].open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL))
            return file.read(TAIL).decode(errors="replace")
    except OSError:  # gone meanwhile
        return None
