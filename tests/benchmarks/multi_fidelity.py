"""How much the optimizers over brackets save, in simulated time, measured side by side with Optuna's Hyperband.

Run it by hand: `python tests/benchmarks/multi_fidelity.py` (about half an hour, most of it for the models),
`--quick` (few seeds, a small budget), `--only digits hartmann3 hartmann6 asks`. It prints tables and never fails
because of a figure.

What is searched:
    digits      the learning curves of 1,152 multilayer perceptrons on handwritten digits, 27 epochs each
    hartmann3, hartmann6
                multi-fidelity Hartmann functions of K. Kandasamy, G. Dasarathy, J. Oliva, J. Schneider and B. Poczos,
                "Gaussian process bandit optimisation with multi-fidelity evaluations", NeurIPS 2016: at fidelity m of
                M, alpha is alpha + (M - m) * (0.01, -0.01, -0.1, 0.1), with M = 3 and M = 4. The fidelities 1 to 27
                are mapped to m = 1 to M by their logarithm

A trial that continues another one costs what its fidelity adds. The incumbent is the configuration with the best
result at the highest fidelity that has a result; what counts is its regret at the full fidelity. The budget is in
full evaluations' worth. With several workers, what was spent is the time that has passed, times the workers.
"""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import importlib.util
import itertools
import json
import math
import multiprocessing
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

# Before anything imports numpy.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402

import neps  # noqa: E402
from neps.testing import simulate  # noqa: E402

R = 27  # the highest fidelity; the lowest is 1
N_PRIORS = 5000  # random configurations among which good and bad ones are found, where there is no table
#: A configuration that is made of plain numbers.
Point = tuple[float, ...]
#: What was spent at the end of an evaluation, its fidelity, its result, and the configuration's full regret.
Result = tuple[float, float, float, float]
#: By the epochs that were spent: the incumbent's regret.
Curve = np.ndarray


# ---------------------------------------------------------------------- the problems


