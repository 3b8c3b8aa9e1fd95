"""Trials as rows of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import fields

from neps_core.large import shown_curve
from neps_core.trials import Metadata, Report, State, Trial

#: Of these the values have columns of their own.
_APART = ("extra", "objective_names", "constraints", "constraint_names")
_REPORT = tuple(f.name for f in fields(Report) if f.name not in _APART)
#: What is shown of a trial's metadata besides its id and state.
METADATA = (*(f.name for f in fields(Metadata) if f.name != "state"), "previous_trial_location")


def row_of(trial: Trial) -> dict[str, Any]:
    """A trial by column: `id`, `state`, the report's fields, `config.*`, the metadata's fields, `extra.*`.

    Further, `objective.NAME` for objectives with names, and for constraints `constraint.NAME` (by number, from 1, if
    they have none) and `is_feasible`. The columns of reports and metadata are there for every trial (None where there
    is nothing), the others as the trial has them. What is large is not in it, but where it is (`neps_core.large`).
    """
    row: dict[str, Any] = {"id": trial.id, "state": trial.state.value}
    for name in _REPORT:
        row[name] = getattr(trial.report, name, None)
    row["learning_curve"] = shown_curve(row["learning_curve"])
    for path, value in trial.config.items():
        row[f"config.{path}"] = value
    for name in METADATA:
        row.setdefault(name, getattr(trial.metadata, name))
    for key, value in (trial.report.extra if trial.report else {}).items():
        row[f"extra.{key}"] = value
    row.update((f"objective.{name}", value) for name, value in trial.objectives_by_name.items())
    row.update((f"constraint.{name}", value) for name, value in trial.constraints_by_name.items())
    if trial.constraints:
        row["is_feasible"] = trial.is_feasible
    return row


def summary_of(counts: Counter[State], front: Sequence[Trial]) -> dict[str, Any]:
    """The few numbers that say how a run stands: how many trials there are in each state, and the best one.

    The best one's decisions stand under their paths, too, unless one is called like a number of ours. With several
    objectives there is no best one, and instead `num_pareto_front` and `pareto_front_ids`.

    Args:
        counts: Of the trials.
        front: The best of them, in order; infeasible ones only if all are.
    """
    summary: dict[str, Any] = {"trials": sum(counts.values())}
    summary.update({f"num_{state.value}": counts[state] for state in State if state is not State.UNKNOWN})
    if front and len(front[0].objectives or ()) > 1:
        feasible = [trial.id for trial in front if trial.is_feasible]
        summary["num_pareto_front"] = len(feasible)
        summary["pareto_front_ids"] = " ".join(feasible)
    elif front and (best := front[0]).report is not None:
        summary["best_id"] = summary["best_config_id"] = best.id
        summary["best_objective_to_minimize"] = best.report.objective_to_minimize
        if best.constraints:
            summary["best_is_feasible"] = best.is_feasible
        summary.update({f"best_config.{path}": value for path, value in best.config.items()})
        for path, value in best.config.items():
            summary.setdefault(path, value)
    return summary


def count_states(trials: Iterable[Trial]) -> Counter[State]:
    """How many trials there are in each state."""
    return Counter(trial.state for trial in trials)
