"""`neps report`: runs as one page in one file; and in a program that is being evaluated, an intermediate result."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any

from neps_core import NePSError, hookimpl
from neps_plugins.programs.reports import STOP, ReportRefused, is_in_program, send

#: What a value looks like: a number, perhaps with a name.
_VALUE = re.compile(r"([^\W\d]\w*=)?[-+]?(\d+\.?\d*([eE][-+]?\d+)?|\.\d+([eE][-+]?\d+)?|inf(inity)?|nan)", re.I)


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `report`."""
    parser = subparsers.add_parser(
        "report",
        help="write runs into one page; in a program that neps run has started, report a result",
        usage="neps report ROOT... [-o FILE.html]\n       neps report VALUE... [--step N] [--cost C] "
        "[--extra NAME=VALUE]",
        description="Write runs into one page that opens without a network. In a program that neps run evaluates with, "
        "numbers are an intermediate result instead: of one objective, of several, or of several by name (loss=0.2 "
        "size=3).",
        epilog=f"Exit code of a result: 0 to go on, {STOP} if the stopping rule says that the program is to end now, "
        "1 if it was refused. A folder whose name is a number is written ./7.",
    )
    parser.add_argument("given", metavar="ROOT|VALUE", nargs="+", help="the folders of the runs, or the objective")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the file to write (default: summary/report.html of the only run)"
    )
    parser.add_argument("--step", type=float, metavar="N", help="of the evaluation: the epoch, say (default: the next)")
    parser.add_argument("--cost", type=float, metavar="C", help="what the evaluation has cost so far")
    parser.add_argument("--extra", metavar="NAME=VALUE", action="append", default=[], help="something more to keep")
    # All numbers below zero are values, also 1e-3 and inf, which argparse takes for options.
    parser._negative_number_matcher = re.compile(rf"-(?!-)(?={_VALUE.pattern.partition('[-+]?')[2]}$)", re.I)
    parser.set_defaults(run=_run, parser=parser)


def _run(arguments: argparse.Namespace) -> int:
    are_values = all(map(_VALUE.fullmatch, arguments.given))
    of_result = [name for name in ("step", "cost", "extra") if getattr(arguments, name) not in (None, [])]
    if arguments.output is None and are_values and (is_in_program() or not all(map(os.path.isdir, arguments.given))):
        return _send(arguments)
    if of_result:
        arguments.parser.error(f"--{of_result[0]} is for the result of a program, whose values are numbers")
    from neps_plugins.report import write_report

    output = arguments.output
    if output is None:
        if len(arguments.given) > 1:
            arguments.parser.error("of several runs, say where the report goes: -o FILE.html")
        output = Path(arguments.given[0]) / "summary" / "report.html"
    print(write_report(arguments.given, output))
    return 0


def _send(arguments: argparse.Namespace) -> int:
    named = [value.rpartition("=") for value in arguments.given]
    names = [name for name, equals, _ in named if equals]
    if names and len(set(names)) < len(named):
        raise NePSError("give every value a name of its own, or none: loss=0.2 size=3.")
    values = [float(value) for _, _, value in named]
    objective: Any = dict(zip(names, values)) if names else values if len(values) > 1 else values[0]
    extra: dict[str, Any] = {}
    for text in arguments.extra:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise NePSError(f"--extra {text}: write NAME=VALUE.")
        extra[name] = float(value) if _VALUE.fullmatch(value) else value
    try:
        then = send(objective, arguments.step, cost=arguments.cost, extra=extra)
    except ReportRefused as reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    return STOP if then == "stop" else 0
