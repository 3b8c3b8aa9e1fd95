"""What stopping evaluations early saves, and what reporting costs.

Run it by hand: `python tests/benchmarks/stopping.py` (some minutes), `--quick` (few seeds), `--picture FILE` draws
the curves, `--only digits reports` chooses parts. It prints tables and never fails because of a figure.

    digits      the learning curves of 1,152 multilayer perceptrons on handwritten digits, 27 epochs each: the same
                searches with a stopping rule and without, paired by seed
    reports     an evaluation that reports a thousand times a second for some seconds, beside one that does not
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402

import neps  # noqa: E402

TABLE = json.loads((Path(__file__).parent / "data" / "digits-mlp.json").read_text())
EPOCHS = TABLE["fidelity"][2]
RULES: dict[str, Any] = {
    "none": None,
    "median": "median",
    "percentile 25": "percentile",
    "patience 5": "patience",
}


def space() -> Any:
    from ConfigSpace import ConfigurationSpace, OrdinalHyperparameter

    made = ConfigurationSpace()
    made.add(*(OrdinalHyperparameter(name, values) for name, values in TABLE["space"].items()))
    return made


def search(optimizer: str, rule: Any, seed: int, n: int) -> list[tuple[int, float]]:
    """Epochs spent and the loss reached, after each of n evaluations."""

    def train(**config: Any) -> float:
        key = ",".join(str(TABLE["space"][name].index(config[name])) for name in TABLE["space"])
        for loss in TABLE["curves"][key]:
            neps.report(math.inf if loss is None else loss)
        return math.inf if loss is None else float(loss)

    result = neps.run(
        train,
        space(),
        root_directory="memory://",
        evaluations_to_spend=n,
        optimizer=optimizer,
        stopping_rule=rule,
        observers=(),
        seed=seed,
    )
    spent, best, path = 0, math.inf, []
    for trial in result.trials.values():
        spent += len(trial.points)
        if not trial.was_stopped_early:
            best = min(best, trial.report.objective_to_minimize)
        path.append((spent, best))
    return path


def digits(quick: bool, picture: Path | None) -> None:
    seeds = range(4 if quick else 40)
    n = 20 if quick else 60
    lowest = min(curve[-1] for curve in TABLE["curves"].values() if curve[-1] is not None)
    optimizers = ("random_search", "tpe") if quick else ("random_search", "tpe", "bayesian_optimization")
    drawn: dict[str, dict[str, list[list[tuple[int, float]]]]] = {}
    print(
        f"| {n} evaluations, {len(seeds)} seeds | epochs spent | regret at the end | more than without (paired) "
        "| epochs to where it ends without |"
    )
    print("|---|---|---|---|---|")
    for optimizer in optimizers:
        paths = {name: [search(optimizer, rule, seed, n) for seed in seeds] for name, rule in RULES.items()}
        drawn[optimizer] = paths
        ends = [path[-1][1] for path in paths["none"]]
        for name, of_rule in paths.items():
            spent = statistics.mean(path[-1][0] for path in of_rule)
            regret = np.array([path[-1][1] - lowest for path in of_rule])
            more = np.array([path[-1][1] - end for path, end in zip(of_rule, ends)])
            error = more.std(ddof=1) / math.sqrt(len(more))
            # The same error: that of the search without a rule. If it is not reached, the whole of it counts.
            needed = [
                next((spent for spent, best in path if best <= end), math.inf) for path, end in zip(of_rule, ends)
            ]
            without = [next(s for s, best in path if best <= end) for path, end in zip(paths["none"], ends)]
            ratio = statistics.median(a / b for a, b in zip(needed, without))
            reached = sum(map(math.isfinite, needed)) / len(needed)
            print(
                f"| {optimizer}, {name} | {spent:.0f} | {regret.mean():.4f} | {more.mean():+.4f} ± {error:.4f} "
                f"| {ratio:.2f} (reached {reached:.0%}) |"
            )
    if picture is not None:
        draw(drawn["random_search"], lowest, picture)


def draw(paths: dict[str, list[list[tuple[int, float]]]], lowest: float, picture: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    grid = np.arange(EPOCHS, 60 * EPOCHS, 5)
    for name, label, colour in (
        ("none", "every training to its end", "tab:gray"),
        ("median", 'stopping_rule="median"', "tab:blue"),
    ):
        values = []
        for path in paths[name]:
            spent, best = np.array(path).T
            at = np.searchsorted(spent, grid, side="right") - 1
            values.append(np.where(at >= 0, best[np.maximum(at, 0)] - lowest, np.nan))
        middle, low, high = np.nanpercentile(values, [50, 25, 75], axis=0)
        last = max(path[-1][0] for path in paths[name])
        shown = grid <= last
        axes.plot(grid[shown], middle[shown], color=colour, label=label)
        axes.fill_between(grid[shown], low[shown], high[shown], color=colour, alpha=0.2, linewidth=0)
    axes.set(xlabel="epochs trained", ylabel="validation loss above the lowest of all", yscale="log")
    axes.legend()
    figure.savefig(picture, dpi=130)


def reports(quick: bool) -> None:
    seconds = 2 if quick else 10
    took: dict[str, list[float]] = {}

    def train(x: float) -> float:
        """Works in slices of a millisecond, and reports after each; what a report takes is measured around it."""
        spent = 0.0
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            while time.perf_counter() < now + 0.001:
                pass
            if name != "no reports":
                began = time.perf_counter()
                neps.report(x)
                spent += time.perf_counter() - began
        took.setdefault(name, []).append(spent / seconds)
        return x

    print("\n| a thousand reports a second | share of the time |\n|---|---|")
    for name, rule in (("without a rule", None), ("median", "median")):
        with tempfile.TemporaryDirectory() as folder:
            neps.run(
                train,
                {"x": neps.Float(0, 1)},
                root_directory=Path(folder) / "run",
                evaluations_to_spend=3 if quick else 8,
                optimizer="random_search",
                stopping_rule=(rule, {"min_trials": 2, "min_steps": 10**9}) if rule else None,
                seed=0,
            )
        print(f"| {name} | {statistics.median(took[name]):.2%} (to {max(took[name]):.2%}) |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few seeds")
    parser.add_argument("--picture", type=Path, help="draw the curves into this file")
    parser.add_argument("--only", nargs="+", choices=["digits", "reports"], default=["digits", "reports"])
    arguments = parser.parse_args()
    if "digits" in arguments.only:
        digits(arguments.quick, arguments.picture)
    if "reports" in arguments.only:
        reports(arguments.quick)


if __name__ == "__main__":
    main()
