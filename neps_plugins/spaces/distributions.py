"""Spaces as scikit-learn's searches take them: a dict from name to a frozen distribution of SciPy's or a list of
values, or a list of such dicts, of which one is chosen.

- `uniform`, `loguniform` and `randint` are ranges. Any other distribution is a range with a prior: it says what its
  author believes to be good. Where it never ends, the range ends at the quantiles `TAIL` and `1 - TAIL`; it is
  logarithmic where half of the distribution would be in one cell of `CELLS` otherwise.
- The values of a list are choices; numbers in ascending order are ordered ones. So are those of an `rv_discrete` that
  was made of values, with its probabilities for weights.
- Parameters of `neps` may stand beside them. Anything else is a constant.
- One name in several dicts is one decision where it is taken from the same, so that a model learns from all of them.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Any, Union

import numpy as np
from attrs import evolve, frozen

from neps_core import (
    CategoricalDomain,
    Config,
    ConfigError,
    Decide,
    Domain,
    FloatDomain,
    IntegerDomain,
    Resolution,
    SpaceError,
    documents,
    hookimpl,
)
from neps_core.spaces.domains import exact
from neps_core.spaces.labels import labels_of
from neps_core.spaces.priors import CategoryPrior, NormalPrior, TabulatedPrior

FORMAT = "distributions"

#: The share of a distribution that lies beyond each end of its range, where it has no end of its own.
TAIL = 1e-3

#: How many cells a distribution is tabulated in.
CELLS = 64

#: Where one of them holds more than this share of it, further ones begin and end at its quantiles.
CROWDED = 1 / 8

#: The decision between several dicts.
WHICH = "which"


@hookimpl
def neps_load_space(document: Mapping[str, Any]) -> DistributionSpace | None:
    """Documents of the format `distributions`."""
    if document.get("format") != FORMAT:
        return None
    groups = [{name: _read(each) for name, each in group.items()} for group in document["groups"]]
    return DistributionSpace(groups, is_stored=True)


@hookimpl
def neps_example_spaces() -> Mapping[str, Any]:
    """One dict, and two of which one is chosen."""
    from scipy import stats

    regularized = {"C": stats.loguniform(1e-3, 1e3), "l1_ratio": stats.beta(2, 5), "depth": stats.poisson(4)}
    kernels = [
        {"kernel": ["rbf"], "C": stats.loguniform(1e-3, 1e3), "gamma": stats.expon(scale=0.1)},
        {"kernel": ["poly"], "C": stats.loguniform(1e-3, 1e3), "degree": [2, 3, 5], "gamma": ["scale", "auto"]},
    ]
    return {"distributions": parse_distributions(regularized), "one_of_several": parse_distributions(kernels)}


@frozen(eq=False)
class Entry:
    """What a name stands for.

    Attributes:
        domain: What it is decided from; None for a constant.
        values: Of the domain's labels, if it is a choice; the constant's, if it is one.
    """

    domain: Domain | None
    values: tuple[Any, ...] = ()

    def value(self, decision: Any) -> Any:
        """The argument that a decision stands for."""
        if isinstance(self.domain, CategoricalDomain):
            return self.values[self.domain.index(decision)]
        return decision

    def decision(self, value: Any) -> Any:
        """The decision behind an argument; the argument itself if there is none."""
        if not isinstance(self.domain, CategoricalDomain):
            return value
        same = (i for i, each in enumerate(self.values) if each is value or _equal(each, value))
        index = next(same, None)
        return value if index is None else self.domain.choices[index]


Group = Mapping[str, Entry]
Distributions = Union[Mapping[str, Any], Sequence[Mapping[str, Any]]]


def parse_distributions(given: Distributions) -> DistributionSpace:
    """The space that a dict, or a list of dicts of which one is chosen, describes.

    Args:
        given: By name, a frozen distribution of `scipy.stats`, a list, tuple or array of values, a parameter of
            `neps`, or a constant.

    Raises:
        SpaceError: If something in it can't be meant; the message names it.
    """
    groups = [given] if isinstance(given, Mapping) else list(given)
    if not groups or not all(isinstance(group, Mapping) for group in groups):
        raise SpaceError(f"a space is a dict of names, or a list of such dicts, not {given!r}.")
    return DistributionSpace([{str(name): _entry(str(name), each) for name, each in group.items()} for group in groups])


class DistributionSpace:
    """The `SearchSpace` of one dict, or of several of which one is chosen.

    Args:
        groups: By name, what is decided.
        is_stored: Whether they were read from a document, so that their values may have to be imported first.

    Raises:
        SpaceError: If a fidelity is not in all of them.
    """

    has_fixed_domains = True

    def __init__(self, groups: Sequence[Group], is_stored: bool = False) -> None:
        self.groups = list(groups)
        self._is_stored = is_stored
        self._which = CategoricalDomain(tuple(range(1, len(groups) + 1))) if len(groups) > 1 else None
        self._paths = [self._paths_of(i) for i in range(len(groups))]
        domains: dict[str, Domain] = {} if self._which is None else {WHICH: self._which}
        for group, paths in zip(self.groups, self._paths):
            domains.update({paths[name]: each.domain for name, each in group.items() if each.domain is not None})
        self.fidelities = {path: domain for path, domain in domains.items() if domain.is_fidelity}
        for path in self.fidelities:
            if any(path not in paths.values() for paths in self._paths):
                raise SpaceError(
                    f"{path!r} is a fidelity, so it has to be in each of the {len(groups)} dicts, the same."
                )
        self.has_priors = any(domain.prior is not None for domain in domains.values())
        self.flat_domains = domains if self._which is None else None
        names = dict.fromkeys(name for group in self.groups for name in group)
        self.argument_names = {name: all(name in group for group in self.groups) for name in names}

    def _paths_of(self, i: int) -> dict[str, str]:
        """The path of each name in a dict: the name itself, unless an earlier dict means something else by it."""
        paths = {}
        for name, entry in self.groups[i].items():
            earlier = [group[name] for group in self.groups[:i] if name in group]
            is_same = not earlier or _document(earlier[0]) == _document(entry)
            paths[name] = name if is_same and name != WHICH else f"{name}#{i + 1}"
        return paths

    def with_fidelity(self, name: str, lower: int, upper: int) -> DistributionSpace:
        """The same with a fidelity besides, or in place of what the name stood for."""
        entry = Entry(IntegerDomain(lower, upper, is_fidelity=True))
        return DistributionSpace([{**group, name: entry} for group in self.groups])

    def from_arguments(self, arguments: Mapping[str, Any]) -> Config:
        """Turn values into decisions and leave out constants; see `SearchSpace.from_arguments`."""
        if self._which is not None and WHICH in arguments:
            return dict(arguments)  # in stored form
        config: Config = {}
        fitting = [i for i, group in enumerate(self.groups) if _fits(group, arguments)]
        i = fitting[0] if fitting else 0
        if self._which is not None:
            config[WHICH] = i + 1
        for name, value in arguments.items():
            entry = self.groups[i].get(name)
            if entry is None:
                config[name] = value
            elif entry.domain is not None:
                config[self._paths[i][name]] = entry.decision(value)
            elif not _equal(entry.values[0], value):
                raise ConfigError(f"{name!r} is the constant {entry.values[0]!r} in this space.")
        return config

    def check_usable(self) -> None:
        """What is stored as text only can't be used.

        Raises:
            SpaceError: Naming it.
        """
        for group in self.groups:
            for name, entry in group.items():
                try:
                    documents.build(entry.values)
                except SpaceError as reason:
                    raise SpaceError(f"{name}: {reason}") from None

    def resolve(self, decide: Decide) -> Resolution:
        """Choose a dict, then decide each of its names; see `SearchSpace.resolve`."""
        config: Config = {}
        i = 0
        if self._which is not None:
            config[WHICH] = decide(WHICH, self._which)
            i = self._which.index(config[WHICH])
        arguments = {}
        for name, entry in self.groups[i].items():
            if entry.domain is None:
                arguments[name] = entry.values[0]
                continue
            path = self._paths[i][name]
            config[path] = decide(path, entry.domain)
            arguments[name] = entry.value(config[path])
        return Resolution(config, lambda: documents.build(arguments) if self._is_stored else dict(arguments))

    @property
    def unstored(self) -> dict[str, list[Any]]:
        """By name, the values of which a document says the class and no more, such as estimators."""
        found: dict[str, list[Any]] = {}
        for name, entry in (pair for group in self.groups for pair in group.items()):
            opaque = [value for value in entry.values if _opaque_in(documents.write(value))]
            if opaque:
                found.setdefault(name, []).extend(opaque)
        return found

    def to_document(self) -> dict[str, Any]:
        """The domains by name, of each dict."""
        groups = [{name: _document(entry) for name, entry in group.items()} for group in self.groups]
        return {"format": FORMAT, "groups": groups}


def _fits(group: Group, arguments: Mapping[str, Any]) -> bool:
    for name, value in arguments.items():
        if name not in group:
            return False
        entry = group[name]
        if entry.domain is None:
            if not _equal(entry.values[0], value):
                return False
            continue
        try:
            entry.domain.check(entry.decision(value))
        except (ValueError, TypeError):
            return False
    return all(name in arguments for name, entry in group.items() if entry.domain is not None)


def _equal(one: Any, other: Any) -> bool:
    """Whether these are the same choice. The text of an object may leave out what matters, so it is never compared."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    stored = documents.write(one)
    if repr(stored) != repr(documents.write(other)):
        return False
    try:
        return not _opaque_in(stored) or pickle.dumps(one) == pickle.dumps(other)
    except Exception:  # the user's own object, so anything: it can't be told
        return False


