"""Domains: what a single decision is taken from. This is all that a source of decisions, an encoder or
an optimizer ever sees of a search space.

Notation: `u` is a position in the unit interval. `from_unit` maps it to a value such that a uniform `u`
gives the domain's uniform distribution (uniform in the logarithm where `log` is set), `to_unit` maps a
value back, and `from_prior` maps a uniform `u` to a value distributed as the domain's prior.
Each integer owns a cell of the unit interval, and `to_unit` gives (about) its middle.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, Union

import numpy as np
from attrs import field, frozen

from neps_core.spaces.priors import CategoryPrior, NumberPrior

#: What a decision can be: plain data that YAML and JSON store as they are.
Value = Union[str, int, float, bool, None]


#: What plain data is made of, and how each is got from an object of a class that is derived from it.
EXACT: dict[type, Callable[[Any], Any]] = {str: str.__str__, int: int.__int__, float: float.__float__}


def exact(value: Any) -> Any:
    """The plain value behind a scalar of NumPy's, or of a class derived from text or a number; others as they are.

    What is masked has no value behind it, though NumPy would give one.
    """
    if type(value) in PLAIN:
        return value
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return value if np.ma.is_masked(value) else value.item()
    return next((get(value) for base, get in EXACT.items() if isinstance(value, base)), value)


#: The types of plain data.
PLAIN = frozenset({str, int, float, bool, type(None)})


def as_number(value: Any) -> float | int:
    """A Python number for `value`, which may be a NumPy scalar; bools are no numbers.

    Raises:
        ValueError: If it is none, or a whole number beyond all floats, with which nothing can be calculated.
    """
    number = exact(value)
    if type(number) not in (int, float):
        raise ValueError(f"{_brief(value)} is a {type(value).__name__}, not a number")
    if type(number) is int and abs(number) > sys.float_info.max:
        raise ValueError("a whole number beyond the range of floats can't be calculated with")
    return number  # type: ignore[no-any-return]


def _brief(value: Any) -> str:
    """How an object shows itself; its type's name if it is nested or long beyond showing."""
    try:
        return repr(value)[:500]
    except Exception:  # somebody else's object, so anything
        return f"<{type(value).__name__}>"


@frozen
class _Numbers:
    """What both kinds of numbers share.

    Attributes:
        lower: Smallest value.
        upper: Largest value.
        log: Whether uniform means uniform in the logarithm.
        prior: The user's prior over the unit interval, if any.
        is_fidelity: Whether this is a cheap-to-expensive resource rather than a hyperparameter.
        preferred: The value that the user believes to be best, if any.
    """

    lower: Any
    upper: Any
    log: bool = False
    prior: NumberPrior | None = None
    is_fidelity: bool = False
    preferred: Any = None
    _low: float = field(init=False, eq=False, repr=False)
    _width: float = field(init=False, eq=False, repr=False)
    _ends: tuple[float, float] = field(init=False, eq=False, repr=False)

    #: How far the range of positions reaches beyond the bounds.
    _margin = 0.0

    def __attrs_post_init__(self) -> None:
        low = self._to_scale(self.lower, -self._margin)
        object.__setattr__(self, "_low", low)
        object.__setattr__(self, "_width", self._to_scale(self.upper, self._margin) - low)
        object.__setattr__(self, "_ends", (self.to_unit(self.lower), self.to_unit(self.upper)))

    def _to_scale(self, value: Any, further: float = 0.0) -> float:
        """Where a value, or what lies further by so much, is on the scale on which the domain is uniform."""
        value += further
        return math.log(value) if self.log else value

    def _from_scale(self, t: float) -> Any:
        """The inverse; not yet rounded, and perhaps a little outside the bounds."""
        return math.exp(t) if self.log else t

    def from_unit(self, u: float) -> Any:
        """The value at position `u` of the unit interval."""
        raise NotImplementedError

    def to_unit(self, value: float) -> float:
        """The position of `value` in the unit interval; its middle where there is just one value."""
        if not self._width:
            return 0.5
        return min(max((self._to_scale(value) - self._low) / self._width, 0.0), 1.0)

    def from_prior(self, u: float) -> Any:
        """The value below which a share `u` of the prior lies (of the uniform distribution without one)."""
        return self.from_unit(u if self.prior is None else self.prior.quantile(u))

    def default(self) -> Any:
        """What the user believes to be best, or the middle."""
        if self.preferred is not None:
            return self.preferred
        return self.from_unit(0.5 if self.prior is None else self.prior.mode)

    def _within(self, number: Any) -> Any:
        """A number, if it is in the domain. A float that rounding has moved one step outside a bound is the bound."""
        if self.lower <= number <= self.upper:
            return number
        for bound, outwards in ((self.lower, -math.inf), (self.upper, math.inf)):
            if isinstance(number, float) and number in (float(bound), math.nextafter(bound, outwards)):
                return bound
        raise ValueError(f"{number!r} is outside [{self.lower!r}, {self.upper!r}]")


