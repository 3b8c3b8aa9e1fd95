"""A run as arrays: a row a trial, in the order in which they were sampled; appended to and patched in place.

A decision is a float: a number itself, or the index among the choices; NaN where a trial does not have the path.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import define, field

from neps_core import CategoricalDomain, Domain, IntegerDomain, NePSError, SearchSpace, State, Trial, Trials
from neps_core.spaces.variation import domains_of

Floats = npt.NDArray[np.float64]

#: The states by their codes.
STATES = tuple(State)
_CODES = {state: code for code, state in enumerate(STATES)}
SUCCESS = _CODES[State.SUCCESS]


class Grown:
    """Floats that more come to; NaN until they are set."""

    def __init__(self) -> None:
        self._cells: Floats = np.full(64, np.nan)

    def put(self, row: int, value: float | None) -> None:
        """Set one; None is NaN."""
        if row >= len(self._cells):
            longer = np.full(max(2 * len(self._cells), row + 1), np.nan)
            longer[: len(self._cells)] = self._cells
            self._cells = longer
        self._cells[row] = math.nan if value is None else value

    def first(self, n: int) -> Floats:
        """The first n of them."""
        if n > len(self._cells):
            self.put(n - 1, None)
        return self._cells[:n]


@define(eq=False)
class Parameter:
    """A decision and its values.

    Attributes:
        path: Of the decision.
        domain: What it is taken from, where first seen; None if the space can't say.
        choices: The labels of a category in the order of their indices; None for numbers.
        values: By row.
        n: How many trials have it.
    """

    path: str
    domain: Domain | None
    choices: list[Any] | None
    values: Grown = field(factory=Grown)
    n: int = 0
    _index: dict[Any, int] = field(factory=dict)

    @property
    def kind(self) -> str:
        """`"number"`, `"integer"`, `"ordinal"` or `"categorical"`."""
        if self.choices is not None:
            return "ordinal" if isinstance(self.domain, CategoricalDomain) and self.domain.ordered else "categorical"
        return "integer" if isinstance(self.domain, IntegerDomain) else "number"

    @property
    def log(self) -> bool:
        """Whether it is on a log scale."""
        return bool(getattr(self.domain, "log", False))

    def code(self, value: Any) -> float:
        """The float that stands for a value; a label that is new is added."""
        if self.choices is None:
            return float(value)
        key = (type(value), value)
        if not self._index:
            self._index = {(type(label), label): i for i, label in enumerate(self.choices)}
        if key not in self._index:
            self._index[key] = len(self.choices)
            self.choices.append(value)
        return float(self._index[key])


class Columns:
    """The trials of a run as arrays.

    Args:
        space: The run's space; None if there is none that can be read.
    """

    def __init__(self, space: SearchSpace | None) -> None:
        self._space = space
        self.fidelities: Mapping[str, Domain] = {} if space is None else space.fidelities
        self.ids: list[str] = []
        self.rows: dict[str, int] = {}
        self.parameters: dict[str, Parameter] = {}
        self.objectives: list[Grown] = []
        self.objective_names: list[str] = []
        self.constraint_names: list[str] = []
        self.ends: list[int] = []  # rows of what has ended, in that order
        self.errors: dict[int, str] = {}
        self._workers: dict[str, int] = {}
        for name in ("_width", "_state", "_violation", "_stopped", "_cost", "_duration", "_sampled", "_started"):
            setattr(self, name, Grown())
        self._ended, self._worker, self._added = Grown(), Grown(), Grown()
        for path, domain in ((space.flat_domains or {}) if space is not None else {}).items():
            self._add(path, domain)

    _width: Grown
    _state: Grown
    _violation: Grown
    _stopped: Grown
    _cost: Grown
    _duration: Grown
    _sampled: Grown
    _started: Grown

    def __len__(self) -> int:
        return len(self.ids)

    def __getattr__(self, name: str) -> Any:
        """`state`, `cost`, `duration`, `started`, `ended`, ...: the column, shape (n,)."""
        cells = self.__dict__.get(f"_{name}")
        if not isinstance(cells, Grown):
            raise AttributeError(name)
        return cells.first(len(self))

    @property
    def workers(self) -> list[str]:
        """The ids of workers by the codes in the column `worker`."""
        return list(self._workers)

    @property
    def fidelity(self) -> Parameter | None:
        """The first fidelity, if any."""
        return next((self.parameters[path] for path in self.fidelities if path in self.parameters), None)

    def objective(self, k: int) -> Floats:
        """One objective of all rows, NaN where there is none, and where one number stands for an error of several.

        Raises:
            NePSError: There is no such objective.
        """
        if not 0 <= k < max(len(self.objectives), 1):
            raise NePSError(f"there is no objective {k}: the run has {len(self.objectives)}, counted from 0.")
        if not self.objectives:
            return np.full(len(self), np.nan)
        return np.where(self.width == len(self.objectives), self.objectives[k].first(len(self)), np.nan)

    @property
    def counts(self) -> dict[str, int]:
        """How many trials are in each state that any is in."""
        numbers = np.bincount(self.state.astype(int), minlength=len(STATES)) if self.ids else []
        return {STATES[code].value: int(n) for code, n in enumerate(numbers) if n}

    @property
    def comparable(self) -> npt.NDArray[np.bool_]:
        """Which rows may be the best: successes that keep the constraints and were not stopped early."""
        return np.asarray((self.state == SUCCESS) & (self.violation <= 0) & (self.stopped == 0))

    def take(self, trial: Trial, trials: Trials) -> None:
        """Append a trial, or patch what is known of it."""
        row = self.rows.get(trial.id)
        if row is None:
            row = self.rows[trial.id] = len(self.ids)
            self.ids.append(trial.id)
            self._take_config(row, trial, trials)
        meta, report = trial.metadata, trial.report
        self._state.put(row, _CODES[trial.state])
        self._stopped.put(row, float(trial.was_stopped_early))
        self._sampled.put(row, meta.time_sampled)
        self._started.put(row, meta.time_started)
        self._ended.put(row, meta.time_end)
        worker = meta.evaluating_worker_id
        self._worker.put(row, None if worker is None else self._workers.setdefault(worker, len(self._workers)))
        self._violation.put(row, 0.0)
        if report is None:
            return
        self._cost.put(row, report.cost)
        self._duration.put(row, report.evaluation_duration)
        self.errors.pop(row, None)
        if report.err:
            self.errors[row] = report.err
        constraints = trial.constraints
        if constraints:
            broken = math.inf if any(map(math.isnan, constraints)) else sum(max(0.0, value) for value in constraints)
            self._violation.put(row, broken)
            if len(constraints) > len(self.constraint_names):
                self.constraint_names = list(trial.constraints_by_name)
        objectives = trial.objectives or ()
        self._width.put(row, len(objectives))
        while len(self.objectives) < len(objectives):
            self.objectives.append(Grown())
        if objectives and len(objectives) == len(self.objectives):
            names = list(trial.objectives_by_name)
            if len(names) == len(objectives) or len(self.objective_names) != len(objectives):
                self.objective_names = names or [f"objective {k + 1}" for k in range(len(objectives))]
        for cells, value in zip(self.objectives, objectives):
            cells.put(row, value)

    def _take_config(self, row: int, trial: Trial, trials: Trials) -> None:
        if any(path not in self.parameters for path in trial.config):
            domains: Mapping[str, Domain] = {}
            if self._space is not None:
                try:
                    domains = domains_of(self._space, trial.config)
                except Exception:  # of an older space, or a plugin's: the values still say what they are
                    domains = {}
            for path, value in trial.config.items():
                if path not in self.parameters:
                    self._add(path, domains.get(path), value)
        for path, value in trial.config.items():
            parameter = self.parameters[path]
            try:
                parameter.values.put(row, parameter.code(value))
            except (TypeError, ValueError, OverflowError):  # another kind at the same path, or beyond all floats
                continue
            parameter.n += 1
        if (fidelity := self.fidelity) is not None:
            value = trial.config.get(fidelity.path)
            before = trials.get(trial.metadata.previous_trial_id or "")
            done = None if before is None else before.config.get(fidelity.path)
            if isinstance(value, (int, float)):
                self._added.put(row, max(0.0, value - (done if isinstance(done, (int, float)) else 0.0)))

    def _add(self, path: str, domain: Domain | None, value: Any = None) -> None:
        if isinstance(domain, CategoricalDomain):
            choices: list[Any] | None = list(domain.choices)
        elif domain is not None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            choices = None
        else:
            choices = []
        self.parameters[path] = Parameter(path, domain, choices)

    def parameter(self, path: str) -> Parameter:
        """The parameter at a path.

        Raises:
            NePSError: There is none.
        """
        from neps_core import nearest

        if path not in self.parameters:
            raise NePSError(f"no trial has a parameter {path!r}. {nearest(str(path), self.parameters)}")
        return self.parameters[path]
