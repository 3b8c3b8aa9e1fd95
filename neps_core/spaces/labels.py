"""Labels: the readable, storable names of the alternatives that a categorical decision is taken from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable
from typing import Any

from neps_core.spaces.domains import PLAIN, Value, exact

#: Labels are cut off here.
LABEL_LENGTH = 60


class Labelled:
    """Something that says itself what it is called where it is one of several choices."""

    @property
    def label(self) -> Value:
        """The name; the same after the space was stored and loaded."""
        return type(self).__name__


def label_of(choice: Any) -> Value:
    """A readable name for a choice that isn't a plain value; the same after the space was stored and loaded.

    One of a class derived from a plain one (`class Act(str, Enum)`) is called what it is without that class.
    """
    plain = exact(choice)
    label: Value = choice.label if isinstance(choice, Labelled) else plain if type(plain) in PLAIN else _text_of(choice)
    return label[: LABEL_LENGTH - 3] + "..." if isinstance(label, str) and len(label) > LABEL_LENGTH else label


def _text_of(choice: Any) -> str:
    if isinstance(choice, (list, tuple)):
        opening, closing = "()" if isinstance(choice, tuple) else "[]"
        comma = "," if len(choice) == 1 and isinstance(choice, tuple) else ""
        return opening + ", ".join(map(_item_label, choice)) + comma + closing
    if isinstance(choice, dict):
        return "{" + ", ".join(f"{key!r}: {_item_label(item)}" for key, item in choice.items()) + "}"
    name = getattr(choice, "__qualname__", None)
    return name.rpartition(".")[2] if isinstance(name, str) else type(choice).__name__


def _item_label(item: Any) -> str:
    return repr(item) if type(item) in PLAIN else str(label_of(item))


def labels_of(choices: tuple[Any, ...]) -> tuple[Value, ...]:
    """A readable label for each choice, all different: plain choices stand for themselves.

    Raises:
        ValueError: If a choice is there twice.
    """
    choices = tuple(exact(c) if hasattr(c, "item") else c for c in choices)
    _refuse_duplicates(choices)
    taken: set[tuple[type, Value]] = {(type(choice), choice) for choice in choices if type(choice) in PLAIN}
    labels: list[Value] = []
    for choice in choices:
        label: Value = choice
        if type(choice) not in PLAIN:
            name = label_of(choice)
            candidates = (name if n == 1 else f"{name}#{n}" for n in itertools.count(1))
            label = next(candidate for candidate in candidates if (type(candidate), candidate) not in taken)
            taken.add((type(label), label))
        labels.append(label)
    return tuple(labels)


def _refuse_duplicates(choices: tuple[Any, ...]) -> None:
    if any(isinstance(choice, float) and math.isnan(choice) for choice in choices):
        raise ValueError("choices has NaN, which equals nothing; give another value")
    first: dict[Any, int] = {}
    for i, choice in enumerate(choices):
        # 1, 1.0 and True are equal in Python, but not as choices. Containers are compared as text; that of another
        # object that can't be hashed (an array, a kernel) may leave out what matters.
        is_container = isinstance(choice, (list, tuple, dict, set))
        what = repr(choice) if is_container else choice if isinstance(choice, Hashable) else id(choice)
        key = (type(choice), what)
        if first.setdefault(key, i) != i:
            raise ValueError(f"choices has {choice!r} twice (at {first[key]} and {i}); each may be there once")
