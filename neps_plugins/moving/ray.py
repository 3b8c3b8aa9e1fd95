"""Experiments of Ray Tune: the JSON files of its folder, with nothing of Ray's.

Ray keeps the space itself only as a pickle, and none is ever read here. So the space is what the configurations show,
as long as nobody gives one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from neps_core import Config, EvaluationError, RunError, nearest
from neps_plugins.moving.conditions import conditions_of
from neps_plugins.moving.search import Search, constant_of, flat

#: How many times the least value the greatest one has to be for a range to count as one on a logarithmic scale.
LOG_FROM = 50

#: Ray's states of trials that are over.
_OVER = {"TERMINATED", "ERROR"}

#: The column that says how often a trial has reported.
ITERATION = "training_iteration"


def load(folder: str | Path, metric: str, mode: str = "min", fidelity: str | None = None) -> Search:
    """An experiment of Ray Tune 2.

    Args:
        folder: With `experiment_state-*.json` and a folder of each trial.
        metric: What is minimised or maximised, as it was reported; nested ones with `/`. The last value counts.
        mode: `"min"` or `"max"`.
        fidelity: What the number of reports is called in your function (`epochs`, say). Then it is a fidelity: a
            trial that a scheduler ended early was evaluated at as many as it made.

    Raises:
        RunError: If there is none, or no trial of it has reported such a metric.
    """
    folder = Path(folder)
    if mode not in ("min", "max"):
        raise RunError(f"mode={mode!r} must be 'min' or 'max'.")
    states = _states(folder)
    sign = 1.0 if mode == "min" else -1.0
    evaluations: list[tuple[Config, dict[str, Any]]] = []
    n_left_out = 0
    seen: set[str] = set()
    for path in sorted(folder.glob("*/params.json"), key=lambda path: path.parent.name):
        config = flat(_read(path))
        rows = _rows(path.parent / "result.json")
        trial_id = str(rows[-1].get("trial_id", "")) if rows else ""
        state = next((s for i, s in states.items() if i == trial_id or f"_{i}_" in path.parent.name), None)
        error = _error(path.parent)
        if error is None and (state or "TERMINATED") not in _OVER:
            n_left_out += 1
            continue
        seen.update(name for row in rows for name in flat(row))
        curve = [(int(row[ITERATION]), sign * float(row[metric])) for row in map(flat, rows) if _has(row, metric)]
        result = _result(path.parent, curve, rows, error)
        if result is None:
            n_left_out += 1
            continue
        if fidelity is not None:
            config[fidelity] = curve[-1][0] if curve else None
        evaluations.append((config, result))
    if not any("objective_to_minimize" in result for _, result in evaluations):
        what = f"no trial in {folder} has reported {metric!r}"
        if metric in seen:
            raise RunError(f"{what} as a number, which is what can be minimised or maximised.")
        raise RunError(f"{what}. {nearest(metric, seen)}" if seen else f"{what}: there are no results in it.")
    space, remarks = _space([config for config, _ in evaluations], fidelity)
    if fidelity is not None:  # where a trial failed before its first report
        for config, _ in evaluations:
            config[fidelity] = config[fidelity] or 1
    if mode == "max":
        remarks.insert(0, f"{metric} was maximised; here its sign is changed, as all are minimised: return -value.")
    if n_left_out:
        remarks.append(f"{n_left_out} trial(s) that were not finished, or never reported {metric}, are left out.")
    return Search(space, evaluations, remarks)


def _states(folder: Path) -> dict[str, str]:
    """The state of each trial by id, as the newest file of the experiment says; empty if there is none."""
    if not folder.is_dir():
        raise RunError(f"there is no folder {folder}.")
    files = sorted(folder.glob("experiment_state*.json"))
    if not files and not any(folder.glob("*/params.json")):
        raise RunError(
            f"there is neither experiment_state-*.json nor a trial in {folder}; give the experiment's folder."
        )
    found = {}
    for path in files:  # by time: the latest one has the last word
        document = _read(path)
        for trial in document.get("trial_data") or document.get("checkpoints") or ():
            text = trial[0] if isinstance(trial, list) else trial
            fields = json.loads(text) if isinstance(text, str) else text
            found[str(fields["trial_id"])] = str(fields["status"])
    return found


def _read(path: Path) -> Any:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as reason:
        raise RunError(f"{path} can't be read: {reason}.") from reason
    if not isinstance(document, dict):
        raise RunError(f"{path} holds no JSON object.")
    return document


def _rows(path: Path) -> list[dict[str, Any]]:
    """What a trial has reported; a last line that was cut off is none."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            break
        if isinstance(row, dict) and ITERATION in row:
            rows.append(row)
    # A trial that was restored may have reported a step twice: the later one counts.
    return list({row[ITERATION]: row for row in rows}.values())


