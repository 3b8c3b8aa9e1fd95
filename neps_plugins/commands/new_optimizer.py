"""`neps new-optimizer NAME`: a distribution with an optimizer, to begin with."""

from __future__ import annotations

import argparse
from typing import Any

from neps_core import hookimpl
from neps_plugins.new_optimizer import write


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `new-optimizer`."""
    parser = subparsers.add_parser(
        "new-optimizer",
        help="write a folder with an optimizer of your own, ready to be published",
        description="Write a folder with a distribution that holds a small optimizer, its tests and what PyPI wants. "
        "It works as it is; change it into yours.",
    )
    parser.add_argument(
        "name", metavar="NAME", help="the folder; its last part names the optimizer ('nearby' makes 'neps-nearby')"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    names = write(arguments.name)
    print(
        f"{arguments.name}: the distribution {names.distribution}. Change {names.cls} in {names.module}.py.\n\n"
        f"  python -m pip install -e '{arguments.name}[test]'\n"
        f"  python -m pytest '{arguments.name}'\n"
        f'  neps.run(..., optimizer="{names.optimizer}")'
    )
    return 0
