"""What all optimizers over brackets share: promote what is due, or else sample something new."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neps_core import BudgetInfo, Config, OptimizerError, SampledConfig, SearchSpace, Trial, Uniform
from neps_core.showing import Shown
from neps_plugins.toolkit.brackets.followed import FollowedBrackets
from neps_plugins.toolkit.brackets.imported import imported_rungs
from neps_plugins.toolkit.brackets.kick_in import KickIn
from neps_plugins.toolkit.brackets.model_sampler import ModelSampler
from neps_plugins.toolkit.brackets.request import Request
from neps_plugins.toolkit.brackets.rungs import first_level, make_ladder
from neps_plugins.toolkit.brackets.samplers import AnySampler, make_sampler
from neps_plugins.toolkit.brackets.schedules import AnySchedule, make_schedule
from neps_plugins.toolkit.brackets.synchronous import SynchronousBrackets
from neps_plugins.toolkit.priors import PriorMode, require_priors
from neps_plugins.toolkit.randomness import given_or_fresh


class BracketOptimizer(Shown):
    """Promotes what brackets want promoted, and samples what they want new.

    Args:
        name: The optimizer's name, for messages.
        space: The space.
        schedule: The brackets, as for `make_schedule`: a name, an object, or what makes one.
        eta: The reduction factor.
        early_stopping_rate: How many of the lowest rungs to leave out; 0 for schedules that use all of them.
        sampler: As for `make_sampler`: a name, a class, or a function of a `Request`.
        sample_prior_first: Evaluate the prior's mode before anything else: True at the fidelity that is wanted
            first, `"highest_fidelity"` at the highest; False to leave it out.
        kick_in_point: After how many full evaluations' worth a model takes over from the sampler; None for never.
        mo_selector: With several objectives, which of those that do not dominate each other are promoted first:
            `"epsnet"` or `"nsga2"`, as for `promotion_order`.

    Raises:
        OptimizerError: If the space hasn't one fidelity, a keyword makes no sense, or priors are needed and the
            space has none.
    """

    def __init__(
        self,
        name: str,
        space: SearchSpace,
        schedule: AnySchedule,
        eta: float = 3,
        sampler: AnySampler = "uniform",
        sample_prior_first: bool | str = False,
        early_stopping_rate: int = 0,
        kick_in_point: float | None = None,
        mo_selector: str = "epsnet",
    ) -> None:
        if sample_prior_first not in (True, False, "highest_fidelity"):
            raise OptimizerError(
                f"sample_prior_first={sample_prior_first!r} must be True, False or 'highest_fidelity'."
            )
        if sample_prior_first:
            require_priors(space, f"sample_prior_first={sample_prior_first!r} of {name!r}")
        self._space = space
        self._ladder = ladder = make_ladder(space, eta, name, mo_selector)
        first = first_level(ladder, early_stopping_rate, name)
        self._schedule = make_schedule(schedule, ladder, first)
        #: The lowest rung at which configurations enter.
        self.begins_at = {ladder.path: ladder.fidelities[min(self._schedule.sizes() or [first])]}
        self._brackets = self._schedule.brackets
        self._sampler = make_sampler(sampler, space, ladder, name)
        if kick_in_point is not None:
            self._sampler = KickIn(self._sampler, ModelSampler(space, ladder, name), kick_in_point, ladder)
        self._prior_first = sample_prior_first
        self._run = FollowedBrackets(ladder, self._brackets)

    @property
    def details(self) -> dict[str, Any]:
        """The rungs and, where they are fixed, the sizes of the brackets, for people."""
        details: dict[str, Any] = {"rung_fidelities": list(self._ladder.fidelities)}
        sizes = self._schedule.sizes()
        if sizes is not None:
            details["bracket_sizes"] = [{"first_rung": start, "sizes": list(n)} for start, n in sizes.items()]
        return details

    def __call__(
        self,
        trials: Mapping[str, Trial],
        budget_info: BudgetInfo | None = None,
        n: int | None = None,
        rng: np.random.Generator | None = None,
        seed: int = 0,
    ) -> list[SampledConfig]:
        budget_info, rng = budget_info or BudgetInfo(), given_or_fresh(rng)
        self._run.follow(trials)
        number = self._run.next_number
        proposals: list[SampledConfig] = []
        for wanted in itertools.islice(
            itertools.chain(self._brackets.promotions(), self._schedule.openings(rng)), n or 1
        ):
            if wanted.promoted is not None:
                proposals.append(self._promoted(wanted.promoted, wanted.level, trials))
                continue
            batch = [proposal.config for proposal in proposals]
            request = Request(self._space, wanted.level, self._run, trials, budget_info, batch, rng, seed)
            proposals.append(self._new(number, request, number == 1 and not trials))
            number += 1
        return proposals

    def _promoted(self, number: int, level: int, trials: Mapping[str, Trial]) -> SampledConfig:
        below = max(k for k in range(level) if (number, k) in self._run.trial_at)
        previous = self._run.trial_at[number, below]
        config = {**trials[previous].config, self._ladder.path: self._ladder.fidelities[level]}
        return SampledConfig(config, f"{number}_rung_{level}", previous)

    def _new(self, number: int, request: Request, is_first: bool) -> SampledConfig:
        level = request.level
        if is_first and self._prior_first:
            level = self._ladder.top if self._prior_first == "highest_fidelity" else level
            config = self._space.resolve(PriorMode(Uniform(request.rng))).config
        else:
            config = self._sampler(request)
        config = {**config, self._ladder.path: self._ladder.fidelities[level]}
        return SampledConfig(config, f"{number}_rung_{level}")

    def imported(self, configs: Sequence[Config], trials: Mapping[str, Trial]) -> list[SampledConfig]:
        """Which rungs configurations count for that were evaluated elsewhere; see `imported_rungs`."""
        self._run.follow(trials)
        return imported_rungs(configs, trials, self._run)

    def status(self, trials: Mapping[str, Trial]) -> list[str]:
        """How the brackets stand, a line each, for `neps status`."""
        self._run.follow(trials)
        lines = []
        for level, fidelity in enumerate(self._ladder.fidelities):
            begun = sum(1 for _, k in self._run.trial_at if k == level)
            if begun:
                done = self._run.n_done[level]
                lines.append(f"rung {level} ({self._ladder.path} = {fidelity:g}): {begun} begun, {done} done")
        if isinstance(self._brackets, SynchronousBrackets):
            for bracket in self._brackets.current[:1]:
                have = len(bracket.rungs[bracket.stage])
                lines.append(
                    f"current bracket: {list(bracket.sizes)} from rung {bracket.start}, "
                    f"{have} of {bracket.expected} at rung {bracket.start + bracket.stage}"
                )
        return lines
