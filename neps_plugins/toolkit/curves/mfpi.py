"""The acquisition: how likely a configuration is to beat the others, at a horizon and by a margin drawn at random.

H. Rakotoarison, S. Adriaensen, N. Mallik, S. Garibov, E. Bergman and F. Hutter, "In-context freeze-thaw Bayesian
optimization for hyperparameter optimization", ICML 2024, Section 4.1, Equation 3: MFPI-random. A short horizon favours
what is about to get better, a long one what will be best in the end; a small margin is greedy, a large one explores.
Each proposal draws both anew, the same for all candidates.

What is to be beaten is not the best value so far, as there, but the best that is expected of any configuration as many
steps ahead, or of any end if that is worse. Whatever goes on is nearly sure to beat the best value so far, so that the
first configuration that looks good would be trained to the end before there is anything to compare it with; and where
the objective rises with the fidelity, nothing would be worth going on with.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

#: The margin is 10**tau of what there is to be gained, tau uniform between these.
MARGINS = (-4.0, -1.0)

#: How far below the best the best one possible is thought to be, on the scale of `CurveScale`. The paper knows it: a
#: performance is at most 1.
POSSIBLE = 3.0


@frozen
class Goal:
    """What candidates are measured by in one proposal.

    Attributes:
        horizon: How many steps ahead to look, from 1 to as many as there are.
        margin: By how much to be below the others then.
    """

    horizon: int
    margin: float

    @classmethod
    def drawn(cls, n_steps: int, rng: np.random.Generator) -> Goal:
        """Draws both.

        Args:
            n_steps: How many steps lead to the highest fidelity.
            rng: Draws.
        """
        return cls(int(rng.integers(1, n_steps + 1)), 10.0 ** rng.uniform(*MARGINS) * POSSIBLE)
