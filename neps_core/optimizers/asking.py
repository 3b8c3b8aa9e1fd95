"""Asking an optimizer, and checking what it answers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from attrs import field, frozen

from neps_core.budgets import BudgetInfo
from neps_core.errors import ConfigError, NePSError, OptimizerError, said
from neps_core.results import plain, shown
from neps_core.spaces.protocol import SearchSpace
from neps_core.spaces.sources import replay
from neps_core.trials import SampledConfig, Trials, check_id, taken_id


@frozen
class Chosen:
    """An optimizer that is ready to be asked.

    Attributes:
        name: Its name, or `module:qualified_name` of a callable that isn't registered.
        info: Its keywords, as plain data.
        optimizer: What is called for proposals.
        details: What the optimizer tells people about itself (its attribute `details`), as plain data.
    """

    name: str
    info: dict[str, Any]
    optimizer: Callable[..., Any]
    details: dict[str, Any] = field(init=False)
    _wants: frozenset[str] = field(init=False)
    _takes_n: str = field(init=False)

    @details.default
    def _tell_details(self) -> dict[str, Any]:
        return plain(getattr(self.optimizer, "details", {}))  # type: ignore[no-any-return]

    @property
    def ignores_results(self) -> bool:
        """Whether results change nothing of what it proposes (its attribute `ignores_results`), as in random search."""
        return bool(getattr(self.optimizer, "ignores_results", False))

    @_wants.default
    def _randomness(self) -> frozenset[str]:
        return frozenset({"rng", "seed"} & set(inspect.signature(self.optimizer).parameters))

    @_takes_n.default
    def _third_parameter(self) -> str:
        """How it takes the number: `"position"`, `"name"`, or `""` for not at all."""
        parameters = inspect.signature(self.optimizer).parameters
        kinds = [(p.kind, p.name) for p in parameters.values() if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
        if len(kinds) > 2 and kinds[2][1] not in self._wants:
            return "position"
        if kinds and kinds[-1][0] is inspect.Parameter.VAR_POSITIONAL and len(kinds) <= 2:
            return "position"
        return "name" if "n" in parameters else ""

    def ask(
        self,
        space: SearchSpace | None,
        trials: Trials,
        budget_info: BudgetInfo | None,
        n: int | None,
        rng: np.random.Generator,
        seed: int = 0,
    ) -> list[SampledConfig]:
        """Proposals, each complete and within the space.

        Args:
            space: What the proposals must fit; None to take them as they are.
            trials: All trials so far.
            budget_info: What was given to spend, and what is used.
            n: How many are wanted; None for one.
            rng: The randomness that this proposal may use.
            seed: The run's seed, for what has to be the same at every proposal of a run.

        Returns:
            The proposals; empty if there is nothing to propose until a running trial ends (if none runs: ever).

        Raises:
            OptimizerError: If the optimizer raises, or its answer is no usable proposal.
        """
        keywords: dict[str, Any] = {
            name: given for name, given in (("rng", rng), ("seed", seed)) if name in self._wants
        }
        if self._takes_n == "name":
            keywords["n"] = n
        try:
            with numpy_defaults():
                answer = self.optimizer(trials, budget_info, *([n] if self._takes_n == "position" else []), **keywords)
        except NePSError:
            raise
        except Exception as reason:  # an optimizer's code, so anything
            raise OptimizerError(f"the optimizer {self.name!r} raised {said(reason)}") from reason
        proposals = list(answer) if isinstance(answer, (list, tuple)) else [answer]
        return self._distinct([self._checked(space, trials, proposal) for proposal in proposals])

    def imported(self, configs: Sequence[Mapping[str, Any]], trials: Trials) -> list[SampledConfig]:
        """What configurations that were evaluated elsewhere are to be called, one answer for each.

        Args:
            configs: Their decisions, complete and within the space.
            trials: All trials so far.

        Returns:
            The configurations with ids (None for those to be numbered) and the trials that they continue.

        Raises:
            OptimizerError: If the optimizer says so and raises, or names what can't be.
        """
        name_them = getattr(self.optimizer, "imported", None)
        if not callable(name_them):
            return [SampledConfig(config) for config in configs]
        try:
            answer = list(name_them(configs, trials))
        except NePSError:
            raise
        except Exception as reason:  # an optimizer's code, so anything
            raise OptimizerError(f"the optimizer {self.name!r} raised {said(reason)}") from reason
        if len(answer) != len(configs):
            raise OptimizerError(
                f"the optimizer {self.name!r} has names for {len(answer)} imported trial(s), not for {len(configs)}."
            )
        named = []
        for config, given in zip(configs, answer):
            trial_id, previous = self._checked_ids(trials, given)
            named.append(SampledConfig(config, trial_id, previous))
        return self._distinct(named)

    def _distinct(self, proposals: list[SampledConfig]) -> list[SampledConfig]:
        ids = [proposal.id for proposal in proposals if proposal.id is not None]
        if len(set(ids)) < len(ids):
            raise OptimizerError(f"the optimizer {self.name!r} proposed one id twice: {shown(ids)}.")
        return proposals

    def _checked(self, space: SearchSpace | None, trials: Trials, proposal: Any) -> SampledConfig:
        config = getattr(proposal, "config", None)
        if not isinstance(config, Mapping):
            raise OptimizerError(
                f"the optimizer {self.name!r} answered {proposal!r}; expected a SampledConfig or a list of them."
            )
        trial_id, previous = self._checked_ids(trials, proposal)
        try:
            config = config if space is None else replay(space, config).config
            return SampledConfig(config, trial_id, previous)
        except ConfigError as reason:
            raise OptimizerError(f"the optimizer {self.name!r} proposed {dict(config)!r}, but {reason}") from reason

    def _checked_ids(self, trials: Trials, proposal: Any) -> tuple[str | None, str | None]:
        trial_id, previous = getattr(proposal, "id", None), getattr(proposal, "previous_config_id", None)
        if trial_id is not None:
            trial_id = check_id(f"id proposed by the optimizer {self.name!r}", trial_id, OptimizerError)
            if (known := taken_id(trial_id, trials)) is not None:
                exists = (
                    "which exists already" if known == trial_id else f"and {known!r} exists, which differs in case only"
                )
                raise OptimizerError(f"the optimizer {self.name!r} proposed the id {trial_id!r}, {exists}.")
        if previous is not None:
            what = f"previous_config_id proposed by the optimizer {self.name!r}"
            previous = check_id(what, previous, OptimizerError)
        return trial_id, previous


def numpy_defaults() -> np.errstate:
    """NumPy's own answers to floating-point errors, whatever the user's process has made of them (`np.seterr`).

    Optimizers are written for these: that a tail of a density underflows to 0 is no error there.
    """
    return np.errstate(all="warn", under="ignore")
