"""How users select what plugins bring by name: optimizers, observers, stopping rules, budgets."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar, Union

import numpy as np
from attrs import frozen

from neps_core.errors import NePSError, PluginError, nearest, said
from neps_core.nesting import refuse_endless
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


@frozen
class Selectable(Generic[S]):
    """A kind of thing that plugins bring.

    Attributes:
        what: What one is called in messages: `"optimizer"`.
        argument: What users select it with: `"optimizer"`, `"observers"`.
        hook: The hook by which plugins bring them.
        spec: What they bring: a specification each.
        error: What is raised about a selection that can't be meant.
    """

    what: str
    argument: str
    hook: str
    spec: type[S]
    error: type[NePSError]

    def installed(self) -> list[tuple[Plugin, S]]:
        """All that there are, each with the plugin that brings it."""
        return plugins.specs(self.hook, self.spec)

    def find(self, name: str) -> S:
        """The one of this name or alias.

        Raises:
            NePSError: `error` if there is none.
            PluginError: If two plugins bring it, or the plugin that would have is broken.
        """
        known = self.installed()
        found = [(plugin, spec) for plugin, spec in known if name in names_of(spec)]
        if len(found) > 1:
            raise PluginError(
                f"the {self.what} {name!r} is brought by plugin "
                + " and by plugin ".join(plugin.origin for plugin, _ in found)
                + ". Uninstall one of them, or rename one."
            )
        if found:
            return found[0][1]
        for plugin in plugins.installed():
            if name not in _would_bring(plugin):
                continue
            would = f"the {self.what} {name!r} would come from plugin {plugin.origin}, which is"
            if plugin.error is not None:
                raise PluginError(f"{would} broken: {plugin.error}") from plugin.error
            if plugin.is_disabled:
                raise self.error(f"{would} disabled.")
        broken = plugins.broken()
        also = f" Plugins that are broken: {', '.join(plugin.origin for plugin in broken)}." if broken else ""
        hint = nearest(name, (each for _, spec in known for each in names_of(spec)))
        raise self.error(f"there is no {self.what} {name!r}. {hint}{also}") from (broken[0].error if broken else None)

    def split(self, selection: Any) -> tuple[Any, dict[str, Any]]:
        """What was selected, and the keywords that were given with it; NumPy's numbers in them are Python's.

        Args:
            selection: A name, `(name, keywords)`, `{"name": name, **keywords}`; an object in place of the name.

        Raises:
            NePSError: `error` if it is nothing of that form, or a keyword contains itself or is masked.
        """
        target, keywords = selection, {}
        if isinstance(selection, Mapping):
            keywords = dict(selection)
            if "name" not in keywords:
                raise self.error(
                    f'{self.argument}={selection!r} has no "name". Write {{"name": ..., "keyword": value}}.'
                )
            target = keywords.pop("name")
        elif isinstance(selection, Sequence) and not isinstance(selection, str):
            if len(selection) != 2 or not isinstance(selection[1], Mapping):
                raise self.error(f"{self.argument}={selection!r} must be (name or callable, {{keyword: value}}).")
            target, keywords = selection[0], dict(selection[1])
        for key, value in keywords.items():
            try:
                refuse_endless(value)
                if np.ma.is_masked(value):
                    raise ValueError("it is masked, so it has no value")
            except ValueError as reason:
                raise self.error(f"{self.argument}: the keyword {key!r}: {reason}.") from None
        return target, {key: _unboxed(value) for key, value in keywords.items()}

    def load(self, name: str, factory: Callable[..., Any] | str) -> Callable[..., Any]:
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
            raise PluginError(f"the {self.what} {name!r} can't be loaded from {factory!r}: {reason}.") from reason

    def effective_keywords(
        self, name: str, factory: Callable[..., Any], keywords: Mapping[str, Any], n_given: int = 0
    ) -> dict[str, Any]:
        """The keywords with the defaults of those left out.

        Args:
            name: What the factory makes.
            factory: The factory.
            keywords: Those that were given.
            n_given: How many of the factory's first parameters are given by position.

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
                raise self.error(f"the {self.what} {name!r} has no keyword {key!r}. {nearest(key, named)}")
        missing = [key for key, p in named.items() if p.default is p.empty and key not in keywords]
        if missing:
            raise self.error(
                f"the {self.what} {name!r} needs the keyword {missing[0]!r}: {self.argument}=({name!r}, {{...}})."
            )
        return {**{key: p.default for key, p in named.items() if p.default is not p.empty}, **keywords}

    def make(self, name: str, factory: Callable[..., Any] | str, /, *given: Any, **keywords: Any) -> Any:
        """What a factory makes.

        Args:
            name: Of what it makes.
            factory: The factory, or where it is.
            given: What it is given by position.
            keywords: What users gave.

        Raises:
            NePSError: `error` if it doesn't take them, or raises; what it refuses on purpose, as it is.
            PluginError: If it can't be imported.
        """
        factory = self.load(name, factory)
        self.effective_keywords(name, factory, keywords, len(given))
        try:
            return factory(*given, **keywords)
        except NePSError:
            raise
        except Exception as reason:  # a plugin's code, so anything
            raise self.error(f"the {self.what} {name!r} can't be made: {said(reason)}") from reason


def _unboxed(value: Any) -> Any:
    """A keyword's value in which NumPy's scalars are Python's."""
    if type(value) in (list, tuple):
        return type(value)(map(_unboxed, value))
    if type(value) is dict:
        return {key: _unboxed(item) for key, item in value.items()}
    return value.item() if isinstance(value, np.generic) and value.dtype.kind in "biuf" else value


def names_of(spec: Spec) -> tuple[str, ...]:
    """The name of a specification, and its aliases."""
    return (spec.name, *getattr(spec, "aliases", ()))


def _would_bring(plugin: Plugin) -> tuple[str, ...]:
    """The names by which somebody would probably ask for what a plugin brings."""
    module = plugin.target.partition(":")[0].rpartition(".")[2]
    return plugin.name, plugin.name.replace("-", "_"), module
