"""The files of a run's folder that are there for people: made from the journal, never read back by a run.

The three files at the top (space, optimizer, shared state) are held against the journal when a run is
opened, so that somebody who edits one of them is told that it has no effect. They are never parsed.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Sequence
from pathlib import Path

from attrs import fields

from neps_core import Metadata, Report, StorageError, Trial, TrialLog
from neps_core.events import FORMAT
from neps_core.files import overwrite, to_yaml, write_atomically

#: Written last of a trial's files, so that it says that the others are there.
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


_METADATA = [f.name for f in fields(Metadata)]
_REPORT = [f.name for f in fields(Report)]


def is_complete(directory: str) -> bool:
    """Whether all the files of a finished trial are there."""
    return os.path.exists(f"{directory}/{LAST}")


def write_run(root: Path, log: TrialLog) -> None:
    """Write the files at the top, where they are missing or older than the journal.

    Raises:
        StorageError: If one was changed by somebody.
    """
    if log.space is not None:
        _show(root / "pipeline_space.yaml", [to_yaml(log.space)])
    if log.optimizers:
        records = [
            {"name": r.name, "info": r.info, **({"details": r.details} if r.details else {})} for r in log.optimizers
        ]
        _show(root / "optimizer_info.yaml", [to_yaml(record) for record in records])
        states = [{"format": FORMAT, "seed": log.seed, "optimizer": record} for record in records]
        _show(root / "optimizer_state.pkl", [pickle.dumps(state, protocol=4) for state in states])


def _show(path: Path, versions: Sequence[str | bytes]) -> None:
    """Let `path` show the last of `versions`; a file that shows an earlier one is just behind.

    The content is compared, never parsed, so nothing that somebody put there can do anything.
    """
    contents = [v.encode("utf-8", "backslashreplace") if isinstance(v, str) else v for v in versions]
    if path.exists() and (shown := path.read_bytes()):
        if shown == contents[-1]:
            return
        if shown not in contents:
            raise StorageError(
                f"{path} was changed since it was written. It only shows what the run's journal holds, so a change "
                "has no effect, and it is not read: delete it to have it written again, or start a new run with other "
                "settings."
            )
    write_atomically(path, contents[-1])
