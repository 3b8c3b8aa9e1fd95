"""Budgets: what may be spent, and what has been."""

from __future__ import annotations

import inspect
import math
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from attrs import Factory, field, frozen

from neps_core.errors import BudgetError, nearest
from neps_core.selection import Selectable
from neps_core.spaces.domains import as_number
from neps_core.spaces.protocol import SearchSpace
from neps_core.trials import State, Trial, Trials

#: Ten times 0.1 is a little less than 1.
ROUNDING = 1e-9


def _nothing(*_: Any) -> float:
    return 0.0


@frozen
class BudgetSpec:
    """A kind of budget, as a plugin brings it. What is spent is the sum of both functions.

    Attributes:
        name: What users set: `budgets={name: limit}`.
        unit: For messages: `"evaluations"`, `"seconds"`.
        of_trial: What one trial has spent so far, given the trial (which is being evaluated or finished)
            and the space; and, if its signature names `previous`, the trial that this one continues (None if it
            continues none that is there). Called again whenever something happens to the trial.
        of_call: What this call of `run` has spent by itself, given the seconds since it began.
        requires_cost: Whether every result must have a `cost`.
        requires_fidelity: Whether only a space with a fidelity can spend any of it.
    """

    name: str
    unit: str
    of_trial: Callable[..., float] = _nothing
    of_call: Callable[[float], float] = _nothing
    requires_cost: bool = False
    requires_fidelity: bool = False
    _sees_previous: bool = field(init=False, eq=False, repr=False)

    @_sees_previous.default
    def _names_previous(self) -> bool:
        return "previous" in inspect.signature(self.of_trial).parameters

    def amount(self, trial: Trial, space: SearchSpace, previous: Trial | None) -> float:
        """What a trial has spent so far."""
        if self._sees_previous:
            return self.of_trial(trial, space, previous=previous)
        return self.of_trial(trial, space)


BUDGETS = Selectable("budget", "budgets", "neps_budgets", BudgetSpec, BudgetError)


def _limit(name: str, doc: str) -> Any:
    return property(lambda self: self.limits.get(name), doc=f"{doc}; None without such a budget.")


def _spent(name: str, doc: str) -> Any:
    return property(lambda self: self.spent.get(name, 0.0), doc=doc)


#: How the attributes of a `BudgetInfo` are called whose values may be given to it by name.
_LIMIT, _SPENT = re.compile(r"(?:max|worker|total)_(\w+?)(?:_to_spend)?"), re.compile(r"used_(\w+?)(?:_budget)?")


@frozen(init=False)
class BudgetInfo:
    """What was given to spend, and what is used, by name of the budget.

    Where a budget is set both for a call and for all workers together, the one for all counts here.

    Args:
        limits: What may be spent.
        spent: What is used.
        shared: The names of those that hold for all workers and calls together.
        values: The same by attribute: `BudgetInfo(worker_cost_to_spend=10, used_cost_budget=2.5)`.

    Attributes:
        limits: What may be spent.
        spent: What is used.
        shared: The names of those that hold for all workers and calls together.

    Raises:
        BudgetError: If there is no such attribute, or the value is no number of at least 0.
    """

    limits: Mapping[str, float] = Factory(dict)
    spent: Mapping[str, float] = Factory(dict)
    shared: Collection[str] = ()

    max_evaluations = _limit("evaluations", "The number of evaluations that may be made")
    worker_evaluations_to_spend = total_evaluations_to_spend = max_evaluations
    used_evaluations = _spent("evaluations", "The number of evaluations begun.")
    max_cost = _limit("cost", "The cost that may be spent")
    worker_cost_to_spend = total_cost_to_spend = max_cost
    used_cost = used_cost_budget = _spent("cost", "The cost reported so far.")
    max_fidelities = _limit("fidelities", "The fidelity that may be spent")
    worker_fidelities_to_spend = total_fidelities_to_spend = max_fidelities
    used_fidelities = _spent("fidelities", "The fidelity spent so far.")

    def __init__(
        self,
        limits: Mapping[str, float] | None = None,
        spent: Mapping[str, float] | None = None,
        shared: Collection[str] = (),
        **values: float | None,
    ) -> None:
        limits, spent = dict(limits or {}), dict(spent or {})
        for name, value in values.items():
            if name not in _NAMES:
                raise BudgetError(f"BudgetInfo has no attribute {name!r}. {nearest(name, _NAMES)}")
            for pattern, target in ((_LIMIT, limits), (_SPENT, spent)):
                if value is not None and (found := pattern.fullmatch(name)):
                    target[found[1]] = check_limit(name, value)
        self.__attrs_init__(limits, spent, shared)

    @property
    def fraction_spent(self) -> float | None:
        """The share of the budget that is nearest to its end, in [0, 1]; None without a budget."""
        shares = [self.spent.get(n, 0.0) / limit if limit else 1.0 for n, limit in self.limits.items()]
        return min(max(shares), 1.0) if shares else None