def _opaque_in(stored: Any) -> bool:
    """Whether a document holds something of which it says the class and no more."""
    if isinstance(stored, Mapping):
        return stored.get("type") == "Opaque" or any(map(_opaque_in, stored.values()))
    return isinstance(stored, list) and any(map(_opaque_in, stored))


# ---------------------------------------------------------------------- what the user has written


def _entry(name: str, given: Any) -> Entry:
    """What a user's object stands for.

    Raises:
        SpaceError: If it can't be meant.
    """
    try:
        if callable(getattr(given, "ppf", None)):
            return _of_distribution(given)
        if callable(getattr(given, "rvs", None)) or callable(getattr(given, "icdf", None)):
            raise ValueError(
                f"{given!r} can be drawn from, but has no quantiles (ppf), which a model needs. "
                "Use a frozen distribution of scipy.stats, such as loguniform(1e-3, 1e3), or a parameter of neps"
            )
        if callable(getattr(given, "domain", None)) and hasattr(given, "to_document"):
            return _of_parameter(given)
        if getattr(given, "ndim", None) == 1 and callable(getattr(given, "tolist", None)):  # also those of pandas
            given = given.tolist()
        if isinstance(given, tuple) and len(given) == 2 and all(_is_number(each) for each in given):
            raise ValueError(
                f"{given} may be a range or two values: write neps.Float{given} or neps.Integer{given}, "
                f"or {list(given)}"
            )
        if isinstance(given, (list, tuple, range)):
            return _of_values(list(given))
        if isinstance(given, (Iterator, AbstractSet, ValuesView, np.ndarray)) or getattr(given, "ndim", 0) > 1:
            raise ValueError(
                f"{type(given).__name__} is no list, and may be several values or one: write a list of the values, "
                "or a list with this alone"
            )
    except ValueError as reason:
        raise SpaceError(f"{name}: {reason}.") from None
    return Entry(None, (given,))


