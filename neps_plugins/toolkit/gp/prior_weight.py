"""How much the user's prior counts: less and less.

C. Hvarfner, D. Stoll, A. Souza, M. Lindauer, F. Hutter and L. Nardi, "piBO: augmenting acquisition functions with user
beliefs for Bayesian optimization", ICLR 2022, Section 4.1.
"""

from __future__ import annotations

from neps_plugins.toolkit.acquisition.terms import Term
from neps_plugins.toolkit.acquisition.user_prior import UserPrior
from neps_plugins.toolkit.encoding import Encoder
from neps_plugins.toolkit.gp.situation import Situation

#: How strongly the user's prior weighs.
BETA = 10.0


class DecayingPrior:
    """Multiplies what a configuration is worth with the density of the prior to the power of `beta / n`.

    Here n counts the proposals after the initial design.

    Args:
        beta: How strongly the prior weighs.
    """

    def __init__(self, beta: float = BETA) -> None:
        self._beta = beta
        self._encoder: Encoder | None = None  # of which the prior was tabulated
        self._prior: UserPrior | None = None

    def __call__(self, situation: Situation) -> tuple[float, Term]:
        """The prior, with its weight."""
        encoder = situation.data.encoder
        if self._prior is None or self._encoder is not encoder or self._prior.width < encoder.width:
            self._encoder, self._prior = encoder, UserPrior(encoder)
        return self._beta / situation.n_modelled, self._prior
