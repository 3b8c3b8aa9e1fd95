"""New configurations from a Gaussian process over all fidelities."""

from __future__ import annotations

from neps_core import Config, SearchSpace, Uniform
from neps_plugins.toolkit.brackets.request import Request
from neps_plugins.toolkit.brackets.rungs import Ladder
from neps_plugins.toolkit.scalarised import as_one_objective

#: How strongly the user's prior weighs, where piBO itself has 10. Most proposals here are for the lowest rungs: some
#: dozens cost one full evaluation, and what is seen there says so little of the highest fidelity that the prior alone
#: would decide. With 10, a wrong one is followed for as long as the first bracket lasts.
BETA = 1.0


class ModelSampler:
    """What a Gaussian process expects to be best at the highest fidelity.

    The model sees the results at all fidelities, with the fidelity as one more dimension, so what is cheap informs
    what is dear as far as the two agree. This is the idea of BOHB with another model: S. Falkner, A. Klein and
    F. Hutter, "BOHB: robust and efficient hyperparameter optimization at scale", ICML 2018. Of several objectives it
    sees one, by weights that are drawn for each proposal (Knowles 2006, ParEGO).

    With the user's priors, what is to be gained is weighted by their density, less and less as in piBO, and the model
    begins with draws from them: `neps_plugins.toolkit.gp.prior_weight`.

    Args:
        space: The space.
        ladder: Its rungs.
        optimizer: The optimizer's name, for messages.
        with_priors: Whether the user's priors count.
    """

    def __init__(
        self,
        space: SearchSpace,
        ladder: Ladder,
        optimizer: str = "bayesian_optimization",
        with_priors: bool = False,
    ) -> None:
        from neps_plugins.toolkit.gp.bayesian import BayesianOptimizer  # SciPy takes half a second to import
        from neps_plugins.toolkit.gp.expected_improvement import expected_improvement
        from neps_plugins.toolkit.gp.feasibility import feasibility
        from neps_plugins.toolkit.gp.prior_weight import DecayingPrior

        priors = (DecayingPrior(BETA),) if with_priors else ()
        self._model = BayesianOptimizer(
            optimizer,
            space,
            fixed={ladder.path: ladder.fidelities[-1]},
            from_prior=with_priors,
            terms=(expected_improvement, feasibility, *priors),
        )
        self._space = space

    def __call__(self, request: Request) -> Config:
        """A configuration that no trial has; any, if all have been tried."""
        trials = as_one_objective(request.trials, request.rng)
        found = self._model.propose(trials, request.budget_info, request.batch, request.rng, request.seed)
        return self._space.resolve(Uniform(request.rng)).config if found is None else found
