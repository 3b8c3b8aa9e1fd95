"""`neps.run` and the functions beside it."""

from __future__ import annotations

import logging
import math
import os
import secrets
import socket
import sys
import warnings
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from neps_core.artifacts import open_artifacts
from neps_core.assignments import Job
from neps_core.budgets import check_limit
from neps_core.claims import Claims, Limits, Settings, finished
from neps_core.dispatcher import Dispatcher
from neps_core.errors import LockLostError, NePSWarning, ResultError, RunError, StorageError, TrialError
from neps_core.evaluating import folders_of
from neps_core.executors import choose_executor
from neps_core.interrupts import TIME_IS_OVER, Interrupts
from neps_core.observers import DEFAULT, each_of
from neps_core.ranks import Alone, FollowingRank, find_rank
from neps_core.results import number, parse_result, shown
from neps_core.run import Run, check_seed, open_run
from neps_core.run_result import RunResult, chosen_by, result_of
from neps_core.run_setup import set_up
from neps_core.scalarizing import Scalarization, parse_scalarize
from neps_core.spaces.domains import exact
from neps_core.stopping import choose_rule
from neps_core.trials import State, Trial, check_id
from neps_core.user_function import UserFunction, load_function
from neps_core.waiting import until_it_answers
from neps_core.worker import Worker

logger = logging.getLogger("neps.api")
logging.getLogger("neps").addHandler(logging.NullHandler())


