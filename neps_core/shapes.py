"""What the results of a run have in common: how many objectives and constraints there are, and what they are called.

The first result says it, and a later one that differs is refused: nothing could be compared any more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import evolve, frozen

from neps_core.errors import ResultError
from neps_core.trials import Objective, Report


@frozen
class Layout:
    """The objectives of each result, or its constraints.

    Attributes:
        n: How many there are.
        names: What they are called, in their order; None if they have no names.
    """

    n: int
    names: Sequence[str] | None = None

    def arranged(self, key: str, values: list[float], names: Sequence[str] | None) -> list[float]:
        """Values of a further result, in the order of the first one's.

        Args:
            key: Where they are from, for messages.
            values: In any order if they have names, or else in this one.
            names: Of the values; None if they have none.

        Raises:
            ResultError: If they are more or fewer, or are called otherwise.
        """
        if len(values) != self.n:
            raise ResultError(
                f"{key!r} has {len(values)} value(s), and this run's earlier results have {self.shown}: {values}."
            )
        if names is None:
            return values
        by_name = dict(zip(names, values))
        if self.names is None or set(names) != set(self.names):
            called = "no names" if self.names is None else ", ".join(self.names)
            raise ResultError(
                f"{key!r} has the names {', '.join(names)}, and this run's earlier results have {called}: {by_name}."
            )
        return [by_name[name] for name in self.names]

    @property
    def shown(self) -> str:
        """How many there are, and their names."""
        return f"{self.n} ({', '.join(self.names)})" if self.names else str(self.n)


@frozen
class Shape:
    """What is known of the results of a run.

    Attributes:
        objectives: Of each result; None as long as there is no success.
        constraints: Of each result; None as long as nobody knows.
    """

    objectives: Layout | None = None
    constraints: Layout | None = None

    @property
    def is_complete(self) -> bool:
        """Whether no result can tell anything more."""
        return self.objectives is not None and self.constraints is not None

    def completed(self, report: Report) -> Shape:
        """With what a report tells of what was open.

        A value that stands for an error says nothing, and an evaluation that was stopped early may have ended before
        its constraints were known.
        """
        if report.objective_to_minimize is None or report.err is not None:
            return self
        objectives, constraints = self.objectives, self.constraints
        if objectives is None:
            objectives = _layout(report.objective_to_minimize, report.objective_names)
        if constraints is None and (report.stopped_at is None or report.constraints is not None):
            constraints = _layout(report.constraints, report.constraint_names)
        return Shape(objectives, constraints)

    @property
    def unknown_constraints(self) -> list[float] | None:
        """The constraints of an evaluation that did not get so far: NaN, which counts as violated; None without any."""
        return [math.nan] * self.constraints.n if self.constraints is not None and self.constraints.n else None

    def filled(self, report: Report, value: float) -> Report:
        """A report whose every objective is a value, and whose constraints nobody knows."""
        objectives, constraints = self.objectives or Layout(1), self.constraints or Layout(0)
        return evolve(
            report,
            objective_to_minimize=value if objectives.n == 1 else [value] * objectives.n,
            objective_names=objectives.names,
            constraints=self.unknown_constraints,
            constraint_names=constraints.names,
        )

    def amended(self, report: Report) -> Report:
        """A successful report of before all this was known, as it would have come later; itself if that is the same.

        One number that stands for an error stands for each objective then, and constraints that it does not have are
        not known.
        """
        value = report.objective_to_minimize
        if report.err is not None and value is not None and not isinstance(value, list):
            return self.filled(report, value)
        if report.constraints is None and self.unknown_constraints is not None:
            names = None if self.constraints is None else self.constraints.names
            return evolve(report, constraints=self.unknown_constraints, constraint_names=names)
        return report


#: Of a run without results.
UNKNOWN = Shape()


def _layout(values: Objective | None, names: Sequence[str] | None) -> Layout:
    n = 0 if values is None else len(values) if isinstance(values, list) else 1
    return Layout(n, None if names is None else list(names))
