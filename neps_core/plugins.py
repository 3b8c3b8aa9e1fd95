"""Finding plugins and asking them.

Plugins are entry points in the group `neps`. They are loaded when the first hook is called, each on its
own: one that fails is skipped with a warning, and its error is what you get when you ask for what it
would have given. Whatever a plugin does when it is asked, the others are asked as well.

The environment variable `NEPS_DISABLE_PLUGINS` names plugins (separated by commas) that are not even imported.
"""

from __future__ import annotations

import importlib.metadata
import os
import threading
from types import ModuleType
from typing import Any, TypeVar

import pluggy
from attrs import evolve, frozen

from neps_core.errors import NePSError, PluginError, nearest, warn

PROJECT = GROUP = "neps"

#: Marks a function of `neps_core.hookspecs`, and one of a plugin that implements it.
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

#: The environment variable that names plugins to leave out.
DISABLE = "NEPS_DISABLE_PLUGINS"

T = TypeVar("T")


@frozen
class Plugin:
    """One plugin, working or not.

    Attributes:
        name: The entry point's name.
        distribution: The distribution that it comes from; "" for one registered in this process.
        version: That distribution's version.
        target: What is loaded: `module` or `module:attribute`.
        error: Why it could not be used; None if it works.
        is_disabled: Whether it was left out because somebody said so.
    """

    name: str
    distribution: str
    version: str
    target: str
    error: BaseException | None = None
    is_disabled: bool = False

    @property
    def origin(self) -> str:
        """Where it comes from, for messages."""
        if not self.distribution:
            return f"{self.name!r} (registered in this process)"
        return f"{self.name!r} of {self.distribution} {self.version}"


