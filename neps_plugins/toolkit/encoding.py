"""Configurations as arrays, for models.

A column (or, one-hot, a group of columns) belongs to a path. Numbers are positions in the unit interval,
on their (log) scale; an ordered category is its rank, scaled to it; an unordered one is one column per
choice that is 1 for the chosen one (or, as an index, a single column). A fidelity is on the log scale wherever that
exists: what more of it does depends on how much there is. A path that a configuration doesn't have is inactive there.

A flat space has a fixed set of columns; in a hierarchical one, columns are added as paths turn up, so
arrays that were made earlier are narrower, and `Encoder.widened` brings them up to date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from neps_core import CategoricalDomain, ConfigError, Decide, Domain, FloatDomain, Resolution, SearchSpace, Value
from neps_core.spaces.variation import domains_of

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@frozen
class Column:
    """What stands in one or several columns.

    Attributes:
        path: The decision.
        kind: `"real"`, `"integer"`, `"ordered"`, `"one-hot"` or `"index"`.
        start: The first column.
        width: How many columns; as many as choices for `"one-hot"`, otherwise 1.
        is_fidelity: Whether the decision is a fidelity.
        size: How many values the decision can have; None for infinitely many.
    """

    path: str
    kind: str
    start: int
    width: int
    is_fidelity: bool = False
    size: int | None = None


class Encoder:
    """Turns configurations of a space into arrays and back.

    Args:
        space: The space.
        one_hot: Encode an unordered category as a column per choice; otherwise as its index. In a space whose
            choices depend on other decisions it is always the index.
    """

    #: What stands in the columns of an inactive path.
    INACTIVE = 0.0

    def __init__(self, space: SearchSpace, one_hot: bool = True) -> None:
        self._space = space
        self._one_hot = one_hot and space.has_fixed_domains
        self._domains: dict[str, Domain] = {}
        self._columns: dict[str, Column] = {}
        self._width = 0
        with suppress(ConfigError):  # what users believe to be best may be forbidden as a whole
            self._domains_of(space.resolve(lambda path, domain: domain.default()).config)

    @property
    def columns(self) -> list[Column]:
        """What stands where, in order."""
        return list(self._columns.values())

    @property
    def width(self) -> int:
        """How many columns there are so far."""
        return self._width

    def domain(self, path: str) -> Domain:
        """What the decision at a path with a column is taken from; where that differs, what it was at first."""
        return self._domains[path]

    def encode(self, configs: Sequence[Mapping[str, Any]], grow: bool = True) -> tuple[Floats, Bools]:
        """Configurations as rows.

        Args:
            configs: n complete configurations.
            grow: Give new paths in them columns at the end; otherwise leave them out.

        Returns:
            The values, shape (n, `width`), in [0, 1] but for `"index"` columns; and which of them are active, of
            the same shape.

        Raises:
            ConfigError: If a value is outside its domain, or a path is none of the space's.
        """
        domains = [self._domains_of(config, grow) for config in configs]
        values = np.full((len(configs), self._width), self.INACTIVE)
        active = np.zeros((len(configs), self._width), dtype=bool)
        cells: dict[str, tuple[list[int], list[float]]] = {path: ([], []) for path in self._columns}
        for i, (config, of) in enumerate(zip(configs, domains)):
            for path, value in config.items():
                if path not in of:
                    raise ConfigError(f"the space does not ask for {path!r} in {dict(config)!r}.")
                if path not in cells:
                    continue
                domain = self._domains[path] if of[path].is_fidelity else of[path]
                rows, found = cells[path]
                rows.append(i)
                found.append(_cell(path, domain, value))
        for path, (rows, found) in cells.items():
            column = self._columns[path]
            active[rows, column.start : column.start + column.width] = True
            if column.kind == "one-hot":
                values[rows, np.asarray(found, dtype=int) + column.start] = 1.0
            elif column.kind == "ordered":
                values[rows, column.start] = np.asarray(found) / max(1, (self._domains[path].size or 1) - 1)
            else:
                values[rows, column.start] = found
        return values, active

    def _domains_of(self, config: Mapping[str, Any], grow: bool = True) -> Mapping[str, Domain]:
        """The domains of a configuration's decisions; its new paths get columns, if they may."""
        if self._space.has_fixed_domains and all(path in self._domains for path in config):
            return self._domains
        domains = domains_of(self._space, config)
        for path, domain in domains.items():
            if grow and path not in self._columns:
                self._add(path, domain)
        return domains

    def _add(self, path: str, domain: Domain) -> None:
        width = 1
        if domain.is_fidelity and not isinstance(domain, CategoricalDomain) and domain.lower > 0:
            domain = evolve(domain, log=True)
        if isinstance(domain, CategoricalDomain):
            kind = "ordered" if domain.ordered else "one-hot" if self._one_hot else "index"
            width = len(domain.choices) if kind == "one-hot" else 1
        else:
            kind = "real" if isinstance(domain, FloatDomain) else "integer"
        self._domains[path] = domain
        self._columns[path] = Column(path, kind, self._width, width, domain.is_fidelity, domain.size)
        self._width += width

    def widened(self, values: Floats, active: Bools) -> tuple[Floats, Bools]:
        """Arrays that were made before columns were added, with these columns, inactive.

        Args:
            values: Shape (n, earlier width).
            active: Of the same shape.

        Returns:
            Both with shape (n, `width`).
        """
        missing = ((0, 0), (0, self._width - values.shape[1]))
        return np.pad(values, missing, constant_values=self.INACTIVE), np.pad(active, missing)

    def decode(self, row: Iterable[float], otherwise: Decide) -> Resolution:
        """The configuration nearest to a row.

        Args:
            row: `width` values, or fewer, of a time when there were fewer columns. Numbers are rounded to what their
                domains have; of a one-hot group the highest one wins.
            otherwise: Decides what has no column.

        Returns:
            The configuration; its decisions say which columns were looked at.
        """
        values = np.asarray(list(row), dtype=float)

        def decide(path: str, domain: Domain) -> Value:
            column = self._columns.get(path)
            if column is None or column.start + column.width > len(values):
                return otherwise(path, domain)
            cell = values[column.start : column.start + column.width]
            if not isinstance(domain, CategoricalDomain):
                scale = self._domains[path] if domain.is_fidelity else domain
                assert not isinstance(scale, CategoricalDomain)
                return scale.from_unit(float(np.clip(cell[0], 0.0, 1.0)))
            last = len(domain.choices) - 1
            if column.kind == "one-hot":
                return domain.choices[min(int(np.argmax(cell)), last)]
            index = cell[0] * last if column.kind == "ordered" else cell[0]
            return domain.choices[int(np.clip(round(float(index)), 0, last))]

        return self._space.resolve(decide)


def _cell(path: str, domain: Domain, value: Any) -> float:
    """A decision as a number: its position, or the index of what was chosen."""
    try:
        if isinstance(domain, CategoricalDomain):
            return domain.index(domain.check(value))
        return domain.to_unit(domain.check(value))
    except ValueError as reason:
        raise ConfigError(f"{path!r}: {reason}.") from None