def run(
    evaluate_pipeline: Any,
    pipeline_space: Any = None,
    *,
    root_directory: str | Path = "neps_results",
    overwrite_root_directory: bool = False,
    evaluations_to_spend: int | None = None,
    cost_to_spend: float | None = None,
    fidelities_to_spend: float | None = None,
    total_evaluations_to_spend: int | None = None,
    total_cost_to_spend: float | None = None,
    total_fidelities_to_spend: float | None = None,
    worker_evaluations_to_spend: int | None = None,
    worker_cost_to_spend: float | None = None,
    worker_fidelities_to_spend: float | None = None,
    max_evaluations_per_run: int | None = None,
    continue_until_max_evaluation_completed: bool = False,
    ignore_errors: bool = False,
    objective_value_on_error: float | None = None,
    cost_value_on_error: float | None = None,
    sample_batch_size: int | None = None,
    worker_id: str | None = None,
    optimizer: Any = "auto",
    seed: int | None = None,
    budgets: Mapping[str, float] | None = None,
    observers: Any = DEFAULT,
    stopping_rule: Any = None,
    scalarize: Any = None,
    live_plots: bool = False,
    executor: Any = None,
    n_workers: int | None = None,
    resources: Mapping[str, Any] | None = None,
    max_pending: int | None = None,
    pending_timeout: float | None = None,
    distributed: bool | int | tuple[int, str] | None = None,
    trust_space: bool = False,
    storage: str | None = None,
    artifacts: str | None = None,
) -> RunResult:
    """Search for the configuration that minimises what a function returns.

    Start it once, or in as many processes as you like on the same `root_directory`: they share the work.
    Start it again to go on. A process that dies leaves its trial to the others.

    Args:
        evaluate_pipeline: The function to minimise: a callable, `"package.module:function"` or
            `"path/to/file.py:function"`. It gets a configuration as keyword arguments, and those of
            `pipeline_directory`, `previous_pipeline_directory`, `pipeline_id`, `root_directory` that its
            signature names. It returns a number, several, or a dict with `objective_to_minimize` (a number, several, or
            a dict by name) and optionally `constraints`, `cost`, `learning_curve`, `info_dict`; or None if the result
            comes later, through `save_pipeline_results`.
        pipeline_space: What to search: a `PipelineSpace`, a dict of parameters, a `ConfigurationSpace`. May be
            left out to go on with a run.
        root_directory: The run's folder.
        overwrite_root_directory: Delete the folder first. Refused if it does not look like a run.
        evaluations_to_spend: How many evaluations this call may begin.
        cost_to_spend: No evaluation begins in this call once the costs of its results reach this.
        fidelities_to_spend: No evaluation begins in this call once its added fidelities reach this.
        total_evaluations_to_spend: As `evaluations_to_spend`, over all workers and restarts.
        total_cost_to_spend: As `cost_to_spend`, over all workers and restarts.
        total_fidelities_to_spend: As `fidelities_to_spend`, over all workers and restarts.
        worker_evaluations_to_spend: Another name of `evaluations_to_spend`.
        worker_cost_to_spend: Another name of `cost_to_spend`.
        worker_fidelities_to_spend: Another name of `fidelities_to_spend`.
        max_evaluations_per_run: Another name of `evaluations_to_spend`.
        continue_until_max_evaluation_completed: Count finished evaluations only, not those in progress.
        ignore_errors: Go on when the function raises. Errors count towards the budget.
        objective_value_on_error: What each objective of an evaluation counts as which raised or gave NaN. Where
            others have constraints, it counts as infeasible.
        cost_value_on_error: The cost that such an evaluation counts as.
        sample_batch_size: How many configurations to sample at a time.
        worker_id: What to call this worker; made up if left out.
        optimizer: A name, `(name, {keyword: value})`, `{"name": name, keyword: value}`, a callable
            `(space, **keywords)`, or `(callable, {keyword: value})`. `"auto"` (or None) goes on with the run's own,
            or chooses one that suits the space.
        seed: Makes the run reproducible; drawn and recorded if left out.
        budgets: Limits by name of further budgets, such as `{"wallclock": 3600}`, for this call.
        observers: Who is told what happens: names, `(name, {keyword: value})`, or objects with any of the methods
            `neps_run_started`, `neps_trial_started`, `neps_trial_reported`, `neps_trial_finished`,
            `neps_trial_removed`, `neps_run_finished`. Plugins that implement these hooks are told besides.
        stopping_rule: Ends evaluations early that are not worth it, judged by what they report with `neps.report`:
            `"median"`, `"percentile"`, `"threshold"`, `"patience"`, `(name, {keyword: value})`, or a function
            `(trial, trials) -> bool`.
        scalarize: How the `best` trial of several objectives is chosen, from the Pareto front: weights, as a dict by
            the objectives' names or as a list by position, or a function of the tuple of objectives; the lowest number
            wins. It has no influence on the search.
        live_plots: The same as one more observer, `"plots"`: the pictures of `neps.plot` are drawn again as trials end.
        executor: Who evaluates, if not this process: a `concurrent.futures.Executor`, a name (`"processes"`,
            `"threads"`, `"dask"`, `"ray"`, `"slurm"`, `"mpi"`, or a plugin's), or `(name, {keyword: value})`. This call
            claims trials and records results for all of them. What errors and budgets mean for a call holds for them
            together; after an error, what runs already is ended first.
        n_workers: How many evaluations at a time. Without `executor`, in so many processes on this machine.
        resources: What each evaluation gets, where the executor can give it: `cpus`, `gpus` (a number, or `"all"` for
            one evaluation on each of this machine's), `memory` (`"16GB"`), `walltime` (seconds, or `"HH:MM:SS"`).
        max_pending: How many evaluations may be under way in the run, those included whose results come later through
            `save_pipeline_results`: this call waits before it begins further ones.
        pending_timeout: Seconds after the begin of such an evaluation when it is given up, as `crashed`.
        distributed: Where several processes train each model together (`torchrun`, Lightning, `srun`, `mpirun`): the
            one of rank 0 is the worker, and the others evaluate its trials with it, record nothing, and ignore what
            else is given here. None finds out from the environment; False makes each process a worker of its own; a
            rank, or `(rank, "name of the job")`, says it where it can't be seen.
        trust_space: Whether to import and call whatever the space in the folder names, where `pipeline_space` is left
            out. Not needed where you wrote it yourself, on this machine or with the same home: it is signed then.
        storage: The URL of a database that the run is kept in, for machines that share no folder:
            `"postgresql+psycopg://user@host/database"`, `"mysql+pymysql://..."`, `"sqlite:///runs.db"`; a database
            holds many runs, each by the name of its `root_directory`, or by `?run=NAME` in the URL. The files of
            trials, and those for people, are in `root_directory` still, on each machine its own.
        artifacts: The URL of a store (`"s3://bucket/prefix"`, or any other that fsspec knows) that the folder of each
            trial is copied to when it ends, and where a trial that continues another one gets that one's
            `previous_pipeline_directory` from, if it was not evaluated on the same machine.

    Returns:
        The best trial, all trials, and why this call stopped.

    Raises:
        NePSError: If something can't be meant or done; nothing that was evaluated is lost. In particular
            `TargetError`, `SpaceError`, `OptimizerError`, `BudgetError`, `ObserverError`, `StoppingRuleError`,
            `ExecutorError`, `RunError`, `StorageError`.
        EvaluationError: If the function raised, unless errors are ignored; its exception is the cause.
    """
    function = load_function(evaluate_pipeline)
    call_limits = _limits(
        "",
        evaluations=_one(
            evaluations_to_spend=evaluations_to_spend,
            worker_evaluations_to_spend=worker_evaluations_to_spend,
            max_evaluations_per_run=max_evaluations_per_run,
        ),
        cost=_one(cost_to_spend=cost_to_spend, worker_cost_to_spend=worker_cost_to_spend),
        fidelities=_one(fidelities_to_spend=fidelities_to_spend, worker_fidelities_to_spend=worker_fidelities_to_spend),
    )
    for name, limit in (budgets or {}).items():
        if name in call_limits:
            raise RunError(f"the budget {name!r} is given twice: as {name}_to_spend and in budgets.")
        call_limits[name] = check_limit(f"budgets[{name!r}]", limit)
    total_limits = _limits(
        "total_",
        evaluations=total_evaluations_to_spend,
        cost=total_cost_to_spend,
        fidelities=total_fidelities_to_spend,
    )
    settings = Settings(
        ignore_errors,
        _value("objective_value_on_error", objective_value_on_error),
        _value("cost_value_on_error", cost_value_on_error),
        _positive("sample_batch_size", sample_batch_size),
        _positive("max_pending", max_pending),
        _duration("pending_timeout", pending_timeout),
    )
    seed = check_seed(seed)
    name = check_id("worker_id", worker_id, RunError) if worker_id is not None else _made_up_id()

    rule = choose_rule(stopping_rule)
    scalarization = parse_scalarize(scalarize)
    if live_plots:
        observers = [*each_of(observers), "plots"]
    start_engine = choose_executor(executor, n_workers, resources)
    if start_engine is not None and distributed is not None and distributed is not False:
        raise RunError(
            f"distributed={distributed!r} is for processes that evaluate; with an executor, this one does not."
        )
    rank = Alone() if start_engine is not None else find_rank(root_directory, distributed, storage)
    if isinstance(rank, FollowingRank):
        return chosen_by(scalarization, rank.follow(function, pipeline_space))
    setup = set_up(root_directory, pipeline_space, optimizer, overwrite_root_directory, observers, trust_space, storage)
    the_run, space, chosen = setup.run, setup.space, setup.chosen
    if scalarization is not None:
        scalarization.check(the_run.log.shape.objectives)
    if pipeline_space is None:
        space.check_usable()
    store = open_artifacts(artifacts)
    user_function = UserFunction(function, space, store)
    limits = Limits(call_limits, total_limits, continue_until_max_evaluation_completed)
    interrupts = Interrupts()
    claims = Claims(the_run, chosen, space, limits, settings, interrupts.allowed)
    if not call_limits and not total_limits:
        warnings.warn(
            "neps.run has no budget, so it goes on until it is stopped. Set evaluations_to_spend=, cost_to_spend=, "
            "or budgets={'wallclock': seconds}.",
            NePSWarning,
            stacklevel=2,
        )

    if store is not None:
        store.check()

    # Everything that can be wrong with the call has been found; only now is anything written.
    with ExitStack() as stack:
        worker: Worker | Dispatcher
        if start_engine is not None:
            engine = start_engine()
            stack.callback(engine.end)
            job = Job(
                _target(evaluate_pipeline),
                space,
                name,
                _location(the_run, root_directory),
                storage,
                rule,
                claims.requires_cost,
                store,
            )
            worker = Dispatcher(the_run, claims, job, user_function, engine, interrupts, chosen.ignores_results)
            stack.enter_context(setup.begun(seed, name))
        else:
            stack.enter_context(setup.begun(seed, name))
            rule = stack.enter_context(rank.leading(the_run, rule))
            worker = Worker(the_run, claims, user_function, interrupts, rule)
        the_run.use(chosen)
        return _work(the_run, claims, worker, interrupts, scalarization)


