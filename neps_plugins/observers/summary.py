"""The files in `summary/`: every trial as a table, the counts, and the best configurations.

Rows are kept as text, so a file is one join and one write. It is still longer after every trial, so the
files are written again only when at least `PAUSE` times as long has passed as writing them took: they
cost a constant share of the time however long the run gets. They are always up to date once a worker has left.

- `full.csv`: a row per trial: its id, `config.*`, the report, `extra.*`, the metadata.
- `short.csv`: name and value: counts by state, and the best trial.
- `best_config_trajectory.txt`: every trial that was the best so far, in the order in which they ended.
- `best_config.txt`: the best one, and what all results took together.

With several objectives the best are those on the Pareto front, and the last two say how large its hypervolume was after
each change, and is now. Its reference point lies beyond all results so far, so it moves now and then, and all are
reckoned anew; from four objectives on that could take minutes, so there it is left out.
"""

from __future__ import annotations

import csv
import io
import logging
import math
import time
import weakref
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from attrs import define

from neps_core import NePSError, ObserverSpec, Run, State, Trial, Trials, hookimpl
from neps_core.files import make_directory, write_atomically
from neps_core.pareto import Front
from neps_core.results import shortened
from neps_core.tables import row_of, summary_of
from neps_plugins.toolkit.pareto.hypervolume import RunningHypervolume
from neps_plugins.toolkit.pareto.reference import beyond_all

logger = logging.getLogger("neps.summary")

PAUSE = 50.0

#: What writing takes at least, so that a worker knows it that has not written yet.
SECONDS_PER_TRIAL = 5e-6


#: Characters of a value that a table shows: its begin and its end, if it is longer.
CELL = 10_000

#: Of how many objectives the hypervolume is told.
MOST_OBJECTIVES = 3

#: What stands between the trials in the texts.
RULE = "-" * 80


@define
class _Spent:
    """What the successful trials took together."""

    evaluations: int = 0
    fidelities: float = 0.0
    cost: float = 0.0
    time: float = 0.0  # seconds

    def add(self, trial: Trial, fidelities: Iterable[str]) -> None:
        """Count a trial that has ended."""
        assert trial.report is not None
        self.evaluations += 1
        self.fidelities += sum(trial.config.get(path, 0.0) for path in fidelities)
        self.cost += trial.report.cost or 0.0
        self.time += trial.report.evaluation_duration or 0.0

    @property
    def lines(self) -> list[str]:
        return [f"{name}: {getattr(self, name)}" for name in ("evaluations", "fidelities", "cost", "time")]


class _Hypervolumes:
    """The hypervolume of the front of several objectives, after each trial that came to it."""

    def __init__(self) -> None:
        self._came: dict[str, tuple[float, ...]] = {}
        self._ranges: list[tuple[float, float]] = []  # of each objective: the lowest and the highest value
        self._reference: list[float] = []
        self._running = RunningHypervolume([0.0])
        self._lines: dict[str, str] = {}

    def take(self, trial: Trial, joins: bool) -> None:
        """Look at a trial, which joins the front or does not."""
        objectives = trial.objectives or ()
        if not 1 < len(objectives) <= MOST_OBJECTIVES or not trial.is_feasible:
            return
        if joins:
            self._came[trial.id] = objectives
        if all(map(math.isfinite, objectives)):
            ranges = self._ranges if len(self._ranges) == len(objectives) else [(math.inf, -math.inf)] * len(objectives)
            self._ranges = [(min(low, value), max(high, value)) for (low, high), value in zip(ranges, objectives)]

    def lines(self) -> dict[str, str]:
        """What is said of each trial that came to the front, by id."""
        if not self._ranges:
            return {}
        lowest, highest = zip(*self._ranges)
        reference = beyond_all(lowest, highest).tolist()
        if reference != self._reference:
            self._reference, self._running, self._lines = reference, RunningHypervolume(reference), {}
        for trial_id, objectives in list(self._came.items())[len(self._lines) :]:
            if len(objectives) == len(reference):
                self._running.add(objectives)
            self._lines[trial_id] = f"Hypervolume: {self._running.value} (reference point: {reference})\n"
        return self._lines


