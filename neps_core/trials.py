"""What a trial is: a configuration, what became of it, and when."""

from __future__ import annotations

import re
from collections.abc import Collection, ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from enum import Enum
from typing import Any, ClassVar, Protocol, Union, overload

from attrs import field, frozen

from neps_core.showing import as_html, brief

#: One objective, or several; all are minimised.
Objective = Union[float, list[float]]


class State(str, Enum):
    """Where a trial stands."""

    PENDING = "pending"  # sampled, and waiting for a worker
    EVALUATING = "evaluating"  # a worker has it, or an asynchronous evaluation
    SUCCESS = "success"
    FAILED = "failed"  # evaluate_pipeline raised, or returned something unusable
    CRASHED = "crashed"  # the objective was NaN, or the evaluation took its worker down three times
    CORRUPTED = "corrupted"  # what was recorded of it is damaged
    UNKNOWN = "unknown"

    __str__ = str.__str__

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen to such a trial."""
        return self in _FINISHED


_FINISHED = frozenset({State.SUCCESS, State.FAILED, State.CRASHED, State.CORRUPTED})


@frozen(repr=False)
class Metadata:
    """When and by whom. Times are Unix seconds.

    Attributes:
        time_sampled: When the configuration was proposed; None for an imported trial.
        time_started: When its (last) evaluation began; None if none has.
        time_end: When its result was recorded.
        sampling_worker_id: The worker that asked the optimizer for it.
        evaluating_worker_id: The worker that evaluates or evaluated it.
        previous_trial_id: The trial that this one continues (at a lower fidelity).
        location: The trial's folder, relative to the run's.
        state: The trial's.
        evaluation_duration: Its report's, in seconds.
        starts: How many of its evaluations were begun and not given back in good order.
        is_asynchronous: Whether its result comes through `save_pipeline_results`.
        cost_required: Whether that result must have a cost.
    """

    time_sampled: float | None = None
    time_started: float | None = None
    time_end: float | None = None
    sampling_worker_id: str | None = None
    evaluating_worker_id: str | None = None
    previous_trial_id: str | None = None
    location: str = ""
    state: State = State.PENDING
    evaluation_duration: float | None = None
    starts: int = 0
    is_asynchronous: bool = False
    cost_required: bool = False

    __repr__ = brief

    @property
    def id(self) -> str:
        """The trial's id."""
        return self.location.rpartition("/config_")[2]

    @property
    def previous_trial_location(self) -> str | None:
        """The folder of the trial that this one continues, relative to the run's; None if it continues none."""
        return None if self.previous_trial_id is None else location_of(self.previous_trial_id)


def location_of(trial_id: str) -> str:
    """A trial's folder, relative to the run's."""
    return f"configs/config_{trial_id}"


@frozen(repr=False)
class Report:
    """What an evaluation gave.

    Attributes:
        objective_to_minimize: The objective (a float, possibly infinite), several, or None if it failed.
        cost: In the user's unit.
        learning_curve: The objective after each step, if reported. A very long one is read when it is looked at.
        extra: Further plain data. In the place of what is large stands `{"stored_in": path}`: a JSON file, the path
            relative to the run's folder.
        err: What went wrong, in a line.
        tb: The traceback.
        reported_as: `"success"`, `"failed"` or `"crashed"`.
        evaluation_duration: Seconds; None for an asynchronous or imported result.
        stopped_at: The step at which the evaluation was stopped early; None if it was not.
        objective_names: What the objectives are called, in their order; None if they have no names.
        constraints: Values that should be at most 0, NaN for what is not known; None if there are none.
        constraint_names: What the constraints are called, in their order; None if they have no names.
    """

    objective_to_minimize: Objective | None = None
    cost: float | None = None
    learning_curve: Sequence[Any] | None = None
    extra: dict[str, Any] = field(factory=dict)
    err: str | None = None
    tb: str | None = None
    reported_as: str = State.SUCCESS.value
    evaluation_duration: float | None = None
    stopped_at: float | None = None
    objective_names: Sequence[Any] | None = None
    constraints: float | list[float] | None = None
    constraint_names: Sequence[Any] | None = None

    __repr__ = brief


