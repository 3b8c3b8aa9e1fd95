"""`neps report ROOT...`: runs as one page in one file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neps_core import hookimpl


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `report`."""
    parser = subparsers.add_parser("report", help="write runs into one page that opens without a network")
    parser.add_argument("roots", metavar="ROOT", nargs="+", help="the folders of the runs")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the file to write (default: summary/report.html of the only run)"
    )
    parser.set_defaults(run=_run, parser=parser)


def _run(arguments: argparse.Namespace) -> int:
    from neps_plugins.report import write_report

    output = arguments.output
    if output is None:
        if len(arguments.roots) > 1:
            arguments.parser.error("of several runs, say where the report goes: -o FILE.html")
        output = Path(arguments.roots[0]) / "summary" / "report.html"
    print(write_report(arguments.roots, output))
    return 0
