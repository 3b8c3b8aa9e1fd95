"""`neps dashboard ROOT...`: runs as a page that follows them."""

from __future__ import annotations

import argparse
from typing import Any

from neps_core import hookimpl
from neps_plugins.places import add_place, places


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `dashboard`."""
    parser = subparsers.add_parser("dashboard", help="watch runs in a browser, live")
    add_place(parser, several=True)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: this computer only)")
    parser.add_argument("--port", type=int, help="the port to listen at (default: the first free one from 8765 on)")
    parser.add_argument("--no-browser", "--no_browser", action="store_true", help="open no browser")
    parser.add_argument(
        "--allow-changes",
        "--allow_changes",
        action="store_true",
        help="have buttons to enqueue configurations, put trials back, clean, stop workers, and write notes",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from neps_plugins.dashboard import serve

    roots, storage = places(arguments)
    serve(
        roots,
        storage=storage,
        host=arguments.host,
        port=arguments.port,
        browser=not arguments.no_browser,
        allow_changes=arguments.allow_changes,
        tell=lambda text: print(text, flush=True),
    )
    return 0