def _target(evaluate_pipeline: Any) -> Any:
    """The function as another process finds it: a file, by its whole path."""
    where, _, name = evaluate_pipeline.rpartition(":") if isinstance(evaluate_pipeline, str) else ("", "", "")
    return f"{Path(where).expanduser().resolve()}:{name}" if where.endswith(".py") else evaluate_pipeline


def _location(the_run: Run, root_directory: str | Path) -> str | None:
    """Where another process opens the run; None if it can't."""
    if not the_run.crosses_processes:
        return None
    is_url = isinstance(root_directory, str) and "://" in root_directory
    return str(root_directory if is_url else Path(the_run.root_directory).absolute())


def _work(
    the_run: Run,
    claims: Claims,
    worker: Worker | Dispatcher,
    interrupts: Interrupts,
    scalarization: Scalarization | None,
) -> RunResult:
    def leave(number: int) -> None:
        with suppress(StorageError):  # then others do it, once this worker is gone
            for trial in claims.held:
                claims.give_back(trial, "its worker leaves, by a signal", True, number == TIME_IS_OVER)
        the_run.tell("neps_run_finished", result=result_of(the_run, "a signal"))

    with interrupts.installed(leave):
        the_run.tell("neps_run_started", budgets=claims.budgets)
        logger.info("Worker %s works on %s.", the_run.worker_id, the_run.root_directory)
        try:
            reason = worker.work()
            result = result_of(the_run, reason, scalarization)
        except BaseException as error:
            if not interrupts.in_child and not interrupts.is_urgent:
                logger.info("Worker %s stops: %r", the_run.worker_id, error)
                the_run.tell("neps_run_finished", result=result_of(the_run, repr(error)))
            raise
        logger.info("Worker %s stops: %s.", the_run.worker_id, reason)
        the_run.tell("neps_run_finished", result=result)
    return result


