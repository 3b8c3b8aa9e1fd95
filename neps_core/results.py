"""From what `evaluate_pipeline` returned to a report."""

from __future__ import annotations

import math
import traceback
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, TypedDict, Union

import numpy as np

from neps_core.errors import NePSError, ResultError
from neps_core.shapes import UNKNOWN, Layout, Shape
from neps_core.trials import Objective, Report, State


class UserResultDict(TypedDict, total=False):
    """What `evaluate_pipeline` may return as a dict."""

    objective_to_minimize: Union[float, Sequence[float], Mapping[str, float]]
    constraints: Union[float, Sequence[float], Mapping[str, float]]
    cost: float
    learning_curve: Sequence[Any]
    info_dict: Mapping[str, Any]
    extra: Mapping[str, Any]
    exception: BaseException


#: The key of the objective, and its other name.
OBJECTIVE_KEYS = ("objective_to_minimize", "objective_function_to_minimize")

#: Results are shown in messages up to this many characters: a result that is refused must not be lost.
SHOWN = 2000

#: Characters of a traceback that are kept: it is for people to read.
SHOWN_TRACEBACK = 20_000

#: Further information is kept down to this depth; what lies below is shown as text.
DEPTH = 20


#: Characters of the name of an objective or a constraint.
NAME = 120


def parse_result(
    result: Any, *, cost_required: bool = False, shape: Shape = UNKNOWN, was_stopped: bool = False
) -> Report:
    """The report of a returned value.

    Args:
        result: A number, a sequence of numbers, a `UserResultDict`, or an exception.
        cost_required: Whether a cost budget needs a cost.
        shape: What the run's other results have in common: how many objectives and constraints, and their names.
        was_stopped: Whether the evaluation was stopped early, perhaps before its constraints were known.

    Returns:
        The report; NaN among the objectives makes it a crashed one, an exception a failed one.

    Raises:
        ResultError: If it is none of these; the message names the key and the type.
    """
    if isinstance(result, BaseException):
        return failure(result)
    if not isinstance(result, Mapping):
        result = {OBJECTIVE_KEYS[0]: result}
    fields = _as_dict("the result", result)
    came_with_more = len(fields) > 1  # which may be worth keeping, whatever is wrong with the objective
    exception = fields.pop("exception", None)
    given = [key for key in OBJECTIVE_KEYS if key in fields]
    if len(given) > 1:
        raise ResultError(f"{given[0]!r} and {given[1]!r} are two names for one thing; return one of them.")
    objective_value = fields.pop(given[0]) if given else None
    cost_value, curve = fields.pop("cost", None), fields.pop("learning_curve", None)
    constraints_value = fields.pop("constraints", None)
    no_constraints = constraints_value is None or (
        isinstance(constraints_value, (list, tuple, Mapping)) and not constraints_value
    )
    extra: dict[str, Any] = {}
    for key in ("info_dict", "extra"):
        value = fields.pop(key, None)
        if value is not None and not isinstance(value, Mapping):
            raise ResultError(f"{key!r} must be a dict, not {_shown(value)}.")
        extra.update({} if value is None else _as_dict(repr(key), value))
    extra.update(fields)
    cost = None if cost_value is None else parse_cost(cost_value)
    learning_curve = None if curve is None else _curve(curve)
    plain_extra = {str(key): plain(value) for key, value in extra.items()}
    if exception is not None:
        if not isinstance(exception, BaseException):
            raise ResultError(f"'exception' must be an exception, not {_shown(exception)}.")
        return failure(exception, cost=cost, learning_curve=learning_curve, extra=plain_extra)
    if not given:
        raise ResultError(f"the result {_shown(result)} has no {OBJECTIVE_KEYS[0]!r}.")
    if no_constraints and was_stopped:
        constraints_value = shape.unknown_constraints
        no_constraints = constraints_value is None
    if no_constraints and shape.constraints is not None and shape.constraints.n:
        raise ResultError(
            f"the result {_shown(result)} has no 'constraints', and this run's earlier results have "
            f"{shape.constraints.shown}. Return them in every result; NaN for what is not known."
        )
    constraints: Objective | None = None
    constraint_names: Sequence[str] | None = None
    try:
        objective, names = values_of(given[0], objective_value, shape.objectives)
        if not no_constraints:
            constraints, constraint_names = values_of("constraints", constraints_value, shape.constraints)
    except ResultError as reason:
        if not came_with_more:
            raise
        raise ResultError(f"{reason} The result is {_shown(result)}.") from None
    if cost_required and cost is None:
        raise ResultError(
            f"the result {_shown(result)} has no 'cost', which a cost budget needs. "
            "Return {'objective_to_minimize': ..., 'cost': ...}."
        )
    values = objective if isinstance(objective, list) else [objective]
    if any(math.isnan(value) for value in values):
        err = f"the objective is NaN: {objective}"
        return Report(None, cost, learning_curve, plain_extra, err, None, State.CRASHED.value)
    return Report(
        objective,
        cost,
        learning_curve,
        plain_extra,
        objective_names=names,
        constraints=constraints,
        constraint_names=constraint_names,
    )


def failure(
    error: BaseException,
    *,
    cost: float | None = None,
    learning_curve: list[Any] | None = None,
    extra: dict[str, Any] | None = None,
) -> Report:
    """The report of an evaluation that raised."""
    try:
        text = clean_text("".join(traceback.format_exception(type(error), error, error.__traceback__)))
        err = clean_text(f"{type(error).__name__}: {error}")
    except Exception:  # an exception that can't even be shown
        text, err = "".join(traceback.format_tb(error.__traceback__)), type(error).__name__
    err, text = shortened(err, SHOWN), shortened(text, SHOWN_TRACEBACK)
    return Report(None, cost, learning_curve, extra or {}, err, text, State.FAILED.value)


