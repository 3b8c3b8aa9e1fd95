"""A run, or several, as one page in one file, which opens without a network and can be mailed."""

from __future__ import annotations

import itertools
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from neps_core import NePSError
from neps_core.files import make_directory, write_atomically
from neps_core.run import Run, open_run
from neps_core.storage import shown_location
from neps_plugins import page
from neps_plugins.analysis import Analysis, compare

#: Bytes of the largest report.
LARGEST = 5_000_000

#: How many trials' rows a report has at most of a run; then how many parameters are drawn one by one, and how many
#: trials are shown in full. If what comes of the first is too large, the next one is tried.
GENEROSITY = ((3000, 30, 30), (1000, 30, 20), (300, 15, 10), (100, 6, 5), (30, 2, 2), (10, 0, 0))

#: Pairs of parameters, or objectives, that are drawn.
PAIRS = 3

#: Over what runs are compared.
AXES = ("evaluations", "cost", "time", "fidelity")

Documents = list[dict[str, Any]]


def write_report(roots: Sequence[str | Path] | str | Path, path: str | Path, *, storage: str | None = None) -> Path:
    """Write a report.

    Args:
        roots: The folders of the runs, or the URLs of what they are kept in; or one.
        path: The file to write, in place of what is there.
        storage: What the runs are kept in, if not in those folders; as for `neps.run`.

    Returns:
        The file.

    Raises:
        FileNotFoundError: If there is no run.
        NePSError: If there is no root, one is named twice, or the file can't be written.
    """
    given = [roots] if isinstance(roots, (str, Path)) else list(roots)
    if not given:
        raise NePSError("a report needs a run: write_report(['my_run'], 'report.html').")
    names = [str(root) if "://" in str(root) else os.path.realpath(root) for root in given]
    if len(set(names)) < len(names):
        twice = shown_location(next(root for root, name in zip(given, names) if names.count(name) > 1))
        raise NePSError(f"{twice} is named twice. A report has each run once.")
    target = Path(path)
    if target.is_dir():
        raise NePSError(f"{target} is a folder. Say which file to write: {target / 'report.html'}.")
    return write_page([open_run(root, storage=storage) for root in given], target)


def write_page(runs: Sequence[Run], target: Path) -> Path:
    """Write a report of runs that are open.

    Raises:
        NePSError: If the file can't be written.
    """
    for run in runs:
        run.refresh()
    content = report_page([Analysis(run) for run in runs], labels([str(run.folder) for run in runs]))
    try:
        make_directory(str(target.parent))
        write_atomically(target, content)
    except OSError as reason:
        raise NePSError(f"the report could not be written to {target}: {reason}.") from reason
    return target


def labels(roots: Sequence[str | Path]) -> list[str]:
    """What runs are called: the ends of their paths, as long as needed to tell them apart."""
    shown = [shown_location(root) for root in roots]
    parts = [(root,) if "://" in root else Path(root).absolute().parts for root in shown]
    longest = max(map(len, parts))
    for n in range(1, longest + 1):
        names = ["/".join(each[-n:]) for each in parts]
        if len(set(names)) == len(names):
            return names
    return shown


