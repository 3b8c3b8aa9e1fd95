"""The order of `promotion.promotion_order` while results come in: at what each of them costs, not all of them."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from neps_core import OptimizerError
from neps_plugins.toolkit.pareto.constraints import violations
from neps_plugins.toolkit.pareto.fronts import Fronts, Group, Point
from neps_plugins.toolkit.pareto.promotion import make_selector


class Ranking:
    """Results, best first: by the objective if there is one, else by domination; what breaks a constraint comes last.

    It does not depend on the order in which results come. Of those between which nothing decides, the one with the
    lowest number comes first.

    Args:
        selector: The order within a rank, as for `promotion_order`.

    Attributes:
        single: Objective and number of each result, sorted; None if there are several objectives, or constraints.

    Raises:
        OptimizerError: The selector is unknown.
    """

    def __init__(self, selector: str = "epsnet") -> None:
        self._selector = make_selector(selector)
        self.single: list[tuple[float, int]] | None = []
        self._n = self._m = 0
        self._fronts = Fronts(1)  # of those that keep all constraints
        self._infeasible: list[tuple[int, Point]] = []  # the others: which row of the constraints, and the point
        self._constraints: list[Sequence[float]] = []
        self._behind: list[Group] | None = None  # the groups of the infeasible ones; None if they have to be made anew

    def __len__(self) -> int:
        return self._n

    def add(self, number: int, objectives: Sequence[float], constraints: Sequence[float] = ()) -> None:
        """Take in a result.

        Args:
            number: Of the result; no other one has it.
            objectives: Minimised; as many as the others have, without NaN.
            constraints: At most 0 where they are kept. What a result lacks counts as kept.

        Raises:
            OptimizerError: There are more or fewer objectives than before.
        """
        if self._n and len(objectives) != self._m:
            raise OptimizerError(
                f"a result has {len(objectives)} objectives, and earlier ones have {self._m}: they can't be compared. "
                "Return as many from every evaluation."
            )
        self._m = len(objectives)
        self._n += 1
        if self.single is not None:
            if len(objectives) == 1 and not constraints:
                bisect.insort(self.single, (objectives[0], number))
                return
            self._fronts = Fronts(len(objectives))
            for value, other in self.single:
                self._fronts.add(other, (value,))
            self.single = None
        if all(value <= 0 for value in constraints):
            self._fronts.add(number, objectives)
        else:
            self._infeasible.append((len(self._constraints), (*objectives, number)))
        if constraints:
            self._constraints.append(constraints)
            self._behind = None  # the range of a constraint is the unit of its violations

    def best(self, n: int | None = None) -> list[int]:
        """The numbers of the best n, in order; of all if n is None."""
        if self.single is not None:
            return [number for _, number in self.single[:n]]
        found: list[int] = []
        for group in self.groups():
            if n is not None and len(found) >= n:
                break
            found += self.ordered(group)
        return found[:n]

    def ordered(self, group: Group) -> list[int]:
        """The numbers of a group so that those that come first stand for all."""
        return group.ordered(self._selector)

    def groups(self) -> Iterator[Group]:
        """The results of each rank, best first."""
        if self.single is not None:
            for _, equal in itertools.groupby(self.single, key=lambda item: item[0]):
                yield Group(list(equal))
            return
        yield from self._fronts
        if self._behind is None:
            self._behind = self._by_violation()
        yield from self._behind

    def _by_violation(self) -> list[Group]:
        if not self._infeasible:
            return []
        constraints = np.zeros((len(self._constraints), max(map(len, self._constraints))))
        for row, values in zip(constraints, self._constraints):
            row[: len(values)] = values
        broken = violations(constraints)
        groups: dict[float, list[Point]] = {}
        for i, point in self._infeasible:
            groups.setdefault(float(broken[i]), []).append(point)
        return [Group(groups[violation]) for violation in sorted(groups)]
