"""`neps completion SHELL`: what makes a shell complete the commands, their options, and the ids of trials."""

from __future__ import annotations

import argparse
from typing import Any

from neps_core import NePSError, hookimpl

#: How each shell takes it.
_HOW = {
    "bash": 'put `eval "$(neps completion bash)"` into ~/.bashrc',
    "zsh": 'put `autoload -U compinit; compinit; eval "$(neps completion zsh)"` into ~/.zshrc',
    "fish": "neps completion fish > ~/.config/fish/completions/neps.fish",
}


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `completion`."""
    parser = subparsers.add_parser(
        "completion",
        help="print what makes a shell complete neps",
        description="Print a script for a shell, after which it completes commands, options and ids of trials. "
        + "; ".join(f"{shell}: {how}" for shell, how in _HOW.items())
        + ".",
    )
    parser.add_argument("shell", choices=list(_HOW), help="which one")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        import argcomplete.shell_integration
    except ImportError:
        raise NePSError("completion needs argcomplete: pip install 'neps-framework[completion]'.") from None
    print(argcomplete.shell_integration.shellcode(["neps"], shell=arguments.shell), end="")
    return 0
