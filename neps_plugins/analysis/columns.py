"""A run as arrays: a row for each trial, in the order in which they were sampled.

What every view is computed from. The first look takes in all trials, later ones what has happened since; only when
trials were removed (or space and results turned out to be otherwise) it begins anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from neps_core import Run, State, Trial
from neps_core.trials import Report, number_of
from neps_plugins.analysis.domains import Domains
from neps_plugins.analysis.growing import Booleans, Floats, Growing, Integers
from neps_plugins.analysis.jsonable import as_float
from neps_plugins.analysis.messages import Messages
from neps_plugins.analysis.order import Order
from neps_plugins.analysis.parameters import Parameter
from neps_plugins.analysis.states import CODES, STATES, SUCCESS
from neps_plugins.toolkit.trial_follower import Follower

#: Columns of one entry a trial: the name, what stands where nothing is known, and the type.
_SINGLE: tuple[tuple[str, Any, Any], ...] = (
    ("state", 0, np.int8),
    ("stopped", False, np.bool_),
    ("stands_for_error", False, np.bool_),
    ("has_curve", False, np.bool_),
    ("sampled", math.nan, np.float64),
    ("started", math.nan, np.float64),
    ("ended", math.nan, np.float64),
    ("cost", math.nan, np.float64),
    ("duration", math.nan, np.float64),
    ("worker", -1, np.int32),
    ("message", -1, np.int32),
    ("previous", -1, np.int64),
    ("number", 0, np.int64),
)


class Columns:
    """The columns of a run.

    Args:
        run: The run.

    Attributes:
        ids: Of the trials, by row.
        row_of: The row of a trial, by its id.
        workers: By the code that stands in the column `worker`.
        messages: What went wrong, by the code in the column `message`.
        parameters: By path.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._follower = Follower()
        self._domains = Domains(run)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.ids: list[str] = []
        self.row_of: dict[str, int] = {}
        self.workers: list[str] = []
        self._worker_codes: dict[str, int] = {}
        self.messages = Messages()
        self._single = {name: Growing(fill, dtype) for name, fill, dtype in _SINGLE}
        self._objectives = Growing(math.nan, np.float64, 0)
        self._constraints = Growing(math.nan, np.float64, 0)
        self._domains.refresh()
        self.parameters: dict[str, Parameter] = {}
        for path, domain in self._domains.fixed.items():
            self.parameters[path] = Parameter(path, domain)
        self._forget()

    def _forget(self) -> None:
        for name in ("order", "fidelity"):
            self.__dict__.pop(name, None)
        self._derived: dict[Hashable, Any] = {}

    def derived(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Something that is computed from the columns, once until they change."""
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]

    def refresh(self) -> bool:
        """Take in what has happened since the last call, as far as the run has read it. Whether anything has."""
        anew, changed = self._follower.news(self.run.trials)
        if anew or self._domains.is_stale:
            self._begin_anew()
            changed = list(self.run.trials)
        trials = [trial for trial_id in changed if (trial := self.run.trials.get(trial_id)) is not None]
        if trials:
            self._take(trials)
            self._forget()
        return anew or bool(trials)

    # ------------------------------------------------------------------ columns

    def __len__(self) -> int:
        return len(self.ids)

    def __getattr__(self, name: str) -> Any:
        # The columns of one entry a trial. Views: not to be kept.
        single = self.__dict__.get("_single", {})
        if name in single:
            return single[name].array
        raise AttributeError(name)

    @property
    def objectives(self) -> Floats:
        """Shape (n, m): of the successful trials, NaN for all others."""
        return self._objectives.array

    @property
    def constraints(self) -> Floats:
        """Shape (n, c): NaN for what is not known."""
        return self._constraints.array

    @property
    def success(self) -> Booleans:
        """Which trials have results."""
        return np.asarray(self.state == SUCCESS)

    @cached_property
    def fidelity(self) -> Floats:
        """The fidelity of each trial (the first, if the space has several), NaN where it has none."""
        path = self.fidelity_path
        return np.full(len(self), math.nan) if path is None else self.parameters[path].dense(len(self))

    @property
    def fidelity_path(self) -> str | None:
        """The path of the (first) fidelity; None if the space has none."""
        return next((path for path, parameter in self.parameters.items() if parameter.is_fidelity), None)

    @property
    def objective_names(self) -> list[str]:
        """What the objectives are called; made up where they have no names."""
        layout = self.run.log.shape.objectives
        n = self.objectives.shape[1]
        if layout is not None and layout.names and len(layout.names) >= n:
            return [str(name) for name in layout.names]
        return ["objective"] if n <= 1 else [f"objective {i + 1}" for i in range(n)]

    @property
    def constraint_names(self) -> list[str]:
        """What the constraints are called; by number, from 1, where they have no names."""
        layout = self.run.log.shape.constraints
        n = self.constraints.shape[1]
        if layout is not None and layout.names and len(layout.names) >= n:
            return [str(name) for name in layout.names]
        return [str(i + 1) for i in range(n)]

    @cached_property
    def order(self) -> Order:
        """In which order the trials ended, and which were best when they did."""
        return Order(self.state, self.ended, self.stopped, self.objectives, self.constraints)

    @property
    def state_names(self) -> list[str]:
        """The states, by the code that stands in the column `state`."""
        return [state.value for state in STATES]

    def ids_of(self, rows: Iterable[int] | Integers) -> list[str]:
        """The ids of some trials."""
        return [self.ids[row] for row in (rows.tolist() if isinstance(rows, np.ndarray) else rows)]

    def states_of(self, rows: Integers) -> list[str]:
        """The states of some trials."""
        return [STATES[code].value for code in self.state[rows].tolist()]

    # ------------------------------------------------------------------ taking in

    def _take(self, trials: Sequence[Trial]) -> None:
        n_before = len(self.ids)
        for trial in trials:
            if trial.id not in self.row_of:
                self.row_of[trial.id] = len(self.ids)
                self.ids.append(trial.id)
        rows = np.array([self.row_of[trial.id] for trial in trials])
        records = [self._record(trial) for trial in trials]
        for (name, _, dtype), values in zip(_SINGLE, zip(*records)):
            column = self._single[name]
            column.grow(len(self.ids))
            column.array[rows] = np.array(values, dtype=dtype)
        self._put(self._objectives, rows, [trial.objectives or () for trial in trials])
        self._put(self._constraints, rows, [trial.constraints for trial in trials])
        self._take_decisions([trial for trial in trials if self.row_of[trial.id] >= n_before])

    def _put(self, column: Growing, rows: Integers, values: list[tuple[float, ...]]) -> None:
        width = max(map(len, values))
        column.widen(width)
        column.grow(len(self.ids))
        width = column.array.shape[1]
        missing = (math.nan,) * width
        if width:
            column.array[rows] = [value if len(value) == width else (*value, *missing)[:width] for value in values]

    def _record(self, trial: Trial) -> tuple[Any, ...]:
        metadata, report = trial.metadata, trial.report or _NOTHING
        started, ended = metadata.time_started, metadata.time_end
        duration = report.evaluation_duration
        if duration is None and started is not None and ended is not None:
            duration = ended - started
        return (
            CODES[trial.state],
            report.stopped_at is not None,
            report.err is not None and trial.state is State.SUCCESS,
            len(trial.points) > 0 or report.learning_curve is not None,
            _or_nan(metadata.time_sampled),
            _or_nan(started),
            _or_nan(ended),
            _or_nan(report.cost),
            _or_nan(duration),
            self._worker_code(metadata.evaluating_worker_id),
            -1 if report.err is None else self.messages.code(report.err),
            -1 if metadata.previous_trial_id is None else self.row_of.get(metadata.previous_trial_id, -1),
            min(number_of(trial.id), _LARGEST),
        )

    def _worker_code(self, worker: str | None) -> int:
        if worker is None:
            return -1
        code = self._worker_codes.get(worker)
        if code is None:
            code = self._worker_codes[worker] = len(self.workers)
            self.workers.append(worker)
        return code

    def _take_decisions(self, trials: Sequence[Trial]) -> None:
        """A trial's decisions are there from the beginning, and never change."""
        found: dict[str, tuple[list[int], list[Any]]] = {}
        for trial in trials:
            row = self.row_of[trial.id]
            for path, value in trial.config.items():
                cells = found.get(path)
                if cells is None:
                    cells = found[path] = ([], [])
                    if path not in self.parameters:
                        domain = self._domains.of(path, trial.config)
                        if domain is not None:
                            self.parameters[path] = Parameter(path, domain)
                cells[0].append(row)
                cells[1].append(value)
        for path, (rows, values) in found.items():
            if path not in self.parameters:
                self.parameters[path] = Parameter(path, None, values)
            self.parameters[path].append(rows, values)


_NOTHING = Report()
_LARGEST = 1 << 62


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else as_float(value)