def save_pipeline_results(
    user_result: Any,
    pipeline_id: str,
    root_directory: str | Path,
    *,
    live_plots: bool = False,
    storage: str | None = None,
    artifacts: str | None = None,
) -> None:
    """Hand in the result of an evaluation that returned None to `run`.

    Args:
        user_result: As `evaluate_pipeline` would have returned it.
        pipeline_id: The trial's id, as `evaluate_pipeline` got it.
        root_directory: The run's folder; or the URL of a database (`...?run=NAME`), where this host has no folder.
        live_plots: Whether to draw the pictures of `neps.plot` again.
        storage: What the run is kept in, if not in the folder; as for `run`.
        artifacts: Where the trial's folder is copied to, as it is now; as for `run`.

    Raises:
        FileNotFoundError: If there is no run.
        TrialError: If there is no such trial, it was never started, or it has a result already.
        ResultError: If it is no result; the trial goes on waiting.
    """
    observers = [*each_of(DEFAULT), "plots"] if live_plots else None
    run = until_it_answers(lambda: open_run(root_directory, observers=observers, storage=storage))
    run.check_writable()
    if user_result is None:
        raise ResultError("user_result is None, which is no result.")
    if (store := open_artifacts(artifacts)) is not None:  # first, so that who sees the result can find the folder
        store.keep(folders_of(run, _awaiting(run, pipeline_id)))
    while True:
        try:
            with run.locked("journal"):  # so that of two results for one trial the second is refused
                run.refresh()
                trial = _awaiting(run, pipeline_id)
                report = parse_result(user_result, cost_required=trial.metadata.cost_required, shape=run.log.shape)
                run.record(finished(trial.id, report))
            break
        except LockLostError as error:
            logger.warning("The result of trial %s is handed in once more: %s", pipeline_id, error)
    if not run.locks.living_workers():  # nobody else will tell those who wait for the end
        run.tell("neps_run_finished", result=result_of(run, "an asynchronous result arrived"))


