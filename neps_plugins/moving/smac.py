"""Runs of SMAC: `runhistory.json`, `configspace.json` and `scenario.json` of its folder, with nothing of SMAC's.

What SMAC evaluates for several seeds or instances is one evaluation here: the mean over those that succeeded. Its
budgets are a fidelity, `budget`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neps_core import Config, EvaluationError, RunError
from neps_plugins.moving.search import Search

#: The fidelity that SMAC's target functions are given.
BUDGET = "budget"

#: SMAC's states of a trial.
_RUNNING, _SUCCESS = 0, 1
_WENT_WRONG = {2: "it crashed", 3: "it took too long", 4: "it took too much memory"}

#: The fields of an entry, in the order of those versions that write lists.
_FIELDS = (
    ("config_id", "instance", "seed", "budget", "cost", "time", "status", "starttime", "endtime", "additional_info"),
    (
        *("config_id", "instance", "seed", "budget", "cost", "time", "cpu_time", "status"),
        *("starttime", "endtime", "additional_info"),
    ),
)


def load(folder: str | Path) -> Search:
    """A run of SMAC 2.

    Args:
        folder: Where its `runhistory.json` is, or a folder above it that holds no other one:
            `smac3_output/NAME/SEED`.

    Raises:
        RunError: If there is none, or it can't be read.
    """
    folder = _folder(Path(folder))
    history, scenario = _read(folder / "runhistory.json"), {}
    if (folder / "scenario.json").exists():
        scenario = _read(folder / "scenario.json")
    try:
        entries = [_entry(each) for each in history["data"]]
        configs = {int(number): dict(config) for number, config in history["configs"].items()}
        evaluations = [
            ({**configs[number], **({} if budget is None else {BUDGET: budget})}, together)
            for (number, budget), together in _grouped(entries).items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as reason:
        raise RunError(f"{folder / 'runhistory.json'} has another form than SMAC 2 writes: {reason!r}.") from reason
    budgets = [budget for config, _ in evaluations if (budget := config.get(BUDGET)) is not None]
    names = scenario.get("objectives")
    names = names if isinstance(names, list) and len(names) > 1 else None
    space, remarks = _space(folder / "configspace.json", budgets, scenario)
    several = sum(len(together) > 1 for _, together in evaluations)
    if several:
        remarks.append(
            f"{several} configuration(s) had several seeds or instances: each is one evaluation, their mean."
        )
    running = sum(each["status"] == _RUNNING for each in entries)
    if running:
        remarks.append(f"{running} trial(s) that run are left out.")
    pairs = [(config, _result(together, names)) for config, together in evaluations]
    if not pairs:
        raise RunError(f"no trial in {folder / 'runhistory.json'} is finished, so there is nothing to import.")
    return Search(space, [(_as_in(space, config), result) for config, result in pairs], remarks)


def _folder(folder: Path) -> Path:
    """The folder of the one run in it."""
    found = sorted(folder.rglob("runhistory.json")) if folder.is_dir() else []
    if not found:
        raise RunError(f"there is no runhistory.json in {folder}; give the folder that SMAC wrote (smac3_output/...).")
    if len(found) > 1:
        names = ", ".join(str(path.parent) for path in found[:3])
        raise RunError(f"there are {len(found)} runs of SMAC in {folder} ({names}, ...); give the folder of one.")
    return found[0].parent


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as reason:
        raise RunError(f"{path} can't be read: {reason.strerror}.") from reason
    except ValueError as reason:
        raise RunError(f"{path} is no JSON: {reason}.") from reason


def _entry(each: Any) -> Mapping[str, Any]:
    if isinstance(each, Mapping):
        return each
    return dict(zip(next(fields for fields in _FIELDS if len(fields) == len(each)), each))


def _grouped(entries: Sequence[Mapping[str, Any]]) -> dict[tuple[int, float | None], list[Mapping[str, Any]]]:
    """What is finished, by configuration and budget, in the order in which each came first."""
    found: dict[tuple[int, float | None], list[Mapping[str, Any]]] = {}
    for each in entries:
        if each["status"] != _RUNNING:
            found.setdefault((int(each["config_id"]), each["budget"]), []).append(each)
    return found


def _result(entries: Sequence[Mapping[str, Any]], names: Sequence[str] | None) -> dict[str, Any]:
    good = [each for each in entries if each["status"] == _SUCCESS]
    about: dict[str, Any] = {"config_id": entries[0]["config_id"], "evaluations": len(entries)}
    told = [each["additional_info"] for each in entries if each.get("additional_info")]
    if told:
        about["additional_info"] = told
    result: dict[str, Any] = {"cost": float(sum(each["time"] for each in entries)), "extra": {"smac": about}}
    if not good:
        what = _WENT_WRONG.get(entries[0]["status"], f"it ended in the state {entries[0]['status']}")
        return {**result, "exception": EvaluationError(f"in SMAC: {what}")}
    costs = [each["cost"] if isinstance(each["cost"], list) else [each["cost"]] for each in good]
    means = [sum(map(float, column)) / len(costs) for column in zip(*costs)]
    if names:
        result["objective_to_minimize"] = dict(zip(names, means))
    else:
        result["objective_to_minimize"] = means if len(means) > 1 else means[0]
    return result


def _space(path: Path, budgets: Sequence[float], scenario: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """The space, with the budget as a fidelity if there is one; and what is to be said of it."""
    from ConfigSpace import ConfigurationSpace, Float, Integer

    document = _read(path)
    if not isinstance(document, dict) or "hyperparameters" not in document:
        raise RunError(f"{path} holds no space of ConfigSpace's.")
    try:
        space = ConfigurationSpace.from_json(path)
    except Exception as reason:  # another library's, so anything
        raise RunError(f"ConfigSpace can't read {path}: {reason!r}.") from reason
    if not budgets:
        return space, []
    lower = min([*budgets, scenario.get("min_budget") or budgets[0]])
    upper = max([*budgets, scenario.get("max_budget") or budgets[0]])
    if lower == upper:
        return space, []
    is_integer = all(float(each).is_integer() for each in (*budgets, lower, upper))
    make: Any = Integer if is_integer else Float
    bounds = (int(lower), int(upper)) if is_integer else (float(lower), float(upper))
    space.add(make(BUDGET, bounds, meta={"fidelity": True}))
    return space, [f"SMAC's budgets are the fidelity {BUDGET!r}, from {bounds[0]} to {bounds[1]}."]


def _as_in(space: Any, config: Config) -> Config:
    """A configuration with the budget as the space has it, if it does."""
    rest = {name: value for name, value in config.items() if name != BUDGET}
    if BUDGET not in config or BUDGET not in space:
        return rest
    return {**rest, BUDGET: type(space[BUDGET].default_value)(config[BUDGET])}