_NAMES = [n for n in vars(BudgetInfo) if _LIMIT.fullmatch(n) or _SPENT.fullmatch(n)]


def check_limit(name: str, limit: Any) -> float:
    """A limit as a number.

    Args:
        name: The argument that it was given as.
        limit: A number, at least 0.

    Raises:
        BudgetError: If it is anything else.
    """
    try:
        value = as_number(limit)
    except ValueError as reason:
        raise BudgetError(f"{name}: {reason}.") from None
    if math.isnan(value) or value < 0:
        raise BudgetError(f"{name} must be a number of at least 0, not {limit!r}.")
    return value


def find_budget(name: str) -> BudgetSpec:
    """An installed budget.

    Raises:
        BudgetError: If there is none of this name, or two plugins bring it.
    """
    return BUDGETS.find(name)


class Ledger:
    """What has been spent of some budgets, kept by following the trials' changes.

    Args:
        limits: By budget name.
        prefix: What the limits' arguments begin with: `""` or `"total_"`.
        space: The run's space; None if there are no limits.
        counts: Whether a trial belongs to what is counted here.
        only_finished: Leave out trials that are still being evaluated.

    Raises:
        BudgetError: If there is no such budget, or nothing in the space could ever spend any of it.
    """

    def __init__(
        self,
        limits: Mapping[str, float],
        prefix: str,
        space: SearchSpace | None,
        counts: Callable[[Trial], bool],
        only_finished: bool,
    ) -> None:
        self.limits = dict(limits)
        self.prefix = prefix
        self._specs = [find_budget(name) for name in limits]
        for spec in self._specs:
            if spec.requires_fidelity and space is not None and not space.fidelities:
                raise BudgetError(
                    f"a budget of {spec.name} is set, and the space has no fidelity that an evaluation could spend. "
                    "Set evaluations_to_spend= instead, or add a fidelity to the space."
                )
        self._space = space
        self._counts = counts
        self._only_finished = only_finished
        self._began = time.monotonic()
        self._position = 0
        self._of_trial: dict[str, list[float]] = {}
        self._successors: dict[str, set[str]] = {}
        self._sums = [0.0] * len(self._specs)

    @property
    def requires_cost(self) -> bool:
        """Whether one of the budgets needs every result to have a cost."""
        return any(spec.requires_cost for spec in self._specs)

    def update(self, trials: Trials) -> None:
        """Take in what has happened to the trials since the last call."""
        if self._specs:
            changed = dict.fromkeys(trials.changes[self._position :])
            # What a trial has spent may depend on the one that it continues.
            changed.update(dict.fromkeys(after for i in list(changed) for after in self._successors.get(i, ())))
            for trial_id in changed:
                new = self._amounts(trials.get(trial_id), trials)
                old = self._of_trial.get(trial_id)
                if new or old:
                    self._of_trial[trial_id] = new
                    for i in range(len(self._sums)):
                        self._sums[i] += (new[i] if new else 0.0) - (old[i] if old else 0.0)
        self._position = len(trials.changes)

    def _amounts(self, trial: Trial | None, trials: Trials) -> list[float]:
        """What a trial has spent of each budget; empty for one that doesn't count."""
        if self._space is None or trial is None or trial.metadata.time_started is None or not self._counts(trial):
            return []
        if trial.state is State.PENDING or (self._only_finished and not trial.state.is_finished):
            return []
        previous = None
        if (continued := trial.metadata.previous_trial_id) is not None:
            self._successors.setdefault(continued, set()).add(trial.id)
            previous = trials.get(continued)
        return [spec.amount(trial, self._space, previous) for spec in self._specs]

    def spent(self, without: Iterable[str] = ()) -> dict[str, float]:
        """What is spent by name, as of the last `update` and of now.

        Args:
            without: The ids of trials that are left out.
        """
        seconds = time.monotonic() - self._began
        left_out = [amounts for trial_id in without if (amounts := self._of_trial.get(trial_id))]
        return {
            spec.name: self._sums[i] + spec.of_call(seconds) - sum(amounts[i] for amounts in left_out)
            for i, spec in enumerate(self._specs)
        }

    def exhausted(self, without: Iterable[str] = ()) -> str | None:
        """Which budget is spent, in words; None while there is something left of each. See `spent`."""
        spent = self.spent(without)
        for spec in self._specs:
            limit = self.limits[spec.name]
            if spent[spec.name] >= limit * (1 - ROUNDING):
                return f"{self.prefix}{spec.name} budget spent: {spent[spec.name]:g} of {limit:g} {spec.unit}"
        return None


def merge(ledgers: Iterable[Ledger]) -> BudgetInfo:
    """What optimizers are told of the budgets; a later ledger goes before an earlier one."""
    limits: dict[str, float] = {}
    spent: dict[str, float] = {}
    shared: set[str] = set()
    for ledger in ledgers:
        limits.update(ledger.limits)
        spent.update(ledger.spent())
        shared.update(ledger.limits if ledger.prefix else ())
    return BudgetInfo(limits, spent, frozenset(shared))
