"""Optimizers: how they are registered, chosen and asked."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import numpy as np
from attrs import field, frozen

from neps_core import documents
from neps_core.budgets import BudgetInfo
from neps_core.documents import build
from neps_core.errors import ConfigError, NePSError, OptimizerError, PluginError, nearest
from neps_core.parsing import parse_space
from neps_core.plugins import Plugin, plugins
from neps_core.results import plain
from neps_core.spaces.protocol import SearchSpace
from neps_core.spaces.sources import replay
from neps_core.trials import SAFE_ID, SampledConfig, Trial

#: A name, or a name with keywords.
Selection = Union[str, tuple[str, Mapping[str, Any]]]


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
        if not isinstance(self.factory, str):
            return self.factory
        module, _, attribute = self.factory.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]
        except Exception as reason:  # importing runs a plugin's code, so anything
            raise PluginError(
                f"the optimizer {self.name!r} can't be loaded from {self.factory!r}: {reason}."
            ) from reason


@frozen
class Chosen:
    """An optimizer that is ready to be asked.

    Attributes:
        name: Its name, or `module:qualified_name` of a callable that isn't registered.
        info: Its keywords, as plain data.
        optimizer: What is called for proposals.
        details: What the optimizer tells people about itself (its attribute `details`), as plain data.
    """

    name: str
    info: dict[str, Any]
    optimizer: Callable[..., Any]
    details: dict[str, Any] = field(init=False)
    _wants: frozenset[str] = field(init=False)

    @details.default
    def _tell_details(self) -> dict[str, Any]:
        return plain(getattr(self.optimizer, "details", {}))  # type: ignore[no-any-return]

    @_wants.default
    def _randomness(self) -> frozenset[str]:
        return frozenset({"rng", "seed"} & set(inspect.signature(self.optimizer).parameters))

    def ask(
        self,
        space: SearchSpace | None,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo,
        n: int | None,
        rng: np.random.Generator,
        seed: int = 0,
    ) -> list[SampledConfig]:
        """Proposals, each complete and within the space.

        Args:
            space: What the proposals must fit; None to take them as they are.
            trials: All trials so far.
            budget_info: What was given to spend, and what is used.
            n: How many are wanted; None for one.
            rng: The randomness that this proposal may use.
            seed: The run's seed, for what has to be the same at every proposal of a run.

        Returns:
            The proposals; empty if there is nothing to propose until a running trial ends (if none runs: ever).

        Raises:
            OptimizerError: If the optimizer raises, or its answer is no usable proposal.
        """
        keywords = {name: given for name, given in (("rng", rng), ("seed", seed)) if name in self._wants}
        try:
            answer = self.optimizer(trials, budget_info, n, **keywords)
        except NePSError:
            raise
        except Exception as reason:  # an optimizer's code, so anything
            raise OptimizerError(f"the optimizer {self.name!r} raised {type(reason).__name__}: {reason}") from reason
        proposals = list(answer) if isinstance(answer, (list, tuple)) else [answer]
        checked = [self._checked(space, trials, proposal) for proposal in proposals]
        ids = [proposal.id for proposal in checked if proposal.id is not None]
        if len(set(ids)) < len(ids):
            raise OptimizerError(f"the optimizer {self.name!r} proposed one id twice: {ids}.")
        return checked

    def _checked(self, space: SearchSpace | None, trials: Mapping[str, Trial], proposal: Any) -> SampledConfig:
        config = getattr(proposal, "config", None)
        if not isinstance(config, Mapping):
            raise OptimizerError(
                f"the optimizer {self.name!r} answered {proposal!r}; expected a SampledConfig or a list of them."
            )
        trial_id, previous = getattr(proposal, "id", None), getattr(proposal, "previous_config_id", None)
        if trial_id is not None:
            trial_id = check_id(f"id proposed by the optimizer {self.name!r}", trial_id)
            if trial_id in trials:
                raise OptimizerError(f"the optimizer {self.name!r} proposed the id {trial_id!r}, which exists already.")
        try:
            config = config if space is None else replay(space, config).config
            return SampledConfig(config, trial_id, previous)
        except ConfigError as reason:
            raise OptimizerError(f"the optimizer {self.name!r} proposed {dict(config)!r}, but {reason}") from reason


def check_id(what: str, value: Any) -> str:
    """An id as text.

    Raises:
        OptimizerError: If it could not be a file's name everywhere: path separators, blanks, ...
    """
    text = str(value)
    if not SAFE_ID.fullmatch(text):
        raise OptimizerError(
            f"{what}: {text!r} can't be used. Take letters, digits, '_', '-' and '.', at most 120, no '.' first."
        )
    return text


def optimizer_specs() -> list[tuple[Plugin, OptimizerSpec]]:
    """Every installed optimizer, with the plugin that brings it."""
    return plugins.specs("neps_optimizers", OptimizerSpec)


def find_optimizer(name: str) -> OptimizerSpec:
    """The optimizer of this name or alias.

    Raises:
        OptimizerError: If there is none.
        PluginError: If two plugins bring it, or the plugin that would have is broken.
    """
    known = optimizer_specs()
    found = [(plugin, spec) for plugin, spec in known if name == spec.name or name in spec.aliases]
    if len(found) > 1:
        raise PluginError(
            f"the optimizer {name!r} is brought by plugin "
            + " and by plugin ".join(plugin.origin for plugin, _ in found)
            + ". Uninstall one of them, or rename one."
        )
    if found:
        return found[0][1]
    names = [alias for _, spec in known for alias in (spec.name, *spec.aliases)]
    broken = plugins.broken()
    for plugin in broken:
        if name in (plugin.name, plugin.name.replace("-", "_"), plugin.target.partition(":")[0].rpartition(".")[2]):
            raise PluginError(
                f"the optimizer {name!r} would come from plugin {plugin.origin}, which is broken: {plugin.error}"
            ) from plugin.error
    also = f" Plugins that are broken: {', '.join(plugin.origin for plugin in broken)}." if broken else ""
    raise OptimizerError(f"there is no optimizer {name!r}. {nearest(name, names)}{also}") from (
        broken[0].error if broken else None
    )


@frozen
class Registered:
    """A registered optimizer as a callable: `Registered("random_search")(space, use_priors=True)`.

    Attributes:
        name: What it is registered as.
    """

    name: str

    def __call__(self, space: Any, **keywords: Any) -> Callable[..., Any]:
        """Make the optimizer for a space (anything that `run` takes as one).

        Raises:
            NePSError: As `run` does for a space or keywords that make no sense.
        """
        return choose((self.name, keywords), parse_space(space)).optimizer


def choose(selection: Any, space: SearchSpace) -> Chosen:
    """Make the optimizer that a user selected.

    Args:
        selection: `"auto"`, a name, `(name, keywords)`, `{"name": name, **keywords}`, a callable
            `(space, **keywords)`, or `(callable, keywords)`.
        space: What it will search.

    Raises:
        OptimizerError: If there is no such optimizer or keyword, or it refuses the space.
        PluginError: If the plugin that brings it is broken.
    """
    target, keywords = _split(selection)
    if target == "auto":
        answer = plugins.hook.neps_choose_optimizer(space=space)
        if answer is None:
            raise OptimizerError("no plugin chooses an optimizer for this space. Name one with optimizer=.")
        target, defaults = _split(answer)
        keywords = {**defaults, **keywords}
    if isinstance(target, Registered):
        target = target.name
    if isinstance(target, str):
        name, factory = _named(target)
    else:
        name, factory = _name_of(target), target
    info = _effective_keywords(name, factory, keywords)
    try:
        optimizer = factory(space, **keywords)
    except NePSError:
        raise
    except Exception as reason:  # an optimizer's code, so anything
        raise OptimizerError(f"the optimizer {name!r} can't be made: {type(reason).__name__}: {reason}") from reason
    if not callable(optimizer):
        raise OptimizerError(f"{name!r} gave {optimizer!r}, which is no optimizer: it can't be called.")
    return Chosen(name, {key: documents.write(value) for key, value in info.items()}, optimizer)


def _name_of(target: Any) -> str:
    """`module:qualified_name` of a callable; in angle brackets if it isn't found there again."""
    module = getattr(target, "__module__", None) or type(target).__module__
    name = getattr(target, "__qualname__", None)
    if name is not None and _look_up(module, name) is target:
        return f"{module}:{name}"
    return f"{module}:<{name or type(target).__name__}>"


