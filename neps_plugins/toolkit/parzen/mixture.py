"""Parzen estimators: densities over configurations of any space, made of kernels around some of them.

J. Bergstra, R. Bardenet, Y. Bengio and B. Kegl, "Algorithms for hyper-parameter optimization", NeurIPS 2011, Section 4
(the estimator, and trees of decisions); S. Watanabe, "Tree-structured Parzen estimator: understanding its algorithm
components and their roles for better empirical performance", arXiv:2304.11127, 2023, Section 3.3 and Appendix C (one
kernel for all decisions jointly, bandwidths and their lower bound).

Notation:
    n, m      the number of kernels (one per observation), and of queried configurations
    x_j       such a configuration's decision at path j, u_j its position in the unit interval
    q_j       the density of the prior at a decision, uniform where the user gave none
    k_ij      the density of kernel i there
    w_i       the weights of the kernels; w_0 that of the prior
    p(x)      = w_0 prod_j q_j(x_j) + sum_i w_i prod_j k_ij(x_j)

k_ij depends on what the decision is taken from:

- a real number: normal around the observation's position c, with the bandwidth h, truncated to the unit interval;
- an integer or an ordered category: the same, integrated over the cell of the unit interval that the value owns;
- an unordered category: the observation's with probability 1 - b, otherwise drawn from q;
- whatever the observation does not have: q.

So a kernel is a distribution over all configurations, however they branch, and what observations share is compared
where they share it. Densities of numbers are per unit interval; all others are probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from neps_plugins.toolkit.parzen.decisions import Key
from neps_plugins.toolkit.parzen.kernels import make_kernels
from neps_plugins.toolkit.parzen.queries import Queries
from neps_plugins.toolkit.parzen.table import Table

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]


class Mixture:
    """The density p: kernels around observations, and the prior.

    Args:
        table: Where the observations are. It may change afterwards.
        rows: Which of them get a kernel, ascending, shape (n,).
        weights: The kernels', positive, shape (n,). The prior weighs as much as their mean.
    """

    def __init__(self, table: Table, rows: Integers, weights: Floats) -> None:
        self._n = n = len(rows)
        weights = np.append(weights, weights.mean() if n else 1.0)
        self._weights = weights / weights.sum()
        kernel_of = np.full(table.n, -1, dtype=np.intp)
        kernel_of[rows] = np.arange(n)
        found: dict[Key, tuple[Integers, Floats]] = {}
        for key, column in table.columns.items():
            kernels = kernel_of[np.array(column.rows, dtype=np.intp)]
            chosen = kernels >= 0
            if chosen.any():
                found[key] = kernels[chosen], np.array(column.values)[chosen]
        n_decisions = sum(len(kernels) for kernels, _ in found.values()) / max(1, n)
        self._kernels = {
            key: (kernels, make_kernels(key[1], table.columns[key], values, n_decisions))
            for key, (kernels, values) in found.items()
        }

    def log_density(self, queries: Queries) -> Floats:
        """Logarithm of p at each queried configuration, shape (m,)."""
        logs, prior = np.zeros((queries.m, self._n)), np.zeros(queries.m)
        scratch = np.empty(logs.size)
        for key, queried in queries.decisions.items():
            who, of_prior = np.array(queried.who), np.array(queried.log_prior)
            prior[who] += of_prior
            if key not in self._kernels:
                logs[who] += of_prior[:, None]
                continue
            kernels, densities = self._kernels[key]
            block = scratch[: len(who) * len(kernels)].reshape(len(who), len(kernels))
            densities.log_densities(queried, out=block)
            if block.shape == logs.shape:  # as in a flat space, which this makes much quicker
                logs += block
            else:
                logs[who] += of_prior[:, None]
                logs[np.ix_(who, kernels)] += block - of_prior[:, None]
        logs += np.log(self._weights[:-1])
        prior += math.log(self._weights[-1])
        highest = np.maximum(prior, logs.max(axis=1, initial=-np.inf))
        logs -= highest[:, None]
        return np.asarray(highest + np.log(np.exp(logs, out=logs).sum(axis=1) + np.exp(prior - highest)))

    def draws(self, m: int, rng: np.random.Generator) -> Iterator[Mapping[Key, Any]]:
        """Samples of p without an end, as decisions to be taken where a walk asks for them: see `Drawn`.

        Args:
            m: How many to draw at a time.
            rng: Draws.
        """
        while True:
            picked = rng.choice(self._n + 1, m, p=self._weights)
            drawn: list[dict[Key, Any]] = [{} for _ in range(m)]
            for key, (kernels, densities) in self._kernels.items():
                index = np.full(self._n + 1, -1, dtype=np.intp)
                index[kernels] = np.arange(len(kernels))
                of = index[picked]
                who = np.flatnonzero(of >= 0)
                for i, answer in zip(who.tolist(), densities.draw(of[who], rng)):
                    if answer is not None:
                        drawn[i][key] = answer
            yield from drawn
