"""A folder that neural-pipeline-search 0.16 or 0.17 wrote, as a run that can be looked at and imported.

Its trials are read from `configs/config_ID/`: `config.yaml`, `metadata.json` and `report.yaml`. Its space and the state
of its optimizer are pickles, which could run code and are never opened, so nobody can go on with such a run: what is
known of it is imported into a new one.
"""

from __future__ import annotations

import json
import logging
import math
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from neps_core import NePSError, NePSWarning, Report, ResultError, RunFolder, State, Storage, StorageError, hookimpl
from neps_core import events as ev
from neps_core.files import read_text, read_yaml
from neps_core.results import number, parse_result
from neps_core.run_folder import INNER
from neps_core.trials import SAFE_ID, id_order

logger = logging.getLogger("neps.upstream_folder")

#: Damaged files that a warning names.
NAMED = 3


@hookimpl(tryfirst=True)
def neps_open_storage(location: str) -> Storage | None:
    """A folder with trials of another NePS, in which there is no run of ours."""
    if "://" in location or os.path.exists(f"{location}/{INNER}"):  # all that it costs another run
        return None
    root = Path(location)
    is_theirs = (root / "pipeline_space.pkl").exists() or (root / "optimizer_info.yaml").exists()
    if not is_theirs or (root / "pipeline_space.yaml").exists() or not (root / "configs").is_dir():
        return None
    folder = RunFolder(root)
    return Storage(UpstreamJournal(folder.root_directory), NoLocks(), folder, read_only=_refusal(folder.root_directory))


def _refusal(root: Path) -> str:
    return (
        f"{root} holds a run of neural-pipeline-search (NePS 0.16 or 0.17). Its trials can be read, but nothing is "
        "added: its space is a pickle, which could run code and is never opened. To go on from them in a new folder: "
        f'neps.import_trials("{root}", root_directory="NEW_FOLDER", pipeline_space=...).'
    )


class NoLocks:
    """The locks of a run in which nobody works; see `neps_core.storage.Locks`."""

    def lock(self, name: str) -> AbstractContextManager[object]:
        return nullcontext()

    def lease(self, worker_id: str) -> AbstractContextManager[object]:
        return nullcontext()

    def is_alive(self, worker_id: str) -> bool:
        return False

    def living_workers(self) -> list[str]:
        return []


