"""From an optimizer's proposals to events: the step that claims and simulations share."""

from __future__ import annotations

import logging
import time

import numpy as np

from neps_core import events as ev
from neps_core.budgets import BudgetInfo
from neps_core.optimizers.asking import Chosen
from neps_core.spaces.protocol import SearchSpace
from neps_core.trial_log import TrialLog
from neps_core.trials import number_of

logger = logging.getLogger("neps.sampling")


def sample(
    log: TrialLog,
    chosen: Chosen,
    space: SearchSpace | None,
    budget_info: BudgetInfo,
    n: int | None,
    worker_id: str,
    now: float | None = None,
) -> list[ev.Sampled]:
    """Ask an optimizer, and number what it proposes.

    Its randomness depends on the run's seed and on how many configurations were proposed before, so that
    neither restarts nor the number of workers change what is proposed.

    Args:
        log: The run so far; nobody else may sample meanwhile.
        chosen: The optimizer.
        space: What the proposals must fit; None to take them as they are.
        budget_info: What was given to spend, and what is used.
        n: How many are wanted; None for one.
        worker_id: Who asks.
        now: The time, where it isn't the real one.

    Returns:
        An event per proposal, to be recorded.

    Raises:
        OptimizerError: If the optimizer raises, or its answer is no usable proposal.
    """
    seed = log.seed or 0
    rng = np.random.Generator(np.random.PCG64([seed, log.sampled]))
    proposals = chosen.ask(space, log.trials, budget_info, n, rng, seed)
    number = max([log.highest_number, *(number_of(proposal.id or "") for proposal in proposals)])
    now = time.time() if now is None else now
    events = []
    for proposal in proposals:
        trial_id = proposal.id
        if trial_id is None:
            number += 1
            trial_id = str(number)
        logger.info("Trial %s sampled by %s: %s", trial_id, chosen.name, proposal.config)
        previous = proposal.previous_config_id
        events.append(ev.Sampled(trial_id, dict(proposal.config), now, worker_id, previous))
    return events