@frozen
class FloatDomain(_Numbers):
    """The closed interval [lower, upper] of real numbers."""

    @property
    def size(self) -> int | None:
        """How many values there are: 1, or None for infinitely many."""
        return 1 if self.lower == self.upper else None

    def from_unit(self, u: float) -> float:
        """The value at position `u` of the unit interval."""
        if self._ends[0] < u < self._ends[1]:
            return float(min(max(self._from_scale(self._low + u * self._width), self.lower), self.upper))
        return float(self.lower if u <= self._ends[0] else self.upper)  # which exp(log(x)) may miss

    def check(self, value: Any) -> float:
        """`value` as this domain's type.

        Raises:
            ValueError: If it isn't in the domain; the message says why.
        """
        return float(self._within(float(as_number(value))))

    def grid(self, size: int) -> list[Value]:
        """`size` values, evenly spaced over the (log) scale, both ends included."""
        if size == 1:
            return [self.from_unit(0.5)]
        return list(dict.fromkeys(self.from_unit(i / (size - 1)) for i in range(size)))


#: From here on there are whole numbers that no float is equal to.
INEXACT = 2**53


@frozen
class IntegerDomain(_Numbers):
    """The integers from lower to upper, both included.

    Where floats can't tell integers apart, positions are those of the distance to the lower bound.
    """

    _margin = 0.5

    @property
    def is_exact(self) -> bool:
        """Whether each of its values is equal to a float."""
        return bool(self.lower > -INEXACT and self.upper < INEXACT)

    @property
    def size(self) -> int | None:
        """How many values there are."""
        return int(self.upper - self.lower + 1)

    def _to_scale(self, value: Any, further: float = 0.0) -> float:
        if self.is_exact:
            return super()._to_scale(value, further)
        distance = (value - self.lower) + self._margin + further
        return math.log1p(distance / self.lower) if self.log else distance

    def _from_scale(self, t: float) -> Any:
        if self.is_exact:
            return super()._from_scale(t)
        return self.lower + round((math.expm1(t) * self.lower if self.log else t) - self._margin)

    def from_unit(self, u: float) -> int:
        """The value whose cell of the unit interval holds `u`."""
        if self._ends[0] < u < self._ends[1]:
            return int(min(max(round(self._from_scale(self._low + u * self._width)), self.lower), self.upper))
        return int(self.lower if u <= self._ends[0] else self.upper)

    def cell(self, value: int) -> tuple[float, float]:
        """Where the cell of the unit interval that a value owns begins and ends."""
        low, high = (self._to_scale(value, further) - self._low for further in (-self._margin, self._margin))
        return max(low / self._width, 0.0), min(high / self._width, 1.0)

    def check(self, value: Any) -> int:
        """`value` as this domain's type; floats that are whole numbers are taken.

        Raises:
            ValueError: If it isn't in the domain; the message says why.
        """
        number = as_number(value)
        if math.isfinite(number):
            number = self._within(number)
        if not math.isfinite(number) or number != int(number):
            raise ValueError(f"{number!r} is not a whole number")
        return int(number)

    def grid(self, size: int) -> list[Value]:
        """At most `size` different values, evenly spaced over the (log) scale, both ends included."""
        if size == 1:
            return [self.from_unit(0.5)]
        if size >= self.upper - self.lower + 1:
            return list(range(self.lower, self.upper + 1))
        low, high = self._ends
        between = (self.from_unit(low + (high - low) * i / (size - 1)) for i in range(1, size - 1))
        return list(dict.fromkeys([self.lower, *between, self.upper]))


