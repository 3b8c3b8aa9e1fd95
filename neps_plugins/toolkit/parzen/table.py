"""The observed configurations, one decision beside the other."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from neps_core import Domain
from neps_plugins.toolkit.parzen.decisions import Key, Spot, kind_of, spot_of


@define
class ObservedDecision:
    """One decision of many configurations.

    Attributes:
        size: How many values there are to choose from; 0 for infinitely many.
        rows: Which configurations take it, ascending.
        values: What they decided: the position of a real number, otherwise the index of a spot in `known`.
        known: The different spots so far.
    """

    size: int
    rows: array[int] = field(factory=lambda: array("q"))
    values: array[float] = field(factory=lambda: array("d"))
    known: dict[Spot, int] = field(factory=dict)


@define
class Table:
    """Configurations, a column per decision; rows may be added and taken away at the end.

    Attributes:
        columns: By path and kind.
        n: How many configurations there are.
    """

    columns: dict[Key, ObservedDecision] = field(factory=dict, init=False)
    n: int = field(default=0, init=False)

    def append(self, config: Mapping[str, Any], domains: Mapping[str, Domain]) -> None:
        """Add a configuration.

        Args:
            config: Path to value. What does not lie in its domain is left out.
            domains: What each decision was taken from; those that are not here are left out.
        """
        for path, domain in domains.items():
            try:
                spot = spot_of(domain, config[path])
            except (KeyError, ValueError):  # imported by hand, from another space
                continue
            key = (path, kind_of(domain))
            column = self.columns.get(key)
            if column is None:
                column = self.columns[key] = ObservedDecision(domain.size or 0)
            column.rows.append(self.n)
            column.values.append(spot[0] if key[1] == "real" else column.known.setdefault(spot, len(column.known)))
        self.n += 1

    def truncate(self, n: int) -> None:
        """Keep the first n configurations only."""
        for key, column in list(self.columns.items()):
            size = len(column.rows)
            while size and column.rows[size - 1] >= n:
                size -= 1
            del column.rows[size:], column.values[size:]
            if not size:  # or the order of the columns would tell of what is gone
                del self.columns[key]
        self.n = min(self.n, n)