class Plugins:
    """All plugins of this process.

    Args:
        group: The entry-point group.
    """

    def __init__(self, group: str = GROUP) -> None:
        self._group = group
        self._manager = pluggy.PluginManager(PROJECT)
        self._plugins: dict[str, Plugin] = {}
        self._registered: dict[str, Any] = {}
        self._disabled = {name.strip() for name in os.environ.get(DISABLE, "").split(",")} - {""}
        self._is_loaded = False
        self._is_loading = False
        self._lock = threading.RLock()

    def specify(self, hookspecs: ModuleType) -> None:
        """Say which hooks there are, before anything else.

        Args:
            hookspecs: A module whose functions are marked with `hookspec`.
        """
        self._manager.add_hookspecs(hookspecs)

    @property
    def hook(self) -> Any:
        """The hooks, to be called with keyword arguments. The first use loads the installed plugins."""
        self._load()
        return self._manager.hook

    def register(self, plugin: Any, name: str | None = None) -> None:
        """Use a plugin in this process, without installing anything: for notebooks and tests.

        Args:
            plugin: A module or an object with hook implementations.
            name: What to call it; its own name by default.

        Raises:
            PluginError: If it implements a hook that doesn't exist, or is registered already.
        """
        label = name or getattr(plugin, "__name__", None) or f"{type(plugin).__name__}@{id(plugin):x}"
        self._load()
        self._add(plugin, label)
        self._registered[label] = plugin
        self._plugins[label] = Plugin(label, "", "", getattr(plugin, "__name__", type(plugin).__name__))

    def unregister(self, plugin: Any) -> None:
        """Undo `register`.

        Raises:
            PluginError: If it isn't registered.
        """
        name = next((name for name, known in self._registered.items() if known is plugin), None)
        if name is None:
            raise PluginError(f"{plugin!r} is not registered.")
        del self._registered[name]
        if self._plugins.pop(name).error is None:  # a broken one is out already
            self._manager.unregister(plugin)

    def disable(self, name: str) -> None:
        """Do without a plugin in this process, as if it were not installed.

        Args:
            name: What `neps plugins` calls it. If no plugin has been used yet, it is not even imported.

        Raises:
            PluginError: If plugins have been loaded and there is none of this name.
        """
        if self._is_loaded:
            if name not in self._plugins:
                raise PluginError(f"there is no plugin {name!r} to disable. {nearest(name, self._plugins)}")
            if self._manager.get_plugin(name) is not None:
                self._manager.unregister(name=name)
            self._registered.pop(name, None)
            self._plugins[name] = evolve(self._plugins[name], is_disabled=True)
        self._disabled.add(name)

    def installed(self) -> list[Plugin]:
        """Every plugin that was found, the broken and the disabled ones too."""
        self._load()
        return list(self._plugins.values())

    def broken(self) -> list[Plugin]:
        """The plugins that could not be used."""
        return [plugin for plugin in self.installed() if plugin.error is not None]

    def implementing(self, hook: str) -> list[str]:
        """The names of the plugins that implement a hook."""
        return [implementation.plugin_name for implementation in getattr(self.hook, hook).get_hookimpls()]

    def specs(self, hook: str, kind: type[T]) -> list[tuple[Plugin, T]]:
        """What the plugins bring by a hook that gives a list, each asked on its own.

        Args:
            hook: The hook's name.
            kind: What the lists must hold. A plugin that raises, or gives anything else, is broken from then on.
        """
        given = []
        for implementation in getattr(self.hook, hook).get_hookimpls():
            name = implementation.plugin_name
            try:
                answer = implementation.function()
                if not isinstance(answer, (list, tuple)) or not all(isinstance(item, kind) for item in answer):
                    raise TypeError(f"{hook} must give a list of {kind.__name__}, not {answer!r}")
            except Exception as error:  # a plugin's code, so anything
                self._break(name, error)
                self._warn(name)
                continue
            given += [(self._plugins[name], spec) for spec in answer]
        return given

    def first(self, hook: str, **arguments: Any) -> Any:
        """The first answer to a hook that only one plugin has to answer, the one registered last being asked first.

        Returns:
            The answer; None if no plugin has one.

        Raises:
            NePSError: What a plugin refuses on purpose, as it is.
            PluginError: If no plugin answers and one raised anything else; it is named, and its error is the cause.
                If another one answers, there is a warning.
        """
        raised: list[tuple[Plugin, Exception]] = []
        answer = None
        for implementation in reversed(getattr(self.hook, hook).get_hookimpls()):
            try:
                answer = implementation.function(*(arguments[name] for name in implementation.argnames))
            except NePSError:
                raise
            except Exception as error:  # a plugin's code, so anything
                raised.append((self._plugins[implementation.plugin_name], error))
            if answer is not None:
                break
        told = "; ".join(f"plugin {p.origin} raised in {hook}: {type(e).__name__}: {e}" for p, e in raised)
        if raised and answer is None:
            raise PluginError(f"{told}. Update or uninstall it, or disable it with {DISABLE}.") from raised[0][1]
        if raised:
            warn(f"{told}. Another plugin has answered instead.")
        return answer

    def tell(self, hook: str, **arguments: Any) -> list[tuple[Plugin, Exception]]:
        """Call a hook in every plugin, and give back the exceptions of those that raised."""
        raised = []
        for implementation in getattr(self.hook, hook).get_hookimpls():
            try:
                implementation.function(*(arguments[name] for name in implementation.argnames))
            except Exception as error:  # a plugin's code, so anything
                raised.append((self._plugins[implementation.plugin_name], error))
        return raised

    def _load(self) -> None:
        if self._is_loaded:
            return
        with self._lock:
            if self._is_loaded or self._is_loading:  # a plugin may ask for plugins while it is imported
                return
            self._is_loading = True
            try:
                self._find()
            except BaseException:  # an interrupt: the next one begins anew
                for name in [name for name in self._plugins if self._manager.get_plugin(name) is not None]:
                    self._manager.unregister(name=name)
                self._plugins.clear()
                raise
            finally:
                self._is_loading = False
            self._is_loaded = True
        for name in sorted(self._disabled - set(self._plugins)):
            hint = nearest(name, self._plugins)
            warn(f"there is no plugin {name!r} to disable. {hint}")
        for name in [plugin.name for plugin in self._plugins.values() if plugin.error is not None]:
            self._warn(name)

    def _find(self) -> None:
        """Import what is installed."""
        for entry in importlib.metadata.entry_points(group=self._group):
            distribution = entry.dist.name if entry.dist else "?"
            version = entry.dist.version if entry.dist else "?"
            # Two distributions may use one entry-point name.
            name = entry.name if entry.name not in self._plugins else f"{entry.name} ({distribution})"
            is_disabled = name in self._disabled
            self._plugins[name] = Plugin(name, distribution, version, entry.value, is_disabled=is_disabled)
            if is_disabled:
                continue
            try:
                self._add(entry.load(), name)
            except (Exception, SystemExit) as error:  # a plugin's code, so anything
                self._break(name, error)

    def _add(self, plugin: Any, name: str) -> None:
        try:
            self._manager.register(plugin, name)
            self._manager.check_pending()
            for caller in self._manager.get_hookcallers(plugin) or ():
                if any(i.plugin is plugin and (i.wrapper or i.hookwrapper) for i in caller.get_hookimpls()):
                    raise pluggy.PluginValidationError(plugin, f"it wraps {caller.name}, and hooks can't be wrapped")
        except ValueError as reason:  # there is such a plugin already
            raise PluginError(f"plugin {name!r}: {reason}") from reason
        except pluggy.PluginValidationError as reason:
            if self._manager.get_name(plugin) is not None:
                self._manager.unregister(plugin)
            raise PluginError(f"plugin {name!r}: {reason}") from reason

    def _break(self, name: str, error: BaseException) -> None:
        self._plugins[name] = evolve(self._plugins[name], error=error)
        if self._manager.get_plugin(name) is not None:
            self._manager.unregister(name=name)

    def _warn(self, name: str) -> None:
        plugin = self._plugins[name]
        warn(
            f"plugin {plugin.origin} is broken and was skipped: {type(plugin.error).__name__}: "
            f"{str(plugin.error).rstrip('.')}. "
            "`neps plugins` shows it; uninstall or update its distribution."
        )


#: The plugins of this process.
plugins = Plugins()


def register(plugin: Any, name: str | None = None) -> None:
    """See `Plugins.register`."""
    plugins.register(plugin, name)


def unregister(plugin: Any) -> None:
    """See `Plugins.unregister`."""
    plugins.unregister(plugin)


def disable(name: str) -> None:
    """See `Plugins.disable`."""
    plugins.disable(name)
