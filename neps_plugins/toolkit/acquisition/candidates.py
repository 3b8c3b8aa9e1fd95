"""Configurations that an acquisition function is looked at for, as many at a time as a model likes best.

Two kinds of spaces, one interface. In a flat space a configuration is a row of numbers, and everything is done to all
rows at once. In any other space, what a decision is taken from depends on other decisions, so each configuration comes
from a walk: sampled, mutated, or a neighbour of another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from neps_core import Config, SearchSpace
from neps_plugins.toolkit.acquisition.flat_candidates import FlatCandidates
from neps_plugins.toolkit.acquisition.points import Points
from neps_plugins.toolkit.acquisition.walked_candidates import WalkedCandidates
from neps_plugins.toolkit.encoding import Encoder

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


class Candidates(Protocol):
    """Where candidates come from in a space."""

    @property
    def n_decisions(self) -> int:
        """How many decisions a configuration takes that are not fixed; of a typical one where that differs."""
        ...

    @property
    def n_dimensions(self) -> int:
        """How many directions there are to go in, over all configurations: one for a number or an ordered choice, and
        one less than it has labels for an unordered choice.
        """
        ...

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> Points:
        """Points of configurations, with their fixed decisions set. What the encoder has no column for is left out."""
        ...

    def sample(self, n: int, rng: np.random.Generator, from_prior: bool = False) -> Points:
        """About n quasi-random points."""
        ...

    def around(self, points: Points, n: int, rng: np.random.Generator) -> Points:
        """About n variations of points, near and far."""
        ...

    def movable(self, points: Points) -> Bools:
        """Which values of points may be moved continuously, within the unit interval. Shape (m, width)."""
        ...

    def moved(self, points: Points, values: Floats, rng: np.random.Generator) -> Points:
        """The points that are nearest to points with other values, one for each."""
        ...

    def steps(self, points: Points, rng: np.random.Generator) -> tuple[Points, Indices]:
        """Points that differ from others in one decision that is no real number, and from which of them."""
        ...

    def config(self, points: Points, i: int) -> Config:
        """The configuration of a point."""
        ...


def make_candidates(space: SearchSpace, encoder: Encoder, fixed: Mapping[str, Any]) -> Candidates:
    """The candidates of a space.

    Args:
        space: The space.
        encoder: Of the same space, with choices as indices.
        fixed: Path to value of what every candidate has.
    """
    if space.flat_domains is not None:
        return FlatCandidates(encoder, fixed)
    return WalkedCandidates(space, encoder, fixed)
