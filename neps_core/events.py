"""The events of a run, and how they are written: as plain data.

A run *is* its sequence of events; everything else (trials, budgets, the files for people) follows from
it by folding (`neps_core.trial_log`). Events are only ever added, never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """A started trial is pending again: its worker died, or gave it back (`orderly`)."""

    id: str
    time: float
    reason: str
    orderly: bool = False
    worker: str | None = None


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


_PLAIN = (
    dict[str, Any],
    list[Any],
    Union[Sequence[Any], None],
    Union[float, list[float], None],
    Union[float, None],
    Union[str, None],
)


def _of_kind(value: Any, kind: Any) -> Any:
    """The value, if it is what a field of a kind may be.

    Raises:
        TypeError: If it isn't.
    """
    if kind == dict[str, Any]:
        fits = isinstance(value, dict)
    elif kind == list[Any]:
        fits = isinstance(value, list)
    elif kind == _PLAIN[2]:  # a learning curve; a mapping says where it is
        fits = value is None or isinstance(value, (list, dict))
    elif kind == _PLAIN[5]:
        fits = value is None or isinstance(value, str)
    else:
        several = value if kind == _PLAIN[3] and isinstance(value, list) else []
        are_numbers = bool(several) and all(type(item) in (int, float) for item in several)
        fits = value is None or type(value) in (int, float) or are_numbers
    if not fits:
        raise TypeError(f"{value!r:.80} is no {kind}")
    return value


@lru_cache(maxsize=1)
def converter() -> Any:
    """The one converter between the data classes and plain data."""
    import cattrs  # here, so that importing the face stays quick

    made = cattrs.Converter(omit_if_default=True)

    def is_plain(kind: Any) -> bool:
        return kind in _PLAIN

    # These are plain data already, on both sides.
    made.register_structure_hook_func(is_plain, _of_kind)
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
                if type(step) not in (int, float) or len(rest) > 2 or not _of_kind(rest[1:] or [{}], list[Any]):
                    raise ValueError(f"point {step!r}")
                _of_kind(objective, _PLAIN[3])
    except Exception as reason:  # cattrs and a dict lookup each have their own
        raise ValueError(f"no event: {str(plain)[:80]} ({reason!r})") from reason
    return event
