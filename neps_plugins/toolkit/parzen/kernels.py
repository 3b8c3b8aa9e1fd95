"""Kernels of a Parzen estimator: for one decision, a density around what each observation has decided.

S. Watanabe, "Tree-structured Parzen estimator: understanding its algorithm components and their roles for better
empirical performance", arXiv:2304.11127, 2023, Section 3.3 and Appendix C (bandwidths and their lower bound).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from attrs import frozen

from neps_plugins.toolkit.parzen.decisions import TINY, Spot
from neps_plugins.toolkit.parzen.queries import QueriedDecision
from neps_plugins.toolkit.parzen.table import ObservedDecision

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

#: The standard deviation of a single observation: that of the uniform distribution.
SPREAD = math.sqrt(1 / 12)


class Kernels(Protocol):
    """The kernels of those observations that take a certain decision, k of them."""

    def log_densities(self, queried: QueriedDecision, out: Floats) -> None:
        """Of each queried decision under each kernel.

        Args:
            queried: Of c configurations.
            out: Where to write, shape (c, k): memory anew each time would take longest.
        """
        ...

    def draw(self, of: Integers, rng: np.random.Generator) -> list[Any]:
        """A position, or a label with its type, from each of these kernels; None to draw from the prior."""
        ...


@frozen
class _Normal:
    """Normal kernels, truncated to the unit interval, with one bandwidth.

    Attributes:
        centres: Shape (k,).
        h: The bandwidth.
    """

    centres: Floats
    h: float

    def log_densities(self, queried: QueriedDecision, out: Floats) -> None:
        scale = self.h * math.sqrt(2.0)  # so that squares need no factor
        np.subtract.outer(np.array([u for u, _ in queried.spots]) / scale, self.centres / scale, out=out)
        np.multiply(out, out, out=out)
        out += np.log(_mass(0.0, 1.0, self.centres, self.h) * (scale * math.sqrt(math.pi)))
        np.negative(out, out=out)

    def draw(self, of: Integers, rng: np.random.Generator) -> list[Any]:
        from scipy.special import ndtr, ndtri

        centres = self.centres[of]
        below = ndtr(-centres / self.h)
        share = below + rng.random(len(of)) * (ndtr((1.0 - centres) / self.h) - below)
        drawn: list[float] = np.clip(centres + self.h * ndtri(share), 0.0, 1.0).tolist()
        return drawn


@frozen
class _Cells:
    """Normal kernels integrated over cells.

    Attributes:
        normal: The kernels, of which many are alike: one for each spot that was observed.
        codes: Which of them each observation has, shape (k,).
    """

    normal: _Normal
    codes: Integers

    def log_densities(self, queried: QueriedDecision, out: Floats) -> None:
        low, high = (np.array(ends)[:, None] for ends in zip(*queried.spots))
        centres, h = self.normal.centres, self.normal.h
        masses = _mass(low, high, centres, h) / _mass(0.0, 1.0, centres, h)
        np.take(np.log(np.maximum(masses, TINY)), self.codes, axis=1, out=out, mode="clip")

    def draw(self, of: Integers, rng: np.random.Generator) -> list[Any]:
        return self.normal.draw(self.codes[of], rng)


@frozen
class _Labels:
    """Kernels over unordered categories.

    Attributes:
        known: The labels that were observed, with their types.
        codes: Which of them each observation has, shape (k,).
        b: How likely a kernel draws from the prior.
    """

    known: Mapping[Spot, int]
    codes: Integers
    b: float

    def log_densities(self, queried: QueriedDecision, out: Floats) -> None:
        anew = self.b * np.exp(queried.log_prior)
        densities = np.repeat(anew[:, None], len(self.known), axis=1)
        for i, spot in enumerate(queried.spots):
            if spot in self.known:
                densities[i, self.known[spot]] += 1.0 - self.b
        np.take(np.log(densities), self.codes, axis=1, out=out, mode="clip")

    def draw(self, of: Integers, rng: np.random.Generator) -> list[Any]:
        labels = list(self.known)
        kept = rng.random(len(of)) >= self.b
        return [labels[code] if keep else None for code, keep in zip(self.codes[of], kept)]


def _mass(low: Any, high: Any, centres: Floats, h: float) -> Floats:
    """The share of normal distributions that lies between two positions."""
    from scipy.special import ndtr

    return ndtr((high - centres) / h) - ndtr((low - centres) / h)  # type: ignore[no-any-return]


def _bandwidth(positions: Floats, n_decisions: float, least: float) -> float:
    """Scott's rule for several dimensions, but not below what keeps a few kernels apart ("magic clipping").

    Args:
        positions: Of the k observations.
        n_decisions: How many decisions a configuration has: the dimension.
        least: The least bandwidth.
    """
    k = len(positions)
    spread = float(np.std(positions)) if k > 1 else SPREAD
    rule = 1.06 * spread * math.pow(k, -1.0 / (n_decisions + 4.0))
    return min(1.0, max(rule, 1.0 / (k + 2.0), least))


def make_kernels(kind: str, observed: ObservedDecision, values: Floats, n_decisions: float) -> Kernels:
    """The kernels of some observations.

    Args:
        kind: Of the decision.
        observed: The decision, as all observations take it.
        values: Of those that get a kernel, as `observed` has them, shape (k,).
        n_decisions: How many decisions a configuration has: the dimension.
    """
    if kind == "real":
        return _Normal(values, _bandwidth(values, n_decisions, 0.0))
    codes = values.astype(np.intp)
    if kind == "label":
        # Each observation counts once, and each label once among all of them.
        return _Labels(observed.known, codes, observed.size / (len(codes) + observed.size))
    used = np.bincount(codes) > 0  # by other observations there may be many more
    cells = np.array(list(itertools.compress(observed.known, used)))
    codes = (np.cumsum(used) - 1)[codes]
    centres, widths = cells.mean(axis=1), cells[:, 1] - cells[:, 0]
    h = _bandwidth(centres[codes], n_decisions, 0.5 * float(np.mean(widths[codes])))
    return _Cells(_Normal(centres, h), codes)
