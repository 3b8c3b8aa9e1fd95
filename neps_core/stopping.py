"""Stopping rules: whether it is worth going on with an evaluation, judged by what it has reported so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import frozen

from neps_core.errors import StoppingRuleError
from neps_core.selection import Selectable
from neps_core.trials import Trial, Trials


class StoppingRule(Protocol):
    """Says when an evaluation is to be stopped early.

    It is asked at every report, so it must be quick: what it computes from other trials it keeps, following
    `trials.changes`. One rule is made for each call of `neps.run`.
    """

    def __call__(self, trial: Trial, trials: Trials) -> bool:
        """Whether to stop.

        Args:
            trial: The trial that is being evaluated; `trial.points[-1]` was reported just now.
            trials: All trials of the run.
        """
        ...


@frozen
class StoppingRuleSpec:
    """A stopping rule, as a plugin brings it.

    Attributes:
        name: What users select it by.
        factory: A callable `(**keywords) -> rule`, or `"module:attribute"` of one, which is then imported only when
            the rule is chosen.
        summary: One line for `neps plugins`.
    """

    name: str
    factory: Callable[..., Any] | str
    summary: str = ""


RULES = Selectable("stopping rule", "stopping_rule", "neps_stopping_rules", StoppingRuleSpec, StoppingRuleError)


def choose_rule(selection: Any) -> StoppingRule | None:
    """The rule that a user selected.

    Args:
        selection: None, a name, `(name, keywords)`, `{"name": name, **keywords}`, or a rule.

    Raises:
        StoppingRuleError: If there is no such rule or keyword.
        PluginError: If the plugin that brings it is broken.
    """
    if selection is None:
        return None
    target, keywords = RULES.split(selection)
    if isinstance(target, str):
        spec = RULES.find(target)
        target = RULES.make(spec.name, spec.factory, **keywords)
    elif isinstance(target, type) or keywords:
        target = RULES.make(getattr(target, "__name__", repr(target)), target, **keywords)
    if not callable(target):
        raise StoppingRuleError(f"stopping_rule={selection!r} is no rule: {target!r} can't be called.")
    return target  # type: ignore[no-any-return]
