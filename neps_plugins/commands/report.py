"""`neps report ROOT...`: runs as one page in one file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neps_core import hookimpl
from neps_plugins.places import add_place, places


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `report`."""
    parser = subparsers.add_parser("report", help="write runs into one page that opens without a network")
    add_place(parser, several=True)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the file to write (default: summary/report.html of the only run)"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from neps_plugins.report import write_report

    roots, storage = places(arguments)
    output = arguments.output
    if output is None:
        if len(roots) > 1 or "://" in roots[0]:
            arguments.parser.error("of several runs, or without a folder, say where the report goes: -o FILE.html")
        output = Path(roots[0]) / "summary" / "report.html"
    print(write_report(roots, output, storage=storage))
    return 0
