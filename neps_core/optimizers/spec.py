"""How a plugin describes an optimizer, and what is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import field, frozen

from neps_core.errors import OptimizerError
from neps_core.plugins import Plugin
from neps_core.selection import Selectable


@frozen
class OptimizerSpec:
    """An optimizer, as a plugin brings it.

    Attributes:
        name: What users select it by.
        factory: A callable `(space, **keywords) -> optimizer`, or `"module:attribute"` of one, which is
            then imported only when the optimizer is chosen.
        summary: One line for `neps plugins`.
        aliases: Further names.
        uses_fidelity: Whether it decides at which fidelity to evaluate.
        uses_priors: Whether it makes use of priors.
        several_objectives: Whether it can minimise several.
        ignored: Keywords that are accepted and have no effect, for users who give them elsewhere: a device to compute
            on, say. They are not recorded.
    """

    name: str
    factory: Callable[..., Any] | str
    summary: str = ""
    aliases: tuple[str, ...] = field(default=(), converter=tuple[str, ...])
    uses_fidelity: bool = False
    uses_priors: bool = False
    several_objectives: bool = False
    ignored: tuple[str, ...] = ()

    def load(self) -> Callable[..., Any]:
        """The factory itself.

        Raises:
            PluginError: If it can't be imported.
        """
        return OPTIMIZERS.load(self.name, self.factory)


OPTIMIZERS = Selectable("optimizer", "optimizer", "neps_optimizers", OptimizerSpec, OptimizerError)


def optimizer_specs() -> list[tuple[Plugin, OptimizerSpec]]:
    """Every installed optimizer, with the plugin that brings it."""
    return OPTIMIZERS.installed()


def find_optimizer(name: str) -> OptimizerSpec:
    """The optimizer of this name or alias.

    Raises:
        OptimizerError: If there is none.
        PluginError: If two plugins bring it, or the plugin that would have is broken.
    """
    return OPTIMIZERS.find(name)
