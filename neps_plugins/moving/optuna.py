"""Studies of Optuna, read by Optuna itself.

- Distributions become hyperparameters of ConfigSpace; those with steps, ordered choices. Bounds that were changed while
  the study ran are widened to all of them.
- Objectives that were maximised change their sign, for here all are minimised.
- A pruned trial is one that was stopped early, with the last value that it reported.
- Constraints have the same meaning in both: at most 0 is feasible.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import evolve

from neps_core import Config, ConfigError, EvaluationError, NePSError, RunError, nearest, parse_space, replay
from neps_core.space_parsing import read_config
from neps_plugins.moving.conditions import conditions_of
from neps_plugins.moving.search import Search

#: As many steps of a distribution become choices; of more, only the bounds are kept.
MAX_STEPS = 1000

#: Where Optuna keeps the constraints of a trial, and why one failed.
_CONSTRAINTS, _REASON = "constraints", "fail_reason"


def load(storage: str, study_name: str) -> Search:
    """A study from where Optuna keeps it.

    Args:
        storage: A URL (`sqlite:///study.db`, `postgresql://...`), or the file of an SQLite database or a journal.
        study_name: The study.

    Raises:
        NePSError: If Optuna isn't installed, or can't read it.
    """
    optuna = _optuna()
    try:
        opened = _open(optuna, storage)
        names = optuna.get_all_study_names(opened)
        if study_name not in names:
            raise RunError(f"there is no study {study_name!r} in {storage}. {nearest(study_name, names)}")
        return search_of(optuna.load_study(study_name=study_name, storage=opened))
    except NePSError:
        raise
    except Exception as reason:  # of Optuna's and of databases, so anything
        raise RunError(f"Optuna can't read {storage}: {_first_line(reason)}") from reason


def search_of(study: Any) -> Search:
    """What a study has come to.

    Args:
        study: An `optuna.Study`.

    Raises:
        RunError: If no trial of it is finished.
    """
    states = _optuna().trial.TrialState
    trials = study.get_trials(deepcopy=False)
    finished = [trial for trial in trials if trial.state.is_finished()]
    if not any(trial.params for trial in finished):
        raise RunError(
            f"no trial of the study {study.study_name!r} is finished and has parameters, so there is nothing to import."
        )
    names = getattr(study, "metric_names", None)
    signs = [-1.0 if direction.name == "MAXIMIZE" else 1.0 for direction in study.directions]
    remarks = []
    maximised = [names[i] if names else str(i + 1) for i, sign in enumerate(signs) if sign < 0]
    if maximised:
        which = "The objective" if len(signs) == 1 else f"Of the objectives, {' and '.join(maximised)}"
        remarks.append(
            f"{which} was maximised in Optuna; here its sign is changed, as all are minimised: return -value."
        )
    skipped = sum(trial.state in (states.RUNNING, states.WAITING) for trial in trials)
    if skipped:
        remarks.append(f"{skipped} trial(s) that run or wait are left out.")
    # A trial that failed may have ended before it asked for everything.
    whole = [trial for trial in finished if trial.state is not states.FAIL] or finished
    space = _Space([(trial.params, trial.distributions) for trial in whole], remarks)
    constraints = list(dict.fromkeys(name for trial in finished for name in _constraints(trial)))
    evaluations = []
    for trial in finished:
        config = space.config(trial.params)
        if trial.state is not states.FAIL or space.holds(config):
            evaluations.append((config, _result(trial, signs, names, constraints, trial.state is states.PRUNED)))
    if len(evaluations) < len(finished):
        remarks.append(
            f"{len(finished) - len(evaluations)} trial(s) that failed before they had all parameters are left out."
        )
    return Search(space.made, evaluations, remarks)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as reason:
        raise NePSError("a study is read by Optuna itself, which isn't installed here: pip install optuna.") from reason
    return optuna


def _open(optuna: Any, storage: str) -> Any:
    """The storage, which must be there: Optuna would make a new one."""
    scheme = urlsplit(storage).scheme
    path = Path(storage)
    if scheme.partition("+")[0] == "sqlite":
        path = Path(storage.partition("///")[2].partition("?")[0])
    elif scheme and len(scheme) > 1:  # a single letter is a drive
        return optuna.storages.RDBStorage(storage, skip_table_creation=True)
    if not path.is_file():
        raise RunError(f"there is no file {path}. Give a URL (sqlite:///study.db) or the file of a study.")
    if scheme.partition("+")[0] == "sqlite":
        return optuna.storages.RDBStorage(storage, skip_table_creation=True)
    with path.open("rb") as file:
        if file.read(15) == b"SQLite format 3":
            return optuna.storages.RDBStorage(f"sqlite:///{path}", skip_table_creation=True)
    journal = optuna.storages.journal
    return optuna.storages.JournalStorage(journal.JournalFileBackend(str(path)))


def _first_line(reason: BaseException) -> str:
    return f"{type(reason).__name__}: {str(reason).strip().partition(chr(10))[0]}"


# ---------------------------------------------------------------------- results


def _constraints(trial: Any) -> dict[str, float]:
    """The constraints of a trial by name; those of Optuna before 5 have numbers, from 0."""
    if hasattr(trial, "constraints"):
        return dict(trial.constraints)
    return {str(i): value for i, value in enumerate(trial.system_attrs.get(_CONSTRAINTS) or ())}


def _result(
    trial: Any, signs: Sequence[float], names: Sequence[str] | None, constraints: Sequence[str], pruned: bool
) -> dict[str, Any]:
    """As `evaluate_pipeline` would have returned it."""
    about: dict[str, Any] = {"number": trial.number}
    if trial.duration is not None:
        about["seconds"] = trial.duration.total_seconds()
    extra = {**trial.user_attrs, "optuna": about}
    result: dict[str, Any] = {"extra": extra}
    if trial.intermediate_values:  # Optuna has them for one objective only
        steps = sorted(trial.intermediate_values)
        about["steps"] = steps
        result["learning_curve"] = [signs[0] * trial.intermediate_values[step] for step in steps]
    if constraints and (given := _constraints(trial)):
        result["constraints"] = {name: given.get(name, math.nan) for name in constraints}
    objectives = None
    if pruned and "learning_curve" in result:
        objectives = result["learning_curve"][-1:]
        result["stopped_at"] = about["steps"][-1]
    elif trial.values is not None:
        objectives = [sign * value for sign, value in zip(signs, trial.values)]
    if objectives is None:
        reason = trial.system_attrs.get(_REASON) or ("it was pruned before it reported" if pruned else "it failed")
        result["exception"] = EvaluationError(f"in Optuna: {reason}")
        return result
    if names:
        result["objective_to_minimize"] = dict(zip(names, objectives))
    else:
        result["objective_to_minimize"] = objectives if len(objectives) > 1 else objectives[0]
    return result


# ---------------------------------------------------------------------- the space


class _Space:
    """The space of a study, as its trials show it.

    Args:
        asked: Parameters and distributions of each trial.
        remarks: To which is added what isn't as it was.

    Attributes:
        made: The `ConfigurationSpace`.
    """

    def __init__(self, asked: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], remarks: list[str]) -> None:
        from ConfigSpace import ConfigurationSpace

        self._remarks = remarks
        self._steps: dict[str, tuple[float, float, int]] = {}  # lower bound, step, how many
        self._as_text: set[str] = set()
        of_name: dict[str, list[Any]] = {}
        for _, distributions in asked:
            for name, distribution in distributions.items():
                of_name.setdefault(name, []).append(distribution)
        configs = [params for params, _ in asked if params]
        conditions, unexplained = conditions_of(configs, lambda name: _is_ordered(of_name[name][0]))
        made = {name: self._hyperparameter(name, given) for name, given in of_name.items()}
        conditions = [
            evolve(each, values=tuple(map(repr, each.values))) if each.parent in self._as_text else each
            for each in conditions
        ]
        if conditions:
            told = "; ".join(map(str, conditions))
            remarks.append(f"Which parameters there are depends on others, as far as the trials show: {told}.")
        self._defaults = {name: made[name].default_value for name in unexplained}
        if unexplained:
            told = ", ".join(f"{name}={value!r}" for name, value in self._defaults.items())
            remarks.append(f"Nothing shows when some parameters are asked for; a trial without them is given {told}.")
        self.made = ConfigurationSpace()
        self.made.add(*made.values())
        self.made.add(*(condition.among(made) for condition in conditions))
        self._parsed = parse_space(self.made)
        # As ConfigSpace has them, which rounds them to 13 digits.
        self._bounds = {
            name: (h.lower, h.upper) for name, h in made.items() if isinstance(getattr(h, "lower", 0), float)
        }

    def config(self, params: Mapping[str, Any]) -> Config:
        """The configuration of a trial."""
        config = {**self._defaults, **params}
        for name, (lower, step, _) in self._steps.items():
            if name in params:
                config[name] = self._sequence(name)[round((params[name] - lower) / step)]
        config.update({name: repr(params[name]) for name in self._as_text & params.keys()})
        for name in config.keys() & self._bounds.keys():
            lower, upper = self._bounds[name]
            config[name] = min(max(config[name], lower), upper)
        return config

    def holds(self, config: Config) -> bool:
        """Whether this is a whole configuration."""
        try:
            replay(self._parsed, read_config(self._parsed, config))
        except ConfigError:
            return False
        return True

    def _sequence(self, name: str) -> list[Any]:
        lower, step, n = self._steps[name]
        if isinstance(lower, int):
            return [lower + k * step for k in range(n)]
        return [float(f"{lower + k * step:.12g}") for k in range(n)]  # 0.3, not 0.30000000000000004

    def _hyperparameter(self, name: str, given: Sequence[Any]) -> Any:
        from ConfigSpace import Categorical, Constant, Float, Integer, OrdinalHyperparameter

        first = given[0]
        if hasattr(first, "choices"):
            choices = list(first.choices)
            if any(a == b for a, b in combinations(choices, 2)):  # 1 and True, say, which ConfigSpace takes for one
                self._as_text.add(name)
                choices = list(map(repr, choices))
                self._remarks.append(f"{name} has choices that are equal in Python; here they are text: {choices}.")
            return Categorical(name, choices) if len(choices) > 1 else Constant(name, choices[0])
        low, high = min(each.low for each in given), max(each.high for each in given)
        if low == high:
            return Constant(name, low)
        is_integer = isinstance(low, int)
        step = first.step
        if step is not None and step != (1 if is_integer else 0):
            n = round((high - low) / step) + 1
            if n <= MAX_STEPS and all(each.step == step and _divides(step, each.low - low) for each in given):
                self._steps[name] = (low, step, n)
                return OrdinalHyperparameter(name, self._sequence(name))
            self._remarks.append(f"{name} had steps of {step}; here it is any number from {low} to {high}.")
        make: Any = Integer if is_integer else Float
        return make(name, (low, high), log=bool(first.log))


def _is_ordered(distribution: Any) -> bool | None:
    """Whether a parameter can be a condition by a threshold, by any of its values, or not at all."""
    if hasattr(distribution, "choices"):
        return False
    return True if isinstance(distribution.low, int) else None


def _divides(step: float, distance: float) -> bool:
    return abs(distance / step - round(distance / step)) < 1e-6
