"""The acquisition: how likely it is that a configuration beats the best, at a horizon and by a margin drawn at random.

H. Rakotoarison, S. Adriaensen, N. Mallik, S. Garibov, E. Bergman and F. Hutter, "In-context freeze-thaw Bayesian
optimization for hyperparameter optimization", ICML 2024, Section 4.1, Equation 3: MFPI-random. A short horizon favours
what is about to get better, a long one what will be best in the end; a small margin is greedy, a large one explores.
Each proposal draws both anew, the same for all candidates.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

#: The margin is 10**tau of what there is to be gained, tau uniform between these.
MARGINS = (-4.0, -1.0)


@frozen
class Goal:
    """What candidates are measured by in one proposal.

    Attributes:
        horizon: How many steps ahead to look, from 1 to as many as there are.
        threshold: What to be below then.
    """

    horizon: int
    threshold: float

    @classmethod
    def drawn(cls, n_steps: int, best: float, rng: np.random.Generator, possible: float) -> Goal:
        """Draws horizon and margin.

        Args:
            n_steps: How many steps lead to the highest fidelity.
            best: The best value so far.
            rng: Draws.
            possible: The best value that is thought to be possible.
        """
        horizon = int(rng.integers(1, n_steps + 1))
        return cls(horizon, best - 10.0 ** rng.uniform(*MARGINS) * (best - possible))
