"""What is large goes into the folder of its trial, once; the journal, the report and the tables say where it is.

A run reads its journal whenever it begins, and writes its tables again and again. So what people keep with a result for
later, and nobody looks at meanwhile, must not go through these: a value whose JSON has more than `LIMIT` characters is
written to a file of its own before the event that has it. In its place stands `{"stored_in": path}`, where the path is
relative to the run's folder. A file's name ends with the hash of its content: writing it again changes nothing, two
never get in each other's way, and one that was changed is not taken for what it was.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from attrs import evolve

from neps_core.errors import StorageError
from neps_core.events import Event, Finished, Reported
from neps_core.files import read_text

#: Characters of JSON above which a value gets a file of its own.
LIMIT = 10_000

#: If more values than this are large, all that came with the result goes into one file: each of them is a sync.
MANY = 16

#: Entries of a learning curve that are shown to people; the first and the last, if there are more.
SHOWN = 1000

#: Bytes of the largest file that is read back.
LARGEST = 1 << 32

#: Under which a value says where it is.
KEY = "stored_in"

_FILE = re.compile(r"configs/config_([\w.-]+)/(?:extra|learning_curve)[\w.-]*-([0-9a-f]{16})\.json", re.ASCII)

#: Stores a JSON text under a file's name in the trial's folder; gives its path relative to the run's.
Put = Callable[[str, str], str]


def lightened(event: Event, put: Put) -> Event:
    """An event without what is large in it, which is stored.

    Raises:
        OSError: If it can't be stored.
    """
    if isinstance(event, Finished):
        report = event.report
        if report.extra:
            report = evolve(report, extra=_light(report.extra, put))
        if report.learning_curve and len(text := json.dumps(report.learning_curve)) > LIMIT:
            # Plain data, and a `StoredList` again once it comes out of the journal.
            report = evolve(report, learning_curve=_stored("learning_curve", text, put))  # type: ignore[arg-type]
        return event if report is event.report else evolve(event, report=report)
    if isinstance(event, Reported) and any(len(point) > 3 for point in event.points):
        points = [[*point[:3], _light(point[3], put)] if len(point) > 3 else point for point in event.points]
        return evolve(event, points=points)
    return event


def _light(extra: Mapping[str, Any], put: Put) -> dict[str, Any]:
    texts: dict[str, str] = {}
    rest = 0
    for key, value in extra.items():
        text = "" if value is None or isinstance(value, (bool, int, float)) else json.dumps(value)
        if len(text) > LIMIT:
            texts[key] = text
        else:
            rest += len(key) + len(text)
    if rest > LIMIT or len(texts) > MANY:
        return _stored("extra", json.dumps(extra), put)
    return {k: _stored(f"extra.{k}", texts[k], put) if k in texts else value for k, value in extra.items()}


def _stored(name: str, text: str, put: Put) -> dict[str, Any]:
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:60]
    return {KEY: put(f"{safe}-{_hash(text)}.json", text)}


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


# ---------------------------------------------------------------------- reading it


def reference_in(value: Any, trial_id: str) -> str | None:
    """The path that stands in the place of something large of a trial; None if this is anything else."""
    path = value.get(KEY) if isinstance(value, Mapping) and len(value) == 1 else None
    match = _FILE.fullmatch(path) if isinstance(path, str) else None
    return path if match is not None and match[1] == trial_id else None


def load(root: Path, path: str) -> Any:
    """What was stored under a path.

    Raises:
        StorageError: If it is gone, can't be read, or was changed.
    """
    try:
        text = read_text(root / path, LARGEST)
        match = _FILE.fullmatch(path)
        if match is None or match[2] != _hash(text):
            raise ValueError("it was changed since it was written")
        return json.loads(text)
    except (OSError, ValueError, RecursionError) as reason:
        problem = reason.strerror if isinstance(reason, OSError) else reason
        raise StorageError(
            f"can't read {root / path}, which holds what is too large for the journal: {problem}. Restore that file; "
            "all other results can be read without it."
        ) from reason


class StoredList(Sequence[Any]):
    """A list that is read from its file when it is first looked at.

    Args:
        root: The run's folder.
        path: The file, relative to it.
    """

    def __init__(self, root: Path, path: str) -> None:
        self._root, self.path = root, path

    @cached_property
    def _values(self) -> list[Any]:
        values = load(self._root, self.path)
        if not isinstance(values, list):
            raise StorageError(f"{self._root / self.path} holds no list.")
        return values

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        return self._values[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<stored in {self.path}>"


class WholeExtra(Mapping[str, Any]):
    """What came with a result, whole: what was too large for the journal is read when it is asked for.

    Args:
        extra: As it is in the journal.
        root: The run's folder.
        trial_id: Whose it is.
    """

    def __init__(self, extra: Mapping[str, Any], root: Path, trial_id: str) -> None:
        self._given, self._root, self._id = extra, root, trial_id

    @cached_property
    def _extra(self) -> Mapping[str, Any]:
        everything = reference_in(self._given, self._id)
        loaded = None if everything is None else load(self._root, everything)
        return loaded if isinstance(loaded, dict) else self._given

    def __getitem__(self, key: str) -> Any:
        value = self._extra[key]
        path = reference_in(value, self._id)
        return value if path is None else load(self._root, path)

    def __contains__(self, key: object) -> bool:
        return key in self._extra

    def __iter__(self) -> Iterator[str]:
        return iter(self._extra)

    def __len__(self) -> int:
        return len(self._extra)

    def __repr__(self) -> str:
        return repr(self._given)


def whole(event: Event, root: Path) -> Event:
    """The inverse of `lightened`.

    Args:
        event: As it is in the journal.
        root: The run's folder.

    Raises:
        StorageError: If what is large can't be read.
    """
    if isinstance(event, Finished):
        report = event.report
        curve = report.learning_curve
        if isinstance(curve, Mapping):
            curve = load(root, str(curve.get(KEY)))
        extra = dict(WholeExtra(report.extra, root, event.id).items())
        return evolve(event, report=evolve(report, learning_curve=curve, extra=extra))
    if isinstance(event, Reported):
        points = [[*p[:3], *(dict(WholeExtra(extra, root, event.id).items()) for extra in p[3:])] for p in event.points]
        return evolve(event, points=points)
    return event


def shown_curve(curve: Sequence[Any] | None) -> Any:
    """A learning curve for people: where it is if it is stored elsewhere, and its ends if it is long."""
    if isinstance(curve, StoredList):
        return {KEY: curve.path}
    if curve is None or len(curve) <= SHOWN:
        return curve
    half = SHOWN // 2
    return [*curve[:half], f"({len(curve) - 2 * half} more)", *curve[-half:]]
