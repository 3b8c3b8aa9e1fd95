"""Single configurations: read from files, or made at the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from neps_core.errors import ConfigError, RunError, nearest
from neps_core.files import from_yaml
from neps_core.run import open_run
from neps_core.space_parsing import load_space, parse_space
from neps_core.spaces.domains import CategoricalDomain, Domain, Value
from neps_core.spaces.protocol import SearchSpace
from neps_core.spaces.sources import replay
from neps_core.trials import Trial, without_folder


def load_config(
    config_path: str | Path | None = None,
    *,
    pipeline_space: Any = None,
    config_id: str | None = None,
    config: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The arguments that `evaluate_pipeline` gets for a configuration.

    Args:
        config_path: A `config.yaml`, a trial's folder, or a run's folder together with `config_id`.
        pipeline_space: The search space; read from the run's folder if left out.
        config_id: A trial's id: `"1"` or `"config_1"`.
        config: The configuration itself instead of a path; needs `pipeline_space`.

    Returns:
        The arguments by name.

    Raises:
        FileNotFoundError: If there is no such file, folder or trial.
        ConfigError: If the file holds no configuration of the space, or anything but plain data.
        SpaceError: If something that the arguments are made of can't be had here.
        RunError: If it is not clear which configuration is meant, or of which space.
    """
    if (config_path is None) == (config is None):
        raise RunError("give config_path= or config=, one of them.")
    root: str | Path | None = None
    if config_path is not None and config_id is not None:
        root, config = config_path, _trial_of(config_path, config_id).config
    elif config_path is not None:
        path = _config_file(Path(config_path))
        root, config = path.parent.parent.parent, _read(path)
    if pipeline_space is not None:
        space = parse_space(pipeline_space)
    elif root is not None:
        space = _space_of(root)
    else:
        raise RunError("config= needs pipeline_space=.")
    assert config is not None
    return replay(space, space.from_arguments(config)).arguments()


def _trial_of(location: str | Path, config_id: str) -> Trial:
    trials = open_run(location).trials
    trial_id = without_folder(str(config_id))
    if trial_id not in trials:
        raise FileNotFoundError(f"there is no trial {trial_id!r} in {location}. {nearest(trial_id, trials)}")
    return trials[trial_id]


def _config_file(path: Path) -> Path:
    if path.is_dir():
        if (path / "configs").is_dir():
            raise RunError(f"{path} is a run: say which configuration with config_id=.")
        path /= "config.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"there is no configuration in {path}.")
    return path


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = from_yaml(path.read_text(encoding="utf-8"))
    except ValueError as reason:
        raise ConfigError(f"{path} can't be read as plain data: {reason}.") from reason
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path} holds {type(content).__name__}, not a configuration.")
    return content


def _space_of(root: str | Path) -> SearchSpace:
    run = open_run(root, check=True)
    return parse_space(load_space(run.log.space or {}))


def load_and_merge_yamls(*paths: str | Path) -> dict[str, Any]:
    """The contents of several YAML files as one dict: settings for `run`, say.

    Args:
        paths: Files that hold a mapping each.

    Returns:
        All keys.

    Raises:
        FileNotFoundError: If one does not exist.
        RunError: If one holds no mapping, or anything but plain data, or a key is in two of them.
    """
    merged: dict[str, Any] = {}
    origin: dict[str, Path] = {}
    for path in map(Path, paths):
        try:
            content = from_yaml(path.read_text(encoding="utf-8"))
        except ValueError as reason:
            raise RunError(f"{path} can't be read as plain data: {reason}.") from reason
        if not isinstance(content, dict):
            raise RunError(f"{path} holds {type(content).__name__}, not a mapping.")
        for key, value in content.items():
            if key in merged:
                raise RunError(f"{key!r} is both in {origin[key]} and in {path}; keep one of them.")
            merged[key], origin[key] = value, path
    return merged


class Prompt:
    """A source of decisions that asks a person.

    Args:
        ask: Shows a text and returns a line.
    """

    def __init__(self, ask: Callable[[str], str]) -> None:
        self._ask = ask

    def __call__(self, path: str, domain: Domain) -> Value:
        default = domain.default()
        problem = ""
        while True:
            try:
                answer = self._ask(f"{problem}{path} ({_described(domain)}) [{default}]: ").strip()
            except EOFError:
                raise ConfigError(f"the input ended before {path!r} was decided.") from None
            if not answer:
                return default
            try:
                return _parsed(domain, answer)
            except ValueError as reason:
                problem = f"{reason}. "


def _described(domain: Domain) -> str:
    if isinstance(domain, CategoricalDomain):
        return ", ".join(f"{i}: {choice}" for i, choice in enumerate(domain.choices))
    kind = "whole number" if isinstance(domain.lower, int) else "number"
    return f"{kind} from {domain.lower} to {domain.upper}{', log' if domain.log else ''}"


def _parsed(domain: Domain, answer: str) -> Value:
    """The value that a line means: for a choice its label, or else its index."""
    if isinstance(domain, CategoricalDomain):
        for choice in domain.choices:
            if str(choice) == answer:
                return choice
        if answer.isdecimal() and int(answer) < len(domain.choices):
            return domain.choices[int(answer)]
        raise ValueError(f"{answer!r} is none of the choices")
    try:
        return domain.check(float(answer))
    except ValueError as reason:
        text = str(reason)
        raise ValueError(f"{answer!r} is not a number" if "convert" in text else text) from None


def create_config(
    pipeline_space: Any = None, root_directory: str | Path | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask at the terminal for each decision of a configuration.

    An empty line takes what is offered: the prior's value, or the middle of the domain. A wrong answer is told and
    asked for again. The answers can be piped in, a line each.

    Args:
        pipeline_space: The search space; read from the run if left out.
        root_directory: The run's folder.

    Returns:
        The configuration in stored form, and the arguments that `evaluate_pipeline` gets for it.

    Raises:
        RunError: If neither a space nor a run is given.
        FileNotFoundError: If there is no such run.
        ConfigError: If the input ends too soon.
    """
    if pipeline_space is None and root_directory is None:
        raise RunError("give pipeline_space= or root_directory=.")
    space = parse_space(pipeline_space) if pipeline_space is not None else _space_of(root_directory or "")
    resolution = space.resolve(Prompt(input))
    return resolution.config, resolution.arguments()
