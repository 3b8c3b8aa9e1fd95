"""The observer `tensorboard`: `tensorboard --logdir ROOT/tensorboard` shows the run while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from neps_core import ObserverSpec, Point, Run, Trial, hookimpl
from neps_plugins.tracking import FLUSH, Search, Tracker, flattened, measures_at, measures_of, require

if TYPE_CHECKING:  # these import tensorboardX
    from neps_plugins.tensorboard.incumbent_graph import IncumbentGraph
    from neps_plugins.tensorboard.trial_writer import TrialWriter

NAME = "tensorboard"

#: Where it writes, in the run's folder: a folder for each trial, and one for the best result so far.
FOLDER, INCUMBENT = "tensorboard", "incumbent"


class TensorBoardSink:
    """A folder of logs, one for each trial; see `neps_plugins.tracking.Sink`.

    Args:
        search: The run.
    """

    def __init__(self, search: Search) -> None:
        self._folder = search.root_directory / FOLDER
        self._writers: dict[str, TrialWriter] = {}

    def _writer(self, trial: Trial) -> TrialWriter:
        from neps_plugins.tensorboard.trial_writer import TrialWriter

        if trial.id not in self._writers:
            self._writers[trial.id] = TrialWriter(self._folder / trial.id)
        return self._writers[trial.id]

    def started(self, trial: Trial) -> None:
        """Nothing to show yet."""

    def reported(self, trial: Trial, points: Sequence[Point]) -> None:
        """Go on with the trial's curves."""
        writer = self._writer(trial)
        for point in points:
            for name, value in measures_at(point).items():
                writer.add_scalar(f"curve/{name}", value, round(point.step))
        writer.flush()

    def finished(self, trial: Trial, is_best: bool, n_finished: int) -> None:
        """Add the trial's line to the page HPARAMS, at the number of the result."""
        writer = self._writer(trial)
        writer.add_hparams(flattened(trial.config), measures_of(trial), global_step=n_finished)
        writer.add_text("state", trial.state.value)
        self._writers.pop(trial.id).close()

    def close(self, is_last: bool) -> None:
        """Close the logs of trials that were given back."""
        for writer in self._writers.values():
            writer.close()


class TensorBoardObserver(Tracker):
    """Shows the hyperparameters and results of trials, their learning curves, and the best result so far.

    Args:
        flush_seconds: How long the end of a run waits until everything is written.

    Raises:
        ObserverError: If tensorboardX is not installed, or the number makes no sense.
    """

    def __init__(self, flush_seconds: float = FLUSH) -> None:
        require(NAME, "tensorboardX")
        super().__init__(NAME, TensorBoardSink, flush_seconds)
        self._graph: IncumbentGraph | None = None

    def neps_run_started(self, run: Run) -> None:
        """Begin to write."""
        from neps_plugins.tensorboard.incumbent_graph import IncumbentGraph

        super().neps_run_started(run)
        self._graph = IncumbentGraph(run.root_directory / FOLDER / INCUMBENT)

    def neps_trial_finished(self, run: Run, trial: Trial) -> None:
        """Write the trial's result, and go on with the curve of the best one."""
        super().neps_trial_finished(run, trial)
        if self._graph is not None:
            self._graph.update(run)

    def neps_run_finished(self, run: Run, result: Any = None) -> None:
        """Write what is left."""
        super().neps_run_finished(run)
        if self._graph is not None:
            self._graph.write(run)


@hookimpl
def neps_observers() -> list[ObserverSpec]:
    """`tensorboard`."""
    return [ObserverSpec(NAME, TensorBoardObserver, "hyperparameters, curves and incumbents for TensorBoard")]
