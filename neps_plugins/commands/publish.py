"""`neps publish ROOT`: the files for people, of all trials, whoever evaluated them."""

from __future__ import annotations

import argparse
from typing import Any

from neps_core import hookimpl, open_run
from neps_core.run_result import result_of
from neps_plugins.places import add_place, place


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `publish`."""
    parser = subparsers.add_parser(
        "publish",
        help="write the files for people: of every trial, the space, the optimizer, and the summary",
        description="Write a run's files for people into its folder, from what the run itself holds.",
    )
    add_place(parser, needs_folder=True)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    root, storage = place(arguments, needs_folder=True)
    run = open_run(root, storage=storage)
    run.check_writable()
    run.folder.create(is_run=lambda: True)
    with run.locked("journal"):
        run.refresh()
        run.folder.publish_run(run.log)
        written = run.folder.repair(run.log, thorough=True)
    run.tell("neps_run_finished", result=result_of(run, "it was published"))
    print(f"{len(run.trials)} trial(s) are shown in {run.root_directory}, {len(written)} of them written just now.")
    return 0
