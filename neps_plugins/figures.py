"""Figures for papers and slides, each of one document of `neps_plugins.analysis`.

Every function gets a Matplotlib figure and a document, and draws it, with labels, and with a logarithmic scale where
values fall over orders of magnitude. Colours are those of M. Okabe and K. Ito, "Color universal design", 2008, which
colour-blind people can tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from neps_core import NePSError
from neps_plugins.analysis.analysis import Analysis
from neps_plugins.analysis.compare import compare
from neps_plugins.axes import (
    LARGEST,
    all_drawable,
    any_drawable,
    as_label,
    drawable_pairs,
    name_axis,
    places_on,
    scale,
    upright_axes,
)

Document = Mapping[str, Any]

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
    "#999999",
)
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, GREY)

#: Parameters of which a picture of many has a panel.
PANELS = 9

#: Parameters that have an axis in parallel coordinates: more can't be read on a page.
COLUMNS = 12

#: What is spent along an axis.
SPENT = {
    "evaluations": "evaluations",
    "cost": "cost",
    "time": "seconds of evaluation",
    "fidelity": "fidelity, added up",
}


def draw_anytime(figure: Any, document: Document) -> None:
    """Every result and the best so far, over each thing that was spent."""
    axes_of = {name: axis for name, axis in document["axes"].items() if drawable_pairs(axis["x"], axis["y"])[0]}
    if not axes_of:
        raise NePSError("there is no finite result yet.")
    results = document["results"]
    figure.set_size_inches(max(6.0, 4.2 * len(axes_of)), 4.2)
    for axes, (name, axis) in zip(figure.subplots(1, len(axes_of), squeeze=False, sharey=True).flat, axes_of.items()):
        if name == "evaluations":
            axes.scatter(*drawable_pairs(results["x"], results["y"]), s=9, color=GREY, alpha=0.6, label="results")
        x, y = drawable_pairs(axis["x"], axis["y"])
        # The best one stays so until the last result.
        ends = [end for end in results["x" if name == "evaluations" else name] if all_drawable([end])]
        axes.step([*x, max([*x, *ends])], [*y, y[-1]], where="post", color=BLUE, label="best so far")
        axes.set_xlabel(SPENT.get(name, name))
        scale(axes, "y", [*axis["y"], *(results["y"] if name == "evaluations" else ())], document.get("log"))
        axes.legend(fontsize="small")
    figure.axes[0].set_ylabel(as_label(document["objective"]))


def draw_comparison(figure: Any, document: Document) -> None:
    """The best so far of several runs; of several with one label, their median and quartiles."""
    axes = figure.add_subplot()
    colours = dict(zip(dict.fromkeys(each["label"] for each in document["runs"]), COLOURS * len(document["runs"])))
    seen: list[float] = []
    banded = {band["label"] for band in document["bands"] if band["n"] > 1}
    for band in document["bands"]:
        if band["label"] in banded:
            rows = [
                values for values in zip(band["x"], band["median"], band["low"], band["high"]) if all_drawable(values)
            ]
            if rows:
                x, median, low, high = zip(*rows)
                label = f"{as_label(band['label'])} (median of {band['n']}, quartiles)"
                axes.step(x, median, where="post", color=colours.get(band["label"], BLUE), label=label)
                axes.fill_between(x, low, high, step="post", color=colours.get(band["label"], BLUE), alpha=0.2, lw=0)
                seen += [*low, *high]
    for run in document["runs"]:
        if run["label"] not in banded and any_drawable(run["y"]):
            xs, ys = drawable_pairs(run["x"], run["y"])
            axes.step(xs, ys, where="post", color=colours[run["label"]], label=as_label(run["label"]))
            seen += ys
    if not seen:
        raise NePSError("none of the runs has a finite result yet.")
    scale(axes, "y", seen)
    axes.set(xlabel=SPENT.get(document["axis"], document["axis"]), ylabel="best so far")
    axes.legend(fontsize="small")


def draw_importance(figure: Any, document: Document) -> None:
    """What share of the differences between results each parameter explains."""
    rows = [row for row in document["parameters"] if row["importance"] is not None][:25]
    if not rows:
        raise NePSError(document.get("reason") or "importance needs more results that differ.")
    axes = figure.add_subplot()
    figure.set_size_inches(7, 1.2 + 0.32 * len(rows))
    names, values = [as_label(row["path"]) for row in rows], [row["importance"] for row in rows]
    deviations = [row.get("deviation") or 0.0 for row in rows]
    axes.barh(names, values, xerr=deviations, color=BLUE, ecolor=GREY, height=0.7)
    axes.invert_yaxis()
    method = {"fanova": "fANOVA", "ped_anova": "PED-ANOVA"}.get(document["method"], document["method"])
    axes.set_xlabel(f"importance ({method}, {document['n']} results)")
    axes.set_xlim(left=0)


def draw_effects(figure: Any, documents: Sequence[Document]) -> None:
    """The objective over each parameter: the results, and what the parameter does whatever the others are."""
    documents = [each for each in documents if each["slices"]["n"]][:PANELS]
    if not documents:
        raise NePSError("there is no finite result yet.")
    columns = min(3, len(documents))
    rows = math.ceil(len(documents) / columns)
    figure.set_size_inches(4.0 * columns, 3.2 * rows)
    panels = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for axes, document in zip(panels, documents):
        slices, effect = document["slices"], document["effects"]
        x, y = drawable_pairs(_places(slices), slices["y"])
        axes.scatter(x, y, s=8, color=GREY, alpha=0.6)
        if effect is not None and any_drawable(effect["mean"]):
            at = list(range(len(effect["choices"]))) if effect.get("choices") else effect["x"]
            if effect.get("choices"):
                below = np.array(effect["mean"]) - np.array(effect["low"])
                above = np.array(effect["high"]) - np.array(effect["mean"])
                axes.errorbar(at, effect["mean"], yerr=[below, above], fmt="o", color=BLUE, capsize=3)
            else:
                axes.plot(at, effect["mean"], color=BLUE)
                axes.fill_between(at, effect["low"], effect["high"], color=BLUE, alpha=0.2, lw=0)
        name_axis(axes, "x", slices)
        scale(axes, "y", y)
    for axes in panels[len(documents) :]:
        axes.axis("off")
    figure.supylabel("objective", fontsize="medium")


def draw_front(figure: Any, document: Document) -> None:
    """Every result by two objectives, and the Pareto front."""
    points = document["points"]
    if not points["x"]:
        raise NePSError("there is no result with two finite objectives yet.")
    axes = figure.add_subplot()
    for is_feasible, marker, colour, label in ((True, "o", GREY, "results"), (False, "x", "lightgray", "infeasible")):
        chosen = [i for i, feasible in enumerate(points["feasible"]) if feasible is is_feasible]
        if chosen:
            x, y = drawable_pairs([points["x"][i] for i in chosen], [points["y"][i] for i in chosen])
            axes.scatter(x, y, s=12, color=colour, marker=marker, label=label)
    front = sorted(zip(*drawable_pairs(document["front"]["x"], document["front"]["y"])))
    if front:
        if document["objectives"] == 2:  # of more, a trial is on the front by the others, too
            axes.step(*zip(*front), where="post", color=BLUE, lw=1)
        axes.scatter(*zip(*front), s=22, color=BLUE, zorder=3, label="Pareto front")
    scale(axes, "x", points["x"])
    scale(axes, "y", points["y"])
    axes.set(xlabel=as_label(document["names"][0]), ylabel=as_label(document["names"][1]))
    axes.legend(fontsize="small")


def draw_hypervolume(figure: Any, document: Document) -> None:
    """The hypervolume of the front so far, over the evaluations."""
    volume = document["hypervolume"]
    if volume is None or not any_drawable(volume["y"]):
        raise NePSError("a hypervolume needs two or three objectives, and a feasible result.")
    axes = figure.add_subplot()
    axes.step(*drawable_pairs(volume["x"], volume["y"]), where="post", color=BLUE)
    reference = ", ".join(f"{value:.4g}" for value in volume["reference"])
    axes.set(xlabel="evaluations", ylabel=f"hypervolume (reference point: {reference})")
    axes.grid(alpha=0.3)


def draw_curves(figure: Any, document: Document) -> None:
    """The learning curve of each trial."""
    lines = [line for line in document["lines"] if any_drawable(line["values"])]
    if not lines:
        raise NePSError("no trial has reported anything, or returned a learning curve.")
    axes = figure.add_subplot()
    seen: list[float] = []
    for line in lines:
        x, y = drawable_pairs(line["steps"], line["values"])
        stopped = bool(line.get("stopped_early"))
        axes.plot(x, y, color=ORANGE if stopped else BLUE, alpha=0.5, lw=0.9, marker="o" if len(x) == 1 else None, ms=3)
        seen += y
    for label, colour in (("to the end", BLUE), ("stopped early", ORANGE)):
        if any(bool(line.get("stopped_early")) is (colour == ORANGE) for line in lines):
            axes.plot([], [], color=colour, label=label)
    scale(axes, "y", seen)
    axes.set(xlabel="step", ylabel="objective")
    axes.legend(fontsize="small")


def draw_rungs(figure: Any, document: Document) -> None:
    """Every result by the fidelity that it was evaluated at; and how many trials each rung has."""
    results = document["results"]
    if document["fidelity"] is None or not any_drawable(results["y"]):
        raise NePSError("the space has no fidelity, or nothing has a finite result yet.")
    left, right = figure.subplots(1, 2)
    figure.set_size_inches(9, 4.2)
    x, y = drawable_pairs(results["x"], results["y"])
    left.scatter(x, y, s=10, color=BLUE, alpha=0.6)
    levels = sorted(set(x))
    left.step(levels, [min(b for a, b in zip(x, y) if a == level) for level in levels], where="mid", color=RED, lw=1)
    scale(left, "x", x)
    scale(left, "y", y)
    left.set(xlabel=as_label(document["fidelity"]), ylabel="objective")
    names = [as_label(str(bracket["name"])) for bracket in document["brackets"]]
    bottom = np.zeros(len(names))
    shown = sorted({rung["level"] for bracket in document["brackets"] for rung in bracket["rungs"]})
    for colour, level in zip(COLOURS * len(shown), shown):
        of = (next((r["n"] for r in b["rungs"] if r["level"] == level), 0) for b in document["brackets"])
        counts = np.array(list(of), dtype=float)
        right.bar(names, counts, bottom=bottom, color=colour, label=f"{level:.4g}")
        bottom += counts
    right.set(xlabel="bracket", ylabel="trials")
    if shown:
        right.legend(title=as_label(document["fidelity"]), fontsize="small")


def draw_parallel(figure: Any, document: Document) -> None:
    """Each trial as a line through its decisions and its objective, which is its colour: the better, the darker."""
    from matplotlib import colormaps

    columns, lines = document["columns"], document["lines"]
    name = as_label(document["objective"])
    values = [value for value in document["value"] if value is not None and abs(value) <= LARGEST]
    if not values or not columns:
        raise NePSError("there is no finite result yet.")
    axes = figure.add_subplot()
    figure.set_size_inches(max(7.0, 1.2 * (len(columns) + 1)), 4.6)
    low, high = min(values), max(values)
    ranked = {value: i / max(1, len(set(values)) - 1) for i, value in enumerate(sorted(set(values)))}
    heights = [_heights(column, [line[i] for line in lines]) for i, column in enumerate(columns)]
    order = sorted(
        range(len(lines)), key=lambda i: -math.inf if document["value"][i] is None else -document["value"][i]
    )
    for i in order:
        value = document["value"][i]
        if value in ranked:
            last = (value - low) / (high - low) if high > low else 0.5
            colour = colormaps["cividis"](0.05 + 0.9 * ranked[value])
            axes.plot([*(column[i] for column in heights), last], color=colour, alpha=0.6, lw=0.9)
    ends = [(_end(column, "lower"), _end(column, "upper")) for column in columns] + [(f"{low:.4g}", f"{high:.4g}")]
    upright_axes(axes, [*(as_label(column["path"]) for column in columns), name], ends, "x-small")


def draw_contour(figure: Any, document: Document) -> None:
    """What two parameters do together, whatever the others are, and where was evaluated."""
    mean = np.array([[math.nan if v is None else v for v in row] for row in document["mean"]], dtype=float)
    if not mean.size or not np.isfinite(mean).any():
        raise NePSError("a contour needs more results that differ.")
    axes = figure.add_subplot()
    x, y = (_ticks(document[axis]) for axis in ("x", "y"))
    shown = axes.pcolormesh(x, y, mean, shading="nearest", cmap="cividis")
    figure.colorbar(shown, ax=axes, label="objective, predicted")
    points = document["points"]
    px, py = drawable_pairs(places_on(document["x"], points["x"]), places_on(document["y"], points["y"]))
    axes.scatter(px, py, s=12, facecolor="none", edgecolor="white", lw=0.8)
    name_axis(axes, "x", document["x"])
    name_axis(axes, "y", document["y"])


def draw_rank(figure: Any, document: Document) -> None:
    """Where the good results are, by two parameters: ranks from 0, the best, to 1."""
    points = document["points"]
    if not points["x"]:
        raise NePSError("there is no finite result yet.")
    axes = figure.add_subplot()
    x, y = places_on(document["x"], points["x"]), places_on(document["y"], points["y"])
    rows = [each for each in zip(x, y, points["rank"]) if all_drawable(each)]
    xs, ys, ranks = zip(*rows)
    shown = axes.scatter(xs, ys, c=ranks, s=22, cmap="cividis", vmin=0, vmax=1)
    figure.colorbar(shown, ax=axes, label="rank of the objective (0 is the best)")
    name_axis(axes, "x", document["x"])
    name_axis(axes, "y", document["y"])


def draw_distribution(figure: Any, document: Document) -> None:
    """What share of the results is at least as good as each value."""
    if not any_drawable(document["x"]):
        raise NePSError("there is no finite result yet.")
    axes = figure.add_subplot()
    x, y = drawable_pairs(document["x"], document["y"])
    axes.step([x[0], *x], [0.0, *y], where="post", color=BLUE)
    scale(axes, "x", x)
    axes.set(xlabel="objective", ylabel=f"share of {document['n']} results", ylim=(0, 1.02))


def draw_timeline(figure: Any, document: Document) -> None:
    """What each worker did when."""
    if not document["bars"]:
        raise NePSError("no worker has begun anything yet.")
    axes = figure.add_subplot()
    figure.set_size_inches(9, 1.4 + 0.3 * len(document["workers"]))
    begin = min(start for _, start, *_ in document["bars"])
    colours = {"success": BLUE, "failed": RED, "crashed": RED, "evaluating": SKY}
    for worker, start, end, _, state in document["bars"]:
        axes.barh(worker, max(end - start, 0.0), left=start - begin, color=colours.get(state, GREY), height=0.8, lw=0)
    for state in dict.fromkeys(bar[4] for bar in document["bars"]):
        axes.barh([0], [0], color=colours.get(state, GREY), label=state)
    axes.set_yticks(range(len(document["workers"])), [as_label(name) for name in document["workers"]], fontsize="small")
    axes.set_xlabel("seconds since the first evaluation began")
    axes.legend(fontsize="small", loc="upper right")


#: Those that draw one document, with its name.
_OF_ONE: dict[str, tuple[str, Callable[[Any, Document], None]]] = {
    "anytime": ("anytime", draw_anytime),
    "importance": ("importance", draw_importance),
    "front": ("front", draw_front),
    "hypervolume": ("front", draw_hypervolume),
    "curves": ("curves", draw_curves),
    "rungs": ("rungs", draw_rungs),
    "distribution": ("distribution", draw_distribution),
    "timeline": ("timeline", draw_timeline),
}

#: The documents that are about one of several objectives.
_OF_AN_OBJECTIVE = ("anytime", "importance", "distribution")


def draw(
    figure: Any, kind: str, analyses: Sequence[Analysis], parameters: Sequence[str] = (), objective: int = 0
) -> None:
    """Draw runs.

    Args:
        figure: What to draw on.
        kind: Of `neps_plugins.pictures.KINDS`.
        analyses: The runs: one; of `"anytime"` several, too.
        parameters: Paths of those to draw, for `"effects"`, and, two of them, for `"contour"` and `"rank"`; none for
            the most important ones.
        objective: The index of the objective, where the picture is of one.

    Raises:
        NePSError: If there is nothing to draw, no such parameter, or more runs than the picture is of.
    """
    if len(analyses) > 1:
        if kind != "anytime":
            raise NePSError(f"a picture of kind {kind!r} is of one run, and {len(analyses)} were given.")
        return draw_comparison(figure, compare(analyses))
    [analysis] = analyses
    if kind in _OF_ONE:
        view, draw_it = _OF_ONE[kind]
        options = {"objective": objective} if view in _OF_AN_OBJECTIVE else {}
        return draw_it(figure, analysis.view(view, **options))
    paths = list(parameters) or _most_important(analysis, objective)
    if kind == "effects":
        return draw_effects(figure, [_slices_and_effects(analysis, path, objective) for path in paths[:PANELS]])
    if kind == "parallel":
        document = analysis.view("parallel", objectives=objective)
        return draw_parallel(figure, _with_columns(document, paths))
    if len(paths) < 2:
        raise NePSError(f"a picture of kind {kind!r} needs two parameters.")
    document = analysis.view(kind, x=paths[0], y=paths[1], objective=objective)
    return (draw_contour if kind == "contour" else draw_rank)(figure, document)


def _slices_and_effects(analysis: Analysis, path: str, objective: int) -> Document:
    effects = analysis.view("effects", path=path, objective=objective)
    return {"slices": analysis.view("slices", path=path, objective=objective), "effects": effects}


def _with_columns(document: Document, paths: Sequence[str]) -> Document:
    """What parallel coordinates show, of the first of some parameters only."""
    there = [column["path"] for column in document["columns"]]
    at = sorted(there.index(path) for path in [path for path in paths if path in there][:COLUMNS])
    columns = [document["columns"][i] for i in at]
    return {**document, "columns": columns, "lines": [[line[i] for i in at] for line in document["lines"]]}


def _most_important(analysis: Analysis, objective: int) -> list[str]:
    """The paths of all parameters, the most important ones first, as far as that is known."""
    found = analysis.view("importance", objective=objective)["parameters"]
    ranked = sorted(found, key=lambda row: -(row["importance"] or 0.0))
    others = (each["path"] for each in analysis.view("overview")["parameters"] if not each["is_fidelity"])
    return list(dict.fromkeys([*(row["path"] for row in ranked), *others]))


def _places(document: Document) -> list[Any]:
    return places_on(document, document["x"])


def _ticks(parameter: Document) -> list[Any]:
    """The middles of the cells of a contour along a parameter."""
    return list(range(len(parameter["choices"]))) if parameter.get("choices") else list(parameter["ticks"])


def _heights(column: Document, values: Sequence[Any]) -> list[float]:
    """Where values stand between 0 and 1; NaN where there is none."""
    at = places_on(column, values)
    if choices := column.get("choices"):
        return [math.nan if value is None else value / max(1, len(choices) - 1) for value in at]
    low, high = column["lower"], column["upper"]
    if not all_drawable([low, high]):
        return [math.nan] * len(at)
    turn = math.log if column.get("log") and low > 0 else float
    span = turn(high) - turn(low)
    return [math.nan if value is None else (turn(value) - turn(low)) / span if span > 0 else 0.5 for value in at]


def _end(column: Document, which: str) -> str:
    if choices := column.get("choices"):
        return as_label(str(choices[0 if which == "lower" else -1]))
    return "" if column[which] is None else f"{column[which]:.4g}"
