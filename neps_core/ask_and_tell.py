"""An optimizer without a worker: the caller runs the loop."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any, overload

from neps_core import events as ev
from neps_core.budgets import BudgetInfo
from neps_core.errors import OptimizerError, TrialError, nearest
from neps_core.optimizers import Chosen
from neps_core.results import parse_result, plain
from neps_core.run import Run, open_storage
from neps_core.sampling import sample
from neps_core.trials import State, Trial

_WORKER = "ask-and-tell"


class AskAndTell:
    """Asks an optimizer for configurations and tells it the results, in memory.

    ```python
    loop = neps.AskAndTell(neps.algorithms.random_search(space))
    for _ in range(20):
        trial = loop.ask()
        loop.tell(trial, train(**trial.config))
    ```

    Trials are numbered, and what is proposed depends on the seed, as in a run.

    Args:
        optimizer: An optimizer that was made for a space, such as `neps.algorithms.random_search(space)`.
        seed: Makes the proposals reproducible; drawn if left out.

    Raises:
        OptimizerError: If `optimizer` can't be called.
    """

    def __init__(self, optimizer: Any, seed: int | None = None) -> None:
        if not callable(optimizer) or isinstance(optimizer, type):
            raise OptimizerError(f"{optimizer!r} is no optimizer; make one: neps.algorithms.random_search(space).")
        self._chosen = Chosen(type(optimizer).__name__, {}, optimizer)
        self._run = Run(open_storage("memory://"))
        self._run.record(ev.Created(ev.FORMAT, secrets.randbits(32) if seed is None else seed, time.time()))

    @property
    def trials(self) -> Mapping[str, Trial]:
        """All trials by id."""
        return self._run.trials

    @overload
    def ask(self, n: None = None) -> Trial: ...

    @overload
    def ask(self, n: int) -> list[Trial]: ...

    def ask(self, n: int | None = None) -> Trial | list[Trial]:
        """The next configuration, or several.

        Args:
            n: How many; None for a single one.

        Returns:
            A trial, or a list of at most `n`. `trial.config` holds the decisions; for a hierarchical space
            `neps.load_config(config=trial.config, pipeline_space=space)` gives the arguments.

        Raises:
            OptimizerError: If a single one is wanted, and the optimizer has nothing to propose until it is told
                more (or ever).
        """
        if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
            raise OptimizerError(f"n must be a whole number of at least 1, not {n!r}.")
        sampled = sample(self._run.log, self._chosen, None, BudgetInfo(), n, _WORKER)
        if n is None and not sampled:
            raise OptimizerError(f"{self._chosen.name} has nothing to propose until it is told more results, or ever.")
        self._run.record(*sampled, *(ev.Started(event.id, time.time(), _WORKER) for event in sampled))
        trials = [self._run.trials[event.id] for event in sampled]
        return trials[0] if n is None else trials

    def tell(self, trial: Trial | str, result: Any) -> Trial:
        """Report the result of a trial.

        Args:
            trial: The trial, or its id.
            result: As `evaluate_pipeline` would return it.

        Returns:
            The trial with its report.

        Raises:
            TrialError: If there is no such trial, or it has a result.
            ResultError: If it is no result; the trial goes on waiting.
        """
        trial_id = trial.id if isinstance(trial, Trial) else str(trial)
        known = self._run.trials.get(trial_id)
        if known is None:
            raise TrialError(f"there is no trial {trial_id!r}. {nearest(trial_id, self._run.trials)}")
        if known.state.is_finished:
            raise TrialError(f"trial {trial_id!r} has a result already.")
        report = parse_result(result, n_objectives=self._run.log.n_objectives)
        self._run.record(ev.Finished(trial_id, time.time(), State(report.reported_as), report))
        return self._run.trials[trial_id]

    def tell_custom(self, *, config_id: str, config: Mapping[str, Any], result: Any) -> Trial:
        """Report the result of a configuration that was not asked for.

        Args:
            config_id: An id that is not taken.
            config: The decisions by path.
            result: As `evaluate_pipeline` would return it.

        Returns:
            The new trial.

        Raises:
            TrialError: If the id is taken.
            ResultError: If it is no result; then there is no new trial.
        """
        if config_id in self._run.trials:
            raise TrialError(f"there is a trial {config_id!r} already; choose another config_id.")
        report = parse_result(result, n_objectives=self._run.log.n_objectives)
        finished = ev.Finished(config_id, time.time(), State(report.reported_as), report)
        self._run.record(ev.Sampled(config_id, plain(dict(config))), finished)
        return self._run.trials[config_id]