def _awaiting(run: Run, trial_id: str) -> Trial:
    """A trial that can be given a result.

    Raises:
        TrialError: If there is none.
    """
    trial = run.trial(trial_id)
    if trial.state is not State.EVALUATING:
        raise TrialError(
            f"trial {trial.id} in {run.root_directory} is {trial.state.value}, not being evaluated, "
            "so it can't be given a result."
        )
    return trial


def load_pipeline_space(root_directory: str | Path, trust_space: bool = False, *, storage: str | None = None) -> Any:
    """The search space of a run, as it could be given to `run` again.

    Args:
        root_directory: The run's folder.
        trust_space: Whether what the space names may be imported and called when it is used, as for `run`.
        storage: What the run is kept in, if not in the folder; as for `run`.

    Raises:
        FileNotFoundError: If there is no run.
        SpaceError: If the space can't be read.
        StorageError: If `pipeline_space.yaml` was changed, or another framework wrote the run.
    """
    return open_run(root_directory, check=True, storage=storage).stored_space(trust_space)


def load_optimizer_info(root_directory: str | Path, *, storage: str | None = None) -> dict[str, Any]:
    """The optimizer that a run used last: `{"name": name, "info": {keyword: value}}`.

    Raises:
        FileNotFoundError: If there is no run.
        StorageError: If `optimizer_info.yaml` was changed.
    """
    run = open_run(root_directory, check=True, storage=storage)
    if not run.log.optimizers:
        raise FileNotFoundError(f"the run in {run.root_directory} has no optimizer yet.")
    record = run.log.optimizers[-1]
    return {"name": record.name, "info": dict(record.info)}


def _limits(prefix: str, **limits: float | None) -> dict[str, float]:
    return {name: check_limit(f"{prefix}{name}_to_spend", limit) for name, limit in limits.items() if limit is not None}


def _one(**values: Any) -> Any:
    """What was given under one of several names."""
    given = {name: value for name, value in values.items() if value is not None}
    if any(a is not b and a != b for a, b in pairwise(given.values())):
        shown_values = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise RunError(f"{shown_values}: several names for one thing; give one of them.")
    return next(iter(given.values()), None)


def _value(name: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        result = number(name, value)
    except ResultError as reason:
        raise RunError(str(reason)) from None
    if math.isnan(result):
        raise RunError(f"{name} is NaN; give a number.")
    return result


def _duration(name: str, value: Any) -> float | None:
    result = _value(name, value)
    if result is not None and result < 0:
        raise RunError(f"{name} is a time in seconds, not {shown(value)}.")
    return result


def _positive(name: str, value: Any) -> int | None:
    result = exact(value)
    if result is not None and (
        isinstance(result, bool) or not isinstance(result, int) or not 1 <= result < sys.maxsize
    ):
        raise RunError(f"{name} must be a whole number of at least 1 that can be reached, not {shown(value)}.")
    return result


def _made_up_id() -> str:
    host = "".join(c if c.isascii() and c.isalnum() else "-" for c in socket.gethostname()).strip("-")[:40] or "worker"
    return f"{host}-{os.getpid()}-{secrets.token_hex(3)}"