@frozen
class Point:
    """An intermediate result.

    Attributes:
        step: Of the evaluation: an epoch, say.
        objective: The objective after that step, or several.
        cost: What the evaluation had cost by then; None if that was not said.
        extra: Further plain data.
    """

    step: float
    objective: Objective
    cost: float | None = None
    extra: Mapping[str, Any] = field(factory=dict)


class Points(Sequence[Point]):
    """The first n of a list of points that only ever grows: longer views of it share what they have in common."""

    __slots__ = ("_n", "_shared")

    def __init__(self, shared: list[Point], n: int) -> None:
        self._shared, self._n = shared, n

    def extended(self, points: Iterable[Point]) -> Points:
        """These and some more; in the time that it takes to add those, unless others were added already."""
        shared = self._shared if len(self._shared) == self._n else self._shared[: self._n]
        shared.extend(points)
        return Points(shared, len(shared))

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, index: int) -> Point: ...

    @overload
    def __getitem__(self, index: slice) -> list[Point]: ...

    def __getitem__(self, index: int | slice) -> Point | list[Point]:
        if isinstance(index, slice):
            return [self._shared[i] for i in range(*index.indices(self._n))]
        if not -self._n <= index < self._n:
            raise IndexError(index)
        return self._shared[index % self._n]

    def __iter__(self) -> Iterator[Point]:
        return (self._shared[i] for i in range(self._n))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self._n} points>"


