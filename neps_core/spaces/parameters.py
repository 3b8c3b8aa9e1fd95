"""The parameters that a space is written in: `Float`, `Integer`, `Categorical` and the fidelities.

They are descriptions. Whether one makes sense is checked when the space that holds it is built, because
only then is the attribute known that the error has to name. Two parameters are the same only if they are
one object: an object that is used twice has one value.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from attrs import field, frozen

from neps_core.spaces.domains import CategoricalDomain, Domain, FloatDomain, IntegerDomain, Value
from neps_core.spaces.intervals import hull, range_of
from neps_core.spaces.priors import SIGMA, CategoryPrior, ConfidenceLevel, NormalPrior, parse_confidence
from neps_core.spaces.walk import Part, Walk, label_of, parts_in


def _plain_number(name: str, value: Any) -> float | int:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} must be a number, not {value!r} ({type(value).__name__})")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, not {value!r}")
    return value


def _whole_number(name: str, value: Any) -> int:
    number = _plain_number(name, value)
    if number != int(number):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    return int(number)


def _confidence(prior: Any, confidence: Any) -> ConfidenceLevel:
    if prior is None and confidence is not None:
        raise ValueError(f"prior_confidence={confidence!r} needs a prior; add prior=..., or leave it out")
    return ConfidenceLevel.LOW if confidence is None else parse_confidence(confidence)


@frozen(eq=False)
class _Number(Part):
    """What `Float` and `Integer` share."""

    lower: Any
    upper: Any
    log: bool = False
    log_base: float | None = None
    prior: Any = None
    prior_confidence: str | ConfidenceLevel | None = None
    _domain: Domain | None = field(default=None, init=False, repr=False)

    def _bounds(self) -> tuple[float, float]:
        raise NotImplementedError

    def domain(self) -> Domain:
        """What the decision is taken from, where no part of it is a decision itself.

        Raises:
            ValueError: If the bounds, the scale or the prior make no sense.
        """
        if self._domain is None:
            object.__setattr__(self, "_domain", self._make_domain())
        assert self._domain is not None
        return self._domain

    def _make_domain(self, may_be_single: bool = False) -> Domain:
        lower, upper = self._bounds()
        if lower >= upper and not (may_be_single and lower == upper):
            raise ValueError(f"lower ({lower!r}) must be less than upper ({upper!r}); for one value, use a constant")
        if not math.isfinite(float(upper) - float(lower)):
            raise ValueError(f"the range from {lower!r} to {upper!r} is too wide for a float; narrow the bounds")
        if not isinstance(self.log, bool):
            raise ValueError(f"log must be True or False, not {self.log!r}")
        if self.log and lower <= 0:
            raise ValueError(f"log=True needs lower > 0, not {lower!r}")
        if self.log_base is not None:
            base = _plain_number("log_base", self.log_base)
            if base <= 0 or base == 1:
                raise ValueError(f"log_base must be positive and not 1, not {self.log_base!r}")
            if not self.log:
                raise ValueError(f"log_base={self.log_base!r} needs log=True")
        confidence = _confidence(self.prior, self.prior_confidence)
        flat = self._domain_type(lower, upper, self.log)
        if self.prior is None:
            return flat
        try:
            mode = flat.to_unit(flat.check(self.prior))  # type: ignore[arg-type]
        except ValueError as reason:
            raise ValueError(f"prior {reason}") from None
        return self._domain_type(lower, upper, self.log, NormalPrior(mode, SIGMA[confidence]))

    @property
    def _domain_type(self) -> Callable[..., FloatDomain | IntegerDomain]:
        raise NotImplementedError

    def check(self) -> None:
        if not self.children:
            self.domain()
            return
        highest_lower, lowest_upper = range_of(self.lower)[1], range_of(self.upper)[0]
        if highest_lower is not None and lowest_upper is not None and highest_lower > lowest_upper:
            raise ValueError(f"lower may be as much as {highest_lower!r}, and upper as little as {lowest_upper!r}")
        lowest = range_of(self.lower)[0]
        if self.log and lowest is not None and lowest <= 0:
            raise ValueError(f"log=True needs lower > 0, and it may be {lowest!r}")

    def resolve(self, walk: Walk, path: str) -> Any:
        return walk.decide(path, self._resolved(walk, path)._make_domain(True) if self.children else self.domain())

    def _resolved(self, walk: Walk, path: str) -> _Number:
        """The same with values in place of the parts."""
        fields = (self.lower, self.upper, self.log, self.log_base, self.prior, self.prior_confidence)
        return type(self)(*(walk.value(f, f"{path}:{n}") for n, f in zip(_NUMBER_FIELDS, fields)))

    @property
    def children(self) -> tuple[Any, ...]:
        return tuple(f for f in (self.lower, self.upper, self.prior, self.prior_confidence) if isinstance(f, Part))

    @property
    def has_open_domain(self) -> bool:
        return bool(self.children)

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The least and the greatest value; None where that is not known."""
        return range_of(self.lower)[0], range_of(self.upper)[1]

    def least_decisions(self, of: Callable[[Any], float]) -> float:
        return 1 + sum(of(child) for child in self.children)

    @property
    def has_prior(self) -> bool:
        return self.prior is not None

    def with_prior(self, prior: Any, confidence: Any) -> Part:
        """The same parameter with another prior."""
        return type(self)(self.lower, self.upper, self.log, self.log_base, prior, confidence)

    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        document = {"lower": write(self.lower), "upper": write(self.upper)}
        if self.log:
            document["log"] = True
        if self.log_base is not None:
            document["log_base"] = write(self.log_base)
        return {**document, **_prior_document(self, write)}