def _is_number(value: Any) -> bool:
    value = exact(value)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _of_parameter(part: Any) -> Entry:
    if getattr(part, "has_parts", False) or getattr(part, "has_open_domain", False):
        raise ValueError(
            "a parameter within a parameter needs a space of neps' own: write all of it as a neps.PipelineSpace"
        )
    domain = part.domain()
    return Entry(domain, tuple(part.choices)) if isinstance(domain, CategoricalDomain) else Entry(domain)


def _of_values(values: list[Any]) -> Entry:
    different: list[Any] = []
    for value in values:  # scikit-learn takes what is there twice for twice as likely; a search needs it once
        if not any(each is value or _equal(each, value) for each in different):
            different.append(value)
    if not different:
        raise ValueError("there is nothing to choose from; give at least one value")
    if len(different) == 1:
        return Entry(None, (different[0],))
    is_ordered = all(map(_is_number, different)) and all(a < b for a, b in pairwise(different))
    return Entry(CategoricalDomain(labels_of(tuple(different)), ordered=is_ordered), tuple(different))


def _of_distribution(frozen_distribution: Any) -> Entry:
    """The range of a distribution, and the prior if it is not uniform on it."""
    dist = getattr(frozen_distribution, "dist", frozen_distribution)
    name = getattr(dist, "name", "")
    try:
        lower, upper = map(float, frozen_distribution.support())
    except TypeError:
        raise ValueError(
            f"the distribution {name!r} needs a number for each of its parameters, such as loguniform(1e-3, 1e3)"
        ) from None
    if not lower <= upper:
        raise ValueError(f"the distribution {name!r} makes no sense: its values are from {lower} to {upper}")
    if name == "randint":
        return Entry(IntegerDomain(int(lower), int(upper)))
    if name == "uniform":
        return Entry(FloatDomain(lower, upper))
    if hasattr(dist, "xk") and hasattr(dist, "pk"):
        moved = lower - float(min(dist.xk))
        return _of_table(np.asarray(dist.xk) + (int(moved) if moved.is_integer() else moved), dist.pk)
    median = float(frozen_distribution.median())
    if name in ("loguniform", "reciprocal") and math.isclose(median, math.sqrt(lower * upper)):
        return Entry(FloatDomain(lower, upper, log=True))
    tail = float(frozen_distribution.ppf(TAIL))
    lower = lower if math.isfinite(lower) else tail
    upper = upper if math.isfinite(upper) else float(frozen_distribution.ppf(1 - TAIL))
    is_crowded = median - lower < (upper - lower) / CELLS
    domain: FloatDomain | IntegerDomain
    if callable(getattr(frozen_distribution, "pmf", None)):
        domain = IntegerDomain(int(lower), int(upper), log=is_crowded and lower > 0)
    else:
        is_log = is_crowded and lower >= 0 and tail > 0
        domain = FloatDomain(lower or tail if is_log else lower, upper, log=is_log)
    return Entry(evolve(domain, prior=_prior_over(domain, frozen_distribution, name)))


