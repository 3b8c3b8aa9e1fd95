"""Other names that spaces are written in: those of the older interface, which lead to the same parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from neps_core.spaces.priors import ConfidenceLevel
from neps_plugins.spaces.pipeline.categorical import Categorical
from neps_plugins.spaces.pipeline.parameters import Fidelity, Float, Integer
from neps_plugins.spaces.pipeline.shorthand import parameters_in, prior_index
from neps_plugins.spaces.pipeline.space import PipelineSpace
from neps_plugins.spaces.pipeline.walk import Part

Confidence = str | ConfidenceLevel | None


def HPOFloat(
    lower: float,
    upper: float,
    log: bool = False,
    log_base: float | None = None,
    prior: float | None = None,
    prior_confidence: Confidence = "low",
    is_fidelity: bool = False,
) -> Float:
    """`Float`; without a prior, its confidence says nothing."""
    return Float(lower, upper, log, log_base, prior, None if prior is None else prior_confidence, is_fidelity)


def HPOInteger(
    lower: int,
    upper: int,
    log: bool = False,
    log_base: float | None = None,
    prior: int | None = None,
    prior_confidence: Confidence = "low",
    is_fidelity: bool = False,
) -> Integer:
    """`Integer`; without a prior, its confidence says nothing."""
    return Integer(lower, upper, log, log_base, prior, None if prior is None else prior_confidence, is_fidelity)


def HPOCategorical(choices: Any, prior: Any = None, prior_confidence: Confidence = "low") -> Categorical:
    """`Categorical`, of which the prior is the preferred choice itself, not its index.

    Raises:
        ValueError: If the prior is none of the choices.
    """
    choices = tuple(choices)
    return Categorical(choices, prior_index(choices, prior), None if prior is None else prior_confidence)


class SearchSpace(PipelineSpace):
    """A space that is made of a mapping; it can be read like one.

    Args:
        elements: What a dict that is a space may hold: parameters, ranges, choices, constants, by name.

    Raises:
        SpaceError: If something in it can't be meant; the message names it.
    """

    def __init__(self, elements: Mapping[str, Any] | None = None) -> None:
        vars(self).update(parameters_in(elements or {}))

    def __getitem__(self, name: str) -> Any:
        return self.get_attrs()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.get_attrs())

    def __len__(self) -> int:
        return len(self.get_attrs())

    @property
    def searchables(self) -> dict[str, Any]:
        """What varies and is no fidelity, by name."""
        attributes = self.get_attrs().items()
        return {name: v for name, v in attributes if isinstance(v, Part) and not isinstance(v, Fidelity)}

    @property
    def fidelity(self) -> tuple[str, Fidelity] | None:
        """Name and parameter of the fidelity; None if there is none."""
        return next(iter(self.fidelity_attrs.items()), None)
