"""Brackets whose new configurations lie around one known to be good, around the best so far, or between them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from neps_core import (
    Config,
    ConfigError,
    Fixed,
    OptimizerError,
    OptimizerSpec,
    Prior,
    SearchSpace,
    Uniform,
    hookimpl,
    replay,
)
from neps_core.showing import Shown
from neps_core.space_parsing import read_config
from neps_core.spaces.variation import crossover
from neps_plugins.toolkit.brackets.optimizer import BracketOptimizer
from neps_plugins.toolkit.brackets.priorband_sampler import PriorBandSampler
from neps_plugins.toolkit.brackets.request import Request
from neps_plugins.toolkit.brackets.rungs import Ladder, make_ladder
from neps_plugins.toolkit.brackets.schedules import AnySchedule
from neps_plugins.toolkit.evolution.mutation import moved
from neps_plugins.toolkit.evolution.novelty import Novelty
from neps_plugins.toolkit.observations import Observations
from neps_plugins.toolkit.priors import PriorMode

NAME = "local_and_incumbent"

#: Values of `inc_takeover_mode`: what new configurations are made of.
LOCAL, INCUMBENT, BETWEEN, ANY = range(4)


class LocalAndIncumbentSampler(Shown):
    """Draws around the local prior, around the incumbent, or between them.

    The incumbent is PriorBand's: the best at the highest rung at which `eta` evaluations have ended.

    Args:
        space: The space.
        ladder: Its rungs.
        local: The local prior, complete; None for none: then what would be made of it is made of the incumbent.
        mode: What new configurations are made of, as `inc_takeover_mode` of `local_and_incumbent`.
        random_ratio: The probability of a uniform one.
    """

    def __init__(
        self, space: SearchSpace, ladder: Ladder, local: Mapping[str, Any] | None, mode: int, random_ratio: float
    ) -> None:
        self._space, self._ladder, self._local = space, ladder, local
        self._mode, self._random_ratio = mode, random_ratio
        self._standing = PriorBandSampler(space, ladder)
        self._fixed = {ladder.path: ladder.fidelities[-1]}
        self._seen = Observations(NAME, self._fixed, several=True)
        self._novelty = Novelty(space, self._fixed)

    def __call__(self, request: Request) -> Config:
        """A configuration that no trial has at any fidelity; any, if all have been tried.

        The first one of a run is the local prior itself.
        """
        if self._local is not None and not request.trials and not request.batch:
            return dict(self._local)
        try:
            if self._seen.follow(request.trials)[0]:
                self._novelty.begin_anew()
        except BaseException:  # an interrupt too: what was half taken in is taken in anew
            self._seen = Observations(NAME, self._fixed, several=True)
            raise
        idea = partial(self._idea, self._incumbent(request), request.rng)
        batch = {self._seen.identity(config) for config in request.batch}
        found = self._novelty.find(idea, self._seen.tried, batch, request.rng)
        return idea() if found is None else found

    def _idea(self, incumbent: Mapping[str, Any] | None, rng: np.random.Generator) -> Config:
        around = self._centre(incumbent, rng)
        if around is None or rng.random() < self._random_ratio:
            config = self._space.resolve(Uniform(rng)).config
        else:
            config = moved(self._space, around, "random", rng)
        return {**config, **self._fixed}

    def _incumbent(self, request: Request) -> Mapping[str, Any] | None:
        """The best so far.

        Without a local prior, None until an evaluation at the highest rung has ended: all that comes would lie around
        the best of the first few, however bad they are.
        """
        if self._local is None and not request.run.n_done[self._ladder.top]:
            return None
        return next(iter(self._standing.best(request.run, request.trials, request.rng)), None)

    def _centre(self, incumbent: Mapping[str, Any] | None, rng: np.random.Generator) -> Mapping[str, Any] | None:
        """Around what to draw; None if nothing is known."""
        local = self._local
        mode = int(rng.integers(ANY)) if self._mode == ANY else self._mode
        if incumbent is None or local is None:
            return local if incumbent is None else incumbent
        if mode == BETWEEN:
            return crossover(self._space, incumbent, local, rng).config
        return local if mode == LOCAL else incumbent


def local_and_incumbent(
    space: SearchSpace,
    local_prior: Mapping[str, Any] | None = None,
    inc_takeover_mode: int = LOCAL,
    random_ratio: float = 0.0,
    eta: float = 3,
    base: AnySchedule = "hyperband",
    mo_selector: str = "epsnet",
) -> BracketOptimizer:
    """Stays near a configuration that is known to be good, or goes where the best one so far is.

    New configurations differ from what they are made of in one decision or more, up to half of them; numbers move by
    normal steps, of which some are large and most are small. What was tried at any fidelity is not begun again as long
    as there is something else.

    Args:
        space: A space with one fidelity.
        local_prior: What is known to be good, and tried first: a configuration, or the arguments of
            `evaluate_pipeline` without the fidelity. None for what the priors of the space say is best; if it has none
            either, new configurations are uniform until an evaluation at the highest fidelity has ended, and lie around
            the incumbent from then on.
        inc_takeover_mode: What new configurations are made of: 0 the local prior; 1 the incumbent, once there is one;
            2 a crossover of both; 3 any of the three, drawn for each.
        random_ratio: The share of new configurations that are uniform, from 0 to 1.
        eta: How many configurations compete for one place in the next rung, and how much dearer that is.
        base: The brackets: `"successive_halving"`, `"hyperband"`, `"asha"` or `"async_hb"`, or a schedule of your own,
            as for `neps_plugins.toolkit.make_schedule`.
        mo_selector: With several objectives, which of those that do not dominate each other are promoted first:
            `"epsnet"`, those that are far from the ones before, or `"nsga2"`, the loneliest.

    Raises:
        OptimizerError: If the space hasn't one fidelity, `local_prior` is no configuration of it, or a keyword makes no
            sense.
    """
    if isinstance(inc_takeover_mode, bool) or inc_takeover_mode not in (LOCAL, INCUMBENT, BETWEEN, ANY):
        raise OptimizerError(
            f"inc_takeover_mode={inc_takeover_mode!r} must be 0 (around the local prior), 1 (around the incumbent), "
            "2 (between them) or 3 (any of these)."
        )
    if isinstance(random_ratio, bool) or not isinstance(random_ratio, (int, float)) or not 0 <= random_ratio <= 1:
        raise OptimizerError(f"random_ratio={random_ratio!r} must be a number from 0 to 1.")
    ladder = make_ladder(space, eta, NAME)
    local = _local(space, ladder, local_prior)
    sampler = LocalAndIncumbentSampler(space, ladder, local, int(inc_takeover_mode), random_ratio)
    return BracketOptimizer(NAME, space, base, eta, sampler, mo_selector=mo_selector)


def _local(space: SearchSpace, ladder: Ladder, given: Any) -> Config | None:
    """The local prior as a configuration of the space."""
    fidelity = {ladder.path: ladder.fidelities[-1]}
    if given is None:
        if not space.has_priors:
            return None
        rng = np.random.default_rng(0)
        with suppress(ConfigError):  # what users believe to be best may be forbidden as a whole
            return space.resolve(Fixed(fidelity, PriorMode(Uniform(rng)))).config
        return space.resolve(Fixed(fidelity, Prior(rng))).config
    if not isinstance(given, Mapping):
        raise OptimizerError(f"local_prior must be a dict of names and values, not {given!r}.")
    try:
        return replay(space, {**read_config(space, given), **fidelity}).config
    except ConfigError as reason:
        raise OptimizerError(f"local_prior={dict(given)!r} is no configuration of the space: {reason}") from reason


@hookimpl
def neps_optimizers() -> list[OptimizerSpec]:
    """`local_and_incumbent`."""
    summary = "brackets that sample around a configuration known to be good, and around the incumbent"
    aliases = ("neps_local_and_incumbent",)
    return [
        OptimizerSpec(
            NAME,
            local_and_incumbent,
            summary,
            aliases,
            uses_fidelity=True,
            uses_priors=True,
            several_objectives=True,
        )
    ]
