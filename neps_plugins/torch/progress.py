"""How far a training is and what it has reported: told to the trial, kept in its checkpoints."""

from __future__ import annotations

import operator
from contextlib import suppress
from typing import Any

from attrs import Factory, define

from neps_core import NePSError, NotInTrialError
from neps_core.live import report
from neps_core.results import plain


@define
class Progress:
    """The reports of a training from its first epoch on, whichever trials it was trained in.

    Attributes:
        reports: One after the other: step, objective, cost, extra, as plain data.
        began: Epochs that had been trained when this trial began.
    """

    reports: list[list[Any]] = Factory(list)
    began: float = 0

    def tell(self, step: float, objective: Any, cost: float | None, extra: dict[str, Any]) -> None:
        """Keep a report, and pass it on to `neps.report`, if a trial is being evaluated.

        Raises:
            StopTrial: If the stopping rule says that it is not worth going on.
            ResultError: As `neps.report`.
        """
        cost = step - self.began if cost is None else cost
        self.reports.append([step, plain(objective), plain(cost), plain(extra)])
        with suppress(NotInTrialError):  # by hand
            report(objective, step, cost=cost, **extra)

    def tell_again(self) -> None:
        """Report what an interrupted start of this trial had reported before its checkpoint: that is not told anew.

        Raises:
            StopTrial: As `tell`.
        """
        with suppress(NotInTrialError):
            for step, objective, cost, extra in self.reports:
                if step > self.began:
                    report(objective, step, cost=cost, **extra)

    @property
    def objective(self) -> Any:
        """What was reported last.

        Raises:
            NePSError: If nothing was.
        """
        return self._last[1]

    def result(self, extra: dict[str, Any]) -> dict[str, Any]:
        """A trial's result: the last report, and what this trial has added as its cost.

        Raises:
            NePSError: If nothing was reported.
        """
        step, objective, cost, told = self._last
        told = dict(told)
        constraints = {"constraints": told.pop("constraints")} if "constraints" in told else {}
        cost = cost if step > self.began else 0  # it was trained in the trial that this one continues
        return {"objective_to_minimize": objective, "cost": cost, **constraints, "info_dict": {**told, **extra}}

    @property
    def _last(self) -> list[Any]:
        if not self.reports:
            raise NePSError("this training has reported nothing that could be its result. Report a loss in each epoch.")
        return self.reports[-1]

    def as_plain(self) -> dict[str, Any]:
        """As plain data."""
        return {"reports": [list(each) for each in self.reports], "began": self.began}


def as_count(what: str, value: Any, least: int) -> int:
    """A whole number that a user gave.

    Raises:
        NePSError: If it is none, or too small.
    """
    try:
        number = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise NePSError(f"{what} must be a whole number of at least {least}, not {value!r}.")
    return number
