"""The options that views take, which may come from a page, as what they have to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neps_core import NePSError, nearest
from neps_plugins.analysis.columns import Columns
from neps_plugins.analysis.parameters import Parameter


def as_objective(columns: Columns, objective: Any) -> int:
    """The number of an objective, which may be given by its name.

    Raises:
        NePSError: If there is none.
    """
    names = columns.objective_names
    if objective in names:
        return names.index(objective)
    number = as_count("objective", objective, 0)
    if number >= len(names):
        raise NePSError(f"objective={number}: the run has {len(names)}, counted from 0: {', '.join(names)}.")
    return number


def has_objective(columns: Columns, objective: int) -> bool:
    """Whether any trial has a value of it yet."""
    return bool(objective < columns.objectives.shape[1])


def as_count(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number of at least `least`; `most` if it is above that.

    Raises:
        NePSError: If it is none.
    """
    try:
        number = int(value)
        if number != float(value) or isinstance(value, bool):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise NePSError(f"{name}={value!r} must be a whole number of at least {least}.") from None
    if number < least:
        raise NePSError(f"{name}={value!r} must be at least {least}.")
    return number if most is None else min(number, most)


def as_parameter(columns: Columns, name: str, path: Any) -> Parameter:
    """The parameter at a path.

    Raises:
        NePSError: If no trial has one; with the nearest.
    """
    found = columns.parameters.get(path) if isinstance(path, str) else None
    if found is None:
        raise NePSError(f"{name}: no trial has a parameter {path!r}. {nearest(str(path), columns.parameters)}")
    return found


def one_of(name: str, value: Any, allowed: Sequence[str]) -> str:
    """One of some words.

    Raises:
        NePSError: If it is none of them; with the nearest.
    """
    if value not in allowed:
        raise NePSError(f"{name}={value!r} is not known. {nearest(str(value), allowed)}")
    return str(value)
