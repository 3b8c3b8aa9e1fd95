"""Whether a space can come to an end, and how its recursions are made to.

A space may refer to its attributes by name, also to the one that the reference stands in, so it is a
grammar: its attributes are the symbols, its choices the alternatives. The least number of decisions of
each part is the least fixed point of `Part.least_decisions`; a part for which that is infinite has no
finite value at all.

Sampled uniformly, a recursion of which half the alternatives recurse twice has an infinite expected size.
So within a recursion an alternative that recurses, and isn't the smallest, is less likely by `DECAY` for
each level: far down only smallest derivations are left, so the expected size is finite for any grammar.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from neps_core import CategoricalDomain, SpaceError
from neps_plugins.spaces.pipeline.categorical import Categorical
from neps_plugins.spaces.pipeline.references import ByName
from neps_plugins.spaces.pipeline.walk import Part, parts_in

DECAY = 0.6

Lean = Callable[[CategoricalDomain, int], CategoricalDomain]


def leans_of(attributes: Mapping[str, Any]) -> dict[int, Lean]:
    """How the choices of a space lean inside recursions, by `id`; empty for a space without recursion.

    Raises:
        SpaceError: If a name names nothing, or something in the space has no finite value.
    """
    by_object = {id(other): name for name, other in attributes.items() if isinstance(other, Part)}
    references = {name: _named_in(name, value, attributes, by_object) for name, value in attributes.items()}
    if not any(references.values()):
        return {}
    least = _least_decisions(attributes)
    recursive = {name for name in attributes if name in _reachable(name, references)}
    leans: dict[int, Lean] = {}
    for name, value in attributes.items():
        if math.isinf(least(value)):
            raise SpaceError(f"{name}: this recursion can never end. Give it a choice without a reference to itself.")
        for part in parts_in(value):
            if isinstance(part, Categorical) and isinstance(part.choices, tuple):
                sizes = [least(choice) for choice in part.choices]
                for choice, size in zip(part.choices, sizes):
                    if math.isinf(size):
                        raise SpaceError(f"{name}: the choice {choice!r} leads to a recursion that can never end.")
                larger = [
                    size > min(sizes) and any(_reaches(choice, r, references) for r in recursive)
                    for choice, size in zip(part.choices, sizes)
                ]
                if any(larger):
                    leans[id(part)] = _lean(tuple(larger))
    return leans


def _named_in(attribute: str, value: Any, attributes: Mapping[str, Any], by_object: Mapping[int, str]) -> set[str]:
    """The names of the attributes that a value refers to, by name or by holding the same object."""
    found = set()
    for part in parts_in(value):
        if isinstance(part, ByName):
            try:
                part.target(attributes)
            except SpaceError as reason:
                raise SpaceError(f"{attribute}: {reason}") from None
            found.add(part.name)
        elif by_object.get(id(part), attribute) != attribute:
            found.add(by_object[id(part)])
    return found


def _reachable(name: str, references: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(references[name])
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting += references[other]
    return found


def _reaches(thing: Any, name: str, references: Mapping[str, set[str]]) -> bool:
    named = {part.name for part in parts_in(thing) if isinstance(part, ByName)}
    return any(name == other or name in _reachable(other, references) for other in named)


def _least_decisions(attributes: Mapping[str, Any]) -> Callable[[Any], float]:
    """The least number of decisions of anything in the space."""
    parts = list({id(part): part for value in attributes.values() for part in parts_in(value)}.values())
    least: dict[int, float] = {id(part): math.inf for part in parts}
    of_attribute = dict.fromkeys(attributes, math.inf)

    def of(thing: Any) -> float:
        if isinstance(thing, ByName):
            return of_attribute[thing.name]
        if isinstance(thing, Part):
            return least[id(thing)]
        if type(thing) in (list, tuple):
            return sum(map(of, thing))
        return sum(map(of, thing.values())) if type(thing) is dict else 0.0

    changed = True
    while changed:
        changed = False
        for part in reversed(parts):  # what is inside comes later in the list
            size = of(part) if isinstance(part, ByName) else part.least_decisions(of)
            if size < least[id(part)]:
                least[id(part)], changed = size, True
        for name, value in attributes.items():
            if of(value) < of_attribute[name]:
                of_attribute[name], changed = of(value), True
    return of


def _lean(larger: tuple[bool, ...]) -> Lean:
    made: dict[tuple[Any, int], CategoricalDomain] = {}

    def lean(domain: CategoricalDomain, depth: int) -> CategoricalDomain:
        key = (domain.prior, depth)  # the prior may be a decision itself, the choices are always the same
        if key not in made:
            made[key] = domain.leaning([DECAY**depth if flag else 1.0 for flag in larger])
        return made[key]

    return lean
