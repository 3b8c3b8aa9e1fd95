"""What the decisions of a run are taken from, as far as the run's space can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neps_core import Domain, Run, SearchSpace
from neps_core.spaces.variation import domains_of


class Domains:
    """The domains of a run's paths, found by walking its space with a configuration that has them.

    Args:
        run: The run. If its space can't be read (there is none, or it names what isn't here), there are no domains.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._space: SearchSpace | None = None
        self._seen: object = ()  # the stored space that was tried last
        self._known: dict[str, Domain] = {}

    @property
    def is_stale(self) -> bool:
        """Whether the run has got another space since it was looked at."""
        return self._seen is not self._run.log.space

    def refresh(self) -> None:
        """Read the space anew."""
        self._seen = self._run.log.space
        self._space, self._known = None, {}
        try:
            self._space = self._run.space
            self._known = dict(self._space.flat_domains or self._space.fidelities)
        except Exception:  # a plugin's, or what the stored space names: the trials can still be shown
            self._space = None

    def of(self, path: str, config: Mapping[str, Any]) -> Domain | None:
        """What a decision of a configuration was taken from; None if that can't be told."""
        if path not in self._known and self._space is not None:
            try:
                found = domains_of(self._space, config)
            except Exception:  # no configuration of this space, or code of a plugin
                return None
            for each, domain in found.items():
                self._known.setdefault(each, domain)
        return self._known.get(path)

    @property
    def fixed(self) -> Mapping[str, Domain]:
        """What every configuration may have, known before there are trials."""
        return self._known
