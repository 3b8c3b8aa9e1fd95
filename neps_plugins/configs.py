"""Single configurations: read from files, or made at the terminal."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from neps_core.errors import ConfigError, NePSError, NePSWarning, RunError, TrialError
from neps_core.files import name_of, read_yaml, to_path
from neps_core.results import shown
from neps_core.run import open_run
from neps_core.space_parsing import parse_space, read_config
from neps_core.spaces.domains import CategoricalDomain, Domain, Value
from neps_core.spaces.protocol import SearchSpace
from neps_core.spaces.sources import check_mapping, replay
from neps_core.storage import open_storage
from neps_core.trials import Trial, without_folder


def load_config(
    given: Any = None,
    /,
    config: Mapping[str, Any] | None = None,
    config_path: str | Path | None = None,
    config_id: str | None = None,
    *,
    pipeline_space: Any = None,
    trust_space: bool = False,
    storage: str | None = None,
) -> dict[str, Any]:
    """The arguments that `evaluate_pipeline` gets for a configuration.

    ```python
    neps.load_config("results/configs/config_3")
    neps.load_config("results", config_id="3")
    neps.load_config(Space(), trial.config)
    ```

    Args:
        given: What comes first, without a name: `pipeline_space` if `config` or `config_path` follows, else
            `config_path`.
        config: The configuration itself instead of a path; needs the space.
        config_path: A `config.yaml`, a trial's folder, or a run's folder together with `config_id`.
        config_id: A trial's id: `"1"` or `"config_1"`.
        pipeline_space: The search space; read from the run's folder if left out.
        trust_space: Whether what the space in the run's folder names may be imported and called, as for `run`.
        storage: What the run is kept in, if not in the folder; as for `run`. With `config_id`, the URL may also be the
            `config_path`.

    Returns:
        The arguments by name.

    Raises:
        FileNotFoundError: If there is no such file, folder or trial.
        ConfigError: If the file holds no configuration of the space, or anything but plain data.
        SpaceError: If something that the arguments are made of can't be had here.
        RunError: If it is not clear which configuration is meant, or of which space.
    """
    if given is not None and config is None and config_path is None:
        config_path = given
    elif given is not None and pipeline_space is None:
        pipeline_space = given
    elif given is not None:
        raise RunError(f"pipeline_space= was given, and {shown(given)} before it; give one of them.")
    if (config_path is None) == (config is None):
        raise RunError("give config_path= or config=, one of them (and with config= the space).")
    root: str | Path | None = None
    path: Path | None = None
    if config_path is not None and config_id is not None:
        root, config = config_path, _trial_of(config_path, config_id, storage).config
    elif config_path is not None:
        path = _config_file(to_path("config_path", config_path))
        root, config = path.absolute().parent.parent.parent, _mapping_in(path, ConfigError)
    if pipeline_space is not None:
        space = parse_space(pipeline_space)
    elif root is not None:
        space = _space_of(root, trust_space, storage)
    else:
        raise RunError("config= needs pipeline_space=.")
    check_mapping("config", config)
    assert config is not None
    resolution = replay(space, read_config(space, config))
    if path is not None and (evaluated := _evaluated(path, storage)) not in (None, config, resolution.config):
        warnings.warn(
            f"{path} was changed since it was written, which has no effect: the trial was evaluated with {evaluated!r} "
            "and you get that. To try something else, pass it as config=, or copy the file to another folder.",
            NePSWarning,
            stacklevel=2,
        )
        resolution = replay(space, evaluated or {})
    return resolution.arguments()


def _trial_of(location: str | Path, config_id: Any, storage: str | None) -> Trial:
    try:
        return open_run(location, storage=storage).trial(config_id)
    except TrialError as reason:
        raise FileNotFoundError(str(reason)) from None


def _evaluated(path: Path, storage: str | None) -> dict[str, Any] | None:
    """What the trial was evaluated with whose file this is; None if it is no trial's."""
    folder = path.absolute().parent
    root = folder.parent.parent
    if open_storage(root, storage).read_only is not None:  # the file itself is all there is
        return None
    try:
        trial = open_run(root, storage=storage).trials.get(without_folder(folder.name))
    except FileNotFoundError:
        return None
    return None if trial is None or trial.metadata.location != f"configs/{folder.name}" else dict(trial.config)


