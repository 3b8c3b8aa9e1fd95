"""The configurations whose densities are wanted, one decision beside the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field

from neps_core import Domain
from neps_plugins.toolkit.parzen.decisions import Key, Spot, kind_of, log_prior, spot_of


@define
class QueriedDecision:
    """One decision of those configurations that take it.

    Attributes:
        who: Which configurations take it, ascending.
        spots: What they decided.
        log_prior: How likely the prior makes it.
    """

    who: list[int] = field(factory=list)
    spots: list[Spot] = field(factory=list)
    log_prior: list[float] = field(factory=list)


class Queries:
    """Configurations whose densities are wanted.

    Args:
        configs: m of them, each with the domains of its decisions; what has no domain here plays no part.
    """

    def __init__(self, configs: Sequence[tuple[Mapping[str, Any], Mapping[str, Domain]]]) -> None:
        self.m = len(configs)
        self.decisions: dict[Key, QueriedDecision] = {}
        for i, (config, domains) in enumerate(configs):
            for path, domain in domains.items():
                spot = spot_of(domain, config[path])
                key = (path, kind_of(domain))
                queried = self.decisions.get(key)
                if queried is None:
                    queried = self.decisions[key] = QueriedDecision()
                queried.who.append(i)
                queried.spots.append(spot)
                queried.log_prior.append(log_prior(domain, spot))
