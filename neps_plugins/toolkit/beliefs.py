"""What a user believes about the best values, told apart from the space: a space with priors of its own.

Notation: a belief is a value and `sigma`, a standard deviation in the unit interval, as in `neps_core.spaces.priors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from attrs import evolve, frozen

from neps_core import CategoricalDomain, Config, Decide, Domain, OptimizerError, SearchSpace, Uniform, Value, nearest
from neps_core.spaces.priors import SIGMA, CategoryPrior, NormalPrior, parse_confidence
from neps_core.spaces.protocol import Resolution
from neps_core.spaces.variation import domains_of

#: The least standard deviation: who is sure still allows for as much.
LEAST_SIGMA = 0.01

#: How many configurations are looked at for the decisions of a space that is no product.
WALKS = 100


@frozen
class Belief:
    """What a user believes about a decision.

    Attributes:
        value: The best value.
        sigma: How far the best may be from it, as a share of the (log) range. A category of a choice is 1/sigma times
            as likely as each other one.
    """

    value: Any
    sigma: float

    def about(self, domain: Domain) -> Domain:
        """A domain with this for its prior.

        Raises:
            ValueError: If the value is outside it.
        """
        value = domain.check(self.value)
        if isinstance(domain, CategoricalDomain):
            weights = [1.0] * len(domain.choices)
            weights[domain.index(value)] = 1.0 / self.sigma
            return evolve(domain, prior=CategoryPrior(tuple(weights)))
        position = domain.to_unit(cast(float, value))
        return evolve(domain, prior=NormalPrior(position, self.sigma), preferred=value)


class Believing:
    """A space whose decisions have the priors of some beliefs; its configurations are those of the space.

    Args:
        space: The space. Its own priors stay where there is no belief.
        beliefs: By path. Where a decision is taken from a domain that the value is outside of, it says nothing.
    """

    def __init__(self, space: SearchSpace, beliefs: Mapping[str, Belief]) -> None:
        self._space = space
        self._beliefs = beliefs
        self._known: dict[str, tuple[Domain, Domain]] = {}  # by path: the last domain, and the same with its prior
        flat = space.flat_domains
        self.flat_domains = None if flat is None else {path: self.seen(path, domain) for path, domain in flat.items()}
        self.fidelities = space.fidelities
        self.has_priors = space.has_priors or bool(beliefs)
        self.has_fixed_domains = space.has_fixed_domains
        self.argument_names = space.argument_names

    def seen(self, path: str, domain: Domain) -> Domain:
        """What a decision is taken from, with the belief for its prior."""
        if path not in self._beliefs:
            return domain
        known = self._known.get(path)
        if known is None or known[0] != domain:
            try:
                known = domain, self._beliefs[path].about(domain)
            except ValueError:
                known = domain, domain
            self._known[path] = known
        return known[1]

    def resolve(self, decide: Decide) -> Resolution:
        """Walk the space, with other priors."""
        return self._space.resolve(_Seeing(decide, self))

    def from_arguments(self, arguments: Mapping[str, Any]) -> Config:
        """As for the space."""
        return self._space.from_arguments(arguments)

    def check_usable(self) -> None:
        """As for the space."""
        self._space.check_usable()

    def to_document(self) -> dict[str, Any]:
        """As for the space: beliefs are no part of it."""
        return self._space.to_document()


class _Seeing:
    """A source of decisions that sees the domains of a believing space."""

    def __init__(self, decide: Decide, space: Believing) -> None:
        self._decide, self._space = decide, space

    def restart(self) -> None:
        restart = getattr(self._decide, "restart", None)
        if restart is not None:
            restart()

    def __call__(self, path: str, domain: Domain) -> Value:
        return self._decide(path, self._space.seen(path, domain))


def parse_beliefs(space: SearchSpace, centers: Any, confidences: Any = None) -> dict[str, dict[str, Belief]]:
    """Beliefs by objective and path, from the keywords `prior_centers` and `prior_confidences`.

    Args:
        space: What they are about.
        centers: The best values, by objective (its name, or its number from 0) and path.
        confidences: How sure the user is of each, in the same form: above 0 and at most 1, or `"low"`, `"medium"` or
            `"high"`; `"medium"` where nothing is said. None for nothing.

    Raises:
        OptimizerError: If they have another form, are about what the space hasn't, or outside its domains.
    """
    given, sure = _nested("prior_centers", centers), _nested("prior_confidences", confidences)
    domains = _domains(space) if given else {}
    for objective, each in sure.items():
        for path in each:
            if path not in given.get(objective, {}):
                raise OptimizerError(f"prior_confidences[{objective!r}][{path!r}] has no value in prior_centers.")
    return {
        objective: {
            path: _belief(objective, path, value, sure.get(objective, {}).get(path, "medium"), domains)
            for path, value in each.items()
        }
        for objective, each in given.items()
    }


def _nested(keyword: str, given: Any) -> dict[str, Mapping[str, Any]]:
    """By objective, whose numbers are text, too."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(each, Mapping) for each in given.values()):
        raise OptimizerError(
            f"{keyword} must be a dict of dicts, by objective and parameter, such as "
            f"{{'loss': {{'learning_rate': ...}}}}, not {given!r}."
        )
    return {str(objective): each for objective, each in given.items()}


def _domains(space: SearchSpace) -> dict[str, list[Domain]]:
    """What decisions are taken from, by path, but for fidelities; as far as random configurations have them."""
    if space.flat_domains is not None:
        walks = [dict(space.flat_domains)]
    else:
        rng = np.random.default_rng(0)
        walks = [domains_of(space, space.resolve(Uniform(rng)).config) for _ in range(WALKS)]
    found: dict[str, list[Domain]] = {}
    for walk in walks:
        for path, domain in walk.items():
            if not domain.is_fidelity and domain not in found.setdefault(path, []):
                found[path].append(domain)
    return found


def _belief(objective: str, path: str, value: Any, confidence: Any, domains: Mapping[str, list[Domain]]) -> Belief:
    where = f"[{objective!r}][{path!r}]"
    if path not in domains:
        raise OptimizerError(f"prior_centers{where} is no parameter of the space. {nearest(str(path), domains)}")
    belief = Belief(value, _sigma(f"prior_confidences{where}", confidence))
    reasons = []
    for domain in domains[path]:
        try:
            belief.about(domain)
        except ValueError as reason:
            reasons.append(reason)
    if len(reasons) == len(domains[path]):
        raise OptimizerError(f"prior_centers{where}: {reasons[0]}.")
    return belief


def _sigma(what: str, confidence: Any) -> float:
    if isinstance(confidence, str):
        try:
            return SIGMA[parse_confidence(confidence)]
        except ValueError:
            pass
    elif isinstance(confidence, (int, float)) and not isinstance(confidence, bool) and 0 < confidence <= 1:
        return max(1.0 - confidence, LEAST_SIGMA)
    raise OptimizerError(f"{what}={confidence!r} must be a number above 0 and at most 1, or 'low', 'medium' or 'high'.")
