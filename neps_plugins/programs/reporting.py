"""`neps report VALUE...`, for programs: what it takes on the command line, and sending it.

Nothing but the standard library is imported: a program may report every second.
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import Any

from neps_plugins.programs.reports import STOP, ReportRefused, send

#: What a number looks like, without its sign, and what a value does: a number, perhaps with a name.
_NUMBER = r"(\d+\.?\d*(e[-+]?\d+)?|\.\d+(e[-+]?\d+)?|inf(inity)?|nan)"
_VALUE = re.compile(rf"([^\W\d]\w*=)?[-+]?{_NUMBER}", re.IGNORECASE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what stands behind `neps report`, in both of its meanings."""
    pages, values = "ROOT... [--storage URL] [-o FILE.html]", "VALUE... [--step N] [--cost C] [--extra NAME=VALUE]"
    parser.usage = f"neps report {pages}\n       neps report {values}"
    parser.description = (
        "Write runs into one page that opens without a network. In a program that neps run evaluates with, numbers are "
        "an intermediate result instead: of one objective, of several, or of several by name (loss=0.2 size=3)."
    )
    parser.epilog = (
        f"Exit code of a result: 0 to go on, {STOP} if the stopping rule says that the program is to end now, 1 if it "
        "was refused. A folder whose name is a number is written ./7."
    )
    parser.add_argument("given", metavar="ROOT|VALUE", nargs="*", help="the folders of the runs, or the objective")
    parser.add_argument("--storage", metavar="URL", help="the database, if the runs are kept in one")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="the file to write (default: summary/report.html of the only run)"
    )
    parser.add_argument("--step", type=float, metavar="N", help="of the evaluation: the epoch, say (default: the next)")
    parser.add_argument("--cost", type=float, metavar="C", help="what the evaluation has cost so far")
    parser.add_argument("--extra", metavar="NAME=VALUE", action="append", default=[], help="something more to keep")
    # -1e-3 and -inf are numbers, too, which argparse takes for options.
    parser._negative_number_matcher = re.compile(rf"-{_NUMBER}$", re.IGNORECASE)


def are_values(arguments: argparse.Namespace) -> bool:
    """Whether this looks like a result, not like the page of runs."""
    is_page = arguments.output is not None or arguments.storage is not None or not arguments.given
    return not is_page and all(map(_VALUE.fullmatch, arguments.given))


def send_values(arguments: argparse.Namespace) -> int:
    """Send a result to the worker that has started this program.

    Returns:
        The exit code.
    """
    try:
        extra = dict(map(_extra, arguments.extra))
        then = send(_objective(arguments.given), arguments.step, cost=arguments.cost, extra=extra)
    except ReportRefused as reason:
        print(f"error: {reason}", file=sys.stderr)
        return 1
    return STOP if then == "stop" else 0


def _objective(given: list[str]) -> Any:
    named = [value.rpartition("=") for value in given]
    names = [name for name, equals, _ in named if equals]
    if names and len(set(names)) < len(named):
        raise ReportRefused("give every value a name of its own, or none: loss=0.2 size=3.")
    values = [float(value) for _, _, value in named]
    return dict(zip(names, values)) if names else values if len(values) > 1 else values[0]


def _extra(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ReportRefused(f"--extra {text}: write NAME=VALUE.")
    return name, float(value) if _VALUE.fullmatch(value) else value
