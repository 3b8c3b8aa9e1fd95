"""`neps repair ROOT`: show what is damaged in a run, and mend it.

The journal is made again from what can be read of it and from what the files of the trials show: a trial whose record
is damaged gets its configuration back, a result that the journal has lost is there again. The damaged journal stays
beside the new one.
"""

from __future__ import annotations

import argparse
import json
import secrets
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field

from neps_core import NePSError, StorageError, hookimpl
from neps_core import events as ev
from neps_core.files import from_yaml, read_text
from neps_core.run import Run
from neps_core.space_parsing import load_space, parse_space
from neps_core.storage import open_storage, shown_location
from neps_core.trial_log import TrialLog
from neps_core.trials import SAFE_ID, State
from neps_plugins.places import add_place, place


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `repair`."""
    parser = subparsers.add_parser("repair", help="show what is damaged in a run's folder, and mend it")
    add_place(parser)
    parser.add_argument("--dry_run", "--dry-run", action="store_true", help="only show it")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    root, storage = place(arguments)
    found = repair(root, arguments.dry_run, storage=storage)
    for line in found:
        print(line)
    print("nothing is damaged." if not found else "nothing was changed." if arguments.dry_run else "mended.")
    return 0


def repair(root_directory: str | Path, dry_run: bool = False, *, storage: str | None = None) -> list[str]:
    """Find out what is damaged in a run, and mend it.

    Args:
        root_directory: The run's folder.
        dry_run: Change nothing.
        storage: What the run is kept in, if not in the folder. Then the database's own tools mend it, and this says so.

    Returns:
        What was found, a line each.

    Raises:
        FileNotFoundError: If there is no run.
        StorageError: If a worker is alive, the folder can't be written to, or the run is kept in a database.
    """
    run = Run(open_storage(root_directory, storage))
    where = shown_location(storage or root_directory)
    if not run.journal.exists():
        raise FileNotFoundError(f"there is no run in {where}.")
    run.check_writable()
    if not hasattr(run.journal, "rewrite"):
        raise StorageError(
            f"the run in {where} has no file that could be mended: that is up to the database's own tools. "
            "'neps publish ROOT --storage URL' writes the files for people again."
        )
    if dry_run:
        return _find(run).lines
    with run.locked("start"):
        if alive := run.locks.living_workers():
            raise StorageError(
                f"workers are alive in {run.root_directory}: {', '.join(alive)}. Stop them before repairing."
            )
        with run.locked("journal"):
            found = _find(run)
            if found.lines:
                kept = run.journal.rewrite([[event] for event in found.whole()])
                found.lines.append(f"the damaged journal is kept as {kept}")
            run = Run(open_storage(root_directory))
            run.refresh()
            run.folder.publish_run(run.log, replaces=True)
            mended = run.folder.repair(run.log, thorough=True)
    if mended:
        found.lines.append(f"written again: the files of trial(s) {', '.join(mended)}")
    return found.lines


@define
class _Found:
    """What is wrong with a journal, and what its records have to be completed by.

    Attributes:
        events: What can be read.
        first: What it has to begin with.
        begun: Of trials whose configuration is lost, how they were sampled and started.
        finished: Lost results.
        lines: All that was found, in words.
    """

    events: list[ev.Event]
    first: list[ev.Event] = field(factory=list)
    begun: dict[str, list[ev.Event]] = field(factory=dict)
    finished: list[ev.Finished] = field(factory=list)
    lines: list[str] = field(factory=list)

    def whole(self) -> Iterator[ev.Event]:
        """All events of the run, each configuration before what became of it."""
        yield from self.first
        lost = dict(self.begun)
        for event in self.events:
            yield from lost.pop(getattr(event, "id", None) or "", ())
            yield event
        for events in lost.values():
            yield from events
        yield from self.finished


def _find(run: Run) -> _Found:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what they say is in the damages
        events, _ = run.journal.read(0)
    log = TrialLog()
    log.fold(events)
    found = _Found(events)
    for damage in getattr(run.journal, "damages", ()):
        found.lines.append(f"journal, byte {damage.position}: {damage.reason}")
    _find_beginning(run, log, found)
    for path in sorted((run.root_directory / "configs").glob("config_*")):
        trial_id = path.name.removeprefix("config_")
        if SAFE_ID.fullmatch(trial_id) and path.is_dir() and not path.is_symlink() and trial_id not in log.removed:
            try:
                _find_in_folder(path, trial_id, log, found)
            except (OSError, ValueError, TypeError, KeyError, StorageError) as reason:
                found.lines.append(f"{path}: its files can't be read, and stay as they are ({reason})")
    return found


def _find_beginning(run: Run, log: TrialLog, found: _Found) -> None:
    """What the run began with, from the files at the top."""
    shown = [(log.space is None, "pipeline_space.yaml"), (not log.optimizers, "optimizer_info.yaml")]
    documents = {name: _document(run.root_directory / name) for is_lost, name in shown if is_lost}
    if not log.format:
        found.first.append(ev.Created(ev.FORMAT, secrets.randbits(32), time.time()))
        found.lines.append("the record with the run's seed is lost; it gets a new one")
    if space := documents.get("pipeline_space.yaml"):
        found.first.append(ev.SpaceRecorded(space, _constants(space)))
        found.lines.append("the record of the space is lost; it is taken from pipeline_space.yaml")
        log.fold(found.first)
    if optimizer := documents.get("optimizer_info.yaml"):
        found.first.append(ev.OptimizerRecorded(**optimizer))
        found.lines.append("the record of the optimizer is lost; it is taken from optimizer_info.yaml")


def _constants(document: Mapping[str, Any]) -> dict[str, Any]:
    """The constants of a stored space; none where it is of a kind that isn't installed here."""
    try:
        return dict(getattr(parse_space(load_space(document)), "constants", {}))
    except NePSError:
        return {}


