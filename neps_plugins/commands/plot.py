"""`neps plot ROOT`: draw how a run went."""

from __future__ import annotations

import argparse
from typing import Any

from neps_core import hookimpl
from neps_plugins.pictures import ALL, EXTENSIONS, KINDS, plot
from neps_plugins.places import add_place, places


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `plot`."""
    parser = subparsers.add_parser("plot", help="draw how a run went, into its folder summary; several are compared")
    add_place(parser, several=True)
    _add(parser, "kind", nargs="+", choices=(*KINDS, ALL), metavar="KIND", help=f"of {', '.join((*KINDS, ALL))}")
    _add(parser, "parameters", nargs="+", metavar="PATH", help="those to draw (default: the most important ones)")
    _add(parser, "objective", type=int, metavar="INDEX", help="of the objective, where a picture is of one")
    _add(parser, "key_to_extract", metavar="KEY", help="draw over this, added up, instead of over evaluations")
    _add(parser, "consider_continuations", action="store_true", help="of KEY, count what a continued trial adds")
    _add(parser, "x_range", nargs=2, type=float, metavar=("LOW", "HIGH"), help="the ends of the horizontal axis")
    _add(parser, "log_x", action=argparse.BooleanOptionalAction, help="a logarithmic horizontal axis (default: no)")
    _add(parser, "log_y", action=argparse.BooleanOptionalAction, help="a logarithmic vertical axis (default: yes)")
    _add(parser, "filename", metavar="NAME", help="the picture's name, without its ending")
    _add(parser, "extension", choices=EXTENSIONS, help="the kind of picture (default: png)")
    _add(parser, "dpi", type=float, help="dots per inch (default: 150)")
    # Of NePS: the first makes no difference, the others are refused with what to do instead.
    _add(parser, "n_workers", type=int, help=argparse.SUPPRESS)
    _add(parser, "scientific_mode", action="store_true", help=argparse.SUPPRESS)
    _add(parser, "benchmarks", nargs="+", help=argparse.SUPPRESS)
    _add(parser, "algorithms", nargs="+", help=argparse.SUPPRESS)
    parser.set_defaults(run=_run)


def _add(parser: Any, name: str, **settings: Any) -> None:
    """An option with underscores or dashes in its name, which is passed on only if it is given."""
    names = dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}"))
    parser.add_argument(*names, dest=name, default=argparse.SUPPRESS, **settings)


#: What `plot` is not given by its name.
_NOT_ITS_OWN = ("run", "parser", "roots", "storage")


def _run(arguments: argparse.Namespace) -> int:
    roots, storage = places(arguments)
    options = {name: value for name, value in vars(arguments).items() if name not in _NOT_ITS_OWN}
    for path in plot(roots, storage=storage, **options):
        print(path)
    return 0
