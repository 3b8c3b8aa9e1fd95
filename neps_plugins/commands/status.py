"""`neps status ROOT`: how a run stands."""

from __future__ import annotations

import argparse
import time
from typing import Any

from neps_core import Trial, hookimpl, open_run
from neps_core.pareto import incumbents
from neps_core.run_status import status_of

#: How many errors are shown.
ERRORS = 5


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `status`."""
    parser = subparsers.add_parser("status", help="show how a run stands")
    parser.add_argument("root_directory", metavar="ROOT", help="the run's folder")
    parser.add_argument(
        "--best_configs", "--best-configs", action="store_true", help="show every trial that was the best so far, too"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    run = open_run(arguments.root_directory)
    status = status_of(run)
    shown = ", ".join(f"{count} {state.value}" for state, count in status.states.items()) or "none yet"
    print(f"Run:       {status.root_directory}")
    if status.optimizer is not None:
        print(f"Optimizer: {status.optimizer}" + ("" if status.seed is None else f" (seed {status.seed})"))
    print(f"Trials:    {status.n_trials} ({shown})")
    for trial in [*status.pareto_front, *status.least_violating]:
        print(f"Best:      trial {trial.id}, {_results(trial)}")
        for path, value in trial.config.items():
            print(f"             {path}: {value}")
    for trial in incumbents(run.trials.values()) if arguments.best_configs else ():
        print(f"Was best:  trial {trial.id}, {_results(trial)}: {dict(trial.config)}")
    for line in status.told:
        print(f"           {line}")
    now = time.time()
    for item in status.running:
        seconds = now - (item.trial.metadata.time_started or now)
        where = f"on {item.worker}" if item.worker else "asynchronously"
        last = item.trial.points[-1] if item.trial.points else None
        reported = f", {last.objective} at step {last.step:g}" if last is not None else ""
        next_one = ", the next one takes the trial" if run.read_only is None else ""
        gone = "" if item.is_alive or not item.worker else f"; that worker has died{next_one}"
        print(f"Running:   trial {item.trial.id} {where}, for {seconds:.0f} s{reported}{gone}")
    for trial in status.failed[-ERRORS:]:
        assert trial.report is not None and trial.report.err is not None
        print(f"Error:     trial {trial.id}: {trial.report.err.splitlines()[0]}")
    if len(status.failed) > ERRORS:
        print(f"           ... and {len(status.failed) - ERRORS} more, in configs/config_*/report.yaml")
    if run.read_only is not None:
        print(f"Read only: {run.read_only}")
    return 0


def _results(trial: Trial) -> str:
    """The objectives of a trial, by name if they have names, and which constraints it breaks."""
    by_name = trial.objectives_by_name
    if by_name:
        text = ", ".join(f"{name} {value}" for name, value in by_name.items())
    else:
        text = f"objective {None if trial.report is None else trial.report.objective_to_minimize}"
    if trial.is_feasible:
        return text
    broken = ", ".join(f"{name} {value}" for name, value in trial.constraints_by_name.items() if not value <= 0)
    return f"{text}, infeasible (constraint {broken})"