class Decisions(dict[str, Any]):
    """The configuration of a trial: a dict that stays as it is. A copy is a plain one: `dict(trial.config)`."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a trial's configuration does not change; change a copy of it: dict(trial.config).")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def _decisions(config: Mapping[str, Any]) -> Decisions:
    return config if type(config) is Decisions else Decisions(config)


@frozen(repr=False)
class Trial:
    """A configuration and what became of it.

    Attributes:
        id: `"1"`, `"2"`, ...; with a multi-fidelity optimizer `"1_rung_0"`, ...
        config: The decisions by path; nobody can change them.
        state: Where it stands.
        metadata: When and by whom.
        report: What its evaluation gave, once it is finished.
        points: What was reported while it ran (`neps.report`), step by step.
        superseded: Results that came when it had one already: of a worker that others had taken for dead.
    """

    id: str
    config: Mapping[str, Any] = field(converter=_decisions)
    state: State = State.PENDING
    metadata: Metadata = field(factory=Metadata, repr=False)
    report: Report | None = None
    points: Sequence[Point] = ()
    superseded: Sequence[Report] = ()

    State: ClassVar[type[State]] = State
    __repr__, _repr_html_ = brief, as_html

    @property
    def was_stopped_early(self) -> bool:
        """Whether a stopping rule ended its evaluation. Such a trial is a success, but never the best one."""
        return self.report is not None and self.report.stopped_at is not None

    @property
    def objectives(self) -> tuple[float, ...] | None:
        """The objectives of a successful trial as a tuple; None for every other."""
        if self.state is not State.SUCCESS or self.report is None:
            return None
        return _as_tuple(self.report.objective_to_minimize)

    @property
    def constraints(self) -> tuple[float, ...]:
        """The constraints of a trial with a result, which should be at most 0; empty if there are none."""
        return () if self.report is None else _as_tuple(self.report.constraints) or ()

    @property
    def objectives_by_name(self) -> dict[str, float]:
        """The objectives of a successful trial by name; empty if they have none."""
        names = None if self.report is None else self.report.objective_names
        return dict(zip(map(str, names or ()), self.objectives or ()))

    @property
    def constraints_by_name(self) -> dict[str, float]:
        """The constraints of a trial by name; without names, by number: "1", "2", ..."""
        names = None if self.report is None else self.report.constraint_names
        values = self.constraints
        return dict(zip(map(str, names or range(1, len(values) + 1)), values))

    @property
    def is_feasible(self) -> bool:
        """Whether no constraint is violated. What is not known (NaN) counts as violated."""
        return all(value <= 0 for value in self.constraints)


def _as_tuple(value: float | list[float] | None) -> tuple[float, ...] | None:
    return None if value is None else tuple(value) if isinstance(value, list) else (value,)


class TrialsById(dict[str, Trial]):
    """Trials by id, as they were at one time."""

    __slots__ = ()
    _repr_html_ = as_html

    def __repr__(self) -> str:
        return f"<{len(self)} trials>"


class Trials(Protocol):
    """A read-only, live view of trials by id, in the order in which they were sampled: a `Mapping`, and two more.

    Whoever keeps the position up to which it has read can follow a run without looking at every trial:

    ```python
    for trial_id in trials.changes[self.position:]:
        trial = trials.get(trial_id)      # None: it was removed
    self.position = len(trials.changes)
    ```
    """

    @property
    def changes(self) -> Sequence[str]:
        """The id of a trial whenever something happened to it, removal too. It only ever grows."""
        ...

    @property
    def deletions(self) -> int:
        """How many trials were removed, or changed when they had ended already, which is rare.

        Whoever can't take one out again begins anew when this has changed.
        """
        ...

    def __getitem__(self, trial_id: str, /) -> Trial: ...

    def __iter__(self) -> Iterator[str]: ...

    def __len__(self) -> int: ...

    def __contains__(self, trial_id: object, /) -> bool: ...

    @overload
    def get(self, trial_id: str, /) -> Trial | None: ...

    @overload
    def get(self, trial_id: str, default: Trial, /) -> Trial: ...

    def keys(self) -> KeysView[str]: ...

    def values(self) -> ValuesView[Trial]: ...

    def items(self) -> ItemsView[str, Trial]: ...


@frozen
class SampledConfig:
    """What an optimizer proposes.

    Attributes:
        config: The decisions by path; complete, as `space.resolve(...).config` gives them.
        id: The trial's id; None to be numbered.
        previous_config_id: The trial that this one continues.
    """

    config: Mapping[str, Any]
    id: str | None = None
    previous_config_id: str | None = None


#: What an id of a trial or worker may be: it becomes the name of a file.
SAFE_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,119}")


#: Ids that are made of a number.
_NUMBERED = re.compile(r"[0-9]+(?:_rung_[0-9]+)?")

#: What no file may be called on Windows, whatever its ending: ids of workers are names of files.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def id_text(what: str, value: Any, error: type[Exception]) -> str:
    """What may be an id as text; a whole number stands for its digits.

    Args:
        what: What it is called in messages.
        value: What was given.
        error: What is raised if it is neither a text nor a whole number.
    """
    if isinstance(value, str):
        return str.__str__(value)  # a subclass may call itself something else
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**20:
        return str(value)
    raise error(f"{what} must be an id, a text such as '1', not {type(value).__name__}.")


def check_id(what: str, value: Any, error: type[Exception]) -> str:
    """An id as text, which can be the name of a file everywhere.

    Args:
        what: What it is called in messages.
        value: What was given.
        error: What is raised if it is none: path separators, blanks, ...
    """
    text = id_text(what, value, error)
    if not SAFE_ID.fullmatch(text) or text.endswith("."):
        raise error(
            f"{what}: {shown_id(text)} can't be used. "
            "Take letters, digits, '_', '-' and '.', at most 120, no '.' first or last."
        )
    if _DEVICES.fullmatch(text):
        raise error(f"{what}: {text!r} can't be used, as Windows keeps this name for a device. Take another one.")
    return text


def taken_id(trial_id: str, trials: Collection[str]) -> str | None:
    """The id among those of trials that a new one can't stand beside: itself, or one that differs in case only.

    Where file names know no case (macOS, Windows), both would have one folder.
    """
    if trial_id in trials:
        return trial_id
    if _NUMBERED.fullmatch(trial_id):  # as the framework and nearly all optimizers make them
        return None
    lower = trial_id.lower()
    return next((known for known in trials if known.lower() == lower), None)


def shown_id(text: str) -> str:
    """An id for a message, which somebody may have made very long."""
    return repr(text) if len(text) <= 120 else f"{text[:40]!r}... ({len(text)} characters)"


def number_of(trial_id: str) -> int:
    """The number that an id begins with: 3 of `"3"` and of `"3_rung_1"`; 0 if it begins with none."""
    head = trial_id.partition("_")[0]
    return int(head) if head.isascii() and head.isdigit() else 0


def id_order(trial_id: str) -> tuple[int, str]:
    """Sorts ids as a person would: 2 before 10."""
    return number_of(trial_id), trial_id


def without_folder(trial_id: str) -> str:
    """The trial id in `"config_1"`, which people copy from folder names, or in `"1"`."""
    return trial_id.removeprefix("config_")
