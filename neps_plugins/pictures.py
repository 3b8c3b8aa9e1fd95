"""Pictures of a run."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neps_core import NePSError, Run, Trial, Trials, nearest
from neps_core.files import make_directory, write_atomically
from neps_core.pareto import pareto_front
from neps_core.run import open_run
from neps_core.tables import row_of
from neps_plugins.axes import all_drawable

#: The kinds of pictures that `plot` writes.
EXTENSIONS = ("png", "pdf", "svg")

#: Every kind of picture.
KINDS = (
    "anytime",
    "importance",
    "effects",
    "contour",
    "rank",
    "parallel",
    "distribution",
    "front",
    "hypervolume",
    "curves",
    "rungs",
    "timeline",
)

#: Stands for every kind of picture of which there is something to draw.
ALL = "all"

#: What a hypervolume is drawn over besides, with the label of the axis; the first that each result has.
_SPENT = {"cost": "cost", "evaluation_duration": "seconds of evaluation"}


def plot(
    root_directory: str | Path | Sequence[str | Path],
    *,
    kind: str | Sequence[str] | None = None,
    parameters: Sequence[str] = (),
    objective: int = 0,
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
    storage: str | None = None,
) -> list[Path]:
    """Draw how a run went, into its folder `summary`.

    Without a `kind`, for one objective: every result and the best so far, over the evaluations in the order in which
    they ended (`objective.png`). For several: every result and the Pareto front, in pairs of objectives
    (`pareto_front.png`); for up to three, the hypervolume of the front over evaluations, and over cost or time
    (`hypervolume.png`); the decisions and objectives of what is on the front (`parallel_coordinates.png`). What is
    infeasible is grey, and neither the best nor on the front. With one, a picture of that name:

    - `"anytime"`: the best so far over evaluations, cost, time and fidelity, as far as they are known; of several runs
      side by side, where those with one optimizer are taken together, as their median and quartiles
    - `"importance"`: what share of the differences between results each parameter explains (fANOVA)
    - `"effects"`: the objective over each parameter; `"contour"`, `"rank"`: over two of them
    - `"parallel"`: each trial as a line through its decisions; `"distribution"`: the empirical distribution of results
    - `"front"`, `"hypervolume"`: of two objectives and more
    - `"curves"`: learning curves; `"rungs"`: results by fidelity, and how many trials each rung has
    - `"timeline"`: what each worker did when

    Args:
        root_directory: The run's folder, or the URL of what it is kept in (then the pictures go into `summary` of the
            folder that one is in); or several, for `"anytime"`, which is drawn into the first one's.
        kind: One or several of these, or `"all"`: those of which there is something to draw. The arguments from
            `key_to_extract` to `log_y` are for the pictures without one.
        parameters: The paths of those to draw, for `"effects"` and `"parallel"`, and two of them for
            `"contour"` and `"rank"`; none for the most important ones.
        objective: The index of the objective, where a picture is of one.
        key_to_extract: What the results, or the hypervolume, are drawn over instead, added up: a number in each
            result's `info_dict`, a column of `neps.status` such as `"cost"` or `"evaluation_duration"`, or a parameter
            such as the fidelity.
        consider_continuations: Count of that only what a trial adds to the one that it continues.
        x_range: The lower and the upper end of the horizontal axis, in the first picture.
        log_x: Make that axis logarithmic, where all its values are positive; so for the vertical one:
        log_y: Make the vertical axis of the first picture logarithmic.
        filename: Of the first picture, without its ending; the others' begin with it.
        extension: `"png"`, `"pdf"` or `"svg"`.
        dpi: Dots per inch.
        n_workers: Makes no difference, as results are drawn in the order in which they ended.
        scientific_mode: Refused, as are `benchmarks` and `algorithms`: a picture is of one run.
        storage: What the runs are kept in, if not in those folders; as for `run`.

    Returns:
        The pictures that were written.

    Raises:
        FileNotFoundError: If there is no run.
        NePSError: If there is no finite result yet (beyond 1e300 counts as infinite), an argument can't be meant, the
            picture can't be written, or matplotlib isn't installed.
    """
    if scientific_mode or benchmarks or algorithms:
        raise NePSError(
            "neps.plot draws one run, so it takes no scientific_mode, benchmarks or algorithms. Call it for each run; "
            "to compare runs in one picture, take their tables: full, short = neps.status(root_directory)."
        )
    _check(x_range, filename, extension, dpi)
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as reason:
        raise NePSError("neps.plot needs matplotlib: pip install 'neps-framework[analysis]'.") from reason
    roots = [root_directory] if isinstance(root_directory, (str, Path)) else list(root_directory)
    if not roots:
        raise NePSError("root_directory names no run.")
    if kind is not None or len(roots) > 1:
        runs = [open_run(root, storage=storage) for root in roots]
        figures = _of_kinds(runs, kind, parameters, objective)
        return _written(_folder_of(runs[0]), figures, filename, extension, dpi)
    run = open_run(roots[0], storage=storage)
    figures = _of_results(run, key_to_extract, consider_continuations, x_range, log_x, log_y)
    return _written(_folder_of(run), figures, filename, extension, dpi)


def _folder_of(run: Run) -> Path:
    """Where a run's pictures go: its folder, or this process's where it is known by a URL alone."""
    return Path.cwd() if "://" in str(run.folder) else run.root_directory


def _new_figure() -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(7, 4.5), layout="constrained")


def _of_kinds(
    runs: Sequence[Run], kind: str | Sequence[str] | None, parameters: Sequence[str], objective: int
) -> dict[str, Any]:
    """Pictures of kinds, by name."""
    from neps_plugins import figures
    from neps_plugins.analysis.analysis import Analysis
    from neps_plugins.analysis.options import as_objective, as_parameter

    kinds = ["anytime"] if kind is None else [kind] if isinstance(kind, str) else list(kind)
    for each in kinds:
        if each not in (*KINDS, ALL):
            raise NePSError(f"there is no kind of picture {each!r}. {nearest(str(each), (*KINDS, ALL))}")
    if isinstance(parameters, str):
        raise NePSError(f"parameters={parameters!r} must be a list of paths.")
    analyses = [Analysis(run) for run in runs]
    if len(analyses) == 1 and len(analyses[0].columns):  # or else "all" would leave out whatever they are wrong for
        as_objective(analyses[0].columns, objective)
        for path in parameters:
            as_parameter(analyses[0].columns, "parameters", path)
    made: dict[str, Any] = {}
    for each in KINDS if ALL in kinds else kinds:
        figure = _new_figure()
        try:
            figures.draw(figure, each, analyses, parameters, objective)
        except NePSError as reason:
            if ALL not in kinds:
                raise NePSError(f"no picture of kind {each!r} of {runs[0].folder}: {reason}") from None
        else:
            made[each] = figure
    if not made:
        raise NePSError(f"the run in {runs[0].folder} has nothing to draw yet.")
    return made


def _of_results(
    run: Run, key_to_extract: str | None, adds: bool, x_range: Sequence[float] | None, log_x: bool, log_y: bool
) -> dict[str, Any]:
    """The pictures that are drawn where no kind is asked for, by name."""
    from neps_plugins import drawing

    done = [t for t in run.trials.values() if t.objectives and all_drawable(t.objectives)]
    if not done:
        raise NePSError(f"the run in {run.root_directory} has no finite result to draw yet.")
    done.sort(key=lambda trial: trial.metadata.time_end or 0.0)
    n_objectives = max(len(trial.objectives or ()) for trial in done)  # one may stand for an error
    done = [trial for trial in done if len(trial.objectives or ()) == n_objectives]
    spent = {"evaluations": [1.0] * len(done)}
    if key_to_extract is not None:
        spent = {key_to_extract: [_number(t, key_to_extract, run.trials, adds) for t in done]}
    figures: dict[str, Any] = {}

    def new(name: str) -> Any:
        figures[name] = _new_figure()
        return figures[name]

    if n_objectives == 1:
        drawing.draw_objective(new("objective"), done, spent, log_x=log_x, log_y=log_y, x_range=x_range)
    else:
        drawing.draw_front(new("pareto_front"), done, log_x=log_x, log_y=log_y, x_range=x_range)
        front = pareto_front(done)
        if front and n_objectives <= drawing.MEASURED:
            if key_to_extract is None:
                spent |= _spent(done)
            drawing.draw_hypervolume(new("hypervolume"), done, spent)
        if front:
            drawing.draw_parallel_coordinates(new("parallel_coordinates"), front)
    return figures


def _written(
    root_directory: Path, figures: dict[str, Any], filename: str | None, extension: str, dpi: float
) -> list[Path]:
    """Where pictures were written."""
    paths: list[Path] = []
    for name, figure in figures.items():
        called = name if filename is None else filename if not paths else f"{filename}_{name}"
        paths.append(root_directory / "summary" / f"{called}.{extension}")
        picture = io.BytesIO()
        with warnings.catch_warnings():  # nobody can mend these: letters that the font hasn't, labels without end
            warnings.filterwarnings("ignore", "Glyph .* missing from")
            warnings.filterwarnings("ignore", "constrained_layout not applied")
            figure.savefig(picture, format=extension, dpi=dpi)
        try:
            make_directory(str(paths[-1].parent))
            write_atomically(paths[-1], picture.getvalue())
        except OSError as reason:
            raise NePSError(
                f"the picture could not be written to {paths[-1]}: {reason.strerror}. Pictures go into the run's "
                "folder: draw a copy of it, if it is not yours."
            ) from reason
    return paths


def _spent(done: Sequence[Trial]) -> dict[str, list[float]]:
    """What each result took, by label: the cost, or else the time, where each of them has it."""
    for name, label in _SPENT.items():
        values = [getattr(trial.report, name) for trial in done]
        if all(value is not None for value in values):
            return {label: values}
    return {}


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