def _has(row: Mapping[str, Any], metric: str) -> bool:
    return isinstance(row.get(metric), (int, float)) and not isinstance(row[metric], bool)


def _error(folder: Path) -> str | None:
    """The last line of what a trial raised, if it did."""
    try:
        text = (folder / "error.txt").read_text("utf-8", "replace")
    except FileNotFoundError:
        return None
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it failed"


def _result(
    folder: Path, curve: Sequence[tuple[int, float]], rows: Sequence[Mapping[str, Any]], error: str | None
) -> dict[str, Any] | None:
    """As `evaluate_pipeline` would have returned it; None if it says nothing."""
    result: dict[str, Any] = {"extra": {"ray": {"trial": folder.name}}}
    if curve:
        result["learning_curve"] = [value for _, value in curve]
    if rows and isinstance(rows[-1].get("time_total_s"), (int, float)):
        result["cost"] = float(rows[-1]["time_total_s"])
    if error is not None:
        return {**result, "exception": EvaluationError(f"in Ray Tune: {error}")}
    if not curve:
        return None
    return {**result, "objective_to_minimize": curve[-1][1]}


# ---------------------------------------------------------------------- the space


def _space(configs: Sequence[Config], fidelity: str | None) -> tuple[Any, list[str]]:
    """The space that these configurations show, and what has been concluded."""
    from ConfigSpace import ConfigurationSpace, Integer

    names = list(dict.fromkeys(name for config in configs for name in config if name != fidelity))
    made, told = {}, []
    for name in names:
        made[name], what = _hyperparameter(name, [config for config in configs if name in config])
        if what:
            told.append(f"{name}: {what}")
    conditions, unexplained = conditions_of(configs, lambda name: _is_ordered(made.get(name)))
    if unexplained:
        raise RunError(
            f"some trials have the parameter {unexplained[0]!r} and others don't, and nothing shows when; move those "
            "that don't to another folder, and import them by themselves."
        )
    space = ConfigurationSpace()
    space.add(*made.values())
    space.add(*(condition.among(made) for condition in conditions))
    told.extend(map(str, conditions))
    if fidelity is not None:
        most = max(config[fidelity] or 1 for config in configs)
        if most > 1:
            space.add(Integer(fidelity, (1, most), meta={"fidelity": True}))
    remark = "Ray keeps no space that can be read, so it is what was tried; give your own with --space FILE: "
    return space, [f"{remark}{'; '.join(told) or 'nothing but one value of each parameter'}."]


def _is_ordered(hyperparameter: Any) -> bool | None:
    """Whether a parameter can be a condition by a threshold, by any of its values, or not at all."""
    from ConfigSpace.hyperparameters import CategoricalHyperparameter, IntegerHyperparameter

    if isinstance(hyperparameter, CategoricalHyperparameter):
        return False
    return True if isinstance(hyperparameter, IntegerHyperparameter) else None


def _hyperparameter(name: str, configs: Sequence[Config]) -> tuple[Any, str]:
    """A hyperparameter that has had these values, and how to say it; nothing is said of a constant."""
    from ConfigSpace import Categorical, Constant, Float, Integer

    values = [config[name] for config in configs]
    if any(isinstance(value, (list, dict)) for value in values):
        for config in configs:
            config[name] = _hashable(config[name])
        values = [config[name] for config in configs]
    if constant_of(values):
        return Constant(name, values[0]), ""
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        lower, upper = min(values), max(values)
        log = lower > 0 and upper >= LOG_FROM * lower and math.isfinite(upper)
        make: Any = Integer if all(isinstance(value, int) for value in values) else Float
        if make is Float:
            for config in configs:
                config[name] = float(config[name])
            lower, upper = _rounded(lower, math.floor), _rounded(upper, math.ceil)
        return make(name, (lower, upper), log=log), f"{lower:g} to {upper:g}{', log' if log else ''}"
    choices = list({repr(value): value for value in values}.values())
    return Categorical(name, choices), " or ".join(map(repr, choices))


def _rounded(bound: float, away: Callable[[float], int]) -> float:
    """A bound with two digits, on the far side of what was tried."""
    if bound == 0 or not math.isfinite(bound):
        return bound
    digits = 1 - math.floor(math.log10(abs(bound)))
    scaled = bound * 10.0**digits
    return float(f"{away(scaled)}e{-digits}")


def _hashable(value: Any) -> Any:
    """A list as a tuple: what can be one of ConfigSpace's choices."""
    return tuple(map(_hashable, value)) if isinstance(value, list) else value