class UpstreamJournal:
    """The events that must have led to the files of such a run; see `neps_core.storage.Journal`.

    Args:
        root: Its folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def exists(self) -> bool:
        return True

    def create(self) -> None:
        raise StorageError(_refusal(self._root))

    def append(self, events: Sequence[ev.Event], durable: bool = True) -> None:
        raise StorageError(_refusal(self._root))

    def fill(self, groups: Iterable[Sequence[ev.Event]]) -> None:
        raise StorageError(_refusal(self._root))

    def destroy(self) -> None:
        raise StorageError(_refusal(self._root))

    def read(self, since: int) -> tuple[list[ev.Event], int]:
        """All events at once, as of the first call: such a run is looked at, and not followed."""
        if since:
            return [], since
        damaged: list[str] = []
        trials = []
        try:
            folders = [path for path in (self._root / "configs").iterdir() if path.name.startswith("config_")]
        except OSError as reason:
            raise StorageError(f"can't read {self._root / 'configs'}: {reason.strerror}.") from reason
        for folder in folders:
            trial_id = folder.name.removeprefix("config_")
            if not folder.is_dir() or not SAFE_ID.fullmatch(trial_id):
                continue
            try:
                trials.append(_trial_in(folder, trial_id))
            except (NePSError, OSError) as reason:
                damaged.append(str(reason))
        trials.sort(key=lambda trial: (trial.sampled_at or 0.0, id_order(trial.id)))
        events = [*self._optimizer(damaged), *(event for trial in trials for event in trial.events)]
        if damaged:
            for line in damaged:
                logger.debug("%s", line)
            more = f" ... and {len(damaged) - NAMED} more" if len(damaged) > NAMED else ""
            warnings.warn(
                f"{len(damaged)} file(s) of {self._root} are damaged, and what they tell is left out: "
                + " ".join(damaged[:NAMED])
                + more,
                NePSWarning,
                stacklevel=2,
            )
        return events, 1

    def _optimizer(self, damaged: list[str]) -> Iterator[ev.Event]:
        path = self._root / "optimizer_info.yaml"
        try:
            content = read_yaml(path, StorageError)
        except FileNotFoundError:
            return
        except StorageError as reason:
            damaged.append(str(reason))
            return
        name, info = (content.get("name"), content.get("info")) if isinstance(content, dict) else (None, None)
        if isinstance(name, str) and isinstance(info, dict):
            yield ev.OptimizerRecorded(name, info)
        else:
            damaged.append(f"{path} names no optimizer.")


@frozen
class _Trial:
    id: str
    sampled_at: float | None
    events: list[ev.Event]


#: The states of upstream that are ends.
_ENDS = {state.value for state in (State.SUCCESS, State.FAILED, State.CRASHED)}


def _trial_in(folder: Path, trial_id: str) -> _Trial:
    """A trial.

    Raises:
        StorageError: Naming the file that is damaged.
        FileNotFoundError: If there is no configuration, or no report of a trial that has ended.
    """
    config = read_yaml(folder / "config.yaml", StorageError)
    if not isinstance(config, dict) or not all(isinstance(key, str) for key in config):
        raise StorageError(f"{folder / 'config.yaml'} holds no configuration.")
    metadata = _metadata_in(folder / "metadata.json")
    sampled_at, started_at, ended_at = (_time(metadata.get(f"time_{what}")) for what in ("sampled", "started", "end"))
    sampler, worker, previous = (
        _name(metadata.get(key)) for key in ("sampling_worker_id", "evaluating_worker_id", "previous_trial_id")
    )
    events: list[ev.Event] = [ev.Sampled(trial_id, config, sampled_at, sampler, previous)]
    if started_at is not None:
        events.append(ev.Started(trial_id, started_at, worker or "unknown"))
    path = folder / "report.yaml"
    if path.exists() or metadata.get("state") in _ENDS:
        report = _report_in(path)
        ended_at = path.stat().st_mtime if ended_at is None else ended_at
        events.append(ev.Finished(trial_id, ended_at, State(report.reported_as), report))
    return _Trial(trial_id, sampled_at, events)


def _metadata_in(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(read_text(path))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError, RecursionError) as reason:
        raise StorageError(f"{path} can't be read: {reason}.") from reason
    if not isinstance(content, dict):
        raise StorageError(f"{path} holds no metadata.")
    return content


def _time(value: Any) -> float | None:
    try:
        time = number("time", value)
    except ResultError:
        return None
    return time if math.isfinite(time) else None


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and SAFE_ID.fullmatch(value) else None


def _report_in(path: Path) -> Report:
    content = read_yaml(path, StorageError)
    if not isinstance(content, dict) or content.get("reported_as") not in _ENDS:
        raise StorageError(f"{path} holds no report.")
    fields = {key: content.get(key) for key in ("cost", "learning_curve", "extra")}
    objective = content.get("objective_to_minimize")
    try:
        # Of one that failed, the rest is read as if it had not.
        report = parse_result({**fields, "objective_to_minimize": 0.0 if objective is None else objective})
    except ResultError as reason:
        raise StorageError(f"{path}: {reason}") from reason
    report = evolve(report, evaluation_duration=_time(content.get("evaluation_duration")))
    if content["reported_as"] == State.SUCCESS.value and objective is not None:
        return report
    err, tb = content.get("err"), content.get("tb")
    return evolve(
        report,
        objective_to_minimize=None,
        err=str(err or "it failed"),
        tb=None if tb is None else str(tb),
        reported_as=State.FAILED.value if content["reported_as"] == State.SUCCESS.value else content["reported_as"],
    )
