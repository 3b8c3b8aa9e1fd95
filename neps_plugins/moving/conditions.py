"""When a parameter that only some trials have is there: found out from the trials, for nobody has written it down.

A define-by-run search asks for `n_units_l2` only if `n_layers` was above 2, and says so nowhere but in its program.
The trials show which values another parameter had whenever this one was there, and which it had when it was not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen


@frozen
class Condition:
    """That a parameter is there if another one has certain values.

    Attributes:
        child: The parameter.
        parent: The other one.
        kind: `"in"`, `"above"` or `"below"`.
        values: Those values; for `"above"` and `"below"` the one that it has to be above or below.
    """

    child: str
    parent: str
    kind: str
    values: tuple[Any, ...]

    def __str__(self) -> str:
        if self.kind == "in":
            what = " or ".join(repr(value) for value in self.values)
        else:
            what = f"{self.kind} {self.values[0]!r}"
        return f"{self.child} if {self.parent} is {what}"

    def among(self, hyperparameters: Mapping[str, Any]) -> Any:
        """The condition as ConfigSpace has it.

        Args:
            hyperparameters: Its hyperparameters by name.
        """
        from ConfigSpace import EqualsCondition, GreaterThanCondition, InCondition, LessThanCondition

        child, parent = hyperparameters[self.child], hyperparameters[self.parent]
        if self.kind == "in" and len(self.values) > 1:
            return InCondition(child, parent, list(self.values))
        make: Any = {"in": EqualsCondition, "above": GreaterThanCondition, "below": LessThanCondition}[self.kind]
        return make(child, parent, self.values[0])


def conditions_of(
    configs: Sequence[Mapping[str, Any]], is_ordered: Callable[[str], bool | None]
) -> tuple[list[Condition], list[str]]:
    """The conditions that explain which parameters each of these configurations has.

    Args:
        configs: Configurations, the parameters in the order in which they were asked for.
        is_ordered: Of a parameter: True if only a threshold of it can be a condition, as for integers; False if any of
            its values can, as for categories; None if it can't be one, as for real numbers.

    Returns:
        A condition for each parameter that isn't in all configurations, and the names of those for which none of the
        others gives one.
    """
    names = list(dict.fromkeys(name for config in configs for name in config))
    n_values = {name: len({repr(config[name]) for config in configs if name in config}) for name in names}
    conditions, unexplained = [], []
    for child in names:
        if all(child in config for config in configs):
            continue
        found = [
            condition
            for parent in names
            if parent != child and (ordered := is_ordered(parent)) is not None
            if (condition := _condition(child, parent, configs, ordered)) is not None
        ]
        if found:
            # The parent with the fewest values explains it the least by accident.
            conditions.append(min(found, key=lambda condition: n_values[condition.parent]))
        else:
            unexplained.append(child)
    return conditions, unexplained


def _condition(child: str, parent: str, configs: Sequence[Mapping[str, Any]], ordered: bool) -> Condition | None:
    """That of a parameter on another one; None if that doesn't explain where it is."""
    order = [list(config) for config in configs if child in config]
    if not all(parent in asked and asked.index(parent) < asked.index(child) for asked in order):
        return None
    present = [config[parent] for config in configs if child in config]
    absent = [config[parent] for config in configs if parent in config and child not in config]
    if not absent:
        return None  # the two come and go together: both depend on a third one
    if ordered:
        if max(absent) < min(present):
            return Condition(child, parent, "above", (max(absent),))
        if min(absent) > max(present):
            return Condition(child, parent, "below", (min(absent),))
        return None
    values = {repr(value): value for value in present}
    if any(repr(value) in values for value in absent):
        return None
    return Condition(child, parent, "in", tuple(values.values()))
