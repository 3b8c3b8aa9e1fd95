"""How runs show themselves in notebooks: `_repr_html_` of results, trials, trials by id, and optimizers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from neps_core import State, Trial, hookimpl
from neps_core.optimizers.choosing import chosen_as
from neps_core.pareto import Front
from neps_core.run_result import RunResult
from neps_core.showing import Shown
from neps_plugins.html import card, curve, dots, faint, named, table

#: Trials and decisions that are shown.
ROWS, COLUMNS = 10, 12


@hookimpl
def neps_as_html(thing: Any) -> str | None:
    """Results, trials, trials by id, and optimizers."""
    if isinstance(thing, RunResult):
        return of_result(thing)
    if isinstance(thing, Trial):
        return of_trial(thing)
    if isinstance(thing, Shown):
        return of_optimizer(thing)
    if isinstance(thing, Mapping) and all(isinstance(trial, Trial) for trial in thing.values()):
        return of_trials(thing)
    return None


def of_optimizer(optimizer: Any) -> str:
    """Its name, its keywords, and what it searches, as far as it was made by name."""
    chosen, space = chosen_as(optimizer)
    parts = [named(chosen.info)] if chosen.info else []
    if space is not None:
        names = list(space.argument_names)
        parts.append(faint(f"searches {', '.join(names[:COLUMNS])}{', ...' if len(names) > COLUMNS else ''}"))
    return card(f"optimizer {chosen.name}", *parts)


def of_result(result: RunResult) -> str:
    """What a run has come to: the best trial or the front, and how it got there."""
    parts: list[Any] = [
        faint(f"{_counts(list(result.trials.values()))}; {result.stopped_because}"),
        faint(result.root_directory),
    ]
    if result.best is not None:
        parts += [f"best: trial {result.best.id}", named(_told(result.best))]
    if len(result.pareto_front) > 1 or (result.pareto_front and result.best is None):
        parts += [f"Pareto front: {len(result.pareto_front)} trials", _rows(result.pareto_front)]
    return card("RunResult", *parts, _picture(list(result.trials.values()), result.pareto_front))


def of_trial(trial: Trial) -> str:
    """A configuration and what became of it."""
    values = [point.objective for point in trial.points]
    if not values and trial.report is not None and trial.report.learning_curve is not None:
        values = list(trial.report.learning_curve[:10_000])
    line = [float(value) for value in values if isinstance(value, (int, float))]
    parts = [curve(line, "the objective at each step")]
    if trial.report is not None and trial.report.err:
        parts.insert(0, faint(trial.report.err))
    return card(f"Trial {trial.id}: {trial.state}", named(_told(trial)), *parts)


def of_trials(trials: Mapping[str, Trial]) -> str:
    """How many there are, and the best or the latest of them."""
    all_of_them = list(trials.values())
    front = Front(all_of_them).trials
    # With one objective the best ones, with several the front; and before there is any, what came last.
    if front and len(front[0].objectives or ()) == 1:
        done = [trial for trial in all_of_them if trial.objectives is not None and not trial.was_stopped_early]
        shown = sorted(done, key=lambda trial: (not trial.is_feasible, trial.objectives))[:ROWS]
    else:
        shown = front or all_of_them[-ROWS:]
    return card(_counts(all_of_them), _rows(shown), _picture(all_of_them, front))


def _counts(trials: Sequence[Trial]) -> str:
    counts = Counter(trial.state for trial in trials)
    told = ", ".join(f"{counts[state]} {state}" for state in State if counts[state])
    return f"{len(trials)} trials{f' ({told})' if told else ''}"


def _results(trial: Trial) -> dict[str, float]:
    """The objectives of a trial, by name."""
    values = trial.objectives or ()
    plain = ["objective"] if len(values) == 1 else [f"objective {i + 1}" for i in range(len(values))]
    return dict(zip(list(trial.objectives_by_name) or plain, values))


def _told(trial: Trial) -> dict[str, Any]:
    """What is said of a trial: results first, then the configuration."""
    told: dict[str, Any] = {**_results(trial), **{f"constraint {n}": v for n, v in trial.constraints_by_name.items()}}
    if trial.report is not None and trial.report.cost is not None:
        told["cost"] = trial.report.cost
    for i, (name, value) in enumerate(trial.config.items()):
        if i == 3 * COLUMNS:
            told["..."] = f"{len(trial.config) - i} more"
            break
        told[name] = value
    return told


def _rows(trials: Sequence[Trial]) -> Any:
    """Trials as a table, up to a number of them and of their decisions."""
    shown = trials[:ROWS]
    results = list(dict.fromkeys(name for trial in shown for name in _results(trial)))
    paths = list(dict.fromkeys(path for trial in shown for path in trial.config))
    head = ["id", "state", *results, *paths[:COLUMNS]]
    rows = [
        [
            trial.id,
            trial.state,
            *(_results(trial).get(name, "") for name in results),
            *(trial.config.get(path, "") for path in paths[:COLUMNS]),
        ]
        for trial in shown
    ]
    left = [f"{len(trials) - ROWS} more trials"] if len(trials) > ROWS else []
    left += [f"{len(paths) - COLUMNS} more decisions"] if len(paths) > COLUMNS else []
    return table(head, rows) if not left else card("", table(head, rows), faint(f"... and {' and '.join(left)}"))


def _picture(trials: Sequence[Trial], front: Sequence[Trial]) -> Any:
    """The best so far, or the front of two objectives."""
    done = [trial for trial in trials if trial.objectives is not None and not trial.was_stopped_early]
    if not done:
        return ""
    if all(len(trial.objectives or ()) == 1 for trial in done):
        done.sort(key=lambda trial: trial.metadata.time_end or 0.0)
        best, so_far = math.inf, []
        for trial in done:
            if trial.is_feasible and trial.objectives is not None:
                best = min(best, trial.objectives[0])
            so_far.append(best)
        return curve(so_far, "the best objective so far")
    pairs = [tuple(trial.objectives or ()) for trial in front]
    return dots([(pair[0], pair[1]) for pair in pairs if len(pair) == 2], "the Pareto front")
