"""Evaluations that were made elsewhere: in another run, or by other means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from neps_core import events as ev
from neps_core.claims import finished
from neps_core.errors import ConfigError, EvaluationError, NePSError, ResultError, RunError
from neps_core.large import WholeExtra, reference_in
from neps_core.results import UserResultDict, parse_result, shown
from neps_core.run import open_run
from neps_core.run_result import result_of
from neps_core.run_setup import set_up
from neps_core.spaces.sources import check_mapping, replay
from neps_core.trials import State


def load_trials(root_directory: str | Path) -> list[tuple[dict[str, Any], UserResultDict]]:
    """The finished trials of a run, as `import_trials` takes them.

    Args:
        root_directory: The run's folder.

    Returns:
        Configuration and result of each, in the order in which they were sampled; the result of one that
        failed is an exception. What was too large for the journal is read when it is looked at.

    Raises:
        FileNotFoundError: If there is no run.
    """
    found = []
    run = open_run(root_directory)
    for trial in run.trials.values():
        if trial.report is None or not trial.state.is_finished or trial.state is State.CORRUPTED:
            continue
        report = trial.report
        result: UserResultDict = {"extra": report.extra}
        if any(reference_in(value, trial.id) for value in (report.extra, *report.extra.values())):
            result["extra"] = WholeExtra(report.extra, run.root_directory, trial.id)
        if report.objective_to_minimize is None:
            result["exception"] = EvaluationError(report.err or "it failed")
        else:
            result["objective_to_minimize"] = report.objective_to_minimize
        if report.cost is not None:
            result["cost"] = report.cost
        if report.learning_curve is not None:
            result["learning_curve"] = report.learning_curve
        found.append((dict(trial.config), result))
    return found


def import_trials(
    evaluated_trials: Iterable[tuple[Mapping[str, Any], Any]],
    root_directory: str | Path,
    pipeline_space: Any = None,
    overwrite_root_directory: bool = False,
    optimizer: Any = "auto",
    trust_space: bool = False,
) -> list[str]:
    """Add evaluations that were made elsewhere to a run, so that its optimizer learns from them.

    Either all are added or none. They do not count towards any budget.

    Args:
        evaluated_trials: Pairs of a configuration and its result (as `evaluate_pipeline` would return it). A
            configuration is in stored form, or holds plain arguments (enough for a flat space).
        root_directory: The run's folder; the run is created if there is none.
        pipeline_space: The search space; may be left out for a run that exists.
        overwrite_root_directory: Delete the folder first.
        optimizer: What a new run shall use; as for `run`.
        trust_space: Whether what the space in the folder names may be imported and called, as for `run`.

    Returns:
        The ids of the new trials.

    Raises:
        RunError: If these are no pairs.
        ConfigError: If a configuration does not fit the space; the message names both it and the parameter.
        ResultError: If a result is none.
        NePSError: As `run` does for a space, an optimizer or a folder that can't be used.
    """
    setup = set_up(root_directory, pipeline_space, optimizer, overwrite_root_directory, trust_space=trust_space)
    run, space = setup.run, setup.space
    n_objectives = run.log.n_objectives
    checked = []
    for i, (config, result) in enumerate(_pairs(evaluated_trials)):
        try:
            check_mapping("the configuration", config)
            decisions = replay(space, space.from_arguments(config)).config
            report = parse_result(result, n_objectives=n_objectives)
        except ConfigError as reason:
            raise ConfigError(f"evaluated_trials[{i}] = {shown(config)}: {reason}") from None
        except ResultError as reason:
            raise ResultError(f"evaluated_trials[{i}]: {reason}") from None
        if report.objective_to_minimize is not None:
            value = report.objective_to_minimize
            n_objectives = len(value) if isinstance(value, list) else 1
        checked.append((decisions, report))

    with setup.begun():
        run.use(setup.chosen)
    with run.locked("sampling"):
        run.refresh()
        events: list[ev.Event] = []
        ids = [str(run.log.highest_number + 1 + i) for i in range(len(checked))]
        for trial_id, (decisions, report) in zip(ids, checked):
            events.append(ev.Sampled(trial_id, decisions))
            events.append(finished(trial_id, report))
        run.record(*events)
    run.tell("neps_run_finished", result=result_of(run, "trials were imported"))
    return ids


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
