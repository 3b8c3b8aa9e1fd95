"""`neps clean ROOT`: remove trials from a run, so that it can go on without them."""

from __future__ import annotations

import argparse
from typing import Any

from neps_core import State, hookimpl
from neps_core.cleaning import UNUSABLE, clean


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `clean`."""
    unusable = ", ".join(state.value for state in UNUSABLE)
    parser = subparsers.add_parser("clean", help="remove failed, crashed and corrupted trials from a run")
    parser.add_argument("root_directory", metavar="ROOT", help="the run's folder")
    parser.add_argument("--trial_ids", "--trial-ids", nargs="+", metavar="ID", help="remove these instead")
    parser.add_argument(
        "--states",
        nargs="+",
        metavar="STATE",
        choices=[state.value for state in State],
        default=[state.value for state in UNUSABLE],
        help=f"remove the trials in these states (default: {unusable})",
    )
    parser.add_argument("--dry_run", "--dry-run", action="store_true", help="only show what would be removed")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    states = [State(state) for state in arguments.states]
    removed = clean(arguments.root_directory, arguments.trial_ids, states, arguments.dry_run)
    verb = "would be removed" if arguments.dry_run else "removed"
    for trial in removed:
        print(f"trial {trial.id} ({trial.state.value}) {verb}")
    print(f"{len(removed)} trial(s) {verb}.")
    return 0