class Problem:
    """Something to minimise, at fidelities from 1 to R."""

    names: Sequence[str]
    best: float

    def loss(self, point: Point, fidelity: float) -> float:
        raise NotImplementedError

    def candidates(self) -> list[Point]:
        """Configurations among which good and bad ones are found."""
        raise NotImplementedError

    def parameter(self, index: int, **prior: Any) -> Any:
        """Of our space."""
        raise NotImplementedError

    def suggest(self, trial: Any) -> Point:
        """A configuration from Optuna."""
        raise NotImplementedError

    def space(self, prior: Point | None = None) -> dict[str, Any]:
        parameters: dict[str, Any] = {"epochs": neps.IntegerFidelity(1, R)}
        for i, name in enumerate(self.names):
            belief = {} if prior is None else {"prior": prior[i], "prior_confidence": "medium"}
            parameters[name] = self.parameter(i, **belief)
        return parameters

    @functools.cached_property
    def ranked(self) -> list[Point]:
        return sorted(self.candidates(), key=lambda point: self.loss(point, R))

    def prior(self, kind: str, seed: int) -> Point:
        """A configuration from the best 2 % or the worst 5 %."""
        n = len(self.ranked)
        among = self.ranked[: n // 50] if kind == "good" else self.ranked[-(n // 20) :]
        return among[np.random.default_rng([seed, 17]).integers(len(among))]


class Digits(Problem):
    """A table. Its grids are ordered, so a parameter is the place in its grid."""

    def __init__(self) -> None:
        table = json.loads((Path(__file__).parent / "data" / "digits-mlp.json").read_text())
        self.names = list(table["space"])
        self._sizes = [len(grid) for grid in table["space"].values()]
        self._curves = {tuple(map(int, key.split(","))): curve for key, curve in table["curves"].items()}
        self.best = min(curve[-1] for curve in self._curves.values())

    def loss(self, point: Point, fidelity: float) -> float:
        return self._curves[point][int(fidelity) - 1]  # type: ignore[no-any-return,index]

    def candidates(self) -> list[Point]:
        return list(itertools.product(*map(range, self._sizes)))

    def parameter(self, index: int, **prior: Any) -> Any:
        return neps.Integer(0, self._sizes[index] - 1, **prior)

    def suggest(self, trial: Any) -> Point:
        return tuple(trial.suggest_int(name, 0, n - 1) for name, n in zip(self.names, self._sizes, strict=True))


DELTA = np.array([0.01, -0.01, -0.1, 0.1])
ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
HARTMANN: dict[int, dict[str, Any]] = {
    3: {
        "a": [[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]],
        "p": [[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]],
        "levels": 3,
        "best": -3.86278,
    },
    6: {
        "a": [
            [10, 3, 17, 3.5, 1.7, 8],
            [0.05, 10, 17, 0.1, 8, 14],
            [3, 3.5, 1.7, 10, 17, 8],
            [17, 8, 0.05, 10, 0.1, 14],
        ],
        "p": [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ],
        "levels": 4,
        "best": -3.32237,
    },
}


class Hartmann(Problem):
    """A smooth function whose cheap fidelities are a little off."""

    def __init__(self, dimensions: int) -> None:
        known = HARTMANN[dimensions]
        self.names = [f"x{i}" for i in range(dimensions)]
        self._a, self._p = np.array(known["a"]), np.array(known["p"]) * 1e-4
        self._levels: int = known["levels"]
        self.best: float = known["best"]

    def loss(self, point: Point, fidelity: float) -> float:
        below = (self._levels - 1) * (1 - math.log(fidelity) / math.log(R))  # M - m
        inner = (self._a * (np.array(point) - self._p) ** 2).sum(axis=1)
        return -float((ALPHA + below * DELTA) @ np.exp(-inner))

    def candidates(self) -> list[Point]:
        return [tuple(map(float, x)) for x in np.random.default_rng(0).random((N_PRIORS, len(self.names)))]

    def parameter(self, index: int, **prior: Any) -> Any:
        return neps.Float(0.0, 1.0, **prior)

    def suggest(self, trial: Any) -> Point:
        return tuple(trial.suggest_float(name, 0.0, 1.0) for name in self.names)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "digits": Digits,
    "hartmann3": lambda: Hartmann(3),
    "hartmann6": lambda: Hartmann(6),
}


@functools.cache
def problem_named(name: str) -> Problem:
    return PROBLEMS[name]()


# ---------------------------------------------------------------------- the runs


RANDOM = ("random_search", {"ignore_fidelity": "highest_fidelity"})
#: Optimizer, and the kind of prior.
METHODS: dict[str, tuple[Any, str | None]] = {
    "random_search": (RANDOM, None),
    "successive_halving": ("successive_halving", None),
    "hyperband": ("hyperband", None),
    "asha": ("asha", None),
    "async_hb": ("async_hb", None),
    "priorband, good": ("priorband", "good"),
    "priorband, bad": ("priorband", "bad"),
    "local_and_incumbent": ("local_and_incumbent", None),
    "local_and_incumbent, good": (("local_and_incumbent", {"inc_takeover_mode": 1}), "good"),
    "local_and_incumbent, bad": (("local_and_incumbent", {"inc_takeover_mode": 1}), "bad"),
    "hyperband, model": (("hyperband", {"sampler": "bayesian_optimization"}), None),
    "asha, model": (("asha", {"sampler": "bayesian_optimization"}), None),
    "hyperband, pibo, good": (("hyperband", {"sampler": "pibo"}), "good"),
    "hyperband, pibo, bad": (("hyperband", {"sampler": "pibo"}), "bad"),
    "ifbo": ("ifbo", None),
}
OPTUNA = "Optuna Hyperband"


