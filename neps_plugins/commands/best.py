"""`neps best ROOT`: the best configuration of a run, for people and for programs."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neps_core import RunError, Trial, hookimpl, open_run
from neps_core.files import to_yaml
from neps_core.pareto import Front
from neps_core.spaces.sources import replay
from neps_plugins.places import add_place, place
from neps_plugins.printing import printable, strict
from neps_plugins.programs.words import text_of


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `best`."""
    parser = subparsers.add_parser(
        "best",
        help="show the best configuration, or give it to a program",
        description="Show the best trial, or with several objectives all of the Pareto front. Trials that were stopped "
        "early, or break a constraint, are left out.",
    )
    add_place(parser)
    parser.add_argument(
        "--export",
        choices=["yaml", "json", "args"],
        help="print the configuration alone: as a file for neps enqueue, as one JSON object, or, for a shell, as "
        "--NAME VALUE what a program gets; of several, a list, or a line each",
    )
    parser.add_argument("-n", type=_count, metavar="N", help="the N best ones, of one objective, the best first")
    parser.set_defaults(run=_run)


def _count(text: str) -> int:
    """What `-n` is given.

    Raises:
        argparse.ArgumentTypeError: If it is no whole number of at least 1.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _run(arguments: argparse.Namespace) -> int:
    root, storage = place(arguments)
    run = open_run(root, storage=storage)
    trials = best_trials(list(run.trials.values()), arguments.n, str(run.folder))
    is_list = arguments.n is not None or len(trials[0].objectives or ()) > 1
    if arguments.export == "args":
        print("\n".join(shlex.join(_words(replay(run.space, trial.config).arguments())) for trial in trials))
        return 0
    configs = [{**run.log.constants, **trial.config} for trial in trials]  # as config.yaml shows them
    print(_EXPORTS[arguments.export](list(zip(trials, configs)), is_list))
    return 0


def best_trials(trials: Sequence[Trial], n: int | None, name: str) -> list[Trial]:
    """The best trials, at least one, the best first; with several objectives the front.

    Args:
        trials: All of a run.
        n: How many, of one objective; None for the best one.
        name: Of the run, for messages.

    Raises:
        RunError: If there is none yet, or none that keeps its constraints, or the best n of several objectives are
            asked for.
    """
    front = Front(trials)
    if not front.trials:
        raise RunError(f"no trial in {name} has a result yet that could be the best one.")
    if not front.feasible:
        nearest = front.trials[0].id
        raise RunError(f"no trial in {name} keeps its constraints yet; trial {nearest} breaks them least.")
    if n is None:
        return front.feasible[:1] if front.best is not None else front.feasible
    if front.best is None:
        raise RunError(f"-n {n}: the run in {name} has several objectives, so there is no order; leave it out.")
    ranked = [t for t in trials if t.objectives is not None and t.is_feasible and not t.was_stopped_early]
    return sorted(ranked, key=lambda trial: trial.objectives or ())[:n]


#: Trials, each with its configuration.
_Configs = Sequence[tuple[Trial, dict[str, Any]]]


def _shown(best: _Configs, is_list: bool) -> str:
    lines = []
    for trial, config in best:
        lines.append(f"trial {trial.id}: {_result(trial)}")
        lines += [f"  {path}: {value}" for path, value in config.items()]
    return "\n".join(map(printable, lines))


def _yaml(best: _Configs, is_list: bool) -> str:
    """Each under a comment that says what it is."""
    parts = []
    for trial, config in best:
        text = to_yaml([config] if is_list else config)
        parts.append(f"# trial {printable(trial.id)}: {printable(_result(trial))}\n{text}")
    return "".join(parts).rstrip("\n")


def _json(best: _Configs, is_list: bool) -> str:
    configs = [strict(config) for _, config in best]
    return json.dumps(configs if is_list else configs[0], allow_nan=False)


_EXPORTS = {None: _shown, "yaml": _yaml, "json": _json}


def _words(arguments: Mapping[str, Any]) -> Iterator[str]:
    """What a function is called with, for a command line, on which a value like -1e-5 could be taken for an option."""
    for name, value in arguments.items():
        text = text_of(value)
        yield from (f"--{name}={text}",) if text.startswith("-") else (f"--{name}", text)


def _result(trial: Trial) -> str:
    if trial.objectives_by_name:
        return ", ".join(f"{name} {value}" for name, value in trial.objectives_by_name.items())
    return f"objective {', '.join(map(str, trial.objectives or ()))}"
