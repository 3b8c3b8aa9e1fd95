"""Pictures of a run."""

from __future__ import annotations

import io
import math
from pathlib import Path

from neps_core.errors import NePSError
from neps_core.files import make_directory, write_atomically
from neps_core.pareto import pareto_front
from neps_core.run import open_run
from neps_core.trials import Trial


def plot(root_directory: str | Path) -> list[Path]:
    """Draw how a run went, into its folder `summary`.

    For one objective: every result and the best so far, over the evaluations in the order in which they
    ended (`objective.png`). For two or more: the first two of every result, and the Pareto front
    (`pareto_front.png`).

    Args:
        root_directory: The run's folder.

    Returns:
        The pictures that were written.

    Raises:
        FileNotFoundError: If there is no run.
        NePSError: If there is no finite result yet, or matplotlib isn't installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as reason:
        raise NePSError("neps.plot needs matplotlib: pip install 'neps-framework[analysis]'.") from reason
    run = open_run(root_directory)
    done = [t for t in run.trials.values() if t.objectives is not None and all(map(math.isfinite, t.objectives))]
    if not done:
        raise NePSError(f"the run in {run.root_directory} has no finite result to draw yet.")
    done.sort(key=lambda trial: trial.metadata.time_end or 0.0)
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    points = [t.objectives or () for t in done]
    if len(points[0]) == 1:
        name = "objective.png"
        values = [point[0] for point in points]
        numbers = range(1, len(values) + 1)
        axes.scatter(numbers, values, s=12, color="tab:gray", label="results")
        axes.step(numbers, _best_so_far(values), where="post", color="tab:blue", label="best so far")
        axes.set(xlabel="evaluations", ylabel="objective to minimize")
    else:
        name = "pareto_front.png"
        axes.scatter([p[0] for p in points], [p[1] for p in points], s=12, color="tab:gray", label="results")
        front = [_first_two(trial) for trial in pareto_front(done)]
        axes.plot([x for x, _ in front], [y for _, y in front], "o-", color="tab:blue", label="Pareto front")
        axes.set(xlabel="first objective", ylabel="second objective")
    axes.legend()
    path = run.root_directory / "summary" / name
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=150)
    make_directory(str(path.parent))
    write_atomically(path, picture.getvalue())
    return [path]


def _best_so_far(values: list[float]) -> list[float]:
    best = values[0]
    return [best := min(best, value) for value in values]


def _first_two(trial: Trial) -> tuple[float, float]:
    objectives = trial.objectives or ()
    return objectives[0], objectives[1]
