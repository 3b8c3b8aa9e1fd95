"""Evaluations that were made elsewhere: in another run, or by other means."""

from __future__ import annotations

import json
import logging
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from neps_core import events as ev
from neps_core.claims import finished
from neps_core.errors import ConfigError, EvaluationError, NePSError, NePSWarning, ResultError, RunError
from neps_core.large import WholeExtra, reference_in
from neps_core.optimizers.asking import Chosen
from neps_core.results import UserResultDict, parse_result, shortened, shown
from neps_core.run import Run, open_run
from neps_core.run_result import result_of
from neps_core.run_setup import set_up
from neps_core.shapes import Shape
from neps_core.space_parsing import read_config
from neps_core.spaces.domains import exact
from neps_core.spaces.protocol import Config, SearchSpace
from neps_core.spaces.sources import check_mapping, replay
from neps_core.trials import Objective, Report, State, number_of

logger = logging.getLogger("neps.importing")

#: The key under which a result that is imported says at which step its evaluation was stopped early.
STOPPED_AT = "stopped_at"

#: Evaluations that do not fit, of which a warning says why; and of which the log does.
NAMED, LOGGED = 3, 100


def load_trials(
    root_directory: str | Path, *, storage: str | None = None
) -> list[tuple[dict[str, Any], UserResultDict]]:
    """The finished trials of a run, as `import_trials` takes them.

    Args:
        root_directory: The run's folder, also one that NePS 0.16 or 0.17 wrote.
        storage: What the run is kept in, if not in the folder; as for `run`.

    Returns:
        Configuration and result of each, in the order in which they were sampled; the result of one that
        failed is an exception. What was too large for the journal is read when it is looked at.

    Raises:
        FileNotFoundError: If there is no run.
    """
    found = []
    run = open_run(root_directory, storage=storage)
    for trial in run.trials.values():
        report = trial.report
        if report is None or not trial.state.is_finished or trial.state is State.CORRUPTED:
            continue
        result: UserResultDict = {"extra": report.extra}
        if any(reference_in(value, trial.id) for value in (report.extra, *report.extra.values())):
            result["extra"] = WholeExtra(report.extra, run.root_directory, trial.id)
        if report.objective_to_minimize is None:
            result["exception"] = EvaluationError(report.err or "it failed")
        else:
            result["objective_to_minimize"] = _named(report.objective_to_minimize, report.objective_names)
        if report.constraints is not None:
            result["constraints"] = _named(report.constraints, report.constraint_names)
        if report.cost is not None:
            result["cost"] = report.cost
        if report.learning_curve is not None:
            result["learning_curve"] = report.learning_curve
        if report.stopped_at is not None:
            result[STOPPED_AT] = report.stopped_at  # type: ignore[literal-required]
        found.append((dict(trial.config), result))
    return found


def _named(values: Objective, names: Sequence[str] | None) -> Objective | dict[str, float]:
    if names is None:
        return values
    return dict(zip(names, values if isinstance(values, list) else [values]))


def import_trials(
    evaluated_trials: str | Path | Iterable[tuple[Mapping[str, Any], Any]] | None = None,
    root_directory: str | Path = "neps_results",
    pipeline_space: Any = None,
    overwrite_root_directory: bool = False,
    optimizer: Any = "auto",
    strict: bool = True,
    trust_space: bool = False,
    *,
    root: str | Path | None = None,
    storage: str | None = None,
) -> list[str]:
    """Add evaluations that were made elsewhere to a run, so that its optimizer learns from them.

    They do not count towards any budget. What is there already is passed over: an evaluation of the same
    configuration, fidelity included, with the same objective (or that went wrong as well). So doing this twice changes
    nothing, and what was evaluated twice with two results is kept twice. An optimizer with rungs takes each for the
    highest rung that its fidelity reaches.

    Args:
        evaluated_trials: Pairs of a configuration and its result (as `evaluate_pipeline` would return it; a dict may
            say `"stopped_at"`, too: the step at which the evaluation was stopped early). A configuration is in stored
            form, or holds plain arguments (enough for a flat space); one that leaves out a fidelity was evaluated at
            its maximum. Or the folder of a run, whose finished trials are meant; it may be one that NePS 0.16 or 0.17
            wrote.
        root_directory: The run's folder, as for `run`; the run is created if there is none.
        pipeline_space: The search space; may be left out for a run that exists.
        overwrite_root_directory: Delete the folder first.
        optimizer: What a new run shall use; as for `run`.
        strict: Import nothing if one of them does not fit. If False, those that do are imported, and a warning says why
            others were not.
        trust_space: Whether what the space in the folder names may be imported and called, as for `run`.
        storage: What the run is kept in, if not in the folder; as for `run`.
        root: The folder of a run whose finished trials are meant, in place of `evaluated_trials`.

    Returns:
        The ids of the new trials, in the order in which they were given.

    Raises:
        RunError: If these are neither pairs nor the folder of a run.
        ConfigError: If a configuration does not fit the space; the message names both it and the parameter.
        ResultError: If a result is none.
        NePSError: As `run` does for a space, an optimizer or a folder that can't be used.
    """
    if (evaluated_trials is None) == (root is None):
        raise RunError("evaluated_trials must be a list of pairs (configuration, result); give it or root=, not both.")
    evaluated_trials = root if evaluated_trials is None else evaluated_trials
    if isinstance(evaluated_trials, (str, Path)):
        try:
            evaluated_trials = load_trials(evaluated_trials)
        except FileNotFoundError as reason:
            raise RunError(
                f"evaluated_trials must be a list of pairs (configuration, result) or the folder of a run, and {reason}"
            ) from None
    setup = set_up(
        root_directory,
        pipeline_space,
        optimizer,
        overwrite_root_directory,
        trust_space=trust_space,
        storage=storage,
    )
    run, space = setup.run, setup.space
    given: list[tuple[Config, Report]] = []
    refused: list[str] = []
    shape = run.log.shape
    for i, (config, result) in enumerate(_pairs(evaluated_trials)):
        try:
            decisions, report = _evaluation(space, i, config, result, shape)
        except (ConfigError, ResultError) as reason:
            if strict:
                raise
            refused.append(str(reason))
            continue
        shape = shape.completed(report)
        given.append((decisions, report))

    with setup.begun():
        run.use(setup.chosen)
    ids = _add(run, setup.chosen, given)
    logger.info(
        "%d of %d evaluations were imported into %s; %d were there already, %d do not fit.",
        len(ids),
        len(given) + len(refused),
        run.root_directory,
        len(given) - len(ids),
        len(refused),
    )
    if refused:
        _tell(refused)
    run.tell("neps_run_finished", result=result_of(run, "trials were imported"))
    return ids