@frozen
class CategoricalDomain:
    """A choice between labels.

    Attributes:
        choices: The labels, in the order of the user's choices; all different.
        prior: The user's weights, if any.
        ordered: Whether neighbouring labels are more alike than distant ones.
        weights: How likely each label is where the domain is sampled "uniformly"; None for equally likely.
    """

    choices: tuple[Value, ...]
    prior: CategoryPrior | None = None
    ordered: bool = False
    weights: CategoryPrior | None = None
    is_fidelity: bool = field(default=False, init=False)
    _index: dict[tuple[type, Value], int] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # True == 1 == 1.0 in Python; as choices they are three different ones.
        object.__setattr__(self, "_index", {(type(c), c): i for i, c in enumerate(self.choices)})

    @property
    def size(self) -> int | None:
        """How many values there are."""
        return len(self.choices)

    def index(self, value: Value) -> int:
        """The position of a label among the choices."""
        return self._index[type(value), value]

    def from_unit(self, u: float) -> Value:
        """The label whose cell of the unit interval holds `u`."""
        if self.weights is not None:
            return self.choices[self.weights.quantile(u)]
        return self.choices[min(int(u * len(self.choices)), len(self.choices) - 1)]

    def to_unit(self, value: Value) -> float:
        """The middle of the label's cell of the unit interval."""
        if self.weights is not None:
            return self.weights.middle(self.index(value))
        return (self.index(value) + 0.5) / len(self.choices)

    def from_prior(self, u: float) -> Value:
        """The label in which the share `u` of the prior falls (of the uniform distribution without one)."""
        return self.from_unit(u) if self.prior is None else self.choices[self.prior.quantile(u)]

    def default(self) -> Value:
        """What the user believes to be best, or the first."""
        return self.choices[0 if self.prior is None else self.prior.mode]

    def check(self, value: Any) -> Value:
        """The label that `value` stands for.

        Raises:
            ValueError: If it is none of the choices.
        """
        value = exact(value)
        try:
            index = self._index.get((type(value), value))
        except TypeError:  # unhashable, so certainly no label
            index = None
        if index is None:
            # What differs from a label in its type only (1.0 for 1) is meant for it.
            alike = [c for c in self.choices if isinstance(value, (int, float)) and c == value]
            if len(alike) == 1 and not isinstance(value, bool) and not isinstance(alike[0], bool):
                return alike[0]
            shown = ", ".join(map(repr, self.choices[:20])) + (", ..." if len(self.choices) > 20 else "")
            raise ValueError(f"{_brief(value)} is none of the choices {shown}")
        return self.choices[index]

    def grid(self, size: int) -> list[Value]:
        """All labels but those that are far less likely than others: a grid of a recursion has to end."""
        if self.weights is None:
            return list(self.choices)
        least = NEGLIGIBLE * max(self.weights.weights)
        return [choice for choice, weight in zip(self.choices, self.weights.weights) if weight > least]

    def leaning(self, factors: Sequence[float]) -> CategoricalDomain:
        """The same choice, each label that much less likely."""
        weights = self.weights.weights if self.weights is not None else (1.0,) * len(self.choices)
        return CategoricalDomain(
            self.choices,
            None if self.prior is None else CategoryPrior(_products(self.prior.weights, factors)),
            self.ordered,
            CategoryPrior(_products(weights, factors)),
        )


#: A label that is less likely than the likeliest one by this factor is left out of grids.
NEGLIGIBLE = 0.25


def _products(a: Sequence[float], b: Sequence[float]) -> tuple[float, ...]:
    return tuple(x * y for x, y in zip(a, b))


Domain = Union[FloatDomain, IntegerDomain, CategoricalDomain]
