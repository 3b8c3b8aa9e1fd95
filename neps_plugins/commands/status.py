"""`neps status ROOT`: how a run stands."""

from __future__ import annotations

import argparse
import time
from typing import Any

from neps_core import NePSError, Run, State, hookimpl
from neps_core.lookback import running
from neps_core.optimizers import choose, restore
from neps_core.pareto import pareto_front
from neps_core.run import open_run
from neps_core.tables import count_states

#: How many errors are shown.
ERRORS = 5


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `status`."""
    parser = subparsers.add_parser("status", help="show how a run stands")
    parser.add_argument("root_directory", metavar="ROOT", help="the run's folder")
    parser.set_defaults(run=_run)


def _of_optimizer(run: Run) -> list[str]:
    """What the optimizer itself says of how it stands, if it does."""
    if not run.log.optimizers or run.log.space is None:
        return []
    record = run.log.optimizers[-1]
    try:
        optimizer = choose(restore(record.name, record.info), run.space).optimizer
    except NePSError:  # a plugin or an operator that isn't here: the rest can still be shown
        return []
    tell = getattr(optimizer, "status", None)
    return list(tell(run.trials)) if callable(tell) else []


def _run(arguments: argparse.Namespace) -> int:
    run = open_run(arguments.root_directory)
    trials = list(run.trials.values())
    counts = count_states(trials)
    shown = ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state]) or "none yet"
    print(f"Run:       {run.root_directory}")
    if run.log.optimizers:
        print(f"Optimizer: {run.log.optimizers[-1].name} (seed {run.log.seed})")
    print(f"Trials:    {len(trials)} ({shown})")
    front = pareto_front(trials)
    for trial in front:
        assert trial.report is not None
        print(f"Best:      trial {trial.id}, objective {trial.report.objective_to_minimize}")
        for path, value in trial.config.items():
            print(f"             {path}: {value}")
    for line in _of_optimizer(run):
        print(f"           {line}")
    now = time.time()
    for item in running(run):
        seconds = now - (item.trial.metadata.time_started or now)
        where = f"on {item.worker}" if item.worker else "asynchronously"
        gone = "" if item.is_alive or not item.worker else "; that worker has died, the next one takes the trial"
        print(f"Running:   trial {item.trial.id} {where}, for {seconds:.0f} s{gone}")
    failed = [trial for trial in trials if trial.report is not None and trial.report.err]
    for trial in failed[-ERRORS:]:
        assert trial.report is not None and trial.report.err is not None
        print(f"Error:     trial {trial.id}: {trial.report.err.splitlines()[0]}")
    if len(failed) > ERRORS:
        print(f"           ... and {len(failed) - ERRORS} more, in configs/config_*/report.yaml")
    return 0