def _evaluation(space: SearchSpace, i: int, config: Any, result: Any, shape: Shape) -> tuple[Config, Report]:
    """The decisions and the report of a pair.

    Raises:
        ConfigError: If the configuration does not fit the space.
        ResultError: If the result is none.
    """
    try:
        check_mapping("the configuration", config)
        highest = {path: getattr(domain, "upper", None) for path, domain in space.fidelities.items()}
        decisions = replay(space, {**highest, **read_config(space, config)}).config
        return decisions, _report(result, shape)
    except ConfigError as reason:
        raise ConfigError(f"evaluated_trials[{i}] = {shown(config)}: {reason}") from None
    except ResultError as reason:
        raise ResultError(f"evaluated_trials[{i}]: {reason}") from None


def _report(result: Any, shape: Shape) -> Report:
    """The report of a result, which may say that its evaluation was stopped early.

    Raises:
        ResultError: If it is none.
    """
    if not isinstance(result, Mapping) or STOPPED_AT not in result:
        return parse_result(result, shape=shape)
    step = exact(result[STOPPED_AT])
    if isinstance(step, bool) or not isinstance(step, (int, float)) or not math.isfinite(step):
        raise ResultError(f"{STOPPED_AT!r} must be the number of a step, not {shown(step)}.")
    rest = {key: value for key, value in result.items() if key != STOPPED_AT}
    return evolve(parse_result(rest, shape=shape, was_stopped=True), stopped_at=step)


def _add(run: Run, chosen: Chosen, given: Sequence[tuple[Config, Report]]) -> list[str]:
    """Add those that aren't there yet."""
    with run.locked("sampling"):
        run.refresh()
        known = {_identity(t.config, t.report) for t in run.trials.values() if t.report and t.state.is_finished}
        new = []
        for decisions, report in given:
            identity = _identity(decisions, report)
            if identity not in known:
                known.add(identity)
                new.append((decisions, report))
        named = chosen.imported([decisions for decisions, _ in new], run.trials)
        number = max([run.log.highest_number, *(number_of(each.id) for each in named if each.id is not None)])
        ids: list[str] = []
        events: list[ev.Event] = []
        for (decisions, report), each in zip(new, named):
            number += each.id is None
            ids.append(str(number) if each.id is None else each.id)
            events.append(ev.Sampled(ids[-1], decisions, previous=each.previous_config_id))
            events.append(finished(ids[-1], report))
        if events:
            run.record(*events)
    return ids


def _identity(config: Mapping[str, Any], report: Report) -> str:
    """What two records of one evaluation have in common."""
    return json.dumps([sorted(config.items()), report.objective_to_minimize])


def _tell(refused: Sequence[str]) -> None:
    """Say which evaluations were not imported, as far as anybody reads on."""
    for line in refused[:LOGGED]:
        logger.warning("Not imported: %s", shortened(line.replace("\n", " "), 500))
    more = f" ... and {len(refused) - NAMED} more" if len(refused) > NAMED else ""
    reasons = "\n  ".join(shortened(line, 500) for line in refused[:NAMED])
    warnings.warn(f"{len(refused)} evaluation(s) were not imported:\n  {reasons}{more}", NePSWarning, stacklevel=3)


def _pairs(evaluated_trials: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(evaluated_trials, (str, bytes, Mapping)) or not isinstance(evaluated_trials, Iterable):
        raise RunError(
            f"evaluated_trials must be a list of pairs (configuration, result), not {type(evaluated_trials).__name__}."
        )
    i = -1
    try:
        for i, pair in enumerate(evaluated_trials):
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise RunError(f"evaluated_trials[{i}] must be a pair (configuration, result), not {shown(pair)}.")
            yield pair[0], pair[1]
    except NePSError:
        raise
    except Exception as reason:  # the user's own iterator, so anything
        raise RunError(
            f"evaluated_trials raised {reason!r} when asked for [{i + 1}]. Nothing was imported."
        ) from reason