def shortened(text: str, n: int) -> str:
    """A text for people: its begin and its end, about `n` characters in all, if it is longer."""
    if len(text) <= n:
        return text
    half = n // 2
    return f"{text[:half]}\n... ({len(text) - 2 * half} characters are left out) ...\n{text[-half:]}"


def plain(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """Plain data that shows `value`: a result is never lost because of something odd that came with it.

    Args:
        value: Anything.
        inside: The `id` of each container that it is in: what contains itself is shown as text there.
    """
    try:
        if value is None or type(value) in (bool, float):
            return value
        if type(value) is int:
            return value if abs(value) < 1 << 256 else shown(value)
        if isinstance(value, (str, PurePath)):
            return clean_text(str(value))
        if len(inside) < DEPTH and id(value) not in inside:
            within = (*inside, id(value))
            if isinstance(value, Mapping):
                return {clean_text(str(key)): plain(item, within) for key, item in value.items()}
            if isinstance(value, (list, tuple, set, frozenset)):
                if set(map(type, value)) <= {float}:  # there may be many of them
                    return list(value)
                return [plain(item, within) for item in value]
            if isinstance(value, (bool, int, float)):
                return value.real
            if hasattr(value, "tolist"):
                return plain(value.tolist(), within)
    except Exception:  # another library's object, so anything
        pass
    return shown(value)


def clean_text(text: str) -> str:
    """Text that can be written as UTF-8: what can't is shown as an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def shown(value: Any) -> str:
    """How an object shows itself, shortened; its type's name if it can't."""
    try:
        return clean_text(repr(value)[:SHOWN])
    except Exception:  # the user's code, so anything
        return f"<{type(value).__name__}>"


def number(key: str, value: Any, or_bool: bool = False) -> float:
    """A real number of any library's as a float.

    Args:
        key: What it is, for messages.
        value: The number.
        or_bool: Whether True and False are the numbers 1 and 0 here.

    Raises:
        ResultError: If it is none.
    """
    try:
        shape = getattr(value, "shape", ())
        if not isinstance(value, (str, bytes, complex)) and shape in ((), (1,)) and not np.ma.is_masked(value):
            item = value.item() if hasattr(value, "item") else value
            if not isinstance(item, (str, bytes)) and (or_bool or not isinstance(item, bool)):
                result = float(item)
                if not math.isinf(result) or result == item:  # else a Decimal beyond all floats
                    return result
    except Exception:  # another library's object, so anything
        pass
    raise ResultError(f"{key!r} must be a number, not {_shown(value)}.")


def objective_of(key: str, value: Any) -> Objective:
    """One objective or several, of any library's numbers; True counts as 1.

    Raises:
        ResultError: If it is none.
    """
    if type(value) is float:
        return value
    if hasattr(value, "tolist") and len(getattr(value, "shape", ())) == 1:
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        return number(key, value, or_bool=True)
    if not value:
        raise ResultError(f"{key!r} is an empty sequence; give a number, or one per objective.")
    return [number(key, item, or_bool=True) for item in value]


def values_of(key: str, value: Any, layout: Layout | None = None) -> tuple[Objective, Sequence[str] | None]:
    """One value or several, and what they are called.

    Args:
        key: What they are, for messages.
        value: A number, a sequence of numbers, or a dict from name to number.
        layout: How many the run's other results have, and their names; None if that is open.

    Returns:
        The values in the order of the others', and the names; None if there are none.

    Raises:
        ResultError: If they are no numbers, or others than the layout's.
    """
    names: list[str] | None = None
    if isinstance(value, Mapping):
        fields = _as_dict(repr(key), value)
        names = [_name(key, name) for name in fields]
        value = [number(f"{key}[{name}]", item, or_bool=True) for name, item in zip(names, fields.values())]
        value = value[0] if len(value) == 1 else value
    values = objective_of(key, value)
    if layout is None:
        return values, names
    if isinstance(values, list):
        return layout.arranged(key, values, names), layout.names
    return layout.arranged(key, [values], names)[0], layout.names


def _name(key: str, name: Any) -> str:
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name.strip()) <= len(name) <= NAME:
        raise ResultError(
            f"{key!r} is a dict whose keys must be names, texts of one line and at most {NAME} characters, "
            f"not {_shown(name)}."
        )
    return str.__str__(name)


def parse_cost(value: Any) -> float:
    """A cost: a finite number of at least 0.

    Raises:
        ResultError: If it is none.
    """
    cost = number("cost", value, or_bool=True)
    if not math.isfinite(cost) or cost < 0:
        raise ResultError(f"'cost' must be a finite number of at least 0, not {_shown(value)}.")
    return cost


def _as_dict(what: str, value: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return dict(value)
    except NePSError:  # what was to be read from a file
        raise
    except Exception as reason:  # another library's object, so anything
        raise ResultError(f"{what}, a {type(value).__name__}, can't be looked at: {reason!r}.") from reason


def _curve(value: Any) -> list[Any]:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise ResultError(f"'learning_curve' must be a list of numbers, not {_shown(value)}.")
    return [objective_of("learning_curve", item) for item in value]


def _shown(value: Any) -> str:
    return f"{shown(value)} ({type(value).__name__})"