class Summary:
    """The summary of one run.

    Args:
        folder: Where the files go.
        trials: The run's trials.
        fidelities: The paths of the space's fidelities.
    """

    def __init__(self, folder: Path, trials: Trials, fidelities: Collection[str] = ()) -> None:
        self._folder = folder
        self._trials = trials
        self._fidelities = fidelities
        self._took = 0.0  # seconds that the last write took this worker
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._position = 0
        self._deletions = self._trials.deletions
        self._columns: dict[str, None] = {}
        self._rows: dict[str, tuple[str, int]] = {}  # a trial's line, and how many columns it has
        self._states: dict[str, State] = {}
        self._counts: Counter[State] = Counter()
        self._spent = _Spent()
        self._front = Front()
        self._trajectory: dict[str, str] = {}  # what is said of a trial that was the best so far
        self._hypervolumes = _Hypervolumes()

    @property
    def is_due(self) -> bool:
        """Whether enough time has passed since any worker wrote the files."""
        try:
            written = (self._folder / "full.csv").stat().st_mtime
        except OSError:
            return True
        return time.time() >= written + PAUSE * max(self._took, SECONDS_PER_TRIAL * len(self._trials))

    def write(self) -> None:
        """Take in what has happened, and write the files."""
        began = time.perf_counter()
        self._follow()
        make_directory(str(self._folder))
        for name, text in self._files().items():
            write_atomically(self._folder / name, text)
        self._took = time.perf_counter() - began

    def _follow(self) -> None:
        if self._trials.deletions != self._deletions:
            self._begin_anew()
        changes = self._trials.changes
        for trial_id in _last(changes[self._position :]):
            if trial_id in self._trials:
                self._take(self._trials[trial_id])
        self._position = len(changes)

    def _take(self, trial: Trial) -> None:
        if (before := self._states.get(trial.id)) is not None:
            self._counts[before] -= 1
        self._states[trial.id] = trial.state
        self._counts[trial.state] += 1
        row = row_of(trial)
        self._columns.update(dict.fromkeys(row))
        self._rows[trial.id] = (_line(row.get(column) for column in self._columns), len(self._columns))
        if trial.state is State.SUCCESS:  # after which a trial does not change any more
            self._spent.add(trial, self._fidelities)
        joins = self._front.take(trial)
        self._hypervolumes.take(trial, joins)
        if joins:
            self._trajectory[trial.id] = _described(trial, self._spent)

    def _files(self) -> dict[str, str]:
        width = len(self._columns)
        # A line that is older than a column lacks some fields at its end.
        known = (self._rows[trial_id] for trial_id in self._trials if trial_id in self._rows)
        rows = (line if n == width else f"{line[:-1]}{',' * (width - n)}\n" for line, n in known)
        short = summary_of(self._counts, self._front.trials)
        volumes = self._hypervolumes.lines()
        trajectory = (text + volumes.get(trial_id, "") for trial_id, text in self._trajectory.items())
        front = (self._trajectory[trial.id] for trial in self._front.trials)
        total = "All results together:\n" + "".join(f"cumulative_{line}\n" for line in self._spent.lines)
        total += next(reversed(volumes.values()), "")
        return {
            "full.csv": _line(self._columns) + "".join(rows),
            "short.csv": _line(["name", "value"]) + "".join(_line(item) for item in short.items()),
            "best_config_trajectory.txt": _text(TRAJECTORY, trajectory),
            "best_config.txt": _text(BEST, [*front, total]),
        }


def _line(values: Iterable[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(map(_cell, values))
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return value if isinstance(value, (bool, int, float)) else shortened(str(value), CELL)


def _last(ids: Iterable[str]) -> list[str]:
    """Each id once, in the order of what happened last to it: for finished trials, that in which they ended."""
    return list(dict.fromkeys(reversed(list(ids))))[::-1]


TRAJECTORY = "The trials that were the best so far when they ended:\n"
BEST = "The best trial, or the Pareto front; as long as none is feasible, what breaks its constraints least:\n"


def _text(title: str, parts: Iterable[str]) -> str:
    return title + "".join(f"{RULE}\n{part}" for part in parts) + f"{RULE}\n"


def _described(trial: Trial, spent: _Spent) -> str:
    """A trial in lines that begin as those of NePS do, so that scripts find them."""
    assert trial.report is not None
    lines = [f"Config ID: {trial.id}", f"Objective to minimize: {trial.report.objective_to_minimize}"]
    lines += [f"{name}: {value}" for name, value in trial.objectives_by_name.items()]
    if trial.constraints:
        lines += [f"Constraints: {trial.constraints_by_name}", f"Feasible: {trial.is_feasible}"]
    if trial.report.cost is not None:
        lines.append(f"Cost: {trial.report.cost}")
    lines += [f"Cumulative {line}" for line in spent.lines]
    lines += [f"Time of the result: {trial.metadata.time_end}", f"Config: {dict(trial.config)}"]
    return "\n".join(lines) + "\n"


class SummaryObserver:
    """Writes the summary of each run that it observes."""

    def __init__(self) -> None:
        self._summaries: weakref.WeakKeyDictionary[Run, Summary] = weakref.WeakKeyDictionary()

    def _summary(self, run: Run) -> Summary:
        if run not in self._summaries:
            try:
                fidelities = tuple(run.space.fidelities)
            except NePSError:  # somebody who only removes trials may lack what the space is made of
                fidelities = ()
            self._summaries[run] = Summary(run.root_directory / "summary", run.trials, fidelities)
        return self._summaries[run]

    def _write(self, run: Run, now: bool) -> None:
        # Each worker writes what it knows, so it must know what the last one knew.
        summary = self._summary(run)
        with run.locked("summary"):
            if now or summary.is_due:  # somebody may have written while this one waited
                run.refresh()
                summary.write()

    def neps_run_started(self, run: Run) -> None:
        """Say where it is."""
        logger.info("The summary is in %s", run.root_directory / "summary")

    def neps_trial_finished(self, run: Run) -> None:
        """Write the summary, unless it was written a moment ago."""
        if self._summary(run).is_due:
            self._write(run, now=False)

    def neps_run_finished(self, run: Run) -> None:
        """Write the summary."""
        self._write(run, now=True)


@hookimpl
def neps_observers() -> list[ObserverSpec]:
    """`summary`."""
    return [ObserverSpec("summary", SummaryObserver, "the files in summary/: tables, counts, the best configurations")]
