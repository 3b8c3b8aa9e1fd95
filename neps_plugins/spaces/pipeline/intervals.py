"""The least and the greatest value that something in a space can have."""

from __future__ import annotations

from typing import Any

from neps_core.spaces.domains import exact
from neps_plugins.spaces.pipeline.walk import Part


def range_of(thing: Any) -> tuple[float | None, float | None]:
    """The least and the greatest value of a number or of a part that gives numbers; None where that is not known."""
    if isinstance(thing, Part):
        interval: tuple[float | None, float | None] = getattr(thing, "interval", (None, None))
        return interval
    thing = exact(thing)
    if isinstance(thing, bool) or not isinstance(thing, (int, float)):
        return None, None
    return thing, thing


def hull(things: Any) -> tuple[float | None, float | None]:
    """The range that holds the ranges of several things; None where one isn't known."""
    ranges = [range_of(thing) for thing in things]
    lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
    return (
        None if not lows or None in lows else min(low for low in lows if low is not None),
        None if not highs or None in highs else max(high for high in highs if high is not None),
    )