def anytime(results: Iterable[Result], budget: int) -> Curve:
    """The incumbent's full regret, by what was spent; infinite before the first result."""
    curve = np.full(budget + 1, math.inf)
    reached, lowest = 0.0, math.inf
    for spent, fidelity, loss, regret in results:
        if spent > budget + 1e-9:
            break
        if (fidelity, -loss) > (reached, -lowest):
            reached, lowest = fidelity, loss
            curve[math.ceil(spent - 1e-9) :] = regret
    return curve


def ours(problem: Problem, method: str, n_workers: int, seed: int, budget: int) -> Iterable[Result]:
    """A simulated run of one of our optimizers."""
    optimizer, belief = METHODS[method]
    names = problem.names

    def evaluate(config: Mapping[str, Any], previous: Any) -> tuple[float, float]:
        fidelity = config["epochs"]
        done = previous.config["epochs"] if previous is not None else 0
        return problem.loss(tuple(config[name] for name in names), fidelity), fidelity - done

    space = problem.space(None if belief is None else problem.prior(belief, seed))
    run = simulate(optimizer, space, evaluate, n_workers=n_workers, seed=seed, max_time=budget / n_workers)
    for trial in run.ended:
        regret = problem.loss(tuple(trial.config[name] for name in names), R) - problem.best
        assert trial.objectives is not None and trial.metadata.time_end is not None
        yield trial.metadata.time_end * n_workers, trial.config["epochs"], trial.objectives[0], regret


