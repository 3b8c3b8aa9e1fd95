"""Observers: whoever wants to be told what happens in a run."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from typing import Any

from attrs import frozen

from neps_core.errors import NePSError, ObserverError, nearest
from neps_core.plugins import plugins
from neps_core.selection import Selectable

logger = logging.getLogger("neps.observers")

#: What an observer may be told of, and with which arguments.
ARGUMENTS = {
    "neps_run_started": ("run", "budgets"),
    "neps_trial_started": ("run", "trial"),
    "neps_trial_reported": ("run", "trial", "step"),
    "neps_trial_finished": ("run", "trial"),
    "neps_trial_removed": ("run", "trial"),
    "neps_run_finished": ("run", "result"),
}
HOOKS = tuple(ARGUMENTS)

#: Who observes a run unless it is said otherwise.
DEFAULT = ("summary",)


@frozen
class ObserverSpec:
    """An observer, as a plugin brings it.

    Attributes:
        name: What users select it by.
        factory: A callable `(**keywords) -> observer`, or `"module:attribute"` of one, which is then imported only
            when the observer is chosen. One observer is made for each run and process.
        summary: One line for `neps plugins`.
    """

    name: str
    factory: Callable[..., Any] | str
    summary: str = ""


OBSERVERS = Selectable("observer", "observers", "neps_observers", ObserverSpec, ObserverError)


def each_of(chosen: Any) -> list[Any]:
    """What `observers=` selects, one by one.

    Raises:
        ObserverError: If it is no selection.
    """
    if isinstance(chosen, (str, dict)) or (isinstance(chosen, tuple) and not _is_several(chosen)):
        return [chosen]
    if any(hasattr(chosen, hook) for hook in HOOKS):
        return [chosen]
    if not isinstance(chosen, Iterable):
        raise ObserverError(f"observers={chosen!r} must be a list of names, (name, keywords), or objects.")
    if chosen is DEFAULT:  # nobody asked for them, so they may be absent
        there = {spec.name for _, spec in OBSERVERS.installed()}
        return [name for name in DEFAULT if name in there]
    return list(chosen)


class Observers:
    """Those who observe a run in this process: the plugins that implement a hook of `HOOKS`, and the chosen ones.

    Args:
        chosen: A name, `(name, keywords)`, or an object with the methods that it wants; any number of them.

    Raises:
        ObserverError: If there is no such observer or keyword, or an object has none of the methods.
        PluginError: If the plugin that brings one is broken.
    """

    def __init__(self, chosen: Any = DEFAULT) -> None:
        observers = [_observer(selection) for selection in each_of(chosen)]
        # Numbered, as there may be several of one kind.
        named = [(f"{name!r} (observers[{i}])", observer) for i, (name, observer) in enumerate(observers)]
        self._methods = {hook: [_method(name, observer, hook) for name, observer in named] for hook in HOOKS}
        self._logged: set[tuple[str, str]] = set()

    def tell(self, hook: str, **arguments: Any) -> None:
        """Tell all of them of something; what they raise is logged the first time."""
        for plugin, error in plugins.tell(hook, **arguments):
            self._log(f"plugin {plugin.origin}", hook, error)
        for method in self._methods[hook]:
            if method is None:
                continue
            try:
                method.function(**{key: value for key, value in arguments.items() if key in method.wanted})
            except Exception as error:  # an observer's code, so anything
                self._log(f"observer {method.observer}", hook, error)

    def _log(self, who: str, hook: str, error: Exception) -> None:
        if (who, hook) not in self._logged:
            self._logged.add((who, hook))
            where = None if isinstance(error, NePSError) else error  # those say what is wrong
            logger.error("The %s raised in %s (told once): %r", who, hook, error, exc_info=where)


@frozen
class _Method:
    """What an observer wants to be called with."""

    observer: str
    function: Callable[..., Any]
    wanted: frozenset[str]


def _method(name: str, observer: Any, hook: str) -> _Method | None:
    """A method of an observer; None if it has none for this.

    Raises:
        ObserverError: If it wants an argument that it is not given.
    """
    function = getattr(observer, hook, None)
    if function is None:
        return None
    given = ARGUMENTS[hook]
    wanted: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            wanted += given
        elif parameter.name in given:
            wanted.append(parameter.name)
        elif parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL:
            raise ObserverError(
                f"{hook} of the observer {name} wants {parameter.name!r}, and is told {', '.join(given)}."
            )
    return _Method(name, function, frozenset(wanted))


def _is_several(chosen: tuple[Any, ...]) -> bool:
    """Whether a tuple holds observers, rather than being one: a name and its keywords."""
    return not (len(chosen) == 2 and isinstance(chosen[0], str) and isinstance(chosen[1], dict))


def _observer(selection: Any) -> tuple[str, Any]:
    is_object = not isinstance(selection, (str, dict, list, tuple))
    target, keywords = (selection, {}) if is_object else OBSERVERS.split(selection)
    if isinstance(target, str):
        spec = OBSERVERS.find(target)
        return spec.name, _checked(spec.name, OBSERVERS.make(spec.name, spec.factory, **keywords))
    return type(target).__name__, _checked(repr(target), target)


def _checked(name: str, observer: Any) -> Any:
    """An observer, if it observes anything.

    Raises:
        ObserverError: If it has none of the methods, or one that begins like them and is none.
    """
    if isinstance(observer, type):
        raise ObserverError(f"{name} is a class; give an object of it: {observer.__name__}().")
    unknown = [key for key in dir(observer) if key.startswith(("neps_run_", "neps_trial_")) and key not in HOOKS]
    if unknown:
        raise ObserverError(
            f"the observer {name} has {unknown[0]}, which is never called. {nearest(unknown[0], HOOKS)}"
        )
    if not any(hasattr(observer, hook) for hook in HOOKS):
        raise ObserverError(f"the observer {name} has none of the methods {', '.join(HOOKS)}.")
    return observer
