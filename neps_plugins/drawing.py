"""What pictures show: results and the best so far, the Pareto front, its hypervolume, and its configurations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, combinations
from typing import Any

from neps_core import Trial
from neps_core.pareto import pareto_front
from neps_plugins.axes import as_label, upright_axes
from neps_plugins.toolkit.pareto.hypervolume import RunningHypervolume
from neps_plugins.toolkit.pareto.reference import beyond_all

#: Objectives that are drawn against each other, in pairs; and of which a hypervolume is soon reckoned.
PAIRED, MEASURED = 4, 3

#: Decisions that stand beside the objectives in parallel coordinates.
DECISIONS = 12


def objective_names(trials: Sequence[Trial]) -> list[str]:
    """What to call the objectives on axes."""
    trial = trials[0]
    names = list(trial.objectives_by_name) or [f"objective {i + 1}" for i in range(len(trial.objectives or ()))]
    return [as_label(name) for name in names]


def draw_objective(
    figure: Any, done: Sequence[Trial], spent: Mapping[str, Sequence[float]], *, log_x: bool, log_y: bool, x_range: Any
) -> None:
    """Every result of one objective and the best so far, over what was spent.

    Args:
        figure: What to draw on.
        done: With finite objectives, at least one, in the order in which they ended.
        spent: What each of them took, by the label of the axis.
        log_x: Make the horizontal axis logarithmic, where all its values are positive.
        log_y: The same of the vertical one.
        x_range: The lower and the upper end of the horizontal axis; None for all.
    """
    axes = figure.add_subplot()
    (label, each) = next(iter(spent.items()))
    xs, ys = list(accumulate(each)), [(trial.objectives or ())[0] for trial in done]
    kept = [trial.is_feasible for trial in done]
    best = list(accumulate((y if is_kept else math.inf for y, is_kept in zip(ys, kept)), min))
    axes.scatter(*_only(xs, ys, kept), s=12, color="tab:gray", label="results")
    if not all(kept):
        broken = [not is_kept for is_kept in kept]
        axes.scatter(*_only(xs, ys, broken), s=12, color="lightgray", marker="x", label="infeasible")
    axes.step(*_only(xs, best, map(math.isfinite, best)), where="post", color="tab:blue", label="best so far")
    name = next(iter(done[0].objectives_by_name), None)
    axes.set(xlabel=as_label(label), ylabel="objective to minimize" if name is None else as_label(name))
    if log_x and min([*xs, *(x_range or ())]) > 0:
        axes.set_xscale("log")
    if log_y and min(ys) > 0:
        axes.set_yscale("log")
    if x_range is not None:
        axes.set_xlim(*x_range)
    axes.legend()


def _only(xs: Sequence[float], ys: Sequence[float], which: Iterable[bool]) -> tuple[list[float], list[float]]:
    chosen = [(x, y) for x, y, is_chosen in zip(xs, ys, which) if is_chosen]
    return [x for x, _ in chosen], [y for _, y in chosen]


def draw_front(figure: Any, trials: Sequence[Trial], *, log_x: bool, log_y: bool, x_range: Any) -> None:
    """Every result by two objectives, or by each pair of three or four, and the Pareto front among them.

    Args:
        figure: What to draw on.
        trials: With finite objectives, at least one.
        log_x: Make the horizontal axis logarithmic, where all its values are positive.
        log_y: The same of the vertical one.
        x_range: The lower and the upper end of the horizontal axis, for two objectives; None for all.
    """
    names = objective_names(trials)[:PAIRED]
    front = [trial.objectives or () for trial in pareto_front(trials)]
    pairs = list(combinations(range(len(names)), 2))
    figure.set_size_inches(*((7, 4.5) if len(pairs) == 1 else (12, 4.0 * math.ceil(len(pairs) / 3))))
    panels = figure.subplots(math.ceil(len(pairs) / 3), min(len(pairs), 3), squeeze=False).flat
    for axes, (i, j) in zip(panels, pairs):
        for is_feasible, how in (
            (True, {"s": 12, "color": "tab:gray", "label": "results"}),
            (False, {"s": 12, "color": "lightgray", "marker": "x", "label": "infeasible"}),
        ):
            points = [trial.objectives or () for trial in trials if trial.is_feasible is is_feasible]
            if points:
                axes.scatter([p[i] for p in points], [p[j] for p in points], **how)
        line = "o-" if len(pairs) == 1 else "o"
        if front:
            axes.plot([p[i] for p in front], [p[j] for p in front], line, color="tab:blue", label="Pareto front")
        axes.set(xlabel=names[i], ylabel=names[j])
        lowest = [min((trial.objectives or ())[k] for trial in trials) for k in (i, j)]
        if log_x and min([lowest[0], *(x_range or ())]) > 0:
            axes.set_xscale("log")
        if log_y and lowest[1] > 0:
            axes.set_yscale("log")
        if x_range is not None and len(pairs) == 1:
            axes.set_xlim(*x_range)
    figure.axes[0].legend()


def draw_hypervolume(figure: Any, trials: Sequence[Trial], spent: Mapping[str, Sequence[float]]) -> None:
    """The hypervolume of the Pareto front so far, over what was spent by then: a panel for each thing that can be.

    Args:
        figure: What to draw on.
        trials: With two or three finite objectives, in the order in which they ended; one at least is feasible.
        spent: What each of them took, by the label of the axis.
    """
    feasible = [trial.objectives or () for trial in trials if trial.is_feasible]
    reference = beyond_all([min(values) for values in zip(*feasible)], [max(values) for values in zip(*feasible)])
    running = RunningHypervolume(reference)
    volumes = []
    for trial in trials:
        if trial.is_feasible and not trial.was_stopped_early:
            running.add(trial.objectives or ())
        volumes.append(running.value)
    figure.set_size_inches(max(7, 5 * len(spent)), 4.5)
    for axes, (label, values) in zip(figure.subplots(1, len(spent), squeeze=False).flat, spent.items()):
        axes.step(list(accumulate(values)), volumes, where="post", color="tab:blue")
        axes.set(xlabel=as_label(label), ylabel="hypervolume")
    figure.suptitle(f"reference point: {', '.join(f'{value:.4g}' for value in reference)}", fontsize="small")


def draw_parallel_coordinates(figure: Any, front: Sequence[Trial]) -> None:
    """Each trial on the Pareto front as a line through its decisions, as far as they differ, and its objectives.

    Args:
        figure: What to draw on.
        front: In the order of the first objective, whose place in it is the line's colour.
    """
    from matplotlib import colormaps

    columns: list[tuple[str, list[Any]]] = []
    for path in dict.fromkeys(path for trial in front for path in trial.config):
        values = [trial.config.get(path) for trial in front]
        if any(value != values[0] for value in values) or (len(front) == 1 and values[0] is not None):
            columns.append((as_label(path), values))
    del columns[DECISIONS:]
    columns += zip(objective_names(front), map(list, zip(*(trial.objectives or () for trial in front))))
    places: list[list[float]] = []
    ends: list[tuple[str, str]] = []
    figure.set_size_inches(max(7, 1.3 * len(columns)), 4.5)
    axes = figure.add_subplot()
    for _, values in columns:
        heights, lowest, highest = _heights(values)
        places.append(heights)
        ends.append((lowest, highest))
    for i, line in enumerate(zip(*places)):
        axes.plot(range(len(columns)), line, "o-", ms=3, color=colormaps["viridis"](i / max(1, len(front) - 1)))
    upright_axes(axes, [name for name, _ in columns], ends)


def _heights(values: Sequence[Any]) -> tuple[list[float], str, str]:
    """Where values stand between 0 and 1 (NaN where there is none), and what stands at both ends."""
    there = [value for value in values if value is not None]
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in there):
        low, high = min(there), max(there)
        span = high - low
        heights = [math.nan if v is None else (v - low) / span if span > 0 else 0.5 for v in values]
        return heights, f"{low:.4g}", f"{high:.4g}"
    choices = sorted({str(value) for value in there})
    step = max(1, len(choices) - 1)
    heights = [math.nan if value is None else choices.index(str(value)) / step for value in values]
    return heights, as_label(choices[0]), as_label(choices[-1])
