"""What is known when a configuration is to be proposed: what the terms of an acquisition are made of."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from neps_core import BudgetInfo
from neps_plugins.toolkit.acquisition.terms import Term
from neps_plugins.toolkit.dataset import Dataset
from neps_plugins.toolkit.gp.model import Model


@frozen(eq=False)
class Situation:
    """What is known when a configuration is to be proposed.

    Attributes:
        model: Of the objective, standardised; configurations that are under way have given what it predicts for them.
        best: The least mean that it predicts for a configuration that was evaluated or is under way.
        data: The evaluations; it goes on with the run. Its `encoder` is another object after everything was taken in
            anew, as when trials were deleted; what a term maker keeps of an earlier call has to go then.
        place: How many configurations there were before this one.
        n_modelled: Which proposal after the initial design this is, counted from 1.
        budget_info: What was given to spend, and what is used.
    """

    model: Model
    best: float
    data: Dataset
    place: int
    n_modelled: int
    budget_info: BudgetInfo


class TermMaker(Protocol):
    """Something that configurations are valued by: makes a term for each proposal.

    A function will do. Terms are logarithms, as `LogExpectedImprovement` is: their weighted sum stands for a product of
    powers. What is worth twice as much as something else gets log(2) more.
    """

    def __call__(self, situation: Situation) -> tuple[float, Term] | None:
        """A weight and a term; None if it plays no part this time."""
        ...
