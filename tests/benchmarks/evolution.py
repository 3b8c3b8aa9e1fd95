"""How good evolution is within 300 cheap evaluations, beside random search, Optuna's CMA-ES and the package `cmaes`.

Run it by hand: `python tests/benchmarks/evolution.py` (about ten minutes), `--quick` (to see that it works),
`--tasks hartmann6 grammar`, `--methods cma_es optuna_cma`. It prints tables and never fails because of a figure.

What is searched is that of `bayesian_optimization.py`, and a hierarchical space:
    grammar     a chain of one to eight cells, each of them an operation, some with a choice of their own, or a sum of
                two cells; and two numbers. The loss is the edit distance to one architecture, as a share of its length,
                and how far the numbers are off

Each figure is the regret relative to the mean regret with which random search ends: 0 is the optimum, 1 is random
search. Runs of a seed make a pair: so many of them ended better than random search's, and p is that of Wilcoxon's
signed-rank test. With `--workers`, ours run with so many in simulated time.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

# It sets how many threads there are, before anything imports numpy.
from bayesian_optimization import Task, duration, error_of, import_callable, optunas, table, task_named, variant
from scipy.stats import wilcoxon

import neps
from neps.testing import simulate

N_EVALUATIONS, N_SEEDS = 300, 20
TASKS = ("hartmann6", "rosenbrock4", "ackley5", "mixed", "conditional", "grammar")
#: What CMA-ES alone can search.
NUMERIC = ("hartmann6", "rosenbrock4", "ackley5")
RANDOM = "random_search"
#: Name to what `neps.run` takes as optimizer; None for the peers.
METHODS: dict[str, Any] = {
    RANDOM: RANDOM,
    "complex_random_search": "complex_random_search",
    "regularized_evolution": "regularized_evolution",
    "cma_es": "cma_es",
    "nsga2": "nsga2",
    "optuna_cma": None,
    "cmaes": None,
}

#: The words of the grammar's best architecture, in order.
TARGET = ("conv", 5, "pool", "max", "add", "conv", 3, "skip", "norm", "conv", 7)


def grammar_space() -> dict[str, Any]:
    cell = neps.Categorical(
        [
            "skip",
            "norm",
            neps.Operation("conv", args=(neps.Resample(neps.Categorical([1, 3, 5, 7])),)),
            neps.Operation("pool", args=(neps.Resample(neps.Categorical(["max", "mean"])),)),
            neps.Operation("add", args=(neps.ByName("_cell"), neps.ByName("_cell"))),
        ]
    )
    net = neps.Operation("net", args=neps.Repeated(neps.Integer(1, 8), neps.Resample(cell)))
    return {"_cell": cell, "net": net, "rate": neps.Float(1e-5, 1.0, log=True), "drop": neps.Float(0.0, 0.8)}


def grammar_loss(config: Mapping[str, Any]) -> float:
    words = [value for path, value in config.items() if path.startswith("net") and not path.endswith(".count")]
    row = list(range(len(TARGET) + 1))  # Levenshtein's distances of the words so far to the beginnings of the target
    for word in words:
        before, row = row, [row[0] + 1]
        for j, wanted in enumerate(TARGET, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (word != wanted)))
    numbers = ((math.log10(config["rate"]) + 3) / 5) ** 2 + (config["drop"] - 0.2) ** 2
    return row[-1] / len(TARGET) + 0.5 * numbers


def searched(name: str) -> tuple[Any, Callable[[Mapping[str, Any]], float], float]:
    """A space, what is minimised over it, and the minimum."""
    if name == "grammar":
        return grammar_space(), grammar_loss, 0.0
    task = task_named(name)
    return task.space(), task.loss, task.best


def ours(name: str, optimizer: Any, seed: int, n: int, n_workers: int) -> Iterator[float]:
    space, loss, _ = searched(name)

    def evaluate(config: Mapping[str, Any], previous: Any) -> tuple[float, float]:
        return loss(config), duration(config, seed) if n_workers > 1 else 1.0

    chosen = import_callable(optimizer)
    run = simulate(chosen, space, evaluate, n_workers=n_workers, seed=seed, max_evaluations=n)
    return (trial.objectives[0] for trial in run.ended if trial.objectives is not None)


def plain_cmaes(task: Task, seed: int, n: int) -> Iterator[float]:
    """The package by itself, in the unit cube, from its middle."""
    from cmaes import CMA

    d = len(task.parameters)
    cma = CMA(mean=np.full(d, 0.5), sigma=1 / 6, bounds=np.tile([0.0, 1.0], (d, 1)), seed=seed)
    told: list[tuple[Any, float]] = []
    for _ in range(n):
        x = cma.ask()
        loss = task.loss({p.name: p.at(float(u)) for p, u in zip(task.parameters, x, strict=True)})
        told.append((x, loss))
        if len(told) == cma.population_size:
            cma.tell(told)
            told = []
        yield loss


def curve(name: str, method: str, optimizer: Any, seed: int, n: int, n_workers: int) -> list[float]:
    """The regret of the best so far, after each evaluation."""
    if method == "optuna_cma":
        losses: Iterator[float] = optunas(task_named(name), ("CmaEsSampler", {}), seed, n)
    elif method == "cmaes":
        losses = plain_cmaes(task_named(name), seed, n)
    else:
        losses = ours(name, optimizer, seed, n, n_workers)
    best = searched(name)[2]
    return [value - best for value in itertools.accumulate(losses, min)]


def compared(name: str, methods: Mapping[str, Any], seeds: int, n: int, n_workers: int) -> None:
    """The table of one task."""
    rows, scale, base = [], math.nan, np.zeros(0)
    looks = (n // 6, n // 3, n)
    for method, optimizer in methods.items():
        if optimizer is None and name not in NUMERIC:
            continue
        began = time.perf_counter()
        curves = np.array([curve(name, method, optimizer, seed, n, n_workers) for seed in range(seeds)])
        took = 1000 * (time.perf_counter() - began) / curves.size
        if method == RANDOM:
            base, scale = curves[:, -1], float(curves[:, -1].mean())
        ends = curves[:, -1]
        better, p = f"{(ends < base).sum()} of {seeds}", ""
        if method != RANDOM and (ends != base).any():
            p = f"{wilcoxon(ends, base).pvalue:.1e}"
        means = [f"{curves[:, k - 1].mean() / scale:.3g}" for k in looks]
        row = [*means, f"{error_of(ends) / scale:.2g}", f"{np.median(ends) / scale:.3g}", better, p, f"{took:.2f}"]
        rows.append([method, *row])
    print(f"\n{name}: {seeds} seeds, {n_workers} worker{'s' * (n_workers > 1)}; random search ends at {scale:.4g}")
    header = ["", *(f"mean after {k}" for k in looks), "+-", "median", "better", "p", "ms each"]
    table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), help="names, or NAME=SELECTION of ours")
    parser.add_argument("--workers", type=int, default=1, help="of ours")
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--evaluations", type=int, default=N_EVALUATIONS)
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it works, not for figures")
    given = parser.parse_args()
    seeds, n = (3, 30) if given.quick else (given.seeds, given.evaluations)
    methods = {RANDOM: RANDOM}
    for name in given.methods:
        if "=" in name:
            methods[name.partition("=")[0]] = variant(name)[1].selection
        elif name not in METHODS:
            parser.error(f"unknown method {name!r}; there are {', '.join(METHODS)}, or NAME=SELECTION")
        elif name == "optuna_cma" and importlib.util.find_spec("optuna") is None:
            print("optuna is not installed: without it")
        else:
            methods[name] = METHODS[name]
    found = (
        f"{p} {importlib.metadata.version(p)}" for p in ("cmaes", "optuna", "numpy") if importlib.util.find_spec(p)
    )
    print(", ".join(found))
    for name in given.tasks:
        compared(name, methods, seeds, n, given.workers)


if __name__ == "__main__":
    main()