def optunas(problem: Problem, seed: int, budget: int) -> Iterable[Result]:
    """The same with Optuna, one trial after the other, each epoch reported."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=R, reduction_factor=3)
    # The pruner gives a trial to a bracket by a hash of the study's name and the trial's number.
    study = optuna.create_study(
        study_name=f"benchmark-{seed}", sampler=optuna.samplers.RandomSampler(seed=seed), pruner=pruner
    )
    spent = 0
    while spent < budget:
        trial = study.ask()
        point = problem.suggest(trial)
        regret = problem.loss(point, R) - problem.best
        for epoch in range(1, R + 1):
            spent += 1
            loss = problem.loss(point, epoch)
            trial.report(loss, epoch)
            if epoch < R and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, loss)
        yield spent, epoch, loss, regret


def run(task: tuple[str, str, int, int, int]) -> Curve:
    name, method, n_workers, seed, budget = task
    problem = problem_named(name)
    if method == OPTUNA:
        return anytime(optunas(problem, seed, budget), budget)
    return anytime(ours(problem, method, n_workers, seed, budget), budget)


# ---------------------------------------------------------------------- the tables


def cost_to(curve: Curve, target: float) -> float:
    """What has to be spent until the curve is at the target for good; infinite if it never is."""
    reached = int(np.nonzero(curve > target + 1e-12)[0].max(initial=0)) + 1
    return reached if reached < len(curve) else math.inf


def share(cost: float, of: float, budget: int) -> str:
    return f"> {budget / of:.2f}" if math.isinf(cost) else f"{cost / of:.2f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    rows = [header, *rows]
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row[1:], others, strict=True))
        print("  ".join(["", row[0].ljust(first), *cells]))


def curves_of(
    pool: Any, name: str, methods: Sequence[tuple[str, int]], seeds: int, full: int
) -> dict[tuple[str, int], np.ndarray]:
    """The curves of all seeds, by method and workers. `full` is the budget in full evaluations."""
    tasks = [(name, method, workers, seed, full * R) for method, workers in methods for seed in range(seeds)]
    began = time.perf_counter()
    done = pool.map(run, tasks, chunksize=4)
    print(f"\n{name}: {seeds} seeds, {full} full evaluations' worth, {time.perf_counter() - began:.0f} s")
    return {key: np.array(done[i * seeds : (i + 1) * seeds]) for i, key in enumerate(methods)}


def searched(pool: Any, name: str, seeds: int, full: int) -> None:
    """The tables of one problem."""
    budget = full * R
    methods = [(method, workers) for workers in (1, 8) for method in METHODS]
    with_optuna = importlib.util.find_spec("optuna") is not None
    if with_optuna:
        methods.insert(len(METHODS), (OPTUNA, 1))
    curves = curves_of(pool, name, methods, seeds, full)

    shown = [*(n for n in (1, 2, 5, 10, 20, 40) if n < full), full]
    for workers in (1, 8):
        who = f"{workers} worker{'s' * (workers > 1)}"
        print(f"\n  {who}: mean regret of the incumbent after so many full evaluations' worth")
        rows = []
        for (method, w), all_of in curves.items():
            if w == workers:
                means = all_of.mean(axis=0)
                error = all_of[:, -1].std(ddof=1) / math.sqrt(seeds)
                cells = ["-" if math.isinf(mean) else f"{mean:.4f}" for mean in means[[n * R for n in shown]]]
                rows.append([method, *cells, f"{error:.4f}"])
        table(["", *map(str, shown), "+- at the end"], rows)

        print(f"\n  {who}: spent until the mean (the median) is for good where ... ends, relative to it")
        random, hyperband = curves["random_search", workers], curves["hyperband", workers]
        rows = []
        for (method, w), all_of in curves.items():
            if w != workers:
                continue
            cells = []
            for base in (random, hyperband):
                for middle in (np.mean, np.median):
                    of = middle(base, axis=0)
                    target, own = of[-1], cost_to(of, of[-1])
                    cells.append(share(cost_to(middle(all_of, axis=0), target), own, budget))
            rows.append([method, *cells])
        table(["", "random search", "(median)", "Hyperband", "(median)"], rows)

    at = min(20, full) * R
    print(f"\n  After {min(20, full)} full evaluations' worth: priorband with the bad prior against hyperband")
    rows = []
    for workers in (1, 8):
        bad, plain = curves["priorband, bad", workers][:, at], curves["hyperband", workers][:, at]
        difference = bad - plain
        rows.append(
            [
                f"{workers} worker{'s' * (workers > 1)}",
                f"{bad.mean():.4f}",
                f"{plain.mean():.4f}",
                f"{difference.mean():+.4f} +- {difference.std(ddof=1) / math.sqrt(seeds):.4f}",
                f"{np.median(bad):.4f}",
                f"{np.median(plain):.4f}",
            ]
        )
    table(["", "bad, mean", "hyperband", "difference", "bad, median", "hyperband"], rows)


# ---------------------------------------------------------------------- the picture

#: What is drawn of METHODS, under which name; colours that colour-blind people can tell apart (Okabe and Ito 2008).
DRAWN = {
    "random_search": ("random search", "#999999"),
    "hyperband": ("Hyperband", "#E69F00"),
    "asha": ("ASHA", "#56B4E9"),
    "priorband, good": ("PriorBand, good prior", "#009E73"),
    "hyperband, model": ('"auto"', "#0072B2"),
    "ifbo": ("ifbo", "#CC79A7"),
    OPTUNA: ("Optuna's Hyperband", "#D55E00"),
}


def picture(path: Path, pool: Any, names: Sequence[str], seeds: int, full: int) -> None:
    """Mean regret of the incumbent over what was spent: a column for each problem, a row for each number of workers."""
    from matplotlib.figure import Figure

    methods = [(method, workers) for workers in (1, 8) for method in DRAWN if method != OPTUNA]
    if importlib.util.find_spec("optuna") is not None:
        methods.append((OPTUNA, 1))
    by_problem = {name: curves_of(pool, name, methods, seeds, full) for name in names}
    figure = Figure(figsize=(3.6 * len(by_problem), 5.6), layout="constrained")
    panels = figure.subplots(2, len(by_problem), sharex=True, squeeze=False)
    for column, (name, curves) in enumerate(by_problem.items()):
        for row, workers in enumerate((1, 8)):
            axes = panels[row, column]
            for method, (label, colour) in DRAWN.items():
                if (method, workers) in curves:
                    means = curves[method, workers].mean(axis=0)
                    units = np.arange(len(means)) / R
                    line = "--" if method == OPTUNA else "-"
                    axes.plot(units, np.where(np.isinf(means), np.nan, means), line, color=colour, label=label, lw=1.4)
            axes.set(xscale="log", yscale="log", xlim=(0.2, len(means) / R))
            axes.grid(alpha=0.3, which="both", lw=0.5)
            axes.set_title(f"{name}, {workers} worker{'s' * (workers > 1)}", fontsize="medium")
    figure.supxlabel("full evaluations' worth that was spent")
    figure.supylabel("mean regret of the incumbent")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=7, fontsize="small")
    figure.savefig(path, dpi=130)


# ---------------------------------------------------------------------- what an ask costs


class Timed:
    """An optimizer that keeps how long each of its calls took."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer
        self.seconds: list[float] = []

    def __call__(self, trials: Any, budget_info: Any, n: Any, rng: Any) -> Any:
        began = time.perf_counter()
        proposals = self._optimizer(trials, budget_info, n, rng)
        self.seconds.append(time.perf_counter() - began)
        return proposals


