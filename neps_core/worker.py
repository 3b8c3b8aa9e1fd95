"""The worker: takes or samples a trial, evaluates it, records the result, until something says stop."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from neps_core import events as ev
from neps_core.budgets import Ledger, merge
from neps_core.errors import EvaluationError, NePSError, ResultError, SpaceError, StorageError
from neps_core.interrupts import Interrupts
from neps_core.optimizers import Chosen
from neps_core.pareto import best_of, pareto_front
from neps_core.plugins import plugins
from neps_core.results import failure, parse_result
from neps_core.run import Run
from neps_core.sampling import sample
from neps_core.spaces.sources import replay
from neps_core.target import Target
from neps_core.trials import Objective, Report, State, Trial

logger = logging.getLogger("neps.worker")

#: How often a trial may take its worker down before it is given up.
MAX_STARTS = 3

#: Seconds between looks at the run while there is nothing to do: the first, and the longest.
SHORTEST_WAIT, LONGEST_WAIT = 0.02, 0.5

#: Seconds before each further try to store a result that could not be stored.
RETRIES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


@frozen
class Settings:
    """What one call of `run` was asked to do.

    Attributes:
        ignore_errors: Go on after an evaluation that failed.
        objective_value_on_error: The objective that a failed evaluation counts as; None to leave it failed.
        cost_value_on_error: The cost that a failed evaluation counts as.
        sample_batch_size: How many configurations to sample at a time; None for one.
    """

    ignore_errors: bool = False
    objective_value_on_error: float | None = None
    cost_value_on_error: float | None = None
    sample_batch_size: int | None = None


@frozen
class RunResult:
    """What `neps.run` gives back.

    Attributes:
        best: The successful trial with the lowest objective; None if there is none, or several objectives.
        pareto_front: The successful trials that no other one dominates.
        trials: All trials of the run by id.
        stopped_because: Why this worker stopped, in words.
        root_directory: Where the run is.
    """

    best: Trial | None
    pareto_front: list[Trial]
    trials: Mapping[str, Trial] = field(repr=lambda trials: f"<{len(trials)} trials>")
    stopped_because: str
    root_directory: Path


class Worker:
    """One worker of a run.

    Args:
        run: The run, begun.
        target: The user's function.
        chosen: The optimizer.
        budgets: What this worker may spend, and what all workers together may.
        settings: The rest.
        own: Filled with the ids of the trials that this worker starts.
        interrupts: The signals that this process gets.
    """

    def __init__(
        self,
        run: Run,
        target: Target,
        chosen: Chosen,
        budgets: tuple[Ledger, Ledger],
        settings: Settings,
        own: set[str],
        interrupts: Interrupts,
    ) -> None:
        self._run = run
        self._target = target
        self._chosen = chosen
        self._ledgers = budgets
        self._settings = settings
        self._own = own
        self._interrupts = interrupts
        self._cost_required = any(ledger.requires_cost for ledger in budgets)
        self._halts_before = len(run.log.halts)

    def work(self) -> str:
        """Go on until there is a reason to stop.

        Returns:
            The reason.

        Raises:
            EvaluationError: If the user's function raised, unless errors are ignored; its exception is the cause.
            ResultError: If it returned something that is no result, unless errors are ignored.
            StorageError: If the run can't be read or written any more.
        """
        wait = SHORTEST_WAIT
        while True:
            with self._interrupts.allowed():
                pass
            claimed = self._claim()
            if isinstance(claimed, str):
                return claimed
            if claimed is None:
                if wait == SHORTEST_WAIT:
                    logger.info("%s: nothing to do until a running trial ends; waiting.", self._run.worker_id)
                with self._interrupts.allowed():
                    time.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            wait = SHORTEST_WAIT
            self._evaluate(claimed)

    # ------------------------------------------------------------------ claiming

    def _claim(self) -> Trial | str | None:
        """A trial that is now this worker's; a reason to stop; or None, to ask again later."""
        run = self._run
        with ExitStack() as stack:
            with self._interrupts.allowed():  # somebody else's model may take long
                stack.enter_context(run.storage.lock("sampling"))
            run.refresh()
            self._requeue_orphans()
            reason = self._reason_to_stop()
            if reason is not None:
                return reason
            sampled: list[ev.Sampled] = []
            if not run.log.pending:
                n = self._settings.sample_batch_size
                with self._interrupts.allowed():  # a model may take long, and nothing is lost yet
                    sampled = sample(run.log, self._chosen, run.space, merge(self._ledgers), n, run.worker_id)
            if not sampled and not run.log.pending:
                return self._reason_to_wait()
            trial_id = sampled[0].id if sampled else next(iter(run.log.pending))
            self._own.add(trial_id)
            run.record(*sampled, ev.Started(trial_id, time.time(), run.worker_id))
            return run.trials[trial_id]

    def _requeue_orphans(self) -> None:
        """Give the trials of workers that died back to everyone; give up those that keep killing workers."""
        run = self._run
        alive: dict[str, bool] = {run.worker_id: False}  # what I started, an earlier process of my name did
        events: list[ev.Event] = []
        for trial_id in run.log.evaluating:
            metadata = run.trials[trial_id].metadata
            worker = metadata.evaluating_worker_id or ""
            if metadata.is_asynchronous:
                continue
            if worker not in alive:
                alive[worker] = run.storage.is_alive(worker)
            if not alive[worker]:
                events.append(_put_back(run.trials[trial_id], f"its worker {worker} died"))
        if events:
            run.record(*events)

    def _reason_to_stop(self) -> str | None:
        run = self._run
        if not self._settings.ignore_errors:
            for halt in run.log.halts[self._halts_before :]:
                return f"worker {halt.worker} stopped the run: {halt.reason}"
        for ledger in self._ledgers:
            ledger.update(run.trials)
            reason = ledger.exhausted()
            if reason is not None:
                return reason
        return None

    def _reason_to_wait(self) -> str | None:
        """None while running trials may give the optimizer something to propose, or else why nothing will."""
        run = self._run
        running = [run.trials[i].metadata.is_asynchronous for i in run.log.evaluating]
        if not running:
            return f"the optimizer {self._chosen.name!r} has nothing more to propose"
        if all(running):
            return f"nothing to propose until {len(running)} asynchronous result(s) arrive; call run again after that"
        return None

    # ------------------------------------------------------------------ evaluating

    def _evaluate(self, trial: Trial) -> None:
        run = self._run
        notify("neps_trial_started", run=run, trial=trial)
        logger.info("Trial %s started.", trial.id)
        began = time.perf_counter()
        try:
            with self._interrupts.allowed():
                returned = self._call(trial)
        except SpaceError as error:  # nothing that the trial could help
            run.record(_put_back(trial, f"its arguments can't be made: {error}", orderly=True))
            raise
        except Exception as error:  # the user's code, so anything
            returned = error
        except BaseException as leaving:
            if not self._interrupts.in_child:
                self._give_back(trial, leaving)
            raise
        if self._interrupts.in_child:
            os._exit(1)  # a process that the user's code forked, and that forgot to end: it is no worker
        if returned is None:
            run.record(ev.Detached(trial.id, self._cost_required))
            logger.info("Trial %s goes on asynchronously; its result is awaited.", trial.id)
            return
        self._finish(trial, returned, time.perf_counter() - began)

    def _call(self, trial: Trial) -> Any:
        run = self._run
        previous = trial.metadata.previous_trial_id
        if previous not in run.trials:  # removed since
            previous = None
        injected = {
            "pipeline_directory": run.storage.trial_directory(trial.id),
            "previous_pipeline_directory": run.storage.trial_directory(previous) if previous else None,
            "pipeline_id": trial.id,
            "root_directory": run.root_directory,
        }
        return self._target(replay(run.space, trial.config).arguments(), injected)

    def _give_back(self, trial: Trial, leaving: BaseException) -> None:
        """Put a trial back before this process leaves. What the user's own code does by leaving counts as a start."""
        orderly = self._interrupts.raised or isinstance(leaving, KeyboardInterrupt)
        self._run.record(_put_back(trial, f"its worker leaves: {leaving!r}", orderly))

    def _finish(self, trial: Trial, returned: Any, duration: float) -> None:
        """Record a result, and raise if it must stop this worker."""
        stop: NePSError | None = None
        try:
            report = parse_result(
                returned,
                cost_required=self._cost_required,
                n_objectives=self._run.log.n_objectives,
            )
        except ResultError as error:
            report, stop = failure(error), error
        except Exception as error:  # an object that even looking at makes fail
            stop = ResultError(f"what evaluate_pipeline returned can't be looked at: {type(error).__name__}")
            report = failure(stop)
        if report.reported_as == State.FAILED.value and stop is None:
            stop = EvaluationError(
                f"evaluate_pipeline raised {report.err} in trial {trial.id} ({run_folder(self._run, trial)}). "
                "The other results are kept. Fix it and run again, or go on regardless with ignore_errors=True."
            )
            stop.__cause__ = returned if isinstance(returned, BaseException) else returned["exception"]
        report = evolve(self._value_on_error(report), evaluation_duration=duration)
        if report.reported_as == State.SUCCESS.value or self._settings.ignore_errors:
            stop = None
        events: list[ev.Event] = [ev.Finished(trial.id, time.time(), State(report.reported_as), report)]
        if stop is not None:
            events.append(ev.Halted(time.time(), self._run.worker_id, f"trial {trial.id}: {report.err}", trial.id))
        self._store(trial, report, events)
        logger.info("Trial %s finished: %s, %s.", trial.id, report.reported_as, _outcome(report))
        notify("neps_trial_finished", run=self._run, trial=self._run.trials.get(trial.id, trial))
        if stop is not None:
            raise stop

    def _value_on_error(self, report: Report) -> Report:
        """A failed or crashed report with the objective and cost that the user wants errors to count as."""
        settings = self._settings
        if report.reported_as == State.SUCCESS.value:
            return report
        cost = report.cost if report.cost is not None else settings.cost_value_on_error
        if settings.objective_value_on_error is None:
            return evolve(report, cost=cost)
        objective: Objective = settings.objective_value_on_error
        n = self._run.log.n_objectives
        if n is not None and n > 1:
            objective = [settings.objective_value_on_error] * n
        return evolve(report, objective_to_minimize=objective, cost=cost, reported_as=State.SUCCESS.value)

    def _store(self, trial: Trial, report: Report, events: list[ev.Event]) -> None:
        """Record a result, with patience: it may have cost hours, and a full disk may be emptied."""
        for delay in (*RETRIES, None):
            try:
                self._run.record(*events)
                return
            except StorageError as error:
                if delay is None:
                    saved = Path(tempfile.gettempdir()) / f"neps-trial-{trial.id}-{os.getpid()}.json"
                    text = json.dumps(ev.converter().unstructure(report))
                    logger.error("The result of trial %s could not be stored: %s", trial.id, text)
                    saved.write_text(text)
                    raise StorageError(
                        f"the result of trial {trial.id} could not be stored: {error} It is kept in {saved}."
                    ) from error
                logger.warning(
                    "The result of trial %s can't be stored yet, next try in %s s: %s", trial.id, delay, error
                )
                time.sleep(delay)


