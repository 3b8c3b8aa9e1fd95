"""`neps status ROOT`: how a run stands."""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from neps_core import NePSError, Run, State, Trial, hookimpl, open_run
from neps_core.budgets import Ledger
from neps_core.pareto import incumbents
from neps_core.run_status import RunStatus, Told, status_of
from neps_plugins.places import add_place, place

#: How many errors are shown.
ERRORS = 5

#: Characters of an error, or of a value, that are shown.
LONGEST = 300

#: Seconds between two looks at a run that is watched.
WATCH = 2.0


@hookimpl
def neps_commands(subparsers: Any) -> None:
    """Add `status`."""
    parser = subparsers.add_parser("status", help="show how a run stands")
    add_place(parser)
    parser.add_argument(
        "--best_configs", "--best-configs", action="store_true", help="show every trial that was the best so far, too"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object instead, for programs; with --watch one a line"
    )
    parser.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=WATCH,
        metavar="SECONDS",
        help=f"show it again every so many seconds (default: {WATCH:g}), until no worker is alive or Ctrl-C is pressed",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    root, storage = place(arguments)
    run = open_run(root, storage=storage)
    told = Told(run)
    with suppress(KeyboardInterrupt):
        while True:
            is_over = not run.locks.living_workers() and not _awaits_results(run)
            run.refresh()
            with _unwarned():
                status = status_of(run, told)
            _show(run, status, arguments)
            if arguments.watch is None:
                break
            if is_over:
                if not arguments.json:
                    print("No worker is alive.")
                break
            time.sleep(arguments.watch)
    return 0


def _show(run: Run, status: RunStatus, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps(_document(run, status), allow_nan=False), flush=True)
        return
    lines = [_printable(line) for line in _lines(run, status, arguments.best_configs)]
    if arguments.watch is None or not sys.stdout.isatty():
        print(*lines, *([] if arguments.watch is None else [""]), sep="\n", flush=True)
        return
    # Home, each line and what was to the right of it, and what was below: so that nothing flickers.
    print("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J", flush=True)


@contextmanager
def _unwarned() -> Iterator[None]:
    """What an optimizer warns of when it is made was said to those who run it."""
    logger = logging.getLogger("neps")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _printable(line: str) -> str:
    """A line that stays one, and tells the terminal to do nothing."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _awaits_results(run: Run) -> bool:
    return any(run.trials[trial_id].metadata.is_asynchronous for trial_id in run.log.evaluating)


def _seconds(text: str) -> float:
    """What `--watch` is given.

    Raises:
        argparse.ArgumentTypeError: If it is no number of seconds above 0.
    """
    with suppress(ValueError):
        if 0 < (seconds := float(text)) < 1e6:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")


def _document(run: Run, status: RunStatus) -> dict[str, Any]:
    """How a run stands, as strict JSON can hold it: what is infinite or not a number is null."""
    document = {
        "root_directory": str(run.folder),
        "optimizer": status.optimizer,
        "states": {state.value: count for state, count in status.states.items()},
        "best": None if status.best is None else _of_trial(status.best),
        "pareto_front": [_of_trial(trial) for trial in status.pareto_front],
        "workers": status.workers,
        "spent": _spent(run),
    }
    return {key: _finite(value) for key, value in document.items()}


def _of_trial(trial: Trial) -> dict[str, Any]:
    objective = None if trial.report is None else trial.report.objective_to_minimize
    return {"id": trial.id, "config": dict(trial.config), "objective_to_minimize": objective}


def _spent(run: Run) -> dict[str, float | None]:
    """How many evaluations were begun, and what they took: cost in the user's unit, time in seconds, and fidelity.

    None for what no result has, or no space says.
    """
    begun = [trial for trial in run.trials.values() if trial.metadata.time_started is not None]
    reports = [trial.report for trial in begun if trial.report is not None]
    costs = [report.cost for report in reports if report.cost is not None]
    spent: dict[str, float | None] = {
        "evaluations": sum(trial.state is not State.PENDING for trial in begun),
        "cost": _total(costs) if costs else None,
        "time": math.fsum(report.evaluation_duration or 0.0 for report in reports),
        "fidelity": None,
    }
    with suppress(NePSError, FileNotFoundError):  # a plugin or an operator that isn't here
        if run.space.fidelities:
            ledger = Ledger({"fidelities": math.inf}, "", run.space, lambda _: True, only_finished=False)
            ledger.update(run.trials)
            spent["fidelity"] = ledger.spent()["fidelities"]
    return spent


def _total(values: list[float]) -> float:
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):  # beyond what a float holds
        return math.inf


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _lines(run: Run, status: RunStatus, with_incumbents: bool) -> Iterator[str]:
    """How a run stands, for people."""
    shown = ", ".join(f"{count} {state.value}" for state, count in status.states.items()) or "none yet"
    yield f"Run:       {run.folder}"
    if status.optimizer is not None:
        yield f"Optimizer: {status.optimizer}" + ("" if status.seed is None else f" (seed {status.seed})")
    yield f"Trials:    {status.n_trials} ({shown})"
    for trial in [*status.pareto_front, *status.least_violating]:
        yield f"Best:      trial {trial.id}, {_results(trial)}"
        for path, value in trial.config.items():
            yield f"             {path}: {_shortened(str(value))}"
    for trial in incumbents(run.trials.values()) if with_incumbents else ():
        yield f"Was best:  trial {trial.id}, {_results(trial)}: {dict(trial.config)}"
    for line in status.told:
        yield f"           {line}"
    now = time.time()
    for item in status.running:
        seconds = now - (item.trial.metadata.time_started or now)
        where = f"on {item.worker}" if item.worker else "asynchronously"
        last = item.trial.points[-1] if item.trial.points else None
        reported = f", {last.objective} at step {last.step:g}" if last is not None else ""
        next_one = ", the next one takes the trial" if run.read_only is None else ""
        gone = "" if item.is_alive or not item.worker else f"; that worker has died{next_one}"
        yield f"Running:   trial {item.trial.id} {where}, for {seconds:.0f} s{reported}{gone}"
    for trial in status.failed[-ERRORS:]:
        assert trial.report is not None and trial.report.err is not None
        yield f"Error:     trial {trial.id}: {_shortened(trial.report.err.splitlines()[0])}"
    if len(status.failed) > ERRORS:
        yield f"           ... and {len(status.failed) - ERRORS} more, in configs/config_*/report.yaml"
    if run.read_only is not None:
        yield f"Read only: {run.read_only}"


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
