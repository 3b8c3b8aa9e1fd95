"""The command `neps`. Every subcommand comes from a plugin (`neps_commands`)."""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import os
import sys
from collections.abc import Sequence

from neps_core.errors import NePSError
from neps_core.plugins import plugins

DISTRIBUTION = "neps-framework"


def version() -> str:
    """The installed version of the framework; "0+unknown" when it runs without being installed."""
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "0+unknown"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: What stands behind `neps`; None for this process's own.

    Returns:
        The exit code: 0, 1 for an error that is told on standard error, 2 for a wrong call.
    """
    parser = argparse.ArgumentParser(prog="neps", description="Look after runs and plugins.")
    parser.add_argument("--version", action="version", version=f"{DISTRIBUTION} {version()}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for plugin, error in plugins.tell("neps_commands", subparsers=subparsers):
        print(f"warning: plugin {plugin.origin} gave no command: {error!r}", file=sys.stderr)
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what could come next
        import argcomplete

        argcomplete.autocomplete(parser)
    parsed = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # names that this terminal can't show are no reason to stop
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = int(parsed.run(parsed))
        if sys.stdout is not None:
            sys.stdout.flush()  # a full disk is told here, and not by Python as it ends
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        code = 0
    except (NePSError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        code = 1
    _drop_what_is_left()
    return code


def _drop_what_is_left() -> None:
    """Let what can't be printed go nowhere, or Python complains of it as it ends, with an exit code of its own."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
