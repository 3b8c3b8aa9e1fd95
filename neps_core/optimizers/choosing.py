"""Choosing an optimizer: from what a user selected, or what a run recorded, to one that can be asked."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any
from weakref import WeakKeyDictionary

from neps_core import documents, trust
from neps_core.errors import OptimizerError, SpaceError
from neps_core.events import OptimizerRecorded
from neps_core.optimizers.asking import Chosen, numpy_defaults
from neps_core.optimizers.spec import OPTIMIZERS, OptimizerSpec
from neps_core.plugins import plugins
from neps_core.space_parsing import parse_space
from neps_core.spaces.protocol import SearchSpace

logger = logging.getLogger("neps.optimizers")

#: Which optimizer a function of `neps.algorithms` makes, on the function itself.
_REGISTERED_AS = "registered_as"


@cache
def as_function(spec: OptimizerSpec) -> Callable[..., Any]:
    """A registered optimizer as a function `(pipeline_space, **keywords)` with the documentation of what it makes.

    Raises:
        PluginError: If it can't be imported.
    """

    def make(pipeline_space: Any, **keywords: Any) -> Callable[..., Any]:
        return choose((spec.name, keywords), parse_space(pipeline_space)).optimizer

    factory = spec.load()
    with suppress(TypeError, ValueError):
        space, *others = inspect.signature(factory).parameters.values()
        space = space.replace(name="pipeline_space", annotation=space.empty)
        make.__signature__ = inspect.Signature([space, *others])  # type: ignore[attr-defined]
    make.__name__ = make.__qualname__ = spec.name
    make.__module__ = "neps_core.algorithms"
    make.__doc__ = inspect.getdoc(factory) or spec.summary
    setattr(make, _REGISTERED_AS, spec.name)
    return make


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
        answer = plugins.first("neps_choose_optimizer", space=space)
        if answer is None:
            raise OptimizerError("no plugin chooses an optimizer for this space. Name one with optimizer=.")
        target, defaults = _split(answer)
        keywords = {**defaults, **keywords}
    if isinstance(target, str):
        name, factory, ignored = _named(target)
        for key in [key for key in keywords if key in ignored]:
            logger.debug("The keyword %s=%r of the optimizer %r has no effect.", key, keywords.pop(key), name)
    else:
        name, factory = _name_of(target), target
    info = OPTIMIZERS.effective_keywords(name, factory, keywords, n_given=1)
    with numpy_defaults():
        optimizer = OPTIMIZERS.make(name, factory, space, **keywords)
    if not callable(optimizer):
        raise OptimizerError(f"{name!r} gave {optimizer!r}, which is no optimizer: it can't be called.")
    chosen = Chosen(name, {key: documents.write(value) for key, value in info.items()}, optimizer)
    with suppress(TypeError):  # an object that nothing can be remembered of
        _made[optimizer] = (chosen.name, chosen.info, space)
    return chosen


#: Name, keywords and space, by the optimizer that was made of them here.
_made: WeakKeyDictionary[Any, tuple[str, dict[str, Any], SearchSpace]] = WeakKeyDictionary()


def chosen_as(optimizer: Any) -> tuple[Chosen, SearchSpace | None]:
    """An optimizer that is ready, as it would have been chosen; and its space, if it was made here."""
    with suppress(TypeError, KeyError):
        name, info, space = _made[optimizer]
        return Chosen(name, info, optimizer), space
    return Chosen(_name_of(type(optimizer)), {}, optimizer), None


def makes_optimizers(thing: Any) -> bool:
    """Whether this is known to be no optimizer but something that makes one: a class, or one of `neps.algorithms`."""
    thing = thing.func if isinstance(thing, partial) else thing
    return isinstance(thing, type) or hasattr(thing, _REGISTERED_AS)


def _split(selection: Any) -> tuple[Any, dict[str, Any]]:
    target, keywords = OPTIMIZERS.split(selection)
    if isinstance(target, partial) and not target.args:
        keywords = {**target.keywords, **keywords}
        target = target.func
    target = getattr(target, _REGISTERED_AS, target)
    if not isinstance(target, str) and not callable(target):
        raise OptimizerError(
            f"optimizer={selection!r} is no optimizer. Give a name, (name, keywords), or a callable (space, **kwargs)."
        )
    return target, keywords


def _name_of(target: Any) -> str:
    """`module:qualified_name` of a callable; in angle brackets if it isn't found there again."""
    module = getattr(target, "__module__", None) or type(target).__module__
    name = getattr(target, "__qualname__", None)
    if name is not None and documents.look_up(f"{module}:{name}") is target:
        return f"{module}:{name}"
    return f"{module}:<{name or type(target).__name__}>"


def _named(name: str) -> tuple[str, Callable[..., Any], tuple[str, ...]]:
    """Name, factory, and the keywords that have no effect."""
    if ":" not in name:
        spec = OPTIMIZERS.find(name)
        return spec.name, spec.load(), spec.ignored
    # A callable that an earlier call was given. It is looked up among what is imported already, so that
    # a name in a run's files never makes anything be imported.
    found = documents.look_up(name)
    if not callable(found):
        raise OptimizerError(f"the optimizer {name!r} isn't imported here. Import it and pass it again as optimizer=.")
    return name, found, ()


def restore(record: OptimizerRecorded) -> tuple[str, dict[str, Any]]:
    """The selection that a record stands for.

    Raises:
        OptimizerError: If it names code and isn't known to be this user's, or a keyword's value can't be had here.
    """
    document = trust.document_of(record.name, record.info)
    if trust.names_code(document) and not trust.is_own(document, record.signature):
        raise OptimizerError(
            f"the run's optimizer is {record.name!r} with {record.info!r}, and nothing is called on the word of a file "
            "that is not known to be yours. Pass it again as optimizer=."
        )
    try:
        return record.name, {key: documents.restore(documents.read(value)) for key, value in record.info.items()}
    except SpaceError as reason:
        raise OptimizerError(f"a keyword of the run's optimizer: {reason} Or pass the optimizer again.") from reason