def _put_back(trial: Trial, reason: str, orderly: bool = False) -> ev.Event:
    """A started trial becomes pending again, or is given up if it took its worker down too often."""
    starts = trial.metadata.starts
    if orderly or starts < MAX_STARTS:
        logger.info("Trial %s is put back: %s.", trial.id, reason)
        return ev.Requeued(trial.id, time.time(), reason, orderly)
    err = f"it was started {starts} times and never ended; the last time, {reason}"
    logger.error("Trial %s crashed: %s.", trial.id, err)
    return ev.Finished(trial.id, time.time(), State.CRASHED, Report(err=err, reported_as=State.CRASHED.value))


def notify(hook: str, **arguments: Any) -> None:
    """Tell all plugins; what they raise is logged."""
    for plugin, error in plugins.tell(hook, **arguments):
        logger.error("Plugin %s raised in %s: %r", plugin.origin, hook, error, exc_info=error)


def run_folder(run: Run, trial: Trial) -> Path:
    """The folder of a trial, for messages."""
    return run.root_directory / trial.metadata.location


def _outcome(report: Report) -> str:
    return report.err or f"objective {report.objective_to_minimize}"


def result_of(run: Run, stopped_because: str) -> RunResult:
    """What a run has come to."""
    front = pareto_front(run.trials.values())
    return RunResult(best_of(run.trials.values()), front, dict(run.trials), stopped_because, run.root_directory)
