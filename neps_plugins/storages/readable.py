"""The files of a run's folder that are there for people: made from the journal, never read back by a run.

The three files at the top (space, optimizer, shared state) are held against the journal when a run is
opened, so that somebody who edits one of them is told that it has no effect, and one that holds anything
but plain data is named instead of read.
"""

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neps_core import StorageError, Trial, TrialLog
from neps_core.events import FORMAT
from neps_core.files import from_yaml, overwrite, to_yaml, write_atomically

#: The order in which a trial's files are written; the last one says that the others are there.
LAST = "report.yaml"


def write_trial(directory: str, trial: Trial) -> None:
    """Write what is new of a trial: `metadata.json` always, `config.yaml` until it ends, `report.yaml` then."""
    config = f"{directory}/config.yaml"
    # After a power cut the folder may hold the configuration of a trial that the journal has lost.
    if trial.report is None or not os.path.exists(config):
        write_atomically(config, to_yaml(dict(trial.config)))
    plain = {"state": trial.state.value, **{key: getattr(trial.metadata, key) for key in _METADATA}}
    overwrite(f"{directory}/metadata.json", json.dumps(plain, indent=2))
    if trial.report is not None:
        report = {key: getattr(trial.report, key) for key in _REPORT}
        write_atomically(f"{directory}/{LAST}", to_yaml(report))


_METADATA = [
    "time_sampled",
    "time_started",
    "time_end",
    "sampling_worker_id",
    "evaluating_worker_id",
    "previous_trial_id",
    "location",
    "starts",
    "is_asynchronous",
]
_REPORT = [
    "objective_to_minimize",
    "cost",
    "learning_curve",
    "extra",
    "err",
    "tb",
    "reported_as",
    "evaluation_duration",
]


def is_complete(directory: str) -> bool:
    """Whether all the files of a finished trial are there."""
    return os.path.exists(f"{directory}/{LAST}")


def write_run(root: Path, log: TrialLog) -> None:
    """Write the files at the top, where they are missing or older than the journal.

    Raises:
        StorageError: If one was changed by somebody, or can't be read as plain data.
    """
    if log.space is not None:
        _show(root / "pipeline_space.yaml", [log.space], from_yaml_bytes, to_yaml)
    if log.optimizers:
        records = [
            {"name": r.name, "info": r.info, **({"details": r.details} if r.details else {})} for r in log.optimizers
        ]
        _show(root / "optimizer_info.yaml", records, from_yaml_bytes, to_yaml)
        states = [{"format": FORMAT, "seed": log.seed, "optimizer": record} for record in records]
        _show(root / "optimizer_state.pkl", states, plain_unpickle, pickle.dumps)


def _show(
    path: Path, versions: Sequence[Any], load: Callable[[bytes], Any], dump: Callable[[Any], str | bytes]
) -> None:
    """Let `path` show the last of `versions`; a file that shows an earlier one is just behind."""
    if path.exists() and (content := path.read_bytes()):
        try:
            shown = _canonical(load(content))
        except ValueError as reason:
            raise StorageError(
                f"{path} can't be read as plain data ({reason}), so it was not written by this framework. "
                "Delete it: it will be written again from the journal, and no trial is lost."
            ) from reason
        if shown == _canonical(versions[-1]):
            return
        if shown not in [_canonical(version) for version in versions]:
            raise StorageError(
                f"{path} was changed since it was written. It only shows what the run's journal holds, so a change "
                "has no effect: delete it to have it written again, or start a new run with other settings."
            )
    write_atomically(path, dump(versions[-1]))


def _canonical(data: Any) -> str:
    return json.dumps(data, sort_keys=True)


def from_yaml_bytes(content: bytes) -> Any:
    """Plain data from YAML in UTF-8; ValueError for anything else."""
    return from_yaml(content.decode())


class _PlainUnpickler(pickle.Unpickler):
    """Refuses every class and function, which is the only way in which a pickle can run code."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def plain_unpickle(content: bytes) -> Any:
    """Plain data from a pickle.

    Raises:
        ValueError: If it's no pickle, or asks for anything to be imported.
    """
    try:
        return _PlainUnpickler(io.BytesIO(content)).load()
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, AttributeError, TypeError) as reason:
        raise ValueError(f"no pickle of plain data: {reason}") from reason
