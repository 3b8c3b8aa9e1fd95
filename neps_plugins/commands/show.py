"""`neps show ROOT TRIAL`: one trial, all of it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from neps_core import NePSError, Run, Trial, hookimpl, open_run
from neps_plugins.places import add_place, place
from neps_plugins.printing import printable, strict

#: Reports that are shown of one that has many: the first and the last.
POINTS = 10


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `show`."""
    parser = subparsers.add_parser("show", help="show all of one trial")
    add_place(parser)
    trial = parser.add_argument("trial", metavar="TRIAL", help="its id, such as 7 or config_7")
    trial.completer = _ids
    parser.add_argument("--json", action="store_true", help="print one JSON object instead, for programs")
    parser.set_defaults(run=_run)


def _ids(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """What a shell completes a trial's id with; alone, what stands first may be the folder."""
    root = parsed_args.root_directory or (None if parsed_args.storage else parsed_args.trial)
    try:
        return list(open_run(root or parsed_args.storage, storage=parsed_args.storage if root else None).trials)
    except (NePSError, FileNotFoundError):
        return []


def _run(arguments: argparse.Namespace) -> int:
    root, storage = place(arguments)
    run = open_run(root, storage=storage)
    trial = run.trial(arguments.trial)
    folder = None if arguments.root_directory is None else run.root_directory / trial.metadata.location
    if arguments.json:
        print(json.dumps(strict(_document(run, trial, folder)), allow_nan=False, default=str))
    else:
        print(*(printable(line) for line in _lines(run, trial, folder)), sep="\n")
    return 0


def _document(run: Run, trial: Trial, folder: Path | None) -> dict[str, Any]:
    """Everything that is known of a trial, as plain data."""
    return {
        "id": trial.id,
        "state": trial.state.value,
        "config": dict(trial.config),
        "report": None if trial.report is None else _plain(trial.report),
        "metadata": _plain(trial.metadata),
        "reported": [_plain(point) for point in trial.points],
        "superseded": [_plain(report) for report in trial.superseded],
        "continued_by": _continuations(run, trial),
        "folder": None if folder is None else str(folder),
    }


def _plain(data: Any) -> dict[str, Any]:
    return {field.name: getattr(data, field.name) for field in attrs.fields(type(data))}


def _continuations(run: Run, trial: Trial) -> list[str]:
    return [other.id for other in run.trials.values() if other.metadata.previous_trial_id == trial.id]


def _lines(run: Run, trial: Trial, folder: Path | None) -> Iterator[str]:
    """A trial, for people."""
    report, of = trial.report, trial.metadata
    stopped = ", stopped early" if trial.was_stopped_early else ""
    yield f"Trial:      {trial.id} ({trial.state.value}{stopped})"
    yield "Config:"
    yield from _indented(trial.config)
    if report is not None:
        if trial.objectives_by_name:
            yield "Objectives:"
            yield from _indented(trial.objectives_by_name)
        elif report.objective_to_minimize is not None:
            yield f"Objective:  {report.objective_to_minimize}"
        if trial.constraints:
            yield f"Constraints: {'kept' if trial.is_feasible else 'broken'}"
            yield from _indented(trial.constraints_by_name)
        if report.cost is not None:
            yield f"Cost:       {report.cost}"
        if report.stopped_at is not None:
            yield f"Stopped at: step {report.stopped_at:g}"
    if of.previous_trial_id is not None:
        yield f"Continues:  trial {of.previous_trial_id}"
    following = _continuations(run, trial)
    if following:
        yield f"Continued:  by trial {', '.join(following)}"
    for name, when, who in (
        ("Sampled", of.time_sampled, of.sampling_worker_id),
        ("Started", of.time_started, of.evaluating_worker_id),
        ("Ended", of.time_end, None),
    ):
        if when is not None:
            yield f"{name + ':':11} {_time(when)}{'' if who is None else f' by {who}'}"
    if of.starts > 1:
        yield f"Starts:     {of.starts}"
    if report is not None and report.evaluation_duration is not None:
        yield f"Took:       {report.evaluation_duration:.3g} s"
    yield from _curve(trial)
    if report is not None and report.extra:
        yield "Extra:"
        yield from _indented(report.extra)
    if report is not None and report.err:
        yield "Error:"
        yield from (f"  {line}" for line in report.err.splitlines())
        if report.tb and report.tb.startswith("Traceback"):  # which an error that wasn't raised doesn't have
            yield "Traceback:"
            yield from (f"  {line}" for line in report.tb.splitlines())
    if trial.superseded:
        yield f"Superseded: {len(trial.superseded)} further result(s), which came too late"
    if folder is not None and folder.is_dir():
        yield f"Folder:     {folder}"
        yield f"Files:      {', '.join(sorted(path.name for path in folder.iterdir()))}"


def _curve(trial: Trial) -> Iterator[str]:
    if trial.points:
        points = list(trial.points)
        yield f"Reported:   {len(points)} time(s)"
        left_out = len(points) - POINTS
        for i, point in enumerate(points):
            if left_out > 0 and POINTS // 2 <= i < len(points) - POINTS // 2:
                if i == POINTS // 2:
                    yield f"  ... {left_out} more ..."
                continue
            cost = "" if point.cost is None else f", cost {point.cost}"
            extra = "".join(f", {key} {value}" for key, value in point.extra.items())
            yield f"  step {point.step:g}: {point.objective}{cost}{extra}"
    elif trial.report is not None and trial.report.learning_curve:
        yield f"Curve:      {', '.join(map(str, list(trial.report.learning_curve)[-POINTS:]))}"


def _indented(items: Mapping[str, Any]) -> Iterator[str]:
    for key, value in items.items():
        yield f"  {key}: {value}"


def _time(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
