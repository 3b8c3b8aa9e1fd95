"""What pictures have in common: which values can be drawn, and what axes look like."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import Any

#: What is larger can't be drawn: the ends of an axis lie beyond it.
LARGEST = 1e300

#: Values that span at least this factor, and are positive, are drawn on a logarithmic scale.
ORDERS = 100.0


def as_label(text: str) -> str:
    """A text that matplotlib does not take for a formula, shortened."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return (text if len(text) <= 40 else f"{text[:20]}...{text[-17:]}").replace("$", r"\$")


def all_drawable(values: Iterable[Any]) -> bool:
    """Whether all of them can be drawn."""
    return all(value is not None and abs(value) <= LARGEST for value in values)


def any_drawable(values: Iterable[Any]) -> bool:
    """Whether any of them can be."""
    return any(all_drawable([value]) for value in values)


def drawable_pairs(x: Iterable[Any], y: Iterable[Any]) -> tuple[list[float], list[float]]:
    """Those that can be drawn in both."""
    rows = [each for each in zip(x, y) if all_drawable(each)]
    return [a for a, _ in rows], [b for _, b in rows]


def scale(axes: Any, which: str, values: Iterable[Any], log: bool | None = None) -> None:
    """Grid lines, and a logarithmic scale where the values ask for it."""
    axes.grid(alpha=0.3, lw=0.5)
    there = [value for value in values if all_drawable([value])]
    if there and min(there) > 0 and (log or max(there) >= ORDERS * min(there)):
        getattr(axes, f"set_{which}scale")("log")


def name_axis(axes: Any, which: str, parameter: Mapping[str, Any]) -> None:
    """The name of a parameter, its scale, and its choices."""
    getattr(axes, f"set_{which}label")(as_label(parameter["path"]))
    if choices := parameter.get("choices"):
        labels = [as_label(str(choice)) for choice in choices]
        getattr(axes, f"set_{which}ticks")(range(len(labels)), labels, fontsize="small")
        if which == "x" and max(map(len, labels)) > 4:
            axes.tick_params(axis="x", rotation=30)
    elif parameter.get("log"):
        getattr(axes, f"set_{which}scale")("log")
        low, high = parameter["lower"], parameter["upper"]
        if all_drawable([low, high]) and 0 < low < high < ORDERS * low:  # powers of ten are too few to tell the scale
            ticks = [low, sqrt(low * high), high]
            getattr(axes, f"set_{which}ticks")(ticks, [f"{tick:.3g}" for tick in ticks])
            getattr(axes, f"set_{which}ticks")([], minor=True)


def places_on(parameter: Mapping[str, Any], values: Iterable[Any]) -> list[Any]:
    """Where values of a parameter stand on an axis."""
    choices = parameter.get("choices")
    if not choices:
        return list(values)
    places = {json.dumps(choice): i for i, choice in enumerate(choices)}  # 1, True and "1" may all be there
    return [places.get(json.dumps(value)) for value in values]


def upright_axes(axes: Any, names: Sequence[str], ends: Sequence[tuple[str, str]], size: str = "small") -> None:
    """What parallel coordinates stand on: upright lines at 0, 1, ..., each from 0 to 1.

    Args:
        axes: To draw on.
        names: Of the lines.
        ends: What stands at the lower and the upper end of each.
        size: Of that text.
    """
    for place, (lowest, highest) in enumerate(ends):
        axes.axvline(place, color="lightgray", zorder=0, lw=0.8)
        axes.text(place, -0.03, lowest, ha="center", va="top", fontsize=size)
        axes.text(place, 1.03, highest, ha="center", va="bottom", fontsize=size)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.tick_params(axis="x", pad=14)
    axes.set_yticks([])
    axes.set_ylim(-0.12, 1.12)
    axes.spines[:].set_visible(False)
