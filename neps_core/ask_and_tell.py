"""An optimizer without a worker: the caller runs the loop."""

from __future__ import annotations

import math
import os
import secrets
import time
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, overload

from attrs import evolve

from neps_core import events as ev
from neps_core.budgets import BudgetInfo
from neps_core.claims import Claims, Settings, finished
from neps_core.errors import OptimizerError, RunError, TrialError
from neps_core.observers import Observers
from neps_core.optimizers.asking import Chosen
from neps_core.optimizers.choosing import chosen_as, makes_optimizers
from neps_core.results import parse_result, plain
from neps_core.run import Run, check_seed
from neps_core.run_setup import set_up
from neps_core.shapes import Shape
from neps_core.showing import as_html
from neps_core.spaces.domains import as_number, exact
from neps_core.spaces.protocol import SearchSpace
from neps_core.spaces.sources import check_mapping, replay
from neps_core.storage import open_storage
from neps_core.trials import Trial, check_id, taken_id


class AskAndTell:
    """Asks an optimizer for configurations and tells it the results.

    ```python
    loop = neps.AskAndTell(neps.algorithms.random_search(space))
    for _ in range(20):
        trial = loop.ask()
        loop.tell(trial, train(**trial.config))
    ```

    Trials are numbered, and what is proposed depends on the seed, as in a run.

    With a folder it *is* a run: on disk, shared with workers (`neps.run` on the same folder) and with other loops, and
    gone on with after a restart. What was asked for and not told when this process ends, whichever way, is evaluated by
    others; a result that is told later all the same counts, if it is the first one. In a `with` statement, or with
    `close`, trials are given back in good order.

    Args:
        optimizer: An optimizer that was made for a space, such as `neps.algorithms.random_search(space)`. With a
            folder, also what may be given as `optimizer` to `neps.run`: a name, say; `"auto"` for the run's own. (A
            function counts as an optimizer. One that makes an optimizer is given as `(function, {})`.)
        seed: Makes the proposals reproducible; drawn if left out.
        root_directory: The run's folder; in memory if left out.
        pipeline_space: The space of a new run in a folder, if the optimizer was not made by `neps.algorithms`.
        worker_id: What this loop is called in the trials' metadata; made up if left out.
        storage: What the run is kept in, if not in the folder; as for `neps.run`.

    Raises:
        OptimizerError: If `optimizer` can't be called.
        RunError: If a new run in a folder has no space, or the one in it has another space or seed.
        NePSError: As `neps.run` does for a space, an optimizer or a folder that can't be used.
    """

    def __init__(
        self,
        optimizer: Any,
        seed: int | None = None,
        root_directory: str | Path | None = None,
        pipeline_space: Any = None,
        worker_id: str | None = None,
        storage: str | None = None,
    ) -> None:
        if storage is not None and root_directory is None:
            raise RunError("storage was given without root_directory, the folder of the trials' files. Give both.")
        name = None if worker_id is None else check_id("worker_id", worker_id, RunError)
        if root_directory is None and not _is_ready(optimizer):
            raise OptimizerError(f"{optimizer!r} is no optimizer; make one: neps.algorithms.random_search(space).")
        self._open = ExitStack()
        self._close = weakref.finalize(self, self._open.close)
        if root_directory is None:
            chosen, _ = chosen_as(optimizer)
            self._run = Run(open_storage("memory://"), Observers(()))  # nobody reads a summary of it
            seed = secrets.randbits(32) if seed is None else check_seed(seed)
            self._run.record(ev.Created(ev.FORMAT, seed or 0, time.time()))
            space = None
        else:
            chosen, space = self._join(optimizer, seed, root_directory, pipeline_space, name, storage)
        self._chosen = chosen
        self._space = space
        self._run.worker_id = self._run.worker_id or name or "ask-and-tell"
        self._claims = Claims(self._run, chosen, space, settings=Settings(ignore_errors=True))

    def _join(
        self,
        optimizer: Any,
        seed: int | None,
        root_directory: str | Path,
        pipeline_space: Any,
        name: str | None,
        storage: str | None,
    ) -> tuple[Chosen, SearchSpace]:
        """Create the run in a folder or go on with it, as a worker that is alive until this is closed."""
        if _is_ready(optimizer):
            optimizer, of_optimizer = chosen_as(optimizer)
            pipeline_space = of_optimizer if pipeline_space is None else pipeline_space
            if pipeline_space is None and not open_storage(root_directory, storage).journal.exists():
                raise RunError("a new run in a folder needs a space: give pipeline_space=.")
        setup = set_up(root_directory, pipeline_space, optimizer, overwrite=False, storage=storage)
        self._run = setup.run
        name = name or f"ask-and-tell-{os.getpid()}-{secrets.token_hex(3)}"
        self._open.enter_context(setup.begun(check_seed(seed), name))
        self._run.use(setup.chosen)
        return setup.chosen, setup.space

    def close(self) -> None:
        """Give back the trials that were asked for and not told, and stop being one of the run's workers."""
        if not self._close.alive:
            return
        try:
            self._run.refresh()
            for trial in self._claims.held:
                self._claims.give_back(trial, "it was asked for, and no result was told", orderly=True)
            self._run.tell_news(wait=True)
        finally:  # if they could not be given back, others find that nobody has them
            self._close()

    def _check_open(self) -> None:
        if not self._close.alive:
            raise RunError("this loop was closed. Open another one on the same root_directory.")

    def __repr__(self) -> str:
        return f"<ask and tell: {self._chosen.name}, {len(self.trials)} trials>"

    def _repr_html_(self) -> str | None:
        return as_html(self.trials)

    def __enter__(self) -> AskAndTell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def trials(self) -> Mapping[str, Trial]:
        """All trials by id: in a run in a folder, those of others as well, as of the last call."""
        return self._run.log.trials

    @overload
    def ask(self, n: None = None, budget_info: BudgetInfo | None = None) -> Trial: ...

    @overload
    def ask(self, n: int, budget_info: BudgetInfo | None = None) -> list[Trial]: ...

    def ask(self, n: int | None = None, budget_info: BudgetInfo | None = None) -> Trial | list[Trial]:
        """The next configuration, or several.

        Args:
            n: How many; None for a single one.
            budget_info: What to tell the optimizer of the budget, if it wants to know.

        Returns:
            A trial, or a list of at most `n`. `trial.config` holds the decisions; for a hierarchical space
            `neps.load_config(config=trial.config, pipeline_space=space)` gives the arguments.

        Raises:
            OptimizerError: If a single one is wanted, and the optimizer has nothing to propose until it is told
                more (or ever).
            RunError: If this loop was closed, or asked to leave; a list is empty then.
        """
        n = exact(n)
        if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
            raise OptimizerError(f"n must be a whole number of at least 1, not {n!r}.")
        self._check_open()
        claimed = self._claims.claim(n or 1, budget_info)
        trials = [] if isinstance(claimed, str) else claimed
        if n is None and not trials:
            if self._run.is_dismissed:
                raise RunError("this loop was asked to leave. Open another one on the same root_directory to go on.")
            raise OptimizerError(f"{self._chosen.name} has nothing to propose until it is told more results, or ever.")
        return trials[0] if n is None else trials

    def tell(
        self,
        trial: Trial | str,
        result: Any,
        *,
        time_end: float | None = None,
        evaluation_duration: float | None = None,
        traceback_str: str | None = None,
    ) -> Trial:
        """Report the result of a trial.

        Args:
            trial: The trial, or its id; also one that an earlier process asked for.
            result: As `evaluate_pipeline` would return it.
            time_end: When its evaluation ended, in Unix seconds; now if left out.
            evaluation_duration: How long that took, in seconds; since it was asked for if left out.
            traceback_str: The traceback of what went wrong, if the result holds no exception that has one.

        Returns:
            The trial with its report.

        Raises:
            TrialError: If there is no such trial, or it has a result.
            ResultError: If it is no result; the trial goes on waiting.
        """
        self._check_open()
        self._run.refresh()
        known = self._run.trial(trial.id if isinstance(trial, Trial) else trial)
        trial_id = known.id
        if known.state.is_finished:
            raise TrialError(f"trial {trial_id!r} has a result already.")
        end = _moment("time_end", time_end) or time.time()
        duration = _moment("evaluation_duration", evaluation_duration)
        if duration is None and known.metadata.time_started is not None:
            duration = max(end - known.metadata.time_started, 0.0)
        with self._run.known_shape() as shape:
            self._run.record(_finished(trial_id, result, shape, end, duration, traceback_str))
        return self._trial(trial_id)

    def tell_custom(
        self,
        *,
        config_id: str,
        config: Mapping[str, Any],
        result: Any,
        time_sampled: float | None = None,
        time_started: float | None = None,
        time_end: float | None = None,
        evaluation_duration: float | None = None,
        previous_trial_id: str | None = None,
        worker_id: str | None = None,
        traceback_str: str | None = None,
        location: str | Path | None = None,
    ) -> Trial:
        """Report the result of a configuration that was not asked for.

        Args:
            config_id: An id that is not taken.
            config: The decisions by path.
            result: As `evaluate_pipeline` would return it.
            time_sampled: When it was proposed, in Unix seconds. None (or NaN) for unknown; so for the next ones.
            time_started: When its evaluation began.
            time_end: When that ended; now if left out.
            evaluation_duration: How long it took, in seconds.
            previous_trial_id: The trial that this one continues.
            worker_id: Who evaluated it; this loop if left out.
            traceback_str: The traceback of what went wrong, if the result holds no exception that has one.
            location: Taken so that it can be given; a trial's folder is where its id says.

        Returns:
            The new trial.

        Raises:
            TrialError: If the id is taken, or there is no previous trial of that id.
            OptimizerError: If it can't be the name of a folder.
            ConfigError: If the configuration is none of the space; in a folder only.
            ResultError: If it is no result; then there is no new trial.
        """
        self._check_open()
        config_id = check_id("config_id", config_id, OptimizerError)
        check_mapping("config", config)
        config = plain(config) if self._space is None else replay(self._space, config).config
        worker = None if worker_id is None else check_id("worker_id", worker_id, RunError)
        started, end = _moment("time_started", time_started), _moment("time_end", time_end)
        duration = _moment("evaluation_duration", evaluation_duration)
        with self._run.locked("sampling"):
            self._run.refresh()
            if (known := taken_id(config_id, self._run.trials)) is not None:
                differs = "" if known == config_id else f" than {config_id!r}, which differs in case only"
                raise TrialError(f"there is a trial {known!r} already; choose another config_id{differs}.")
            previous = None if previous_trial_id is None else self._run.trial(previous_trial_id).id
            sampled = ev.Sampled(config_id, dict(config), _moment("time_sampled", time_sampled), worker, previous)
            begun = [] if started is None else [ev.Started(config_id, started, worker or self._run.worker_id)]
            with self._run.known_shape() as shape:
                ended = _finished(config_id, result, shape, end, duration, traceback_str)
                self._run.record(sampled, *begun, ended)
        return self._trial(config_id)

    def _trial(self, trial_id: str) -> Trial:
        trial = self._run.trials.get(trial_id)
        if trial is None:
            raise TrialError(f"the result of trial {trial_id!r} was stored, and somebody has removed the trial since.")
        return trial


def _finished(
    trial_id: str, result: Any, shape: Shape, end: float | None, duration: float | None, traceback: str | None
) -> ev.Finished:
    report = parse_result(result, shape=shape)
    report = evolve(report, evaluation_duration=duration, tb=traceback or report.tb)
    return finished(trial_id, report, end)


def _moment(name: str, value: Any) -> float | None:
    """A time in seconds; None for one that is unknown, as NaN says, too.

    Raises:
        RunError: If it is no number.
    """
    try:
        seconds = None if value is None else as_number(value)
    except ValueError as reason:
        raise RunError(f"{name}: {reason}.") from None
    return seconds if seconds is not None and math.isfinite(seconds) else None


def _is_ready(optimizer: Any) -> bool:
    """Whether this is an optimizer, and not something that makes one."""
    return callable(optimizer) and not makes_optimizers(optimizer)
