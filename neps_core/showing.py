"""How objects show themselves to people: as a short text, and in notebooks as HTML, which a plugin makes."""

from __future__ import annotations

from enum import Enum
from typing import Any

import attrs

from neps_core.errors import NePSError, warn
from neps_core.plugins import plugins

#: Characters of a value in a short text.
LONGEST = 300


def brief(thing: Any, longest: int = LONGEST) -> str:
    """An attrs object as text, without what is as it always is: `Float(lower=0.001, upper=0.1, log=True)`.

    For `__repr__`.

    Args:
        thing: The object.
        longest: Characters of a value; the rest is left out.
    """
    told = []
    for each in attrs.fields(type(thing)):
        if not each.repr or not each.init:
            continue
        value, default = getattr(thing, each.name), each.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            default = default.factory()
        if type(value) is not type(default) or value != default:
            told.append(f"{each.alias}={_shortened(value, longest)}")
    return f"{type(thing).__name__}({', '.join(told)})"


def _shortened(value: Any, longest: int) -> str:
    text = str(value) if isinstance(value, Enum) else repr(value)
    return text if len(text) <= longest else f"{text[:longest]}..."


def as_html(thing: Any) -> str | None:
    """HTML for notebooks, for `_repr_html_`.

    Returns:
        What the plugins make of it (`neps_as_html`); None if none of them does, and then a notebook shows the text.
    """
    try:
        return plugins.first("neps_as_html", thing=thing)  # type: ignore[no-any-return]
    except NePSError as reason:
        warn(f"a {type(thing).__name__} can't be shown: {reason}")
        return None


class Shown:
    """A base for optimizers, and whatever else a plugin can show in notebooks."""

    _repr_html_ = as_html
