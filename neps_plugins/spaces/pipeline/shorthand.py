"""What plain values mean in a dict that is a space: ranges, choices and parameters in few words.

In a dict, unlike in a class body, `(0.0, 1.0)` and `["a", "b"]` look like things to search. They are that, or they are
refused, and never constants by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from attrs import frozen

from neps_core import SpaceError, nearest
from neps_core.results import shown
from neps_core.spaces.domains import exact
from neps_plugins.spaces.pipeline.categorical import Categorical
from neps_plugins.spaces.pipeline.parameters import Float, Integer


@frozen
class HPOConstant:
    """A constant, also where a plain value would be read as something to search.

    Args:
        value: Handed to `evaluate_pipeline` as it is.
    """

    value: Any


def parameters_in(space: Mapping[Any, Any]) -> dict[Any, Any]:
    """The attributes that a dict of the user's stands for.

    Args:
        space: By name, a parameter; `(lower, upper)`: a range of whole numbers, or of real ones if a bound is a float;
            a list: choices; a mapping with `lower` and `upper`, or with `choices`: that parameter, by its keywords;
            anything else: a constant.

    Raises:
        SpaceError: Naming what can't be meant.
    """
    return {name: _meant(name, value) for name, value in space.items()}


def prior_index(choices: Any, prior: Any) -> int | None:
    """Where the preferred choice stands; None for no prior.

    Raises:
        ValueError: If it is none of the choices.
    """
    if prior is None:
        return None
    for index, choice in enumerate(choices):
        if type(choice) is type(prior) and choice == prior:
            return index
    raise ValueError(f"the prior {shown(prior)} is none of the choices; here it is the choice itself, not its index")


def _meant(name: Any, value: Any) -> Any:
    if type(value) is tuple:
        if len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]:
            return _number_type(*value)(*map(exact, value))
        what = "a tuple is a range (lower, upper) of two numbers, the lower one first"
        _refuse(name, value, what, "neps.Categorical([...]) for choices")
    if isinstance(value, list):
        return Categorical([_choice(name, each) for each in value])
    if isinstance(value, Mapping):
        return _from_mapping(name, value)
    if isinstance(value, (set, frozenset, range)):
        _refuse(name, value, f"a {type(value).__name__} is neither a range nor choices", "neps.Categorical([...])")
    return value


def _from_mapping(name: Any, value: Mapping[Any, Any]) -> Any:
    fields = dict(value)
    kind = fields.pop("type", None)
    if "choices" in fields:
        kinds, known = _CHOICES, ["choices", "prior", "prior_confidence"]
    elif "lower" in fields and "upper" in fields:
        kinds, known = _NUMBERS, ["lower", "upper", "log", "log_base", "prior", "prior_confidence", "is_fidelity"]
    else:
        what = 'a mapping is a parameter with "lower" and "upper", or with "choices"'
        _refuse(name, value, what, "{'lower': 0.0, 'upper': 1.0}")
    for key in fields:
        if key not in known:
            raise SpaceError(f"{name}: {shown(value)} has the key {key!r}. {nearest(str(key), ['type', *known])}")
    if kind is not None and kind not in list(kinds):
        raise SpaceError(f"{name}: {shown(value)} has the type {kind!r}. {nearest(str(kind), kinds)}")
    if kinds is _CHOICES:
        return _categorical(name, **fields)
    return kinds.get(kind, _number_type(fields["lower"], fields["upper"]))(**fields)


def _categorical(name: Any, choices: Any, prior: Any = None, prior_confidence: Any = None) -> Categorical:
    if not isinstance(choices, (list, tuple)):
        raise SpaceError(f"{name}: choices must be a list, not {shown(choices)}.")
    try:
        return Categorical([_choice(name, each) for each in choices], prior_index(choices, prior), prior_confidence)
    except ValueError as reason:
        raise SpaceError(f"{name}: {reason}.") from None


def _choice(name: Any, value: Any) -> Any:
    """A choice: what is written like a parameter is one, `{"lower": 0.1, "upper": 0.9}`."""
    if isinstance(value, HPOConstant):
        return value.value
    is_parameter = isinstance(value, Mapping) and {"lower", "upper", "choices"} & set(value)
    return _from_mapping(name, value) if is_parameter else value


_CHOICES: dict[str, Callable[..., Any]] = {"categorical": Categorical}
_NUMBERS: dict[str, Callable[..., Any]] = {"float": Float, "int": Integer, "integer": Integer}


def _is_number(value: Any) -> bool:
    return isinstance(exact(value), (int, float)) and not isinstance(exact(value), bool)


def _number_type(lower: Any, upper: Any) -> type[Float] | type[Integer]:
    return Integer if all(isinstance(exact(bound), int) for bound in (lower, upper)) else Float


def _refuse(name: Any, value: Any, what: str, instead: str) -> NoReturn:
    raise SpaceError(
        f"{name}: {shown(value)} can't be meant in a dict, where {what}. "
        f"Write {instead}, or neps.HPOConstant(...) if it is a constant."
    )
