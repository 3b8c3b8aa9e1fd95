"""How users select what plugins bring by name: optimizers, observers, stopping rules, budgets."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, Union

from neps_core.errors import NePSError, PluginError, nearest
from neps_core.plugins import Plugin, plugins

#: A name, or a name with keywords.
Selection = Union[str, tuple[str, Mapping[str, Any]]]


class Spec(Protocol):
    """What every specification has. Some have `aliases`, too: further names."""

    @property
    def name(self) -> str:
        """What users select it by."""
        ...


S = TypeVar("S", bound=Spec)


def names_of(spec: Spec) -> tuple[str, ...]:
    """The name of a specification, and its aliases."""
    return (spec.name, *getattr(spec, "aliases", ()))


def find(hook: str, kind: type[S], what: str, name: str, error: type[NePSError]) -> S:
    """What a plugin brings by a name or alias.

    Args:
        hook: The hook that gives such things.
        kind: Their type.
        what: What to call one in messages.
        name: The name.
        error: What to raise if there is none.

    Raises:
        NePSError: `error` if there is none.
        PluginError: If two plugins bring it, or the plugin that would have is broken.
    """
    known = plugins.specs(hook, kind)
    found = [(plugin, spec) for plugin, spec in known if name in names_of(spec)]
    if len(found) > 1:
        raise PluginError(
            f"the {what} {name!r} is brought by plugin "
            + " and by plugin ".join(plugin.origin for plugin, _ in found)
            + ". Uninstall one of them, or rename one."
        )
    if found:
        return found[0][1]
    broken = plugins.broken()
    for plugin in broken:
        if name in _would_bring(plugin):
            raise PluginError(
                f"the {what} {name!r} would come from plugin {plugin.origin}, which is broken: {plugin.error}"
            ) from plugin.error
    for plugin in plugins.installed():
        if plugin.is_disabled and name in _would_bring(plugin):
            raise error(f"the {what} {name!r} would come from plugin {plugin.origin}, which is disabled.")
    also = f" Plugins that are broken: {', '.join(plugin.origin for plugin in broken)}." if broken else ""
    hint = nearest(name, (each for _, spec in known for each in names_of(spec)))
    raise error(f"there is no {what} {name!r}. {hint}{also}") from (broken[0].error if broken else None)


def _would_bring(plugin: Plugin) -> tuple[str, ...]:
    """The names by which somebody would probably ask for what a plugin brings."""
    module = plugin.target.partition(":")[0].rpartition(".")[2]
    return plugin.name, plugin.name.replace("-", "_"), module


def load(what: str, name: str, factory: Callable[..., Any] | str) -> Callable[..., Any]:
    """A factory that may be given as `"module:attribute"`.

    Raises:
        PluginError: If it can't be imported.
    """
    if not isinstance(factory, str):
        return factory
    module, _, attribute = factory.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]
    except Exception as reason:  # importing runs a plugin's code, so anything
        raise PluginError(f"the {what} {name!r} can't be loaded from {factory!r}: {reason}.") from reason


def split(argument: str, selection: Any, error: type[NePSError]) -> tuple[Any, dict[str, Any]]:
    """What was selected, and the keywords that were given with it.

    Args:
        argument: What it was given as, for messages.
        selection: A name, `(name, keywords)`, `{"name": name, **keywords}`; an object in place of the name.
        error: What to raise.

    Raises:
        NePSError: `error` if it is nothing of that form.
    """
    if isinstance(selection, Mapping):
        keywords = dict(selection)
        if "name" not in keywords:
            raise error(f'{argument}={selection!r} has no "name". Write {{"name": ..., "keyword": value}}.')
        return keywords.pop("name"), keywords
    if isinstance(selection, Sequence) and not isinstance(selection, str):
        if len(selection) != 2 or not isinstance(selection[1], Mapping):
            raise error(f"{argument}={selection!r} must be (name or callable, {{keyword: value}}).")
        return selection[0], dict(selection[1])
    return selection, {}


def effective_keywords(
    what: str,
    argument: str,
    name: str,
    factory: Callable[..., Any],
    keywords: Mapping[str, Any],
    error: type[NePSError],
    n_given: int = 0,
) -> dict[str, Any]:
    """The keywords with the defaults of those left out.

    Args:
        what: What the factory makes, for messages.
        argument: What it was selected with, for messages.
        name: Its name.
        factory: The factory.
        keywords: Those that were given.
        error: What to raise.
        n_given: How many of its first parameters are given by position.

    Raises:
        NePSError: `error` if the factory doesn't take one, or needs one more.
    """
    try:
        parameters = list(inspect.signature(factory).parameters.values())[n_given:]
    except (TypeError, ValueError):
        return dict(keywords)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    named = {p.name: p for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}
    for key in keywords:
        if key not in named and not takes_any:
            raise error(f"the {what} {name!r} has no keyword {key!r}. {nearest(key, named)}")
    missing = [key for key, p in named.items() if p.default is p.empty and key not in keywords]
    if missing:
        raise error(f"the {what} {name!r} needs the keyword {missing[0]!r}: {argument}=({name!r}, {{...}}).")
    return {**{key: p.default for key, p in named.items() if p.default is not p.empty}, **keywords}


def make(what: str, argument: str, name: str, factory: Any, keywords: Mapping[str, Any], error: type[NePSError]) -> Any:
    """What a factory makes of keywords alone.

    Raises:
        NePSError: `error` if it doesn't take them, or raises.
        PluginError: If it can't be imported.
    """
    factory = load(what, name, factory)
    effective_keywords(what, argument, name, factory, keywords, error)
    try:
        return factory(**keywords)
    except NePSError:
        raise
    except Exception as reason:  # a plugin's code, so anything
        raise error(f"the {what} {name!r} can't be made: {type(reason).__name__}: {reason}") from reason
