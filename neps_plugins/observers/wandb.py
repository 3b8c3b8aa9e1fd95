"""The observer `wandb`: each trial is a run of Weights & Biases, and the search is the group that they are in.

So the pages of W&B for many runs (parallel coordinates, importance, curves) show the search, and workers on several
hosts need not share a run. Runs that `evaluate_pipeline` begins itself are left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from neps_core import ObserverError, ObserverSpec, Point, State, Trial, hookimpl, nearest
from neps_plugins.tracking import FLUSH, Search, Tracker, flattened, measures_at, measures_of, require

NAME = "wandb"

#: What `mode` may be.
MODES = ("online", "offline", "disabled", "shared")


class WandbSink:
    """A project of W&B; see `neps_plugins.tracking.Sink`.

    Args:
        search: The run.
        project: The project; None for W&B's own default (`WANDB_PROJECT`).
        entity: The user or team; None for the default.
        mode: `"online"`, `"offline"` or `"disabled"`; None for the default (`WANDB_MODE`).
    """

    def __init__(self, search: Search, project: str | None, entity: str | None, mode: str | None) -> None:
        self._search = search
        self._where: dict[str, Any] = {"project": project, "entity": entity, "mode": mode}
        self._runs: dict[str, Any] = {}

    def _run_of(self, trial: Trial) -> Any:
        """The run of a trial; its id is made of the trial's, so that another worker goes on with it."""
        import wandb

        if trial.id not in self._runs:
            facts = {"trial": trial.id, "worker": trial.metadata.evaluating_worker_id, **self._search.facts}
            self._runs[trial.id] = wandb.init(
                **self._where,
                id=f"{self._search.key}-{trial.id}".replace(".", "-"),
                name=f"{self._search.name} {trial.id}",
                group=f"{self._search.name} {self._search.key}",
                job_type="trial",
                config={**flattened(trial.config), "neps": facts},
                dir=str(self._search.root_directory),
                resume="allow",
                reinit="create_new",
                settings=wandb.Settings(silent=True, console="off", disable_git=True),
            )
        return self._runs[trial.id]

    def started(self, trial: Trial) -> None:
        """Begin the trial's run."""
        self._run_of(trial)

    def reported(self, trial: Trial, points: Sequence[Point]) -> None:
        """Go on with its curves, over `trial_step`."""
        run = self._run_of(trial)
        for point in points:
            run.log({"trial_step": point.step, **measures_at(point)})

    def finished(self, trial: Trial, is_best: bool, n_finished: int) -> None:
        """Put its result into the summary, and end its run."""
        run = self._run_of(trial)
        run.summary.update({**measures_of(trial), "state": trial.state.value, "was_best": is_best})
        if trial.report is not None and trial.report.err:
            run.summary["error"] = trial.report.err[:500]
        del self._runs[trial.id]
        run.finish(exit_code=0 if trial.state is State.SUCCESS else 1)

    def close(self, is_last: bool) -> None:
        """End the runs of trials that were given back."""
        for run in self._runs.values():
            run.finish(exit_code=1)


class WandbObserver(Tracker):
    """Logs each trial as a run of Weights & Biases, in a group for the search. What it keeps is in `ROOT/wandb`.

    Args:
        project: The project; None for W&B's own default (`WANDB_PROJECT`).
        entity: The user or team; None for the default.
        mode: `"online"`, `"offline"` (`wandb sync` hands it over later) or `"disabled"`; None for the default
            (`WANDB_MODE`).
        flush_seconds: How long the end of a run waits for what W&B has not taken yet.

    Raises:
        ObserverError: If wandb is not installed, there is no such mode, or the number makes no sense.
    """

    def __init__(
        self,
        project: str | None = None,
        entity: str | None = None,
        mode: str | None = None,
        flush_seconds: float = FLUSH,
    ) -> None:
        if mode is not None and mode not in MODES:
            raise ObserverError(f"mode={mode!r} of {NAME!r} is unknown. {nearest(str(mode), MODES)}")
        require(NAME, "wandb")
        super().__init__(NAME, lambda search: WandbSink(search, project, entity, mode), flush_seconds)


@hookimpl
def neps_observers() -> list[ObserverSpec]:
    """`wandb`."""
    return [ObserverSpec(NAME, WandbObserver, "each trial as a run of Weights & Biases, in a group for the search")]
