"""Which run a command is about: the same arguments for all of them."""

from __future__ import annotations

import argparse
from typing import Any


def add_place(parser: Any, several: bool = False, needs_folder: bool = False) -> None:
    """Have a command ask for a run: by its folder, by the URL of the database that it is kept in, or by both.

    Args:
        parser: The command's.
        several: Whether for any number of runs, as `roots`; else for one, as `root_directory`.
        needs_folder: Whether the URL alone won't do.
    """
    what = "the folders of the runs" if several else "the run's folder"
    name, nargs = ("roots", "*") if several else ("root_directory", "?")
    url = "" if needs_folder else ", or the URL of the database"
    parser.add_argument(name, metavar="ROOT", nargs=nargs, help=f"{what}{url}")
    where = "they are" if several else "it is"
    parser.add_argument("--storage", metavar="URL", help=f"the database, if {where} kept in one")
    parser.set_defaults(parser=parser)


def place(arguments: argparse.Namespace, needs_folder: bool = False) -> tuple[str, str | None]:
    """A run's `root_directory` and `storage`, as functions take them; the URL comes first where it is all there is."""
    root, storage = arguments.root_directory, arguments.storage
    if root is None and (storage is None or needs_folder):
        arguments.parser.error("the following arguments are required: ROOT")
    return (root, storage) if root is not None else (storage, None)


def places(arguments: argparse.Namespace) -> tuple[list[str], str | None]:
    """The same of several runs, which share the database."""
    if not arguments.roots and arguments.storage is None:
        arguments.parser.error("the following arguments are required: ROOT")
    return (arguments.roots, arguments.storage) if arguments.roots else ([arguments.storage], None)
