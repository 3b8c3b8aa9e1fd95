"""How a run stands, as data and as tables. Nothing is changed by looking."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from neps_core.errors import NePSError
from neps_core.optimizers.choosing import choose, restore
from neps_core.pareto import Front
from neps_core.run import Run, open_run
from neps_core.tables import count_states, row_of, summary_of
from neps_core.trials import State, Trial


@frozen
class Running:
    """A trial that is being evaluated.

    Attributes:
        trial: The trial, with what it has reported.
        worker: Who evaluates it; "" for an asynchronous evaluation.
        is_alive: Whether that worker lives.
    """

    trial: Trial
    worker: str
    is_alive: bool


@frozen
class RunStatus:
    """How a run stands.

    Attributes:
        root_directory: The run's folder.
        optimizer: The name of the optimizer in force; None if there is none yet.
        seed: The run's seed.
        n_trials: How many trials there are.
        states: How many of them are in each state that any is in.
        best: The best trial; None if there is none, or several objectives. It is infeasible only if all are.
        pareto_front: The feasible trials that no other one dominates; with one objective, the best.
        least_violating: As long as no trial is feasible, those that break their constraints least.
        running: What is being evaluated.
        workers: The workers that are alive.
        failed: The trials that went wrong, in the order in which they were sampled.
        told: What the optimizer says of how it stands, a line each.
    """

    root_directory: Path
    optimizer: str | None
    seed: int | None
    n_trials: int
    states: dict[State, int]
    best: Trial | None
    pareto_front: list[Trial]
    least_violating: list[Trial]
    running: list[Running]
    workers: list[str]
    failed: list[Trial]
    told: list[str]


class Told:
    """What the optimizer of a run says itself of how it stands. It is made once, and so looks at what is new only.

    Args:
        run: The run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._made_for: object = None
        self._tell: Any = None

    def lines(self) -> list[str]:
        """What it says, a line each; none if it has nothing to say, or isn't here."""
        log = self._run.log
        if not log.optimizers or log.space is None:
            return []
        if self._made_for is not log.optimizers[-1]:
            self._made_for, self._tell = log.optimizers[-1], None
            with suppress(NePSError):  # a plugin or an operator that isn't here: the rest can still be shown
                self._tell = getattr(choose(restore(log.optimizers[-1]), self._run.space).optimizer, "status", None)
        if not callable(self._tell):
            return []
        try:
            return [str(line) for line in self._tell(self._run.trials)]
        except Exception as error:  # an optimizer's code, so anything: the rest can still be shown
            return [f"(the optimizer can't say how it stands: {error!r})"]


def status_of(run: Run, told: Told | None = None) -> RunStatus:
    """How a run stands, as far as it has been read.

    Args:
        run: The run.
        told: Of the run, for who looks again and again; or else the optimizer is made anew.
    """
    trials = list(run.trials.values())
    counts = count_states(trials)
    front = Front(trials)
    return RunStatus(
        root_directory=run.root_directory,
        optimizer=run.log.optimizers[-1].name if run.log.optimizers else None,
        seed=run.log.seed,
        n_trials=len(trials),
        states={state: counts[state] for state in State if counts[state]},
        best=front.best,
        pareto_front=front.feasible,
        least_violating=[] if front.feasible else front.trials,
        running=running(run),
        workers=run.locks.living_workers(),
        failed=[trial for trial in trials if trial.report is not None and trial.report.err],
        told=(told or Told(run)).lines(),
    )


def running(run: Run) -> list[Running]:
    """The trials of a run that are being evaluated, and by whom."""
    found = []
    for trial_id in run.log.evaluating:
        trial = run.trials[trial_id]
        worker = "" if trial.metadata.is_asynchronous else trial.metadata.evaluating_worker_id or ""
        found.append(Running(trial, worker, bool(worker) and run.locks.is_alive(worker)))
    return found


def status(root_directory: str | Path, print_summary: bool = False, *, storage: str | None = None) -> tuple[Any, Any]:
    """The trials of a run as a table, and the numbers that say how it stands.

    Args:
        root_directory: The run's folder.
        print_summary: Print the numbers, too.
        storage: What the run is kept in, if not in the folder; as for `neps.run`.

    Returns:
        A `pandas.DataFrame` with a row per trial, indexed by id (`config.*`, the report's fields, `objective.*`,
        `constraint.*`, `extra.*`, the metadata's fields), and a `pandas.Series` with the counts by state and the best
        trial, or how many are on the Pareto front.

    Raises:
        FileNotFoundError: If there is no run.
        NePSError: If pandas isn't installed.
    """
    try:
        import pandas as pd
    except ImportError as reason:
        raise NePSError("neps.status needs pandas: pip install 'neps-framework[analysis]'.") from reason
    run = open_run(root_directory, storage=storage)
    trials = list(run.trials.values())
    short = pd.Series(summary_of(count_states(trials), Front(trials).trials), name="value", dtype=object)
    rows = [row_of(trial) for trial in trials]
    full = pd.DataFrame(rows or None, columns=None if rows else list(row_of(Trial("", {})))).set_index("id")
    if print_summary:
        print(short.to_string())
    return full, short
