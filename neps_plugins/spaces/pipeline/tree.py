"""A space as a tree, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neps_core.showing import brief
from neps_plugins.html import Html, card, element, faint, tree
from neps_plugins.spaces.pipeline.categorical import Categorical
from neps_plugins.spaces.pipeline.operations import Operation, Repeated
from neps_plugins.spaces.pipeline.references import ByName, Lazy, Resample
from neps_plugins.spaces.pipeline.walk import Part

#: Nodes that are shown, and how deep.
NODES, DEPTH = 300, 20


def space_as_html(name: str, attributes: Mapping[str, Any]) -> str:
    """A space: a node for each attribute, with those of its parts below."""
    count = 0
    # The first of several names for one object is its name.
    names = {id(value): name for name, value in reversed(list(attributes.items())) if isinstance(value, Part)}

    def node(label: str, thing: Any, depth: int) -> Html:
        nonlocal count
        count += 1
        if depth > 0 and id(thing) in names:
            return tree(_labelled(label, element("i", names[id(thing)])))
        below = _below(thing) if depth < DEPTH else []
        branches = []
        for inner, part in below:
            if count >= NODES:
                branches.append(tree(faint("...")))
                break
            branches.append(node(inner, part, depth + 1))
        return tree(_labelled(label, _said(thing)), branches)

    branches: list[Html] = []
    for attribute, value in attributes.items():
        if count >= NODES:
            branches.append(tree(faint(f"... and {len(attributes) - len(branches)} more")))
            break
        branches.append(node(attribute, value, 0))
    return card(name, *branches)


def _labelled(label: str, what: Any) -> Html:
    return element("span", element("b", label), " " if label else "", what)


def _below(thing: Any) -> list[tuple[str, Any]]:
    """What is shown below something, each with what stands before it."""
    if isinstance(thing, Categorical) and isinstance(thing.choices, tuple):
        # Choices that are plain stand on one line.
        return [("", each) for each in thing.choices] if any(isinstance(c, Part) for c in thing.choices) else []
    if isinstance(thing, Operation):
        args = thing.args if isinstance(thing.args, (tuple, list)) else () if thing.args is None else (thing.args,)
        kwargs = (
            thing.kwargs if isinstance(thing.kwargs, Mapping) else {} if thing.kwargs is None else {"**": thing.kwargs}
        )
        return [*(("", each) for each in args), *((str(key), each) for key, each in kwargs.items())]
    if isinstance(thing, Repeated):
        return [("count", thing.count), ("content", thing.content)]
    if isinstance(thing, (Resample, Lazy)):
        inner = thing.source if isinstance(thing, Resample) else thing.content
        return [] if isinstance(inner, ByName) else [("", inner)]
    if isinstance(thing, (list, tuple)) and any(isinstance(each, Part) for each in thing):
        return [("", each) for each in thing]
    return []


def _said(thing: Any) -> Any:
    """What is said of something on its own line."""
    if isinstance(thing, Operation):
        return (
            thing.operator if isinstance(thing.operator, str) else getattr(thing.operator, "__name__", thing.operator)
        )
    if isinstance(thing, ByName):
        return element("i", thing.name)
    if isinstance(thing, Resample) and isinstance(thing.source, ByName):
        return element("span", "anew: ", element("i", thing.source.name))
    if _below(thing):
        return "anew:" if isinstance(thing, Resample) else "one of:" if isinstance(thing, Categorical) else ""
    return brief(thing) if isinstance(thing, Part) and not hasattr(thing, "over") else repr(thing)
