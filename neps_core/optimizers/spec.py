"""How a plugin describes an optimizer, and what is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from neps_core.errors import OptimizerError
from neps_core.plugins import Plugin, plugins
from neps_core.selection import find, load

HOOK = "neps_optimizers"


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
    """

    name: str
    factory: Callable[..., Any] | str
    summary: str = ""
    aliases: tuple[str, ...] = ()
    uses_fidelity: bool = False
    uses_priors: bool = False
    several_objectives: bool = False

    def load(self) -> Callable[..., Any]:
        """The factory itself.

        Raises:
            PluginError: If it can't be imported.
        """
        return load("optimizer", self.name, self.factory)


def optimizer_specs() -> list[tuple[Plugin, OptimizerSpec]]:
    """Every installed optimizer, with the plugin that brings it."""
    return plugins.specs(HOOK, OptimizerSpec)


def find_optimizer(name: str) -> OptimizerSpec:
    """The optimizer of this name or alias.

    Raises:
        OptimizerError: If there is none.
        PluginError: If two plugins bring it, or the plugin that would have is broken.
    """
    return find(HOOK, OptimizerSpec, "optimizer", name, OptimizerError)
