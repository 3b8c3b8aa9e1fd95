"""`neps import optuna|ray|smac`: a search that was begun elsewhere becomes a run."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neps_core import SpaceError, hookimpl
from neps_core.files import read_yaml
from neps_plugins.moving import Search


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `import`."""
    parser = subparsers.add_parser(
        "import",
        help="go on with a search of Optuna, Ray Tune or SMAC",
        description="Add what another framework has evaluated to a run, which is created if there is none. What is in "
        "it already is passed over, so doing it again adds what has come since.",
    )
    frameworks = parser.add_subparsers(metavar="FRAMEWORK", required=True)

    optuna = frameworks.add_parser("optuna", help="a study of Optuna, which has to be installed")
    optuna.add_argument("source", metavar="URL", help="where it is: sqlite:///study.db, or the file of a journal")
    optuna.add_argument("study", metavar="STUDY", help="the study's name")
    _finish(optuna, _optuna)

    ray = frameworks.add_parser("ray", help="an experiment of Ray Tune")
    ray.add_argument("source", metavar="DIR", help="its folder, with experiment_state-*.json")
    ray.add_argument("--metric", required=True, metavar="NAME", help="what was minimised or maximised")
    ray.add_argument("--mode", choices=["min", "max"], default="min", help="which of both (default: min)")
    ray.add_argument("--fidelity", metavar="NAME", help="make the number of reports a fidelity of this name")
    _finish(ray, _ray)

    smac = frameworks.add_parser("smac", help="a run of SMAC")
    smac.add_argument("source", metavar="DIR", help="its folder, with runhistory.json")
    _finish(smac, _smac)


def _finish(parser: argparse.ArgumentParser, read: Callable[[argparse.Namespace], Search]) -> None:
    """Add what all of them have."""
    parser.add_argument("root_directory", metavar="ROOT", help="the run's folder")
    parser.add_argument(
        "--space", metavar="FILE", help="a YAML file with the space of a new run, as the pipeline_space of `neps run`"
    )
    parser.add_argument("--optimizer", metavar="NAME", default="auto", help="what a new run shall use")
    parser.add_argument("--storage", metavar="URL", help="the database that the run is kept in")
    parser.add_argument("--lenient", action="store_true", help="import those that fit, if some don't")
    parser.set_defaults(run=lambda arguments: _import(read(arguments), arguments))


def _optuna(arguments: argparse.Namespace) -> Search:
    from neps_plugins.moving import optuna

    return optuna.load(arguments.source, arguments.study)


def _ray(arguments: argparse.Namespace) -> Search:
    from neps_plugins.moving import ray

    return ray.load(arguments.source, arguments.metric, arguments.mode, arguments.fidelity)


def _smac(arguments: argparse.Namespace) -> Search:
    from neps_plugins.moving import smac

    return smac.load(arguments.source)


def _import(search: Search, arguments: argparse.Namespace) -> int:
    ids = search.into(
        arguments.root_directory,
        None if arguments.space is None else _space(Path(arguments.space)),
        optimizer=arguments.optimizer,
        storage=arguments.storage,
        strict=not arguments.lenient,
    )
    for remark in search.remarks:
        print(remark)
    there = len(search.evaluations) - len(ids)
    print(
        f"imported: {len(ids)} evaluation(s) into {arguments.root_directory}{f'; passed over: {there}' * (there > 0)}"
    )
    return 0


def _space(path: Path) -> Any:
    document = read_yaml(path, SpaceError)
    if not isinstance(document, dict) or not document:
        raise SpaceError(f"{path} must hold a mapping from names to parameters, as lr: {{lower: 0.001, upper: 1}}.")
    return document.get("pipeline_space", document)
