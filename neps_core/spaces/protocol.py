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
    """A search space that optimizers and workers can use.

    One may have `constants`, too: plain data by argument name that people are shown with each configuration
    (`config.yaml`), and that `from_arguments` leaves out.
    """

    @property
    def fidelities(self) -> Mapping[str, Domain]:
        """Path and domain of each fidelity."""
        ...

    @property
    def has_priors(self) -> bool:
        """Whether any decision has a prior."""
        ...

    @property
    def has_fixed_domains(self) -> bool:
        """Whether what a decision is taken from depends on its path only, not on other decisions."""
        ...

    @property
    def flat_domains(self) -> Mapping[str, Domain] | None:
        """Path and domain of every decision, in order, if the space is their product; None for any other space.

        In a product each decision is taken whatever the others are, and every combination is a configuration.
        """
        ...

    @property
    def argument_names(self) -> Mapping[str, bool]:
        """The names that `evaluate_pipeline` may get, and whether each is there for every configuration."""
        ...

    def from_arguments(self, arguments: Mapping[str, Any]) -> Config:
        """The configuration behind arguments that `evaluate_pipeline` could get.

        Constants may be left out, and a configuration in stored form is given back as it is. Only what is decided
        for an argument as a whole can be told from it; the decisions inside one need the stored form.

        Raises:
            ConfigError: If a constant has another value than in the space.
        """
        ...

    def check_usable(self) -> None:
        """Make sure that nothing is missing here which a configuration's arguments are made of.

        Raises:
            SpaceError: Naming everything that can't be imported, or was not stored.
        """
        ...

    def resolve(self, decide: Decide) -> Resolution:
        """Walk the space once, asking `decide` at every choice.

        A space in which some combinations are forbidden may walk again until it has one that is not. It calls
        `decide.restart()` before each walk, if `decide` has such a method.

        Raises:
            ConfigError: If `decide` raises it, or its answers are no configuration of this space.
        """
        ...

    def to_document(self) -> dict[str, Any]:
        """The space as plain data, readable and sufficient for `neps_load_space`; `format` names its kind."""
        ...