_NUMBER_FIELDS = ("lower", "upper", "log", "log_base", "prior", "prior_confidence")


def _prior_document(parameter: Any, write: Callable[[Any], Any]) -> dict[str, Any]:
    if parameter.prior is None:
        return {}
    confidence = ConfidenceLevel.LOW if parameter.prior_confidence is None else parameter.prior_confidence
    if not isinstance(confidence, Part):
        confidence = parse_confidence(confidence)
    return {"prior": write(parameter.prior), "prior_confidence": write(confidence)}


@frozen(eq=False)
class Float(_Number):
    """A real number between two bounds, both included.

    Args:
        lower: Smallest value.
        upper: Largest value.
        log: Sample uniformly in the logarithm; needs `lower > 0`.
        log_base: The base that you think of the scale in. It is recorded with the space; the distribution
            is the same for every base.
        prior: The value that you believe to be good.
        prior_confidence: How sure you are: `"low"` (the default with a prior), `"medium"` or `"high"`,
            a standard deviation of 0.5, 0.25 or 0.125 of the (log) range.
    """

    def _bounds(self) -> tuple[float, float]:
        return float(_plain_number("lower", self.lower)), float(_plain_number("upper", self.upper))

    @property
    def _domain_type(self) -> Callable[..., FloatDomain | IntegerDomain]:
        return FloatDomain


@frozen(eq=False)
class Integer(_Number):
    """A whole number between two bounds, both included.

    Args:
        lower, upper, log, log_base, prior, prior_confidence: As for `Float`.
    """

    def _bounds(self) -> tuple[float, float]:
        return _whole_number("lower", self.lower), _whole_number("upper", self.upper)

    @property
    def _domain_type(self) -> Callable[..., FloatDomain | IntegerDomain]:
        return IntegerDomain


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
        confidence = _confidence(self.prior, self.prior_confidence)
        if self.prior is None:
            return CategoricalDomain(labels)
        index = _whole_number("prior (an index into the choices)", self.prior)
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
            choices, domain = resolved.choices, resolved._make_domain()
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
        return {"choices": choices, **_prior_document(self, write)}


@frozen(eq=False)
class Fidelity(Part):
    """A resource that makes an evaluation cheaper or dearer, and better known: epochs, a share of the data.

    Args:
        over: An `Integer` or `Float` without a prior; larger values are dearer.
    """

    over: Any
    _domain: Domain | None = field(default=None, init=False, repr=False)

    @property
    def lower(self) -> Any:
        """The cheapest value."""
        return self.over.lower

    @property
    def upper(self) -> Any:
        """The dearest value, at which an evaluation counts as complete."""
        return self.over.upper

    @property
    def log(self) -> bool:
        """Whether the resource is thought of on a logarithmic scale."""
        return bool(self.over.log)

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The least and the greatest value."""
        return range_of(self.lower)[0], range_of(self.upper)[1]

    def least_decisions(self, of: Callable[[Any], float]) -> float:
        return 1

    def domain(self) -> Domain:
        """What the decision is taken from; its `is_fidelity` is set.

        Raises:
            ValueError: If the bounds make no sense, or there is a prior.
        """
        if self._domain is None:
            if not isinstance(self.over, (Float, Integer)):
                raise ValueError(f"a fidelity is an Integer or a Float, not {self.over!r}")
            if self.over.prior is not None:
                raise ValueError("a fidelity has no prior; leave it out")
            if self.over.children:
                raise ValueError("the bounds of a fidelity must be numbers")
            plain = self.over.domain()
            assert not isinstance(plain, CategoricalDomain)
            made = type(plain)(plain.lower, plain.upper, plain.log, is_fidelity=True)  # type: ignore[arg-type]
            object.__setattr__(self, "_domain", made)
        assert self._domain is not None
        return self._domain

    def check(self) -> None:
        self.domain()

    def resolve(self, walk: Walk, path: str) -> Any:
        return walk.decide(path, self.domain())

    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        return {"over": write(self.over)}


class _NumberFidelity(Fidelity):
    """A fidelity that is written by its bounds."""

    _over: type[_Number]

    def __init__(self, lower: Any, upper: Any, *, log: bool = False) -> None:
        super().__init__(self._over(lower, upper, log))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(lower={self.lower!r}, upper={self.upper!r}, log={self.log!r})"

    def to_document(self, write: Callable[[Any], Any]) -> dict[str, Any]:
        return self.over.to_document(write)  # type: ignore[no-any-return]


class IntegerFidelity(_NumberFidelity):
    """A fidelity in whole numbers, such as epochs.

    Args:
        lower: The cheapest value.
        upper: The dearest one, included.
        log: Think of it on a logarithmic scale.
    """

    _over = Integer


class FloatFidelity(_NumberFidelity):
    """A fidelity in real numbers, such as a share of the data.

    Args:
        lower, upper, log: As for `IntegerFidelity`.
    """

    _over = Float


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
    first: dict[Any, int] = {}
    for i, choice in enumerate(choices):
        # 1, 1.0 and True are equal in Python, but not as choices; what can't be hashed is compared as text.
        key = (type(choice), choice if isinstance(choice, Hashable) and not isinstance(choice, tuple) else repr(choice))
        if first.setdefault(key, i) != i:
            raise ValueError(f"choices has {choice!r} twice (at {first[key]} and {i}); each may be there once")