def _look_up(module: str, qualified_name: str) -> Any:
    """An object in a module that is imported already; None if there is none."""
    found: Any = sys.modules.get(module)
    for step in qualified_name.split("."):
        found = getattr(found, step, None)
    return found


def _split(selection: Any) -> tuple[Any, dict[str, Any]]:
    if isinstance(selection, Mapping):
        keywords = dict(selection)
        if "name" not in keywords:
            raise OptimizerError(f'optimizer={selection!r} has no "name". Write {{"name": ..., "keyword": value}}.')
        return keywords.pop("name"), keywords
    if isinstance(selection, Sequence) and not isinstance(selection, str):
        if len(selection) != 2 or not isinstance(selection[1], Mapping):
            raise OptimizerError(f"optimizer={selection!r} must be (name or callable, {{keyword: value}}).")
        return selection[0], dict(selection[1])
    if not isinstance(selection, str) and not callable(selection):
        raise OptimizerError(
            f"optimizer={selection!r} is no optimizer. Give a name, (name, keywords), or a callable (space, **kwargs)."
        )
    return selection, {}


def _named(name: str) -> tuple[str, Callable[..., Any]]:
    module, colon, attributes = name.partition(":")
    if not colon:
        spec = find_optimizer(name)
        return spec.name, spec.load()
    # A callable that an earlier call was given. It is looked up among what is imported already, so that
    # a name in a run's files never makes anything be imported.
    found = _look_up(module, attributes)
    if not callable(found):
        raise OptimizerError(f"the optimizer {name!r} isn't imported here. Import it and pass it again as optimizer=.")
    return name, found


def _effective_keywords(name: str, factory: Callable[..., Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords with the defaults of those left out.

    Raises:
        OptimizerError: If the factory doesn't take one, or needs one more.
    """
    try:
        parameters = list(inspect.signature(factory).parameters.values())[1:]
    except (TypeError, ValueError):
        return dict(keywords)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    named = {p.name: p for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    for key in keywords:
        if key not in named and not takes_any:
            raise OptimizerError(f"the optimizer {name!r} has no keyword {key!r}. {nearest(key, named)}")
    missing = [key for key, p in named.items() if p.default is p.empty and key not in keywords]
    if missing:
        raise OptimizerError(f"the optimizer {name!r} needs the keyword {missing[0]!r}: optimizer=({name!r}, {{...}}).")
    return {**{key: p.default for key, p in named.items() if p.default is not p.empty}, **keywords}


def restore(name: str, info: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The selection that a recorded name and its recorded keywords stand for."""
    return name, {key: _restored(documents.read(value)) for key, value in info.items()}


def _restored(value: Any) -> Any:
    """A keyword's value; functions and classes are looked up among what is imported already."""
    if isinstance(value, documents.Import):
        found = _look_up(*value.path.split(":", 1))
        if found is None:
            raise OptimizerError(
                f"the optimizer's keyword {value.path!r} isn't imported here. Import it and pass the optimizer again."
            )
        return found
    return build(value)
