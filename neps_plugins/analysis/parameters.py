"""The decisions of a run's trials, path by path: where each is there, and what it was."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from neps_core import CategoricalDomain, Domain, FloatDomain
from neps_core.spaces.priors import CATEGORY_WEIGHT, SIGMA
from neps_plugins.analysis.growing import Floats, Growing, Integers
from neps_plugins.analysis.jsonable import as_float, number, plain

#: Where nothing is known of a parameter but its values, it is on a log scale if they are positive and so far apart.
LOG_RANGE = 1000.0


class Parameter:
    """A decision, in the trials that have it.

    Args:
        path: The decision's.
        domain: What it is taken from; None if nobody knows, and its values have to tell.

    Attributes:
        path: The same.
        kind: `"number"`, `"integer"`, `"ordinal"` or `"categorical"`.
        choices: What was or can be chosen, for the last two; a value is then the index of its choice.
    """

    def __init__(self, path: str, domain: Domain | None, values: Iterable[Any] = ()) -> None:
        self.path, self._domain = path, domain
        self.choices: list[Any] = []
        self._index: dict[Hashable, int] = {}
        self._rows, self._values = Growing(-1, np.int64), Growing(math.nan, np.float64)
        if isinstance(domain, CategoricalDomain):
            self.kind = "ordinal" if domain.ordered else "categorical"
            for choice in domain.choices:
                self._code(choice)
        elif domain is not None:
            self.kind = "number" if isinstance(domain, FloatDomain) else "integer"
        else:
            kinds = {type(value) for value in values}
            self.kind = "integer" if kinds == {int} else "number" if kinds <= {int, float} else "categorical"

    @property
    def is_category(self) -> bool:
        """Whether its values are indices of choices."""
        return self.kind in ("ordinal", "categorical")

    @property
    def is_fidelity(self) -> bool:
        """Whether it is a fidelity."""
        return self._domain is not None and self._domain.is_fidelity

    @property
    def rows(self) -> Integers:
        """The trials that have it, rising."""
        return self._rows.array

    @property
    def values(self) -> Floats:
        """Its values in these."""
        return self._values.array

    def append(self, rows: Sequence[int], values: Sequence[Any]) -> None:
        """Take in its values in further trials."""
        if not self.is_category and not all(type(value) in (int, float) for value in values):
            self._turn_to_category()
        elif self.kind == "integer" and self._domain is None and any(type(value) is float for value in values):
            self.kind = "number"
        self._rows.append(rows)
        self._values.append([self._code(v) for v in values] if self.is_category else [as_float(v) for v in values])

    def _code(self, value: Any) -> int:
        key: Hashable = (type(value), value) if isinstance(value, Hashable) else repr(value)
        code = self._index.get(key)
        if code is None:
            code = self._index[key] = len(self.choices)
            self.choices.append(plain(value))
        return code

    def _turn_to_category(self) -> None:
        """It was taken for a number, and isn't one everywhere."""
        of = int if self.kind == "integer" else float
        self.kind, self._domain = "categorical", None
        self._values.array[:] = [self._code(of(value)) for value in self.values.tolist()]

    def dense(self, n: int) -> Floats:
        """Its values in all n trials, NaN where it isn't there."""
        values = np.full(n, math.nan)
        values[self.rows] = self.values
        return values

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """What its values are between: the domain's bounds, and all that was seen. None for categories."""
        if self.is_category:
            return None, None
        values = self.values[np.isfinite(self.values)]
        ends = [values.min(), values.max()] if len(values) else []
        if self._domain is not None and not isinstance(self._domain, CategoricalDomain):
            ends += [as_float(self._domain.lower), as_float(self._domain.upper)]
        return (number(min(ends)), number(max(ends))) if ends else (None, None)

    @property
    def log(self) -> bool:
        """Whether it belongs on a log scale."""
        if self.is_category:
            return False
        if self._domain is not None and not isinstance(self._domain, CategoricalDomain):
            return bool(self._domain.log)
        lower, upper = self.bounds
        return lower is not None and upper is not None and lower > 0 and upper / lower >= LOG_RANGE

    def to_unit(self, values: Floats) -> Floats:
        """Numbers as positions in the unit interval, on their (log) scale between the bounds; choices as they are."""
        if self.is_category:
            return values
        low, width = self._scale()
        scaled = np.log(values) if self.log else values / 2
        return np.clip((scaled - low) / width, 0.0, 1.0) if width > 0 else np.where(np.isnan(values), np.nan, 0.5)

    def from_unit(self, positions: Floats) -> Floats:
        """The inverse; whole numbers aren't rounded."""
        low, width = self._scale()
        scaled = low + positions * width
        return np.asarray(np.exp(scaled) if self.log else scaled * 2)

    def _scale(self) -> tuple[float, float]:
        """Where the scale begins, and how wide it is; halved, as the range may be beyond all floats."""
        lower, upper = self.bounds
        if lower is None or upper is None:
            return 0.0, 0.0
        low, high = (math.log(lower), math.log(upper)) if self.log else (lower / 2, upper / 2)
        return low, high - low

    @property
    def shown_choices(self) -> list[Any] | None:
        """The choices, None for numbers."""
        return list(self.choices) if self.is_category else None

    def shown(self, values: Floats) -> list[Any]:
        """Values as people know them: choices by name, whole numbers as such, None for NaN."""
        if self.is_category:
            return [None if math.isnan(value) else self.choices[int(value)] for value in values.tolist()]
        whole = self.kind == "integer"
        return [None if not math.isfinite(value) else int(value) if whole else value for value in values.tolist()]

    def axis(self) -> dict[str, Any]:
        """What an axis of it needs."""
        lower, upper = self.bounds
        return {
            "path": self.path,
            "kind": self.kind,
            "log": self.log,
            "choices": self.shown_choices,
            "lower": lower,
            "upper": upper,
        }

    def document(self, n: int) -> dict[str, Any]:
        """All that is known of it, in a run of n trials."""
        return {
            **self.axis(),
            "is_fidelity": self.is_fidelity,
            "prior": None if self._domain is None else _prior(self._domain),
            "share": len(self.rows) / n if n else 0.0,
        }


def _prior(domain: Domain) -> Mapping[str, Any] | None:
    """What the user believes of a decision to be best, and how firmly (None where that has no name)."""
    if domain.prior is None:
        return None
    if isinstance(domain, CategoricalDomain):
        weights = domain.prior.weights
        ratio = max(weights) / min(weights) if min(weights) > 0 else math.inf
        confidence = next((level.value for level, weight in CATEGORY_WEIGHT.items() if weight == ratio), None)
    else:
        sigma = getattr(domain.prior, "sigma", None)
        confidence = next((level.value for level, size in SIGMA.items() if size == sigma), None)
    return {"default": plain(domain.default()), "confidence": confidence}