def _of_table(values: np.ndarray[Any, Any], weights: Iterable[float]) -> Entry:
    """The values of an `rv_discrete` that was made of them."""
    pairs = sorted((value, float(weight)) for value, weight in zip(values.tolist(), weights) if weight > 0)
    if len(pairs) == 1:
        return Entry(None, (pairs[0][0],))
    choices = tuple(value for value, _ in pairs)
    return Entry(CategoricalDomain(choices, CategoryPrior(tuple(w for _, w in pairs)), ordered=True), choices)


def _prior_over(domain: FloatDomain | IntegerDomain, distribution: Any, name: str) -> TabulatedPrior:
    """A distribution in cells of a domain."""
    if domain.lower == domain.upper:
        return TabulatedPrior((1.0,))
    between = {domain.from_unit(i / CELLS) for i in range(1, CELLS)}
    edges, shares = _cells(domain, distribution, between)
    if not np.all(np.isfinite(shares)) or shares.sum() <= 0:
        raise ValueError(f"the distribution {name!r} has no probabilities between {domain.lower} and {domain.upper}")
    if shares.max() > CROWDED * shares.sum():
        quantiles = distribution.ppf(np.arange(1, CELLS) / CELLS)
        kind = int if isinstance(domain, IntegerDomain) else float
        edges, shares = _cells(domain, distribution, between | {kind(each) for each in quantiles})
    densities = tuple(map(float, shares / np.diff(edges)))
    is_even = np.allclose(edges, np.linspace(0.0, 1.0, len(edges)), atol=1e-9)
    return TabulatedPrior(densities) if is_even else TabulatedPrior(densities, tuple(map(float, edges)))


def _cells(
    domain: FloatDomain | IntegerDomain, distribution: Any, between: Iterable[float]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Edges in the unit interval, a cell ending at each of these values, and the share in each cell."""
    if isinstance(domain, IntegerDomain):
        ends = {domain.cell(int(value))[1]: value for value in between if domain.lower <= value < domain.upper}
        first = domain.lower - 1
    else:
        ends = {domain.to_unit(value): value for value in between if domain.lower < value < domain.upper}
        first = domain.lower
    ends = {0.0: first, **{u: ends[u] for u in sorted(ends) if 0.0 < u < 1.0}, 1.0: domain.upper}
    return np.array(list(ends)), np.diff(distribution.cdf(np.array(list(ends.values()), dtype=float)))


# ---------------------------------------------------------------------- what is stored


def _document(entry: Entry) -> dict[str, Any]:
    domain = entry.domain
    if domain is None:
        return {"constant": documents.write(entry.values[0])}
    if isinstance(domain, CategoricalDomain):
        document: dict[str, Any] = {"choices": [documents.write(value) for value in entry.values]}
        if domain.ordered:
            document["ordered"] = True
        if domain.prior is not None:
            document["weights"] = list(domain.prior.weights)
        return document
    document = {
        "kind": "float" if isinstance(domain, FloatDomain) else "integer",
        "lower": domain.lower,
        "upper": domain.upper,
    }
    if domain.log:
        document["log"] = True
    if domain.is_fidelity:
        document["is_fidelity"] = True
    if isinstance(domain.prior, TabulatedPrior):
        document["densities"] = list(domain.prior.densities)
        if not np.allclose(np.diff(domain.prior.edges), 1 / len(domain.prior.densities)):
            document["edges"] = list(domain.prior.edges)
    elif isinstance(domain.prior, NormalPrior):
        document |= {"mode": domain.prior.mode, "sigma": domain.prior.sigma, "preferred": domain.preferred}
    return document


def _read(document: Mapping[str, Any]) -> Entry:
    if "constant" in document:
        return Entry(None, (documents.read(document["constant"]),))
    if "choices" in document:
        values = tuple(documents.read(each) for each in document["choices"])
        weights = CategoryPrior(tuple(document["weights"])) if "weights" in document else None
        return Entry(CategoricalDomain(labels_of(values), weights, bool(document.get("ordered"))), values)
    prior: Any = None
    if "densities" in document:
        prior = TabulatedPrior(tuple(document["densities"]), tuple(document.get("edges", ())))
    elif "sigma" in document:
        prior = NormalPrior(document["mode"], document["sigma"])
    make = FloatDomain if document["kind"] == "float" else IntegerDomain
    return Entry(
        make(
            document["lower"],
            document["upper"],
            bool(document.get("log")),
            prior,
            bool(document.get("is_fidelity")),
            document.get("preferred"),
        )
    )
