"""`neps plot ROOT`: draw how a run went."""

from __future__ import annotations

import argparse
from typing import Any

from neps_core import hookimpl
from neps_core.pictures import plot


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `plot`."""
    parser = subparsers.add_parser("plot", help="draw how a run went, into its folder summary")
    parser.add_argument("root_directory", metavar="ROOT", help="the run's folder")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    for path in plot(arguments.root_directory):
        print(path)
    return 0
