"""`neps report`: runs as one page in one file; and in a program that is being evaluated, an intermediate result, which
`neps.report` sends from there, too.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neps_core import ResultError, RunError, hookimpl
from neps_core.results import plain
from neps_plugins.places import places
from neps_plugins.programs.reporting import add_arguments, are_values, send_values
from neps_plugins.programs.reports import ReportRefused, is_in_program, send


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
    what = " ".join(arguments.given)
    is_place = arguments.storage is not None or any("://" in given or Path(given).is_dir() for given in arguments.given)
    if is_in_program() and what and not is_place:
        raise RunError(f"{what!r} is no number that could be reported (0.25, loss=0.25), nor the folder of a run.")
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


@hookimpl
def neps_send_report(objective: Any, step: Any, cost: Any, extra: Mapping[str, Any]) -> bool | None:
    """Of the processes that `torchrun` starts inside a program, the first one speaks for all."""
    if not is_in_program():
        return None
    if os.environ.get("RANK", "0") != "0":
        return True
    try:
        return send(plain(objective), plain(step), cost=plain(cost), extra=plain(extra)) != "stop"
    except ReportRefused as reason:
        raise ResultError(str(reason)) from None
