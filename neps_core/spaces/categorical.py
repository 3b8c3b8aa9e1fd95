"""The choice that a space is written in: `Categorical`."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from attrs import field, frozen

from neps_core.errors import ConfigError
from neps_core.spaces.domains import CategoricalDomain, Value
from neps_core.spaces.intervals import hull
from neps_core.spaces.parameters import confidence_of, prior_document, whole_number
from neps_core.spaces.priors import CategoryPrior, ConfidenceLevel
from neps_core.spaces.walk import Part, Walk, label_of, parts_in


@frozen(eq=False)
class Categorical(Part):
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
                if choice is value or (type(choice) is type(value) and repr(choice) == repr(value)):
                    return label
        return value

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
    return isinstance(thing, Part) or (type(thing) in (list, tuple, dict) and bool(parts_in(thing)))


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
