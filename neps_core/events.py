"""The events of a run, and how they are written: as plain data.

A run *is* its sequence of events; everything else (trials, budgets, the files for people) follows from
it by folding (`neps_core.trial_log`). Events are only ever added, never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Union, get_args

from attrs import field, frozen

from neps_core.trials import SAFE_ID, Report, State

#: The version of what is stored; a run of a higher one is refused. 2: records with checksums, and `worker` in
#: `Requeued` and `Detached`. 3: `Dismissed` and `Noted`.
FORMAT = 3

#: How many characters a note may have.
LONGEST_NOTE = 10_000


@frozen
class Created:
    """The run begins: always the first event. Once more, where a run of an earlier format is gone on with."""

    format: int
    seed: int
    time: float


@frozen
class SpaceRecorded:
    """The search space of the run, as a document (`SearchSpace.to_document`), with a signature of whose it is.

    Attributes:
        document: The space.
        constants: Those that people are shown with each configuration.
        signature: Of the user whose word it is.
    """

    document: dict[str, Any]
    constants: dict[str, Any] = field(factory=dict)
    signature: str | None = None


@frozen
class OptimizerRecorded:
    """From here on, this optimizer samples; signed if it is no plugin's, or a keyword is a function or class."""

    name: str
    info: dict[str, Any]
    details: dict[str, Any] = field(factory=dict)
    signature: str | None = field(default=None, eq=False)


@frozen
class Sampled:
    """A configuration was proposed by an optimizer (or, with no time, imported or enqueued by somebody)."""

    id: str
    config: dict[str, Any]
    time: float | None = None
    worker: str | None = None
    previous: str | None = None


@frozen
class Started:
    """A worker began to evaluate a pending trial."""

    id: str
    time: float
    worker: str


@frozen
class Detached:
    """The evaluation goes on elsewhere; its result comes later, and no worker owns it.

    Void if another worker than `worker` has the trial by now; so is `Requeued`.
    """

    id: str
    cost_required: bool = False
    worker: str | None = None


@frozen
class Reported:
    """Intermediate results of a trial, in the order in which they were reported."""

    id: str
    worker: str
    points: list[Any]  # [step, objective], [step, objective, cost] or [step, objective, cost, extra] each


@frozen
class Finished:
    """The result of a trial. The first one counts; others are kept as superseded."""

    id: str
    time: float
    state: State
    report: Report


@frozen
class Requeued:
    """A started trial is pending again: its worker died, or gave it back (`orderly`).

    `outlasted` says that the worker's time was over, most of which the trial had had.
    """

    id: str
    time: float
    reason: str
    orderly: bool = False
    worker: str | None = None
    outlasted: bool = False


@frozen
class Deleted:
    """A trial was removed (`neps clean`)."""

    id: str


@frozen
class Halted:
    """An error in a worker asks every other one to stop."""

    time: float
    worker: str
    reason: str
    id: str | None = field(default=None)


@frozen
class Dismissed:
    """A worker that was alive at the time is asked to leave after its present evaluation."""

    worker: str
    time: float


@frozen
class Noted:
    """What somebody remarks on a trial, in place of what was remarked before; an empty text takes that back."""

    id: str
    text: str
    time: float


Event = Union[
    Created,
    SpaceRecorded,
    OptimizerRecorded,
    Sampled,
    Started,
    Detached,
    Reported,
    Finished,
    Requeued,
    Deleted,
    Halted,
    Dismissed,
    Noted,
]
_KINDS: dict[str, type] = {kind.__name__.lower(): kind for kind in get_args(Event)}


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_curve(value: Any) -> bool:
    return value is None or isinstance(value, (list, dict))  # a mapping says where it is


def _is_number(value: Any) -> bool:
    return value is None or type(value) in (int, float)


def _are_numbers(value: Any) -> bool:
    return _is_number(value) or (
        isinstance(value, list) and bool(value) and all(type(v) in (int, float) for v in value)
    )


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


#: What a field may be, by its kind.
_FITS: Sequence[tuple[Any, Callable[[Any], bool]]] = (
    (dict[str, Any], _is_dict),
    (list[Any], _is_list),
    (Union[Sequence[Any], None], _is_curve),
    (Union[float, list[float], None], _are_numbers),
    (Union[float, None], _is_number),
    (Union[str, None], _is_text),
)


def _checks(kind: Any) -> Callable[[Any, Any], Any]:
    """What takes a field's value as it is, if it may be that; made once for each kind, as comparing kinds is slow."""
    fits = next(fits for plain, fits in _FITS if plain == kind)

    def check(value: Any, _: Any) -> Any:
        if not fits(value):
            raise TypeError(f"{value!r:.80} is no {kind}")
        return value

    return check


@lru_cache(maxsize=1)
def converter() -> Any:
    """The one converter between the data classes and plain data."""
    import cattrs  # here, so that importing the face stays quick

    made = cattrs.Converter(omit_if_default=True)

    def is_plain(kind: Any) -> bool:
        return any(plain == kind for plain, _ in _FITS)

    # These are plain data already, on both sides.
    made.register_structure_hook_factory(is_plain, _checks)
    made.register_unstructure_hook_func(is_plain, lambda value: value)
    return made


def to_plain(event: Event) -> dict[str, Any]:
    """An event as plain data."""
    return {"event": type(event).__name__.lower(), **converter().unstructure(event)}


def from_plain(plain: dict[str, Any]) -> Event:
    """The inverse of `to_plain`.

    Raises:
        ValueError: If it is no event.
    """
    try:
        event: Event = converter().structure(plain, _KINDS[plain["event"]])
        for name in ("id", "worker", "previous"):  # they become names of files
            value = getattr(event, name, None)
            if value is not None and not SAFE_ID.fullmatch(value):
                raise ValueError(f"{name} {value!r}")
        if isinstance(event, Reported):
            for step, objective, *rest in event.points:
                fits = len(rest) <= 2 and all(map(_is_number, rest[:1])) and all(map(_is_dict, rest[1:]))
                if type(step) not in (int, float) or not _are_numbers(objective) or not fits:
                    raise ValueError(f"point {step!r}")
    except Exception as reason:  # cattrs and a dict lookup each have their own
        raise ValueError(f"no event: {str(plain)[:80]} ({reason!r})") from reason
    return event
