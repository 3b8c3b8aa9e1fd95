"""One number for several objectives, by which the best trial of a run is chosen (`scalarize=`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Union

from attrs import frozen

from neps_core.errors import ResultError, RunError
from neps_core.results import number, shown
from neps_core.shapes import Layout
from neps_core.trials import Trial

Weights = Union[Mapping[str, float], Sequence[float]]


@frozen
class Scalarization:
    """What was given as `scalarize`, checked as far as one can before there is a result.

    Attributes:
        given: Weights by name or by position, or a function of the objectives.
    """

    given: dict[str, float] | list[float] | Callable[[tuple[float, ...]], Any]

    def check(self, layout: Layout | None) -> None:
        """Whether the weights are those of a run's objectives.

        Raises:
            RunError: If they aren't.
        """
        if layout is None or callable(self.given):
            return
        if isinstance(self.given, dict):
            if layout.names is None or set(self.given) != set(layout.names):
                names = "no names" if layout.names is None else ", ".join(layout.names)
                raise RunError(
                    f"scalarize has weights for {', '.join(self.given)}, and this run's objectives have {names}."
                )
        elif len(self.given) != layout.n:
            raise RunError(f"scalarize has {len(self.given)} weight(s), and this run's results have {layout.shown}.")

    def best_of(self, trials: Iterable[Trial], layout: Layout | None) -> Trial | None:
        """The trial whose number is lowest, the first of equals; None if there is none.

        Raises:
            RunError: If the weights are those of other objectives, or the function does not give a number.
        """
        self.check(layout)
        names = None if layout is None else layout.names
        numbers = [(self._number(trial.objectives or (), names), trial) for trial in trials]
        return min(numbers, key=lambda each: each[0])[1] if numbers else None

    def _number(self, objectives: tuple[float, ...], names: Sequence[str] | None) -> float:
        if callable(self.given):
            try:
                value = number("scalarize", self.given(objectives), or_bool=True)
            except ResultError as reason:
                raise RunError(f"scalarize({objectives}): {reason}") from None
            except Exception as reason:  # the user's code, so anything
                raise RunError(f"scalarize({objectives}) raised {reason!r}.") from reason
        else:
            weights = [self.given[name] for name in names or ()] if isinstance(self.given, dict) else self.given
            # What has no weight has no say, even if it is infinite.
            value = sum(weight * objective for weight, objective in zip(weights, objectives) if weight)
        return math.inf if math.isnan(value) else value


def parse_scalarize(given: Any) -> Scalarization | None:
    """What the user gave as `scalarize`; None for nothing.

    Raises:
        RunError: If it is neither weights nor a function.
    """
    if given is None:
        return None
    if callable(given):
        return Scalarization(given)
    if hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, Mapping) and all(isinstance(name, str) for name in given):
        weights = {name: _weight(name, value) for name, value in given.items()}
        numbers = list(weights.values())
    elif isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
        numbers = [_weight(i, value) for i, value in enumerate(given)]
        weights = {}
    else:
        raise RunError(
            "scalarize must be weights, in a dict by the objectives' names or in a list, or a function of the tuple of "
            f"objectives, not {shown(given)}."
        )
    if not any(numbers):
        raise RunError(f"scalarize={shown(given)} has no weight above 0.")
    return Scalarization(weights or numbers)


def _weight(key: Any, value: Any) -> float:
    try:
        weight = number(f"scalarize[{key}]", value)
    except ResultError as reason:
        raise RunError(str(reason)) from None
    if not 0 <= weight < math.inf:
        raise RunError(f"scalarize[{key!r}] must be a finite weight of at least 0, not {weight}.")
    return weight
