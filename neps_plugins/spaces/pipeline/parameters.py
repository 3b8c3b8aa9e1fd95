"""The numbers that a space is written in: `Float`, `Integer` and the fidelities.

They are descriptions. Whether one makes sense is checked when the space that holds it is built, because
only then is the attribute known that the error has to name. Two parameters are the same only if they are
one object: an object that is used twice has one value.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from neps_core import CategoricalDomain, ConfigError, Domain, FloatDomain, IntegerDomain
from neps_core.spaces.domains import exact
from neps_core.spaces.priors import SIGMA, ConfidenceLevel, NormalPrior, parse_confidence
from neps_plugins.spaces.pipeline.intervals import range_of
from neps_plugins.spaces.pipeline.references import Resamplable
from neps_plugins.spaces.pipeline.walk import Part, Walk


def _plain_number(name: str, value: Any) -> float | int:
    number = exact(value)
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise ValueError(f"{name} must be a number, not {value!r} ({type(value).__name__})")
    if isinstance(number, int) and abs(number) > sys.float_info.max:
        raise ValueError(f"{name} is too large for a float")
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, not {value!r}")
    return number


def whole_number(name: str, value: Any) -> int:
    """A whole number; ValueError, naming what it is for, for anything else."""
    number = _plain_number(name, value)
    if number != int(number):
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    return int(number)


def confidence_of(prior: Any, confidence: Any) -> ConfidenceLevel:
    """The confidence that goes with a prior; ValueError if there is one without the other, or it is unknown."""
    if prior is None and confidence is not None:
        raise ValueError(f"prior_confidence={confidence!r} needs a prior; add prior=..., or leave it out")
    return ConfidenceLevel.LOW if confidence is None else parse_confidence(confidence)


@frozen(eq=False, repr=False)
class _Number(Resamplable):
    """What `Float` and `Integer` share."""

    lower: Any
    upper: Any
    log: bool = False
    log_base: float | None = None
    prior: Any = None
    prior_confidence: str | ConfidenceLevel | None = None
    is_fidelity: bool = field(default=False, repr=False)
    _domain: Domain | None = field(default=None, init=False, repr=False)

    def __new__(
        cls,
        lower: Any = None,
        upper: Any = None,
        log: bool = False,
        log_base: float | None = None,
        prior: Any = None,
        prior_confidence: str | ConfidenceLevel | None = None,
        is_fidelity: bool = False,
    ) -> Any:
        """The parameter, or the fidelity over it."""
        if not is_fidelity:
            return object.__new__(cls)
        if log_base is prior is prior_confidence is None:
            return cls._fidelity()(lower, upper, log=log)
        return Fidelity(cls(lower, upper, log, log_base, prior, prior_confidence))

    @staticmethod
    def _fidelity() -> type[_NumberFidelity]:
        raise NotImplementedError

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

    def _make_domain(self) -> Domain:
        lower, upper = self._bounds()
        if lower > upper:
            raise ValueError(f"lower ({lower!r}) must not be greater than upper ({upper!r})")
        if not max(abs(lower), abs(upper), upper - lower) < sys.float_info.max:
            raise ValueError(f"the range from {lower!r} to {upper!r} is too wide for a float; narrow the bounds")
        log = exact(self.log)
        if not isinstance(log, bool):
            raise ValueError(f"log must be True or False, not {self.log!r}")
        if log and lower <= 0:
            raise ValueError(f"log=True needs lower > 0, not {lower!r}")
        if self.log_base is not None:
            base = _plain_number("log_base", self.log_base)
            if base <= 0 or base == 1:
                raise ValueError(f"log_base must be positive and not 1, not {self.log_base!r}")
            if not log:
                raise ValueError(f"log_base={self.log_base!r} needs log=True")
        confidence = confidence_of(self.prior, self.prior_confidence)
        flat = self._domain_type(lower, upper, log)
        if self.prior is None:
            return flat
        try:
            preferred = flat.check(self.prior)
        except ValueError as reason:
            raise ValueError(f"prior {reason}") from None
        prior = NormalPrior(flat.to_unit(preferred), SIGMA[confidence])
        return self._domain_type(lower, upper, log, prior, preferred=preferred)

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
        least, greatest = range_of(self.prior)
        if (least is not None and highest_lower is not None and least < highest_lower) or (
            greatest is not None and lowest_upper is not None and greatest > lowest_upper
        ):
            raise ValueError(f"prior may be from {least!r} to {greatest!r}, which is not always within the bounds")
        lowest = range_of(self.lower)[0]
        if self.log and lowest is not None and lowest <= 0:
            raise ValueError(f"log=True needs lower > 0, and it may be {lowest!r}")

    def resolve(self, walk: Walk, path: str) -> Any:
        if not self.children:
            return walk.decide(path, self.domain())
        resolved = self._resolved(walk, path)
        try:
            domain = resolved._make_domain()
        except ValueError as reason:
            raise ConfigError(f"{path!r}: {reason}.") from None
        return walk.decide(path, domain)

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
        return {**document, **prior_document(self, write)}


_NUMBER_FIELDS = ("lower", "upper", "log", "log_base", "prior", "prior_confidence")


def prior_document(parameter: Any, write: Callable[[Any], Any]) -> dict[str, Any]:
    """The prior of a parameter and its confidence, as fields of its document."""
    if parameter.prior is None:
        return {}
    confidence = ConfidenceLevel.LOW if parameter.prior_confidence is None else parameter.prior_confidence
    if not isinstance(confidence, Part):
        confidence = parse_confidence(confidence)
    return {"prior": write(parameter.prior), "prior_confidence": write(confidence)}


@frozen(eq=False, repr=False)
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
        is_fidelity: Whether it is a resource: then this is a `FloatFidelity`.
    """

    def _bounds(self) -> tuple[float, float]:
        return float(_plain_number("lower", self.lower)), float(_plain_number("upper", self.upper))

    @property
    def _domain_type(self) -> Callable[..., FloatDomain | IntegerDomain]:
        return FloatDomain

    @staticmethod
    def _fidelity() -> type[_NumberFidelity]:
        return FloatFidelity


@frozen(eq=False, repr=False)
class Integer(_Number):
    """A whole number between two bounds, both included.

    Args:
        lower, upper, log, log_base, prior, prior_confidence: As for `Float`.
        is_fidelity: Whether it is a resource: then this is an `IntegerFidelity`.
    """

    def _bounds(self) -> tuple[float, float]:
        return whole_number("lower", self.lower), whole_number("upper", self.upper)

    @property
    def _domain_type(self) -> Callable[..., FloatDomain | IntegerDomain]:
        return IntegerDomain

    @staticmethod
    def _fidelity() -> type[_NumberFidelity]:
        return IntegerFidelity


@frozen(eq=False, repr=False)
class Fidelity(Resamplable):
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
            made = type(plain)(plain.lower, plain.upper, plain.log, is_fidelity=True)
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
        return f"{type(self).__name__}(lower={self.lower!r}, upper={self.upper!r}{', log=True' if self.log else ''})"

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
