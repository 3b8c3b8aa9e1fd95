"""The command `neps` as a shell starts it. What a program reports is sent before anything is imported that takes time;
everything else is the core's.
"""

from __future__ import annotations

import argparse
import sys

from neps_plugins.programs.reporting import add_arguments, are_values, send_values
from neps_plugins.programs.reports import is_in_program


def main() -> int:
    """Run a command with this process's arguments; returns the exit code."""
    if sys.argv[1:2] == ["report"] and is_in_program():
        parser = argparse.ArgumentParser(prog="neps report")
        add_arguments(parser)
        arguments = parser.parse_args(sys.argv[2:])
        if are_values(arguments):
            return send_values(arguments)
    from neps_core.cli import main as run_command

    return run_command()
