"""What a search file means: its keys, checked one by one before anything is written.

The keys are the arguments of `neps.run`, so that nothing has to be said here when one is added; those of a program
stand beside them.
"""

from __future__ import annotations

import inspect
import shlex
import sys
import types
import typing
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Union

from attrs import frozen

from neps_core import SearchSpace, nearest, open_run, parse_space
from neps_core.api import run
from neps_core.budgets import check_limit, find_budget
from neps_core.executors import choose_executor
from neps_core.observers import Observers
from neps_core.optimizers.choosing import choose
from neps_core.results import shown
from neps_core.run_result import RunResult
from neps_core.scalarizing import parse_scalarize
from neps_core.stopping import choose_rule
from neps_core.user_function import UserFunction, load_function
from neps_plugins.programs.program import GRACE, Program
from neps_plugins.programs.words import check_words, text_of
from neps_plugins.search_file.located import Located

#: The two ways to say what is evaluated.
FUNCTION, COMMAND = "evaluate_pipeline", "command"

#: Keys that say how a program is run, and what each has to be.
PROGRAM_KEYS: dict[str, Any] = {
    "timeout": Union[float, None],
    "grace": float,
    "working_directory": Union[str, None],
    "environment": Mapping[str, Any],
}

#: What a parameter that is written as a mapping may have.
_PARAMETER_KEYS = (
    *("type", "lower", "upper", "log", "log_base", "is_fidelity"),
    *("choices", "prior", "prior_confidence"),
)

#: Executors whose evaluations run on this machine.
_HERE = (None, "processes", "threads")


@frozen
class Search:
    """A search, ready to be run.

    Attributes:
        target: What evaluates: a function's place, or a `Program`.
        arguments: Everything else that `neps.run` gets.
    """

    target: str | Program
    arguments: Mapping[str, Any]

    def run(self) -> RunResult:
        """Run it; raises what `neps.run` raises."""
        return run(self.target, **self.arguments)


def checked(located: Located) -> Search:
    """The search that a file describes. Paths in it are relative to the current folder.

    Raises:
        SearchFileError: If something in it can't be meant; the message says where.
    """
    for key in located.data:
        if key not in _keys():
            raise located.error(f"there is no key {key!r}. {nearest(key, _keys())}", key)
    given = {key: value for key, value in located.data.items() if value is not None}
    for key, value in given.items():
        _check_type(located, key, value, _keys()[key])
    space = _space(located, given)
    for key, check in _CHECKS.items():
        if key in given:
            with located.about(key):
                check(given[key])
    _check_budgets(located, given)
    if "executor" in given or "n_workers" in given or "resources" in given:
        with located.about(next(key for key in ("executor", "n_workers", "resources") if key in given)):
            choose_executor(*(given.get(key) for key in ("executor", "n_workers", "resources")))
    if "optimizer" in given and space is not None:
        with located.about("optimizer"):
            choose(given["optimizer"], space)
    target = _target(located, given, space)
    return Search(target, {key: value for key, value in given.items() if key in _parameters() and key != FUNCTION})


#: What is said of some arguments before `neps.run` is called. It says the same, but knows no lines.
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "observers": Observers,
    "stopping_rule": choose_rule,
    "scalarize": parse_scalarize,
}


@cache
def _parameters() -> dict[str, Any]:
    """The arguments of `neps.run`, each with its type."""
    types_of = typing.get_type_hints(run)
    return {name: types_of[name] for name in inspect.signature(run).parameters}


@cache
def _keys() -> dict[str, Any]:
    """All keys, each with the type of its value."""
    space = {"pipeline_space": Union[Mapping[str, Any], None]}
    return {**_parameters(), **space, FUNCTION: str, COMMAND: Union[list, str], **PROGRAM_KEYS}


#: Types, as people call them.
_CALLED = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "a mapping (lines `key: value`)",
    list: "a list",
}


def _check_type(located: Located, key: str, value: Any, hint: Any) -> None:
    wanted = [kind for kind in _kinds(hint) if kind is not type(None)]
    if not wanted or any(_is_a(value, kind) for kind in wanted):
        return
    called = " or ".join(_CALLED[kind] for kind in dict.fromkeys(wanted))
    raise located.error(f"{key} must be {called}, not {shown(value)}.", key)


def _kinds(hint: Any) -> list[type]:
    """The kinds of plain data that a type hint allows; none for any."""
    if hint is Any:
        return []
    origin = typing.get_origin(hint)
    if origin in (Union, types.UnionType):
        return [kind for each in typing.get_args(hint) for kind in _kinds(each)]
    kind = origin or hint
    if kind is tuple:
        return [list]
    if kind is Path:
        return [str]
    return [dict] if kind is Mapping else [kind]