def report_page(analyses: Sequence[Analysis], names: Sequence[str]) -> str:
    """The page.

    Args:
        analyses: The runs.
        names: What each is called.
    """
    room = LARGEST - len(page.self_contained({}).encode())
    data: dict[str, Any] = {}
    comparisons = _comparisons(analyses)
    for rows, parameters, trials in GENEROSITY:
        data = {
            "written": time.time(),
            "runs": [
                {"label": name, "documents": _documents(analysis, rows, parameters, trials)}
                for analysis, name in zip(analyses, names)
            ],
            "comparisons": comparisons,
        }
        if len(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")) <= room:
            break
    return page.self_contained(data)


def _documents(analysis: Analysis, rows: int, parameters: int, trials: int) -> Documents:
    """What the page may ask for of a run."""
    found: Documents = []

    def add(view: str, **options: Any) -> Mapping[str, Any]:
        try:
            document = analysis.view(view, **options)
        except NePSError as reason:  # the page says so in this one's place
            document = {"error": str(reason)}
        # The page leaves out what is at its default.
        kept = {name: value for name, value in options.items() if not (name == "objective" and value == 0)}
        found.append({"view": view, "options": kept, "document": document})
        return document

    overview = add("overview")
    for view in ("curves", "rungs", "workers", "timeline", "errors", "parallel"):
        add(view)
    n_objectives = len(overview["objectives"])
    for x, y in itertools.islice(itertools.combinations(range(n_objectives), 2), PAIRS):
        document = add("front", x=x, y=y)
        found[-1] = {"view": "front", "options": _front_options(x, y), "document": document}
    paths = [each["path"] for each in overview["parameters"] if not each["is_fidelity"]]
    for objective in range(max(1, min(n_objectives, PAIRS))):
        # `anytime` and `distribution` are asked for with their objective always.
        for view in ("anytime", "distribution"):
            document = add(view, objective=objective)
            found[-1]["options"] = {"objective": objective}
        weights = add("importance", objective=objective)
        by_weight = [each["path"] for each in _sorted(weights.get("parameters", ()))]
        ordered = list(dict.fromkeys([path for path in by_weight if path in paths] + paths))[:parameters]
        for path in ordered:
            add("slices", path=path, objective=objective)
            add("effects", path=path, objective=objective)
        for x, y in itertools.islice(itertools.combinations(ordered[:3], 2), PAIRS if parameters else 0):
            add("contour", x=x, y=y, objective=objective)
            add("rank", x=x, y=y, objective=objective)
    found.append({"view": "table", "options": {}, "document": _table(analysis, rows)})
    for trial_id in itertools.islice(_of_interest(found, overview), trials):
        add("trial", id=trial_id)
    return found


def _front_options(x: int, y: int) -> dict[str, int]:
    """As `front.js` asks for it."""
    return {**({"x": x} if x else {}), **({"y": y} if y != 1 else {})}


def _sorted(weights: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(weights, key=lambda each: -(each.get("importance") or 0.0))


def _table(analysis: Analysis, rows: int) -> dict[str, Any]:
    """The newest trials and the best ones, each once."""
    newest = _first_rows(analysis, rows, sort="id", descending=True)
    if newest["n"] <= rows:
        return newest
    best = _first_rows(analysis, rows // 2, sort=_first_objective(newest))
    half = newest["rows"][: rows - rows // 2]
    merged = {row["id"]: row for row in [*half, *best["rows"]]}
    return {**newest, "rows": list(merged.values())}


def _first_rows(analysis: Analysis, n: int, **options: Any) -> dict[str, Any]:
    """The table's first rows, of as many pages as they are in."""
    table = analysis.view("table", page=1, size=n, **options)
    size = max(1, len(table["rows"]))
    for number in range(2, math.ceil(min(n, table["n"]) / size) + 1):
        table["rows"] += analysis.view("table", page=number, size=size, **options)["rows"]
    table["rows"] = table["rows"][:n]
    return table


def _first_objective(table: Mapping[str, Any]) -> str:
    keys = [column["key"] for column in table["columns"]]
    return next((key for key in keys if key.startswith("objective")), "id")


def _of_interest(found: Documents, overview: Mapping[str, Any]) -> Iterator[str]:
    """The trials that somebody will want to look at: the best, then an example of each error."""
    best = [overview["best"]] if overview["best"] else overview["front"][:10]
    errors = next(each["document"] for each in found if each["view"] == "errors")
    first = [row["id"] for row in best]
    yield from dict.fromkeys([*first, *(i for group in errors.get("groups", ()) for i in group["ids"][:1])])


def _comparisons(analyses: Sequence[Analysis]) -> Documents:
    if len(analyses) < 2:
        return []
    found: Documents = []
    for axis in AXES:
        document = compare(analyses, axis=axis)
        if axis == AXES[0] or any(run["x"] for run in document["runs"]):
            found.append({"options": {"axis": axis}, "document": document})
    return found
