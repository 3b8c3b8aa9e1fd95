"""A little HTML for notebooks: tables, trees and curves, in the notebook's own colours.

What is not `Html` is escaped wherever it is put. There is no script, no style sheet and nothing that is loaded.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from neps_core.results import shortened

#: Characters of a value.
LONGEST = 80

#: Pixels of a picture.
WIDTH, HEIGHT = 320, 96

#: Points of a curve.
POINTS = 200


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(thing: Any) -> Html:
    """Anything as HTML: numbers with six digits, text as it is, up to a length."""
    if isinstance(thing, Html):
        return thing
    if isinstance(thing, float):
        thing = f"{thing:.6g}"
    # A zero byte and its kin can't be in HTML at all.
    text = "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in str(thing)[: 4 * LONGEST]
    )
    return Html(html.escape(shortened(text, LONGEST)))


def element(tag: str, *content: Any, **attributes: Any) -> Html:
    """`<tag attribute="...">content</tag>`."""
    given = "".join(f' {name.replace("_", "-")}="{html.escape(str(value))}"' for name, value in attributes.items())
    return Html(f"<{tag}{given}>{''.join(map(escaped, content))}</{tag}>")


def card(title: Any, *content: Any) -> Html:
    """Something with a title over it."""
    return element("div", element("div", element("b", title)), *content, style="overflow-x:auto")


def faint(*content: Any) -> Html:
    """What is less important."""
    return element("div", *content, style="opacity:.7")


def table(head: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Html:
    """A table.

    Args:
        head: Of each column; empty for none.
        rows: Their cells.
    """
    style = "text-align:left;padding:1px 12px 1px 0;white-space:nowrap"
    lines = [element("tr", *(element("th", cell, style=style) for cell in head))] if head else []
    lines += [element("tr", *(element("td", cell, style=style) for cell in row)) for row in rows]
    return element("table", *lines, style="border-collapse:collapse;margin:4px 0")


def named(values: Mapping[str, Any]) -> Html:
    """A table of names and values."""
    return table((), [(element("b", name), value) for name, value in values.items()])


def tree(label: Any, branches: Sequence[Html] = ()) -> Html:
    """A node of a tree; its branches can be folded."""
    if not branches:
        return element("div", label, style="margin-left:1.2em")
    inner = element("div", *branches, style="margin-left:1.2em")
    return Html(f"<details open><summary>{escaped(label)}</summary>{inner}</details>")


def curve(values: Sequence[float], what: str) -> Html:
    """A line through finite values, one after another.

    Args:
        values: Of a long list, some are drawn, the last among them.
        what: What is drawn, for who can't see it.
    """
    finite = [(i, value) for i, value in enumerate(values) if math.isfinite(value)]
    if len(finite) < 2:
        return Html("")
    step = math.ceil(len(finite) / POINTS)
    points = _placed(finite[::-step][::-1])
    told = f"{what}: from {finite[0][1]:.6g} to {finite[-1][1]:.6g}"
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return _picture(told, element("polyline", points=line, fill="none", stroke="currentColor", stroke_width="1.5"))


def dots(pairs: Sequence[tuple[float, float]], what: str) -> Html:
    """Finite points of a plane; as for `curve`."""
    finite = [pair for pair in pairs if all(map(math.isfinite, pair))]
    if len(finite) < 2:
        return Html("")
    step = math.ceil(len(finite) / POINTS)
    points = _placed(finite[::step])
    told = f"{what}: {len(finite)} points"
    return _picture(told, *(element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="2.5") for x, y in points))


def _placed(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Where points are on a picture, the y axis going up."""
    (x_low, x_high), (y_low, y_high) = ((min(column), max(column)) for column in zip(*points))

    def share(value: float, low: float, high: float) -> float:
        span = high / 2 - low / 2  # which is finite, whatever they are
        return (value / 2 - low / 2) / span if span > 0 else 0.5

    return [
        (4 + share(x, x_low, x_high) * (WIDTH - 8), HEIGHT - 4 - share(y, y_low, y_high) * (HEIGHT - 8))
        for x, y in points
    ]


def _picture(told: str, *content: Html) -> Html:
    """A picture with a line below that says what it shows."""
    shape = {"width": WIDTH, "height": HEIGHT, "viewBox": f"0 0 {WIDTH} {HEIGHT}"}
    picture = element("svg", element("title", told), *content, **shape, role="img", fill="currentColor")
    return element("div", picture, faint(told))