def _is_a(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _check_budgets(located: Located, given: Mapping[str, Any]) -> None:
    for key, value in given.items():
        if key.endswith("_to_spend") or key == "max_evaluations_per_run":
            with located.about(key):
                check_limit(key, value)
    for name, limit in given.get("budgets", {}).items():
        with located.about("budgets", name):
            find_budget(name)
            check_limit(f"budgets.{name}", limit)


def _space(located: Located, given: Mapping[str, Any]) -> SearchSpace | None:
    """The space, if there is one: each parameter by itself first, which says where it stands; then together."""
    if "pipeline_space" not in given:
        return None
    for name, value in given["pipeline_space"].items():
        for key in value if isinstance(value, dict) else ():
            if key not in _PARAMETER_KEYS:
                raise located.error(
                    f"{name}: a parameter has no key {key!r}. {nearest(key, _PARAMETER_KEYS)}",
                    "pipeline_space",
                    name,
                    key,
                )
        with located.about("pipeline_space", name):
            parse_space({name: value})
    with located.about("pipeline_space"):
        return parse_space(given["pipeline_space"])


def _target(located: Located, given: Mapping[str, Any], space: SearchSpace | None) -> str | Program:
    if FUNCTION in given and COMMAND in given:
        raise located.error(f"both {FUNCTION} and {COMMAND} say what is evaluated; keep one of them.", COMMAND)
    if FUNCTION not in given and COMMAND not in given:
        raise located.error(f"there is neither {FUNCTION} (a Python function) nor {COMMAND} (a program).")
    program_keys = [key for key in PROGRAM_KEYS if key in given]
    if FUNCTION in given and program_keys:
        raise located.error(f"{program_keys[0]} is for a {COMMAND}, and a function is evaluated here.", program_keys[0])
    if space is None:
        space = _stored_space(located, given)
    if FUNCTION in given:
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.insert(0, here)  # as if `python FILE` ran in the folder
        with located.about(FUNCTION):
            UserFunction(load_function(given[FUNCTION]), space)
        return str(given[FUNCTION])
    return _program(located, given, space)


def _stored_space(located: Located, given: Mapping[str, Any]) -> SearchSpace:
    root = given.get("root_directory", _parameters_default("root_directory"))
    try:
        with located.about("root_directory"):
            stored = open_run(root, storage=given.get("storage"))
            return parse_space(stored.stored_space(given.get("trust_space", False)))
    except Exception as reason:
        if isinstance(reason.__cause__, FileNotFoundError):
            problem = f"pipeline_space is missing, and there is no run in {root} to go on with."
            raise located.error(problem, "pipeline_space") from None
        raise


def _parameters_default(name: str) -> Any:
    return inspect.signature(run).parameters[name].default


def _program(located: Located, given: Mapping[str, Any], space: SearchSpace) -> Program:
    with located.about(COMMAND):
        command = given[COMMAND]
        words = shlex.split(command) if isinstance(command, str) else command
    for i, word in enumerate(words):
        if isinstance(word, (dict, list)) or word is None:
            hint = ' Put braces in quotes: "{lr}".' if isinstance(word, dict) else ""
            raise located.error(f"a word of the command is text or a number, not {shown(word)}.{hint}", COMMAND, i)
    if not words or not text_of(words[0]).strip():
        raise located.error("the command is empty; it is a list of the program and its arguments.", COMMAND)
    for key in ("timeout", "grace"):
        if key in given and not (0 if key == "grace" else 1e-9) <= given[key] < 1e9:
            raise located.error(f"{key} is a time in seconds, not {given[key]!r}.", key)
    directory = Path(given.get("working_directory", ".")).expanduser().absolute()
    if not directory.is_dir():
        raise located.error(f"there is no folder {directory} to run the command in.", "working_directory")
    environment = given.get("environment", {})
    for name, value in environment.items():
        if isinstance(value, (dict, list)) or value is None or "=" in name or not name:
            raise located.error(f"{name!r}: a variable is a name and a text or a number.", "environment", name)
    program = Program(
        tuple(map(text_of, words)),
        given.get("timeout"),
        given.get("grace", GRACE),
        directory,
        {name: text_of(value) for name, value in environment.items()},
    )
    known = program.known(space.argument_names)
    for i, word in enumerate(program.words):
        with located.about(COMMAND, i):
            check_words([word], known)
    for name, word in program.environment.items():
        with located.about("environment", name):
            check_words([word], known)
    with located.about(COMMAND, 0):
        program.check(space.argument_names, is_here=_name_of(given.get("executor")) in _HERE)
    return program


def _name_of(selection: Any) -> Any:
    """What was selected, without its keywords."""
    if isinstance(selection, list):
        return selection[0]
    return selection.get("name") if isinstance(selection, dict) else selection