def _config_file(path: Path) -> Path:
    if path.is_dir():
        if (path / "configs").is_dir():
            raise RunError(f"{path} is a run: say which configuration with config_id=.")
        path /= "config.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"there is no configuration in {path}.")
    return path


def _mapping_in(path: Path | IO[str], error: type[NePSError]) -> dict[str, Any]:
    """The mapping in a YAML file that anybody may have written."""
    content = read_yaml(path, error)
    if not isinstance(content, dict):
        what = "nothing" if content is None else type(content).__name__
        raise error(f"{name_of(path)} holds {what}, not a mapping of names to values.")
    for key in content:
        if not isinstance(key, str):
            what = f"the key {key!r}, which is no text but {type(key).__name__}"
            raise error(f"{name_of(path)} has {what}; put it in quotes.")
    return content


def _space_of(root: str | Path, trust_space: bool, storage: str | None) -> SearchSpace:
    return parse_space(open_run(root, check=True, storage=storage).stored_space(trust_space))


def load_and_merge_yamls(*paths: str | Path | IO[str]) -> dict[str, Any]:
    """The contents of several YAML files as one dict: settings for `run`, say.

    Args:
        paths: Files that hold a mapping each, or open ones.

    Returns:
        All keys.

    Raises:
        FileNotFoundError: If one does not exist.
        RunError: If one holds no mapping, or anything but plain data, or a key is in two of them.
    """
    merged: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for given in paths:
        path: Any = given if hasattr(given, "read") else to_path("path", given)
        for key, value in _mapping_in(path, RunError).items():
            if key in merged:
                raise RunError(f"{key!r} is both in {origin[key]} and in {name_of(path)}; keep one of them.")
            merged[key], origin[key] = value, name_of(path)
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
        if _has_numbers(domain):
            return f"one of {', '.join(map(str, domain.choices))}"
        return "a choice or its index: " + ", ".join(f"{i}: {choice}" for i, choice in enumerate(domain.choices))
    kind = "whole number" if isinstance(domain.lower, int) else "number"
    return f"{kind} from {domain.lower} to {domain.upper}{', log' if domain.log else ''}"


def _has_numbers(domain: CategoricalDomain) -> bool:
    """Whether an index could be mistaken for a choice, so that none is taken."""
    return any(str(choice).isdecimal() for choice in domain.choices)


def _parsed(domain: Domain, answer: str) -> Value:
    """The value that a line means."""
    if isinstance(domain, CategoricalDomain):
        for choice in domain.choices:
            if str(choice) == answer:
                return choice
        if answer.isdecimal() and int(answer) < len(domain.choices) and not _has_numbers(domain):
            return domain.choices[int(answer)]
        raise ValueError(f"{answer!r} is none of the choices")
    try:
        return domain.check(float(answer))
    except ValueError as reason:
        text = str(reason)
        raise ValueError(f"{answer!r} is not a number" if "convert" in text else text) from None


def create_config(
    pipeline_space: Any = None,
    root_directory: str | Path | None = None,
    trust_space: bool = False,
    *,
    storage: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask at the terminal for each decision of a configuration.

    An empty line takes what is offered: the prior's value, or the middle of the domain. A wrong answer is told and
    asked for again. The answers can be piped in, a line each.

    Args:
        pipeline_space: The search space; read from the run if left out.
        root_directory: The run's folder.
        trust_space: Whether what the space in the run's folder names may be imported and called, as for `run`.
        storage: What the run is kept in, if not in the folder; as for `run`.

    Returns:
        The configuration in stored form, and the arguments that `evaluate_pipeline` gets for it.

    Raises:
        RunError: If neither a space nor a run is given.
        FileNotFoundError: If there is no such run.
        ConfigError: If the input ends too soon.
    """
    if pipeline_space is None and root_directory is None:
        raise RunError("give pipeline_space= or root_directory=.")
    if pipeline_space is not None:
        space = parse_space(pipeline_space)
    else:
        space = _space_of(root_directory or "", trust_space, storage)
    resolution = space.resolve(Prompt(input))
    return resolution.config, resolution.arguments()
