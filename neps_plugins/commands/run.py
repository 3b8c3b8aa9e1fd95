"""`neps run FILE.yaml` and `neps run ... -- PROGRAM ARGUMENT...`: a search from the shell."""

from __future__ import annotations

import argparse
import logging
import os
import re
import shlex
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from neps_core import EvaluationError, hookimpl

#: Keys of a search file that are options, too; every other one can be given with `--set`.
OPTIONS = {
    "root_directory": ("ROOT", "the run's folder (default: neps_results)"),
    "evaluations_to_spend": ("N", "how many evaluations this call may begin"),
    "total_evaluations_to_spend": ("N", "how many evaluations all workers and restarts may begin"),
    "cost_to_spend": ("C", "what the evaluations of this call may cost"),
    "total_cost_to_spend": ("C", "what all evaluations may cost"),
    "fidelities_to_spend": ("F", "the fidelities that this call may spend"),
    "total_fidelities_to_spend": ("F", "the fidelities that all workers may spend"),
    "optimizer": ("NAME", "the optimizer (default: one that suits the space)"),
    "seed": ("N", "makes the run reproducible"),
    "stopping_rule": ("NAME", "ends evaluations early that are not worth it, by what they report"),
    "executor": ("NAME", "who evaluates, if not this process"),
    "n_workers": ("N", "how many evaluations at a time"),
    "storage": ("URL", "the database that the run is kept in"),
    "timeout": ("SECONDS", "how long one evaluation by a program may take"),
}

#: The same, for what is there or not.
FLAGS = {
    "ignore_errors": "go on when an evaluation fails",
    "overwrite_root_directory": "delete the run's folder first",
}

#: The URL of a database in a file, by a relative path.
_RELATIVE_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)(?![/\\]|[A-Za-z]:|:memory:)(.+)")