def asks(n_trials: int) -> None:
    """The median time of a proposal, over 200 of them."""
    problem = problem_named("hartmann6")
    spots = [500, n_trials]
    print(f"\nasks: ms of a proposal around trial {spots[0]} and {spots[1]}, Hartmann-6, 8 workers; medians of 200")
    # What else the machine does only adds time: the least of three.
    figures: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(3):
        for method, (optimizer, belief) in METHODS.items():
            if method.endswith(", bad"):
                continue
            name, keywords = optimizer if isinstance(optimizer, tuple) else (optimizer, {})
            made: list[Timed] = []

            def make(space: Any, name: str = name, keywords: Any = keywords, made: list[Timed] = made) -> Timed:
                made.append(Timed(getattr(neps.algorithms, name)(space, **keywords)))
                return made[-1]

            def evaluate(config: Mapping[str, Any], previous: Any) -> tuple[float, float]:
                done = previous.config["epochs"] if previous is not None else 0
                return problem.loss(tuple(config[x] for x in problem.names), config["epochs"]), config["epochs"] - done

            space = problem.space(None if belief is None else problem.prior(belief, 0))
            began = time.perf_counter()
            simulate(make, space, evaluate, n_workers=8, max_evaluations=n_trials + 100)
            rate = (n_trials + 100) / (time.perf_counter() - began)
            early, late = (1e3 * statistics.median(made[0].seconds[n - 100 : n + 100]) for n in spots)
            figures.setdefault(method, []).append((early, late, rate))
    rows = []
    for method, all_of in figures.items():
        early, late = (min(figure[i] for figure in all_of) for i in (0, 1))
        rate = max(figure[2] for figure in all_of)
        rows.append([method, f"{early:.3f}", f"{late:.3f}", f"{late / early:.2f}", f"{rate:.0f}"])
    table(["", *map(str, spots), "growth", "simulated trials/s"], rows)


# ----------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = [*PROBLEMS, "asks"]
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="which parts to run")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it works, not for figures")
    parser.add_argument("--processes", type=int, default=2, help="how many runs are simulated at the same time")
    parser.add_argument("--picture", type=Path, metavar="PATH", help="draw mean curves of some, and nothing else")
    arguments = parser.parse_args()
    versions = []
    for name in ("neps-framework", "optuna", "numpy"):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    print(f"Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} cores; {', '.join(versions)}")
    if "asks" in arguments.only and not arguments.picture:
        asks(1500 if arguments.quick else 5000)
        sys.stdout.flush()
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        seeds, full = (3, 20) if arguments.quick else (20, 60)
        problems = [name for name in arguments.only if name in PROBLEMS]
        if arguments.picture:
            picture(arguments.picture, pool, problems, min(seeds, 10), min(full, 30))
            return
        for name in problems:
            searched(pool, name, seeds, full)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
