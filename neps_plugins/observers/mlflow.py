"""The observer `mlflow`: the search is a run of MLflow, and its trials are runs below it.

Only `mlflow.MlflowClient` is used, so that runs which `evaluate_pipeline` begins itself are left alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from neps_core import ObserverSpec, Point, State, Trial, hookimpl
from neps_core.files import write_atomically
from neps_plugins.tracking import FLUSH, Search, Tracker, flattened, measures_at, measures_of, require

NAME = "mlflow"

#: MLflow's own tag by which runs stand below another one.
PARENT = "mlflow.parentRunId"

#: How much MLflow takes at a time, and how long a value may be.
PARAMETERS, METRICS, CHARACTERS = 100, 500, 500


class MlflowSink:
    """An experiment of MLflow; see `neps_plugins.tracking.Sink`.

    Args:
        search: The run.
        tracking_uri: Of the server or store; None for MLflow's own default (`MLFLOW_TRACKING_URI`).
        experiment: The name of the experiment; None for the name of the run's folder.
    """

    def __init__(self, search: Search, tracking_uri: str | None, experiment: str | None) -> None:
        from mlflow.tracking import MlflowClient

        self._search = search
        self._client = MlflowClient(tracking_uri=tracking_uri)
        self._runs: dict[str, str] = {}
        with self._alone():
            self._experiment = self._find_experiment(experiment or search.name)
            self._parent = self._find_parent()
        self._client.update_run(self._parent, status="RUNNING")

    @property
    def _folder(self) -> Path:
        return self._search.root_directory / "trackers"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other worker of the run looks for its run in MLflow, or begins it, meanwhile."""
        self._folder.mkdir(exist_ok=True)
        with FileLock(self._folder / "mlflow.lock"):
            yield

    def _find_experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except MlflowException:  # another run may have been quicker
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _find_parent(self) -> str:
        """The run of the whole search: the one that another worker or an earlier call has begun, or a new one."""
        found = self._find({"neps.search": self._search.key, "neps.kind": "search"})
        if found is None:
            tags = {"mlflow.runName": self._search.name, "neps.search": self._search.key, "neps.kind": "search"}
            found = self._client.create_run(self._experiment, tags=tags).info.run_id
            facts = {**self._search.facts, "root_directory": str(self._search.root_directory)}
            self._log(found, parameters=facts)
        write_atomically(self._folder / "mlflow.txt", f"{found}\n")  # for people
        return found

    def _find(self, tags: Mapping[str, str]) -> str | None:
        where = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        runs = self._client.search_runs([self._experiment], where, max_results=1)
        return str(runs[0].info.run_id) if runs else None

    def _run_of(self, trial: Trial) -> str:
        """The run of a trial: the one that another worker has begun that died, or a new one."""
        if trial.id in self._runs:
            return self._runs[trial.id]
        tags = {"neps.search": self._search.key, "neps.trial": trial.id}
        found = self._find(tags) if trial.metadata.starts > 1 else None
        if found is None:
            tags.update({"mlflow.runName": f"trial {trial.id}", PARENT: self._parent})
            tags["neps.worker"] = trial.metadata.evaluating_worker_id or ""
            started = trial.metadata.time_started or time.time()
            found = self._client.create_run(self._experiment, round(1000 * started), tags).info.run_id
            self._log(found, parameters=flattened(trial.config))
        self._runs[trial.id] = found
        return found

    def _log(
        self, run: str, metrics: Sequence[tuple[str, float, float]] = (), parameters: Mapping[str, Any] | None = None
    ) -> None:
        """Log what belongs to a run: metrics by name, value and step; and parameters."""
        from mlflow.entities import Metric, Param

        now = round(1000 * time.time())
        shown = [Param(name, str(value)[:CHARACTERS]) for name, value in (parameters or {}).items()]
        for i in range(0, len(shown), PARAMETERS):
            self._client.log_batch(run, params=shown[i : i + PARAMETERS])
        logged = [Metric(name, value, now, round(step)) for name, value, step in metrics]
        for i in range(0, len(logged), METRICS):
            self._client.log_batch(run, metrics=logged[i : i + METRICS])

    def started(self, trial: Trial) -> None:
        """Begin the trial's run."""
        self._run_of(trial)

    def reported(self, trial: Trial, points: Sequence[Point]) -> None:
        """Go on with its metrics."""
        metrics = [(name, value, point.step) for point in points for name, value in measures_at(point).items()]
        self._log(self._run_of(trial), metrics)

    def finished(self, trial: Trial, is_best: bool, n_finished: int) -> None:
        """Log its result, and for the search, if it is the best one so far."""
        run = self._run_of(trial)
        step = trial.points[-1].step if trial.points else 0
        self._log(run, [(name, value, step) for name, value in measures_of(trial).items()])
        self._client.set_tag(run, "neps.state", trial.state.value)
        if trial.report is not None and trial.report.err:
            self._client.set_tag(run, "neps.error", trial.report.err[:CHARACTERS])
        status = "FINISHED" if trial.state is State.SUCCESS else "FAILED"
        self._client.set_terminated(run, status, round(1000 * (trial.metadata.time_end or time.time())))
        del self._runs[trial.id]
        if is_best and trial.objectives is not None:
            self._log(self._parent, [("best", trial.objectives[0], n_finished)])
            self._client.set_tag(self._parent, "neps.best_trial", trial.id)

    def close(self, is_last: bool) -> None:
        """End the runs of trials that were given back; and the search's, if nobody goes on with it now."""
        for run in self._runs.values():
            self._client.set_terminated(run, "KILLED")
        if is_last:
            self._client.set_terminated(self._parent, "FINISHED")


class MlflowObserver(Tracker):
    """Logs the search as a run of MLflow, and each trial as a run below it.

    Args:
        tracking_uri: Of the server or store; None for MLflow's own default (`MLFLOW_TRACKING_URI`).
        experiment: The name of the experiment, which is made if there is none; None for the name of the run's folder.
        flush_seconds: How long the end of a run waits for what MLflow has not taken yet.

    Raises:
        ObserverError: If MLflow is not installed, or the number makes no sense.
    """

    def __init__(
        self, tracking_uri: str | None = None, experiment: str | None = None, flush_seconds: float = FLUSH
    ) -> None:
        require(NAME, "mlflow.tracking")
        super().__init__(NAME, lambda search: MlflowSink(search, tracking_uri, experiment), flush_seconds)


@hookimpl
def neps_observers() -> list[ObserverSpec]:
    """`mlflow`."""
    return [ObserverSpec(NAME, MlflowObserver, "the search as a run of MLflow, with its trials below it")]
