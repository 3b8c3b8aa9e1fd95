"""Pictures of a run."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from neps_core import NePSError, Trial, Trials
from neps_core.files import make_directory, write_atomically
from neps_core.pareto import pareto_front
from neps_core.run import open_run
from neps_core.tables import row_of

#: The kinds of pictures that `plot` writes.
EXTENSIONS = ("png", "pdf", "svg")


def plot(
    root_directory: str | Path,
    *,
    key_to_extract: str | None = None,
    consider_continuations: bool = False,
    x_range: Sequence[float] | None = None,
    log_x: bool = False,
    log_y: bool = True,
    filename: str | None = None,
    extension: str = "png",
    dpi: float = 150,
    n_workers: int = 1,
    scientific_mode: bool = False,
    benchmarks: Sequence[str] | None = None,
    algorithms: Sequence[str] | None = None,
) -> list[Path]:
    """Draw how a run went, into its folder `summary`.

    For one objective: every result and the best so far, over the evaluations in the order in which they
    ended (`objective.png`). For two or more: the first two of every result, and the Pareto front
    (`pareto_front.png`).

    Args:
        root_directory: The run's folder.
        key_to_extract: What the results are drawn over instead, added up: a number in each result's `info_dict`, a
            column of `neps.status` such as `"cost"` or `"evaluation_duration"`, or a parameter such as the fidelity.
        consider_continuations: Count of that only what a trial adds to the one that it continues.
        x_range: The lower and the upper end of the horizontal axis.
        log_x: Make that axis logarithmic, where all its values are positive.
        log_y: Make the vertical axis logarithmic, where all its values are positive.
        filename: Of the picture, without its ending.
        extension: `"png"`, `"pdf"` or `"svg"`.
        dpi: Dots per inch.
        n_workers: Makes no difference, as results are drawn in the order in which they ended.
        scientific_mode: Refused, as are `benchmarks` and `algorithms`: a picture is of one run.

    Returns:
        The pictures that were written.

    Raises:
        FileNotFoundError: If there is no run.
        NePSError: If there is no finite result yet, an argument can't be meant, or matplotlib isn't installed.
    """
    if scientific_mode or benchmarks or algorithms:
        raise NePSError(
            "neps.plot draws one run, so it takes no scientific_mode, benchmarks or algorithms. Call it for each run; "
            "to compare runs in one picture, take their tables: full, short = neps.status(root_directory)."
        )
    _check(x_range, filename, extension, dpi)
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
        name = "objective"
        ys = [point[0] for point in points]
        xs = [1.0] * len(done)
        if key_to_extract is not None:
            xs = [_number(trial, key_to_extract, run.trials, consider_continuations) for trial in done]
        xs = list(accumulate(xs))
        axes.scatter(xs, ys, s=12, color="tab:gray", label="results")
        axes.step(xs, list(accumulate(ys, min)), where="post", color="tab:blue", label="best so far")
        axes.set(xlabel=key_to_extract or "evaluations", ylabel="objective to minimize")
    elif key_to_extract is not None:
        raise NePSError("key_to_extract is for runs with one objective: several are drawn over each other.")
    else:
        name = "pareto_front"
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        axes.scatter(xs, ys, s=12, color="tab:gray", label="results")
        front = [trial.objectives or () for trial in pareto_front(done)]
        axes.plot([p[0] for p in front], [p[1] for p in front], "o-", color="tab:blue", label="Pareto front")
        axes.set(xlabel="first objective", ylabel="second objective")
    if log_x and min([*xs, *(x_range or ())]) > 0:
        axes.set_xscale("log")
    if log_y and min(ys) > 0:
        axes.set_yscale("log")
    if x_range is not None:
        axes.set_xlim(*x_range)
    axes.legend()
    path = run.root_directory / "summary" / f"{filename or name}.{extension}"
    picture = io.BytesIO()
    figure.savefig(picture, format=extension, dpi=dpi)
    make_directory(str(path.parent))
    write_atomically(path, picture.getvalue())
    return [path]


def _check(x_range: Any, filename: Any, extension: Any, dpi: Any) -> None:
    """Refuse what would end in an error of matplotlib's, or in a file elsewhere."""
    if filename is not None and (not isinstance(filename, str) or not filename or Path(filename).name != filename):
        raise NePSError(f"filename={filename!r} must be a name without a folder: pictures go into the run's summary.")
    if extension not in EXTENSIONS:
        raise NePSError(f"extension={extension!r} is none of {', '.join(EXTENSIONS)}.")
    if not _is_number(dpi) or not 1 <= dpi <= 2400:
        raise NePSError(f"dpi={dpi!r} must be a number from 1 to 2400.")
    if x_range is not None:
        ends = list(x_range) if isinstance(x_range, Sequence) else []
        if len(ends) != 2 or not all(map(_is_number, ends)) or not ends[0] < ends[1]:
            raise NePSError(f"x_range={x_range!r} must be two numbers, the lower one first: x_range=(1, 10).")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _number(trial: Trial, key: str, trials: Trials, adds: bool) -> float:
    """A trial's number under a key; with `adds`, what it has more than the trial that it continues."""
    row = row_of(trial)
    found = next((row[name] for name in (f"extra.{key}", key, f"config.{key}") if row.get(name) is not None), None)
    if not _is_number(found):
        known = [name.partition(".")[2] or name for name, value in row.items() if _is_number(value)]
        raise NePSError(
            f"trial {trial.id} has no number under key_to_extract={key!r}. It has one under {', '.join(known)}."
        )
    previous = trials.get(trial.metadata.previous_trial_id or "") if adds else None
    return float(found or 0.0) - (0.0 if previous is None else _number(previous, key, trials, False))
