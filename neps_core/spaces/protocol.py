"""What every search space is, whatever language it was written in: something that can be walked once,
asking for a decision wherever there is a choice.

A configuration *is* the answers to those questions, by readable path. Sampling, replaying a stored
configuration, mutating one, a grid and a model's proposal differ only in who answers
(`neps_core.spaces.sources`), so a new way of sampling never touches the spaces, and a new kind of space
never touches the samplers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from neps_core.spaces.domains import Domain, Value

#: Answers one question of a walk: the path of the decision and what it is taken from.
Decide = Callable[[str, Domain], Value]

#: The decisions of a walk by path, in the order in which they were taken.
Config = dict[str, Any]


class Resolution:
    """The outcome of one walk.

    Attributes:
        config: The decisions by path: plain data, and all that is stored.
    """

    __slots__ = ("_build", "config")

    def __init__(self, config: Config, build: Callable[[], dict[str, Any]]) -> None:
        self.config = config
        self._build = build

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments that `evaluate_pipeline` gets for this configuration.

        Building is separate from walking because it may call the user's code (constructors of layers, say).
        """
        return self._build()


class SearchSpace(Protocol):
    """A search space that optimizers and workers can use."""

    @property
    def fidelities(self) -> Mapping[str, Domain]:
        """Path and domain of each fidelity."""
        ...

    @property
    def has_priors(self) -> bool:
        """Whether any decision has a prior."""
        ...

    @property
    def argument_names(self) -> Mapping[str, bool]:
        """The names that `evaluate_pipeline` may get, and whether each is there for every configuration."""
        ...

    def check_usable(self) -> None:
        """Make sure that nothing is missing here which a configuration's arguments are made of.

        Raises:
            SpaceError: Naming everything that can't be imported, or was not stored.
        """
        ...

    def resolve(self, decide: Decide) -> Resolution:
        """Walk the space once, asking `decide` at every choice."""
        ...

    def to_document(self) -> dict[str, Any]:
        """The space as plain data, readable and sufficient for `neps_load_space`; `format` names its kind."""
        ...
