"""The choice that a space is written in: `Categorical`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from attrs import field, frozen

from neps_core import CategoricalDomain, ConfigError, SpaceError, Value
from neps_core.documents import Deferred, build
from neps_core.spaces.labels import labels_of
from neps_core.spaces.priors import CategoryPrior, ConfidenceLevel
from neps_plugins.spaces.pipeline.intervals import hull
from neps_plugins.spaces.pipeline.parameters import confidence_of, prior_document, whole_number
from neps_plugins.spaces.pipeline.references import Resamplable
from neps_plugins.spaces.pipeline.walk import Part, Walk, parts_in


@frozen(eq=False, repr=False)
class Categorical(Resamplable):
    """A choice between alternatives that have no order.

    Args:
        choices: The alternatives: at least one, no two the same.
        prior: The *index* of the choice that you believe to be good.
        prior_confidence: How sure you are: `"low"` (the default with a prior), `"medium"` or `"high"`;
            the choice then weighs 2, 4 or 6 times as much as each other one.
    """

    choices: Any
    prior: Any = None
    prior_confidence: str | ConfidenceLevel | None = None
    _domain: CategoricalDomain | None = field(default=None, init=False, repr=False)

    def domain(self) -> CategoricalDomain:
        """What the decision is taken from: a label per choice.

        Raises:
            ValueError: If the choices or the prior make no sense.
        """
        if self._domain is None:
            object.__setattr__(self, "_domain", self._make_domain())
        assert self._domain is not None
        return self._domain

    def __attrs_post_init__(self) -> None:
        if isinstance(self.choices, Iterable) and not isinstance(self.choices, (str, bytes, set, frozenset, Mapping)):
            object.__setattr__(self, "choices", tuple(self.choices))

    def _make_domain(self) -> CategoricalDomain:
        if not isinstance(self.choices, tuple):
            raise ValueError(f"choices must be a list or tuple, not {self.choices!r} ({type(self.choices).__name__})")
        if not self.choices:
            raise ValueError("choices is empty; give at least one")
        labels = labels_of(self.choices)
        confidence = confidence_of(self.prior, self.prior_confidence)
        if self.prior is None:
            return CategoricalDomain(labels)
        index = whole_number("prior (an index into the choices)", self.prior)
        if not 0 <= index < len(labels):
            raise ValueError(f"prior {index} is no index into {len(labels)} choices (0 to {len(labels) - 1})")
        return CategoricalDomain(labels, CategoryPrior.preferring(index, len(labels), confidence))

    def check(self) -> None:
        if not self.has_open_domain:
            self.domain()

    def resolve(self, walk: Walk, path: str) -> Any:
        choices = self.choices
        if self.has_open_domain:
            fields = zip(("choices", "prior", "prior_confidence"), (self.choices, self.prior, self.prior_confidence))
            # The choices themselves are looked at only once one is chosen.
            resolved = Categorical(*(walk.value(f, f"{path}:{n}") if isinstance(f, Part) else f for n, f in fields))
            choices = resolved.choices
            try:
                domain = resolved._make_domain()
            except ValueError as reason:
                raise ConfigError(f"{path!r}: {reason}.") from None
        else:
            domain = self.domain()
        index = walk.choose(self, path, domain)
        chosen = choices[index]
        return walk.value(chosen, _below(path, domain.choices[index], index)) if _has_parts(chosen) else chosen

    def label_for(self, value: Any) -> Any:
        """The label of the choice that equals `value`; `value` itself if none does."""
        if not self.has_open_domain:
            for choice, label in zip(self.choices, self.domain().choices):
                if _same(choice, value):
                    return label
        return value

    @property
    def lower(self) -> int:
        """The index of the first choice."""
        return 0

    @property
    def upper(self) -> int:
        """The index of the last choice."""
        return len(self.choices) - 1

    @property
    def has_parts(self) -> bool:
        """Whether there is something to be decided within a choice."""
        return any(map(_has_parts, self.choices))

    @property
    def has_open_domain(self) -> bool:
        return any(isinstance(f, Part) for f in (self.choices, self.prior, self.prior_confidence))

    @property
    def has_prior(self) -> bool:
        return self.prior is not None

    @property
    def children(self) -> tuple[Any, ...]:
        choices = self.choices if isinstance(self.choices, tuple) else (self.choices,)
        return (*choices, *(f for f in (self.prior, self.prior_confidence) if isinstance(f, Part)))

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The least and the greatest value; None where that is not known."""
        return hull(self.choices) if isinstance(self.choices, tuple) else (None, None)

    def least_decisions(self, of: Callable[[Any], float]) -> float:
        others = sum(of(f) for f in (self.prior, self.prior_confidence) if isinstance(f, Part))
        if isinstance(self.choices, tuple):
            return 1 + others + min(map(of, self.choices), default=0)
        return 1 + others + of(self.choices)

    def with_prior(self, prior: Any, confidence: Any) -> Part:
        """The same parameter with another prior."""
        return type(self)(self.choices, prior, confidence)

    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        choices = [write(c) for c in self.choices] if isinstance(self.choices, tuple) else write(self.choices)
        return {"choices": choices, **prior_document(self, write)}


_SIMPLE = re.compile(r"[A-Za-z_]\w*(#\d+)?")


def _below(path: str, label: Value, index: int) -> str:
    """The path of what is decided within a choice."""
    return f"{path}.{label}" if isinstance(label, str) and _SIMPLE.fullmatch(label) else f"{path}{{{index}}}"


def _has_parts(thing: Any) -> bool:
    """Whether a walk may find a decision in a thing; what is merely made later has none."""
    return any(not isinstance(part, Deferred) for part in parts_in(thing))


def _same(choice: Any, value: Any) -> bool:
    if choice is value:
        return True
    made = choice
    with suppress(SpaceError):  # what can't be had here, nobody can have been given
        made = build(choice)
    return made is value or (type(made) is type(value) and repr(made) == repr(value))
