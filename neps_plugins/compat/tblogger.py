"""`neps.tblogger`: each trial's log for TensorBoard in the trial's own folder, and how the best result went.

`tensorboard --logdir ROOT` shows them. The hooks below are called for every run, and do nothing in one whose function
does not use this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from neps_core import NePSError, NotInTrialError, Run, Trial, hookimpl, open_run
from neps_core.files import make_directory, to_path
from neps_core.live import get_in_progress_run, get_in_progress_trial

if TYPE_CHECKING:  # these import tensorboardX
    from neps_plugins.tensorboard.incumbent_graph import IncumbentGraph
    from neps_plugins.tensorboard.trial_writer import TrialWriter

#: The folder of a trial's events, in the trial's.
EVENTS = "tbevents"

#: The folder of the incumbent's events, in the run's.
SUMMARY = "summary_tb"

#: Seconds after which values are in the file, so that a running trial can be watched.
FLUSH = 10

_graphs: WeakKeyDictionary[Run, IncumbentGraph] = WeakKeyDictionary()
_writers: WeakKeyDictionary[Run, dict[str, list[TrialWriter]]] = WeakKeyDictionary()


def ConfigWriter(
    *,
    write_summary_incumbent: bool = True,
    root_directory: str | Path | None = None,
    pipeline_directory: str | Path | None = None,
    previous_pipeline_directory: str | Path | None = None,
    **keywords: Any,
) -> TrialWriter:
    """A writer for TensorBoard that knows the trial that is being evaluated.

    It writes into `tbevents` in the trial's folder. A trial that continues another one writes into the folder of the
    first one, so that the curve goes on. It is closed when the trial ends, if you haven't done so. What
    `add_hparams` is given stands in the same log, so that the page HPARAMS has one line for each configuration.

    Args:
        write_summary_incumbent: Whether the best objective so far is shown as well: see `WriteIncumbent`.
        root_directory: The run's folder, for a process that evaluates no trial.
        pipeline_directory: The trial's folder, for a process that evaluates no trial: a job that will hand in its
            result with `neps.save_pipeline_results`, or a process that your function has started. `root_directory` is
            found from it.
        previous_pipeline_directory: Not needed: the run knows which trial this one continues.
        keywords: For `tensorboardX.SummaryWriter`. Values are in the file after 10 seconds (`flush_secs`).

    Returns:
        A `tensorboardX.SummaryWriter`.

    Raises:
        NotInTrialError: If this process is not evaluating a trial here, and no `pipeline_directory` is given.
        FileNotFoundError: If there is no run in `root_directory`.
        TrialError: If `pipeline_directory` is not the folder of a trial.
        NePSError: If tensorboardX isn't installed.
    """
    try:
        from neps_plugins.tensorboard.trial_writer import TrialWriter
    except ImportError as reason:
        raise _missing("neps.tblogger.ConfigWriter") from reason
    run, trial, is_running = _run_and_trial(root_directory, pipeline_directory)
    directory = run.folder.trial_directory(_first(run, trial).id) / EVENTS
    make_directory(str(directory))
    writer = TrialWriter(directory, **{"flush_secs": FLUSH, **keywords})
    if is_running:  # else its end is not told to this process
        _writers.setdefault(run, {}).setdefault(trial.id, []).append(writer)
    if write_summary_incumbent:
        _show_incumbent(run, now=not is_running)
    return writer


def WriteIncumbent(root_directory: str | Path | None = None, *, storage: str | None = None) -> None:
    """Show in TensorBoard how the best objective went: `Summary/Incumbent_graph`, in the run's folder `summary_tb`.

    Its steps are the results, from 0, in the order in which they came. Called inside `evaluate_pipeline`, this worker
    goes on with it whenever a trial has ended. Runs with several objectives have no such graph.

    Args:
        root_directory: A run's folder, to write what is known of it now. The run whose trial is being evaluated if left
            out.
        storage: What the run is kept in, if not in that folder; as for `neps.run`.

    Raises:
        NotInTrialError: If this process is not evaluating a trial here, and no `root_directory` is given.
        FileNotFoundError: If there is no run in `root_directory`.
        NePSError: If tensorboardX isn't installed.
    """
    if root_directory is not None:
        _show_incumbent(open_run(root_directory, storage=storage), now=True)
    elif (running := _running()) is not None:
        _show_incumbent(running[0], now=False)
    else:
        raise _outside("neps.tblogger.WriteIncumbent", "root_directory")


def _show_incumbent(run: Run, now: bool) -> None:
    """Write a run's graph now, or whenever one of its trials has ended.

    Not both: inside `evaluate_pipeline` a signal may come at any moment, and must find no lock held.
    """
    try:
        from neps_plugins.tensorboard.incumbent_graph import IncumbentGraph
    except ImportError as reason:
        raise _missing("neps.tblogger.WriteIncumbent") from reason
    graph = _graphs.setdefault(run, IncumbentGraph(run.root_directory / SUMMARY))
    if now:
        graph.write(run)


def _running() -> tuple[Run, Trial] | None:
    try:
        return get_in_progress_run(), get_in_progress_trial()
    except NotInTrialError:
        return None


def _run_and_trial(root: str | Path | None, directory: str | Path | None) -> tuple[Run, Trial, bool]:
    """The trial to write for, and whether it is the one that is evaluated here."""
    running = _running()
    if directory is None:
        if running is None:
            raise _outside("neps.tblogger.ConfigWriter", "pipeline_directory")
        return *running, True
    path = to_path("pipeline_directory", directory).absolute()
    if running is not None and running[0].folder.trial_directory(running[1].id) == path:
        return *running, True
    run = open_run(path.parent.parent if root is None else root)
    return run, run.trial(path.name), False


def _first(run: Run, trial: Trial) -> Trial:
    """The trial that this one continues, directly or not; itself if none."""
    while (previous := run.trials.get(trial.metadata.previous_trial_id or "")) is not None:
        trial = previous
    return trial


def _missing(function: str) -> NePSError:
    return NePSError(f"{function} needs tensorboardX: pip install 'neps-framework[tensorboard]'.")


def _outside(function: str, argument: str) -> NotInTrialError:
    return NotInTrialError(
        f"{function}() was called where no trial is being evaluated. Call it inside evaluate_pipeline, in the same "
        f"process, or give it {argument}=."
    )


@hookimpl
def neps_trial_finished(run: Run, trial: Trial) -> None:
    """Close the trial's writers, and go on with the graph."""
    for writer in _writers.get(run, {}).pop(trial.id, ()):
        writer.close()
    if (graph := _graphs.get(run)) is not None:
        graph.update(run)


@hookimpl
def neps_run_finished(run: Run) -> None:
    """Close what is left of trials that were given back, and write the graph with what others did meanwhile."""
    for writers in _writers.pop(run, {}).values():
        for writer in writers:
            writer.close()
    if (graph := _graphs.get(run)) is not None:
        graph.write(run)
