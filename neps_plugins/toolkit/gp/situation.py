"""What is known when a configuration is to be proposed: what the terms of an acquisition are made of."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_core import BudgetInfo
from neps_plugins.toolkit.acquisition.terms import Term
from neps_plugins.toolkit.dataset import Dataset
from neps_plugins.toolkit.gp.model import Model
from neps_plugins.toolkit.gp.models import Models

Floats = npt.NDArray[np.float64]


@frozen(eq=False)
class Situation:
    """What is known when a configuration is to be proposed.

    Attributes:
        models: Of objectives and constraints, standardised; configurations that are under way have given what they
            predict for them.
        means: What they predict of the objectives, at configurations that were evaluated or are under way and keep all
            constraints; shape (k, m), where k may be 0. With very many evaluations, at the best of them.
        reference: The reference point that the user gave, as targets of the models, shape (m,); None if there is none.
        data: The evaluations; it goes on with the run. Its `encoder` is another object after everything was taken in
            anew, as when trials were deleted; what a term maker keeps of an earlier call has to go then.
        n_modelled: Which proposal after the initial design this is, counted from 1.
        budget_info: What was given to spend, and what is used.
    """

    models: Models
    means: Floats
    reference: Floats | None
    data: Dataset
    n_modelled: int
    budget_info: BudgetInfo

    @property
    def model(self) -> Model:
        """Of the objective; of several, the first."""
        return self.models.objectives[0]

    @property
    def best(self) -> float:
        """The least of the means, of several objectives in the first; inf if there are none."""
        return float(self.means[:, 0].min(initial=np.inf))


class TermMaker(Protocol):
    """Something that configurations are valued by: makes a term for each proposal.

    A function will do. Terms are logarithms, as `LogExpectedImprovement` is: their weighted sum stands for a product of
    powers. What is worth twice as much as something else gets log(2) more.
    """

    def __call__(self, situation: Situation) -> tuple[float, Term] | None:
        """A weight and a term; None if it plays no part this time."""
        ...
