"""`neps init [FILE]`: a search file to begin with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from neps_core import RunError, hookimpl


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `init`."""
    parser = subparsers.add_parser("init", help="write a search file to begin with, for neps run")
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="search.yaml", help="where it goes (default: search.yaml)"
    )
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from neps_plugins.search_file.starter import starter

    path = Path(arguments.file)
    try:
        with path.open("w" if arguments.force else "x", encoding="utf-8") as file:
            file.write(starter(path.name))
    except FileExistsError:
        raise RunError(f"{path} is there already, and stays as it is; --force replaces it.") from None
    except OSError as reason:
        raise RunError(f"{path} can't be written: {reason.strerror}.") from None
    print(f"{path} is written; start it with: neps run {path}")
    return 0
