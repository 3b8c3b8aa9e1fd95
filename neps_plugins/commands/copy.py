"""`neps copy FROM TO`: a run in another storage."""

from __future__ import annotations

import argparse
from typing import Any

from neps_core import hookimpl
from neps_plugins.copying import copy_run


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `copy`."""
    parser = subparsers.add_parser(
        "copy",
        help="copy a run between a folder and a database",
        description="Copy a run, as it is now, to where there is none. What evaluate_pipeline has put into the folders "
        "of trials is not copied.",
    )
    parser.add_argument("source", metavar="FROM", help="a run's folder, or a database's URL (...?run=NAME)")
    parser.add_argument("target", metavar="TO", help="another folder, or a database's URL (...?run=NAME)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    run = copy_run(arguments.source, arguments.target)
    print(f"copied: {len(run.trials)} trial(s), to {run.folder}")
    return 0
