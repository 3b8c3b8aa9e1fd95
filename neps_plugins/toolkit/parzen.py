"""Parzen estimators: densities over configurations of any space, made of kernels around some of them.

J. Bergstra, R. Bardenet, Y. Bengio and B. Kegl, "Algorithms for hyper-parameter optimization", NeurIPS 2011, Section 4
(the estimator, and trees of decisions); S. Watanabe, "Tree-structured Parzen estimator: understanding its algorithm
components and their roles for better empirical performance", arXiv:2304.11127, 2023, Section 3.3 and Appendix C (one
kernel for all decisions jointly, bandwidths and their lower bound).

Notation:
    n, m      the number of kernels (one per observation), and of candidates
    x_j       a candidate's decision at path j, u_j its position in the unit interval
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

import itertools
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from attrs import define, field, frozen

from neps_core import CategoricalDomain, Domain, FloatDomain, Prior, Value

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

#: A decision, as kernels see it: the two ends of its cell of the unit interval (equal for a real number), or a
#: label with its type, as Python calls 1 and True equal.
Spot = tuple[Any, Any]

#: A path, and of which kind the decision is. What is of another kind in another configuration is another decision.
Key = tuple[str, str]

#: Integers all of whose cells are narrower are real numbers here: no kernel would tell the difference.
NARROW = 1 / 256

#: The standard deviation of a single observation: that of the uniform distribution.
SPREAD = math.sqrt(1 / 12)

#: Nothing is less likely than this, so that neither tails nor priors rule anything out.
TINY = 1e-300


def kind_of(domain: Domain) -> str:
    """`"real"`, `"cell"` (integers, ordered categories, numbers with a single value) or `"label"`."""
    if isinstance(domain, CategoricalDomain):
        return "cell" if domain.ordered else "label"
    if domain.lower == domain.upper:
        return "cell"
    if isinstance(domain, FloatDomain):
        return "real"
    # On a log scale the lowest cell is the widest.
    wide = domain.upper - domain.lower < 1 / NARROW or (domain.log and domain.to_unit(domain.lower + 0.5) > NARROW)
    return "cell" if wide else "real"


def spot_of(domain: Domain, value: Any) -> Spot:
    """Where a decision lies in its domain.

    Raises:
        ValueError: If it doesn't.
    """
    value = domain.check(value)
    if not isinstance(domain, CategoricalDomain):
        if kind_of(domain) == "real":
            u = domain.to_unit(value)
            return u, u
        if domain.lower == domain.upper:
            return 0.0, 1.0
        return domain.to_unit(value - 0.5), domain.to_unit(value + 0.5)
    if not domain.ordered:
        return type(value), value
    middle = domain.to_unit(value)
    half = 0.5 / len(domain.choices)
    if domain.weights is not None:
        half = 0.5 * math.exp(domain.weights.log_density(domain.index(value)))
    return middle - half, middle + half


def log_prior(domain: Domain, spot: Spot) -> float:
    """Logarithm of q: of the density of the user's prior for a real number, otherwise of a probability.

    The prior's density counts as constant over a cell.
    """
    if isinstance(domain, CategoricalDomain):
        distribution = domain.prior or domain.weights
        if distribution is None:
            return -math.log(len(domain.choices))
        value = spot[1] if not domain.ordered else domain.from_unit((spot[0] + spot[1]) / 2)
        return max(distribution.log_density(domain.index(value)), math.log(TINY))
    low, high = spot
    density = 0.0 if domain.prior is None else max(domain.prior.log_density((low + high) / 2), math.log(TINY))
    return density + (math.log(high - low) if high > low else 0.0)


# ---------------------------------------------------------------------- observations


@define
class Column:
    """One decision of many configurations.

    Attributes:
        size: How many values there are to choose from; 0 for infinitely many.
        rows: Which configurations take it, ascending.
        values: What they decided: the position of a real number, otherwise the index of a spot in `known`.
        known: The different spots so far.
    """

    size: int
    rows: array[int] = field(factory=lambda: array("q"))
    values: array[float] = field(factory=lambda: array("d"))
    known: dict[Spot, int] = field(factory=dict)


@define
class Table:
    """Configurations, a column per decision; rows may be added and taken away at the end.

    Attributes:
        columns: By path and kind.
        n: How many configurations there are.
    """

    columns: dict[Key, Column] = field(factory=dict, init=False)
    n: int = field(default=0, init=False)

    def append(self, config: Mapping[str, Any], domains: Mapping[str, Domain]) -> None:
        """Add a configuration.

        Args:
            config: Path to value. What does not lie in its domain is left out.
            domains: What each decision was taken from; those that are not here are left out.
        """
        for path, domain in domains.items():
            try:
                spot = spot_of(domain, config[path])
            except (KeyError, ValueError):  # imported by hand, from another space
                continue
            key = (path, kind_of(domain))
            column = self.columns.get(key)
            if column is None:
                column = self.columns[key] = Column(domain.size or 0)
            column.rows.append(self.n)
            column.values.append(spot[0] if key[1] == "real" else column.known.setdefault(spot, len(column.known)))
        self.n += 1

    def truncate(self, n: int) -> None:
        """Keep the first n configurations only."""
        for key, column in list(self.columns.items()):
            size = len(column.rows)
            while size and column.rows[size - 1] >= n:
                size -= 1
            del column.rows[size:], column.values[size:]
            if not size:  # or the order of the columns would tell of what is gone
                del self.columns[key]
        self.n = min(self.n, n)


# ---------------------------------------------------------------------- candidates


@define
class _Answers:
    """What the candidates that take a decision decided."""

    who: list[int] = field(factory=list)
    spots: list[Spot] = field(factory=list)
    log_prior: list[float] = field(factory=list)


class Candidates:
    """Configurations whose densities are wanted.

    Args:
        configs: m of them, each with the domains of its decisions; what has no domain here plays no part.
    """

    def __init__(self, configs: Sequence[tuple[Mapping[str, Any], Mapping[str, Domain]]]) -> None:
        self.m = len(configs)
        self.answers: dict[Key, _Answers] = {}
        for i, (config, domains) in enumerate(configs):
            for path, domain in domains.items():
                spot = spot_of(domain, config[path])
                key = (path, kind_of(domain))
                answers = self.answers.get(key)
                if answers is None:
                    answers = self.answers[key] = _Answers()
                answers.who.append(i)
                answers.spots.append(spot)
                answers.log_prior.append(log_prior(domain, spot))


# ---------------------------------------------------------------------- kernels


class _Kernels(Protocol):
    """The kernels of those observations that take a certain decision, k of them."""

    def log_densities(self, answers: _Answers, out: Floats) -> None:
        """Of each answer under each kernel, into `out` of shape (c, k): memory anew each time would take longest."""
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

    def log_densities(self, answers: _Answers, out: Floats) -> None:
        scale = self.h * math.sqrt(2.0)  # so that squares need no factor
        np.subtract.outer(np.array([u for u, _ in answers.spots]) / scale, self.centres / scale, out=out)
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

    def log_densities(self, answers: _Answers, out: Floats) -> None:
        low, high = (np.array(ends)[:, None] for ends in zip(*answers.spots))
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

    def log_densities(self, answers: _Answers, out: Floats) -> None:
        anew = self.b * np.exp(answers.log_prior)
        densities = np.repeat(anew[:, None], len(self.known), axis=1)
        for i, spot in enumerate(answers.spots):
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


def _make_kernels(kind: str, column: Column, values: Floats, n_decisions: float) -> _Kernels:
    if kind == "real":
        return _Normal(values, _bandwidth(values, n_decisions, 0.0))
    codes = values.astype(np.intp)
    if kind == "label":
        # Each observation counts once, and each label once among all of them.
        return _Labels(column.known, codes, column.size / (len(codes) + column.size))
    used = np.bincount(codes) > 0  # by other observations there may be many more
    cells = np.array(list(itertools.compress(column.known, used)))
    codes = (np.cumsum(used) - 1)[codes]
    centres, widths = cells.mean(axis=1), cells[:, 1] - cells[:, 0]
    h = _bandwidth(centres[codes], n_decisions, 0.5 * float(np.mean(widths[codes])))
    return _Cells(_Normal(centres, h), codes)


# ---------------------------------------------------------------------- the estimator


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
            key: (kernels, _make_kernels(key[1], table.columns[key], values, n_decisions))
            for key, (kernels, values) in found.items()
        }

    def log_density(self, candidates: Candidates) -> Floats:
        """Logarithm of p at each candidate, shape (m,)."""
        logs, prior = np.zeros((candidates.m, self._n)), np.zeros(candidates.m)
        scratch = np.empty(logs.size)
        for key, answers in candidates.answers.items():
            who, of_prior = np.array(answers.who), np.array(answers.log_prior)
            prior[who] += of_prior
            if key not in self._kernels:
                logs[who] += of_prior[:, None]
                continue
            kernels, densities = self._kernels[key]
            block = scratch[: len(who) * len(kernels)].reshape(len(who), len(kernels))
            densities.log_densities(answers, out=block)
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


class Drawn:
    """A source of decisions that takes one sample of a `Mixture` per walk; what it does not have, from the prior.

    Args:
        draws: The samples.
        rng: Draws what they don't have.
    """

    def __init__(self, draws: Iterator[Mapping[Key, Any]], rng: np.random.Generator) -> None:
        self._draws = draws
        self._prior = Prior(rng)
        self._sample = next(draws)

    def restart(self) -> None:
        """Begin a walk with the next sample."""
        self._sample = next(self._draws)

    def __call__(self, path: str, domain: Domain) -> Value:
        kind = kind_of(domain)
        answer = self._sample.get((path, kind))
        if answer is None:
            return self._prior(path, domain)
        if kind != "label":
            return domain.from_unit(answer)
        try:
            return domain.check(answer[1])
        except ValueError:  # the choices depend on other decisions
            return self._prior(path, domain)
