"""`neps enqueue ROOT FILE`: configurations that are evaluated next."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from neps_core import ConfigError, hookimpl
from neps_core.files import read_yaml
from neps_plugins.changes import enqueue
from neps_plugins.places import add_place, place


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `enqueue`."""
    parser = subparsers.add_parser("enqueue", help="have configurations evaluated before what the optimizer proposes")
    add_place(parser)
    parser.add_argument(
        "file", metavar="FILE", help="a YAML or JSON file with a configuration or a list of them; - for standard input"
    )
    parser.add_argument("--again", action="store_true", help="evaluate what is there already once more")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    configs = read_yaml(sys.stdin if arguments.file == "-" else Path(arguments.file), ConfigError)
    if configs is None:
        raise ConfigError(f"{arguments.file} is empty; it should hold a configuration or a list of them.")
    root, storage = place(arguments)
    ids = enqueue(root, configs, again=arguments.again, storage=storage)
    print(f"enqueued or there already: {len(ids)} trial(s){': ' if ids else ''}{', '.join(ids)}")
    return 0
