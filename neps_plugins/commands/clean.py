"""`neps clean ROOT`: remove trials from a run, so that it can go on without them."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from neps_core import State, hookimpl
from neps_core.cleaning import UNUSABLE, clean, known_ids
from neps_core.trials import shown_id
from neps_plugins.places import add_place, place


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `clean`."""
    unusable = ", ".join(state.value for state in UNUSABLE)
    parser = subparsers.add_parser("clean", help="remove failed, crashed and corrupted trials from a run")
    add_place(parser)
    parser.add_argument(
        "--root_directory", "--root-directory", "--root_dir", "--root-dir", dest="root", help=argparse.SUPPRESS
    )
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
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--again", action="store_true", help="have their configurations evaluated once more")
    what.add_argument("--delete", action="store_true", help="remove them altogether: the default")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    arguments.root_directory = arguments.root_directory or arguments.root
    root, storage = place(arguments)
    states = [State(state) for state in arguments.states]
    ids, unknown = arguments.trial_ids, list[str]()
    if ids is not None:
        ids, unknown = known_ids(root, ids, storage)
    removed = clean(root, ids, states, arguments.dry_run, arguments.again, storage=storage)
    verb = "would be removed" if arguments.dry_run else "removed"
    if arguments.again:
        verb = "would be evaluated again" if arguments.dry_run else "will be evaluated again"
    for trial_id in unknown:
        print(f"there is no trial {shown_id(trial_id)}", file=sys.stderr)
    for trial in removed:
        print(f"trial {trial.id} ({trial.state.value}) {verb}")
    print(f"{len(removed)} trial(s) {verb}.")
    return 1 if unknown and not removed else 0
