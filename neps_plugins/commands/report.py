"""`neps report`: runs as one page in one file; and in a program that is being evaluated, an intermediate result."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from neps_core import hookimpl
from neps_plugins.places import places
from neps_plugins.programs.reporting import add_arguments, are_values, send_values
from neps_plugins.programs.reports import is_in_program


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `report`."""
    parser = subparsers.add_parser(
        "report", help="write runs into one page; in a program that neps run has started, report a result"
    )
    add_arguments(parser)
    parser.set_defaults(run=_run, parser=parser)


def _run(arguments: argparse.Namespace) -> int:
    if are_values(arguments) and (is_in_program() or not all(map(os.path.isdir, arguments.given))):
        return send_values(arguments)
    for option in ("step", "cost", "extra"):
        if getattr(arguments, option) not in (None, []):
            arguments.parser.error(f"--{option} is for the result of a program, whose values are numbers")
    from neps_plugins.report import write_report

    arguments.roots = arguments.given
    roots, storage = places(arguments)
    output = arguments.output
    if output is None:
        if len(roots) > 1 or "://" in roots[0]:
            arguments.parser.error("of several runs, or without a folder, say where the report goes: -o FILE.html")
        output = Path(roots[0]) / "summary" / "report.html"
    print(write_report(roots, output, storage=storage))
    return 0