def _document(path: Path) -> Any:
    try:
        return from_yaml(read_text(path))
    except (OSError, ValueError, StorageError):
        return None


def _find_in_folder(path: Path, trial_id: str, log: TrialLog, found: _Found) -> None:
    """What a trial's files show and the journal doesn't have."""
    trial = log.trials.get(trial_id)
    is_lost = trial is None or trial.state is State.CORRUPTED
    has_result = (path / "report.yaml").exists()
    if not is_lost and (not has_result or (trial is not None and trial.state.is_finished)):
        return
    if trial is None and not has_result:  # sampled, and nothing came of it
        return
    metadata = json.loads(read_text(path / "metadata.json"))
    if is_lost:
        shown = from_yaml(read_text(path / "config.yaml"))
        config = {name: value for name, value in shown.items() if name not in log.constants}
        when, worker = metadata["time_sampled"], metadata["sampling_worker_id"]
        begun: list[ev.Event] = [ev.Sampled(trial_id, config, when, worker, metadata["previous_trial_id"])]
        if (
            not any(isinstance(event, ev.Started) and event.id == trial_id for event in found.events)
            and metadata["starts"]
        ):
            begun.append(ev.Started(trial_id, metadata["time_started"], metadata["evaluating_worker_id"]))
        found.begun[trial_id] = [ev.from_plain(ev.to_plain(event)) for event in begun]
        found.lines.append(f"trial {trial_id}: its configuration is lost; it is taken from {path / 'config.yaml'}")
    known = any(isinstance(event, ev.Finished) and event.id == trial_id for event in found.events)
    if has_result and not known:
        report = from_yaml(read_text(path / "report.yaml"))
        plain = {
            "event": "finished",
            "id": trial_id,
            "time": metadata["time_end"] or 0.0,
            "state": report["reported_as"],
            "report": report,
        }
        result = ev.from_plain(plain)
        assert isinstance(result, ev.Finished)
        found.finished.append(result)
        found.lines.append(f"trial {trial_id}: its result is lost; it is taken from {path / 'report.yaml'}")