#: What stands for the program in messages.
_COMMAND_LINE = "the command behind --"


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `run`."""
    parser = subparsers.add_parser(
        "run",
        help="search as a file says, or with any program",
        usage="neps run FILE.yaml [options]\n"
        "       neps run [FILE.yaml | --space FILE | --param NAME=VALUES ...] [options] -- PROGRAM ARGUMENT ...",
        description="Search as FILE.yaml says (neps init writes one). Or evaluate with the program behind --, in whose "
        "arguments {NAME} stands for a value; its result is what it prints last, a number or a JSON object.",
        epilog="VALUES: 1..10, 0.0..1.0, log:1e-4..1e-1, fidelity:1..27, a,b,c; with @VALUE for what is believed to be "
        "good. Paths in a file, and what --set gives, are relative to the file; other options to the current folder.",
    )
    parser.add_argument("file", metavar="FILE.yaml", nargs="?", help="the search")
    parser.add_argument("--space", metavar="FILE", help="a YAML or JSON file with the parameters")
    parser.add_argument("--param", metavar="NAME=VALUES", action="append", default=[], help="one more parameter")
    for key, (metavar, text) in OPTIONS.items():
        parser.add_argument(*_spellings(key), dest=key, metavar=metavar, help=text)
    for key, text in FLAGS.items():
        parser.add_argument(*_spellings(key), dest=key, action="store_const", const="true", help=text)
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="any key of a file: optimizer.eta=4"
    )
    parser.add_argument("--dry_run", "--dry-run", action="store_true", help="only check everything")
    parser.add_argument("--verbose", "-v", action="store_true", help="say what is sampled, finished and why")
    parser.set_defaults(run=_run, parser=parser, command=[])
    _keep_behind_dashes(parser)


def _spellings(key: str) -> list[str]:
    return list(dict.fromkeys((f"--{key}", f"--{key.replace('_', '-')}")))


def _keep_behind_dashes(parser: argparse.ArgumentParser) -> None:
    """Have what stands behind `--` kept as it is, which argparse would take for further arguments of ours."""
    parse = parser.parse_known_args

    def parse_known_args(args: Any = None, namespace: Any = None) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        n = words.index("--") if "--" in words else len(words)
        parsed, rest = parse(words[:n], namespace)
        parsed.command = words[n + 1 :]
        return parsed, rest

    parser.parse_known_args = parse_known_args  # type: ignore[method-assign]


def _run(arguments: argparse.Namespace) -> int:
    from neps_plugins.programs.outcome import ProgramFailed
    from neps_plugins.search_file.settings import checked

    if arguments.file is None and not arguments.command:
        arguments.parser.error("give FILE.yaml, or a program behind --")
    folder = Path(arguments.file or ".").expanduser().absolute()
    located = _located(arguments)
    with _inside(folder.parent if arguments.file else folder), _plain_warnings(), _logging(arguments.verbose):
        search = checked(located)
        if arguments.dry_run:
            print(f"{arguments.file or _COMMAND_LINE}: everything is as it should be.")
            return 0
        try:
            result = search.run()
        except EvaluationError as error:
            if not isinstance(error.__cause__, ProgramFailed):
                raise
            raise EvaluationError(
                f"{error.__cause__}\nThe other results are kept. Fix it and run again, or go on regardless with "
                "--ignore_errors."
            ) from error.__cause__
        except KeyboardInterrupt:
            print("interrupted; the same command goes on.", file=sys.stderr)
            return 128 + signal.SIGINT
    _show(result)
    return 0


def _located(arguments: argparse.Namespace) -> Any:
    """What the file says, and on top of it what the options say."""
    from neps_plugins.search_file.located import Located, SearchFileError, read, value_of
    from neps_plugins.search_file.short import parse_parameter

    located = read(Path(arguments.file).expanduser()) if arguments.file else Located()
    if arguments.space is not None:
        space = read(Path(arguments.space).expanduser())
        is_search = isinstance(space.data.get("pipeline_space"), dict) and "lower" not in space.data["pipeline_space"]
        located = located.with_part("pipeline_space", space.part("pipeline_space") if is_search else space)
    for text in arguments.param:
        name, value = parse_parameter(text)
        located = located.with_value(("pipeline_space", name), value, f"--param {text}")
    for key in (*OPTIONS, *FLAGS):
        text = getattr(arguments, key)
        if text is not None:
            option = f"--{key} {text}"
            value = value_of(text, option) if key not in ("root_directory", "storage") else text
            if key == "root_directory" and "://" not in text:
                value = str(Path(text).expanduser().absolute())
            if key == "storage":
                value = _RELATIVE_SQLITE.sub(lambda found: f"{found[1]}{Path.cwd() / found[2]}", text)
            located = located.with_value((key,), value, option)
    for text in arguments.set:
        key, equals, meaning = (part.strip() for part in text.partition("="))
        if not equals or not all(key.split(".")):
            raise SearchFileError(f"--set {text}: write KEY=VALUE, such as optimizer.eta=4.")
        located = located.with_value(key.split("."), value_of(meaning, f"--set {text}"), f"--set {text}")
    if arguments.command:
        located = located.with_value(("command",), arguments.command, _COMMAND_LINE)
        if "working_directory" not in located.data:  # as a shell would run it
            located = located.with_value(("working_directory",), str(Path.cwd()), _COMMAND_LINE)
        data = {key: value for key, value in located.data.items() if key != "evaluate_pipeline"}
        located = Located(data, located.places, located.origin)
    if "observers" not in located.data:
        located = located.with_value(("observers",), ["summary", "progress"], "the command line")
    return located


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Be in a folder: that of the file, to which its paths are relative."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            os.chdir(before)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show warnings as a command does, without lines of code."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        print(f"warning: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


@contextmanager
def _logging(is_verbose: bool) -> Iterator[None]:
    """Show what the run logs on standard error."""
    logger, handler = logging.getLogger("neps"), logging.StreamHandler()
    before = logger.level
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if is_verbose else logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


def _show(result: Any) -> None:
    root = os.path.relpath(result.root_directory) if "://" not in str(result.root_directory) else result.root_directory
    print(f"Stopped: {result.stopped_because}.")
    if result.best is not None:
        print(f"Best:    trial {result.best.id}, objective {result.best.report.objective_to_minimize}")
        for path, value in result.best.config.items():
            print(f"           {path}: {value}")
    elif result.pareto_front:
        print(f"Front:   {len(result.pareto_front)} trials, which `neps best {shlex.quote(str(root))}` shows")
    elif result.trials:
        print(f"Best:    none of {len(result.trials)} trials; `neps status {shlex.quote(str(root))}` shows them")
    print(f"Run:     {root}")
