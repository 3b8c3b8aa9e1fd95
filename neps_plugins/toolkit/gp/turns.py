"""What the proposals of a model are for: most of them for improving, one in eight for refining, one for exploring.

Exploring is random, so that what the model is wrongly sure of is found out (as F. Hutter, H. H. Hoos and K.
Leyton-Brown, "Sequential model-based optimization for general algorithm configuration", LION 2011, interleave random
configurations).
"""

from __future__ import annotations

#: Of so many proposals in turn, which one refines, and which one explores.
TURNS, REFINING, EXPLORING = 8, 3, 7

#: The least improvement that counts, in standard deviations of the targets, where nothing is refined. D. J. Lizotte,
#: "Practical Bayesian optimization", PhD thesis, University of Alberta, 2008, Section 3.3.
LEAST_GAIN = 0.01


def least_gain(place: int) -> float:
    """The improvement that counts for the proposal after `place` others, in standard deviations of the targets."""
    return 0.0 if place % TURNS == REFINING else LEAST_GAIN


def explores(place: int) -> bool:
    """Whether the proposal after `place` others goes where the model would not."""
    return place % TURNS == EXPLORING
