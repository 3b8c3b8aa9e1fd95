"""Labels: the readable, storable names of the alternatives that a categorical decision is taken from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable
from typing import Any

from neps_core.spaces.domains import Value

#: Labels are cut off here.
LABEL_LENGTH = 60


class Labelled:
    """Something that says itself what it is called where it is one of several choices."""

    @property
    def label(self) -> str:
        """The name; the same after the space was stored and loaded."""
        return type(self).__name__


def label_of(choice: Any) -> str:
    """A readable name for a choice that isn't a plain value; the same after the space was stored and loaded."""
    if isinstance(choice, Labelled):
        text = choice.label
    elif isinstance(choice, (list, tuple)):
        opening, closing = "()" if isinstance(choice, tuple) else "[]"
        comma = "," if len(choice) == 1 and isinstance(choice, tuple) else ""
        text = opening + ", ".join(map(_item_label, choice)) + comma + closing
    elif isinstance(choice, dict):
        text = "{" + ", ".join(f"{key!r}: {_item_label(item)}" for key, item in choice.items()) + "}"
    else:
        name = getattr(choice, "__qualname__", None)
        text = name.rpartition(".")[2] if isinstance(name, str) else type(choice).__name__
    return text if len(text) <= LABEL_LENGTH else text[: LABEL_LENGTH - 3] + "..."


def _item_label(item: Any) -> str:
    plain = item is None or isinstance(item, (str, int, float, bool))
    return repr(item) if plain else label_of(item)


def labels_of(choices: tuple[Any, ...]) -> tuple[Value, ...]:
    """A readable label for each choice, all different: plain choices stand for themselves.

    Raises:
        ValueError: If a choice is there twice.
    """
    choices = tuple(c.item() if hasattr(c, "item") and getattr(c, "shape", None) == () else c for c in choices)
    _refuse_duplicates(choices)
    taken = {(type(choice), choice) for choice in choices if isinstance(choice, _PLAIN)}
    labels: list[Value] = []
    for choice in choices:
        label: Value = choice
        if not isinstance(choice, _PLAIN):
            name = label_of(choice)
            candidates = (name if n == 1 else f"{name}#{n}" for n in itertools.count(1))
            label = next(candidate for candidate in candidates if (str, candidate) not in taken)
            taken.add((str, label))
        labels.append(label)
    return tuple(labels)


_PLAIN = (str, int, float, bool, type(None))


def _refuse_duplicates(choices: tuple[Any, ...]) -> None:
    if any(isinstance(choice, float) and math.isnan(choice) for choice in choices):
        raise ValueError("choices has NaN, which equals nothing; give another value")
    first: dict[Any, int] = {}
    for i, choice in enumerate(choices):
        # 1, 1.0 and True are equal in Python, but not as choices; what can't be hashed is compared as text.
        key = (type(choice), choice if isinstance(choice, Hashable) and not isinstance(choice, tuple) else repr(choice))
        if first.setdefault(key, i) != i:
            raise ValueError(f"choices has {choice!r} twice (at {first[key]} and {i}); each may be there once")
