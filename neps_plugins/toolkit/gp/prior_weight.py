"""How much the user's prior counts: less and less, and next to nothing once results speak against it.

C. Hvarfner, D. Stoll, A. Souza, M. Lindauer, F. Hutter and L. Nardi, "piBO: augmenting acquisition functions with user
beliefs for Bayesian optimization", ICLR 2022, Section 4.1. That evidence counts is not in the paper.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.acquisition.terms import Term
from neps_plugins.toolkit.acquisition.user_prior import UserPrior
from neps_plugins.toolkit.encoding import Encoder
from neps_plugins.toolkit.gp.situation import Situation

Floats = npt.NDArray[np.float64]

#: How strongly the user's prior weighs.
BETA = 10.0

#: From how many standard deviations on evidence against the prior counts, and by what factor each of them takes weight
#: from it, as a logarithm.
DOUBTFUL, DOUBT = 1.0, 2.0


class DecayingPrior:
    """Multiplies what a configuration is worth with the density of the prior to the power of `beta / n`.

    Here n counts the proposals after the initial design. Where what the prior favours has turned out worse than the
    rest, the power is less.

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
        data = situation.data
        favoured = support(self._prior(Points(data.values, data.active)), data.all_objectives)
        return weight(self._beta, situation.n_modelled, favoured), self._prior


def weight(beta: float, n_modelled: int, support: float) -> float:
    """The power of the prior's density.

    Args:
        beta: How strongly it weighs.
        n_modelled: Which proposal after the initial design this is, counted from 1.
        support: How far results speak for it, in standard deviations: see `support`.
    """
    return beta / n_modelled * math.exp(-DOUBT * max(-support - DOUBTFUL, 0.0))


def support(log_densities: Floats, objectives: Floats) -> float:
    """How far results speak for a prior: the rank correlation of density and quality, in standard deviations.

    C. Spearman, "The proof and measurement of association between two things", American J. Psychology 15, 1904; if
    nothing is associated, its variance is about 1 / n.

    Args:
        log_densities: Of n configurations, shape (n,).
        objectives: Of the same ones, shape (n, m); NaN for a failure, which is worst. Of several, the mean rank counts.

    Returns:
        Below 0 where what the prior favours is worse than the rest; 0 where all is alike.
    """
    ranks = rankdata(np.where(np.isnan(objectives), np.inf, objectives), axis=0).mean(axis=1)
    expected, found = (each - each.mean() for each in (rankdata(-log_densities), ranks))
    scale = float(np.linalg.norm(expected) * np.linalg.norm(found))
    return float(expected @ found) / scale * math.sqrt(len(ranks)) if scale > 0 else 0.0
