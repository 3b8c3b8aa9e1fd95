"""What sampling a configuration costs, measured side by side with ConfigSpace and Optuna.

Run it by hand: `python tests/benchmarks/spaces.py` (about half a minute), `--quick` (small sizes),
`--only flat conditional grammar encoding`. It prints tables and never fails because of a figure.

Everything runs in one process on one thread, and what is measured is the processor's time. The peers take turns,
batch by batch, so that whatever else the machine does hits all of them; a figure is the median over the batches. A
sample of ours is a whole walk with uniform decisions, which gives the configuration as it is stored.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

# Before anything imports numpy.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np  # noqa: E402

import neps  # noqa: E402
from neps_core import Uniform, parse_space  # noqa: E402
from neps_core.spaces.protocol import SearchSpace  # noqa: E402

#: Does something often, and says how many seconds of the processor one time took.
Batch = Callable[[], float]
#: The median, the least and the greatest time in seconds.
Figure = tuple[float, float, float]


# ---------------------------------------------------------------------- measuring


def repeated(action: Callable[[], Any], count: int, per_action: int = 1) -> Batch:
    """A batch that does something `count` times, each for `per_action` things."""

    def batch() -> float:
        began = time.process_time()
        for _ in range(count):
            action()
        return (time.process_time() - began) / (count * per_action)

    return batch


def interleaved(batches: dict[str, Batch], rounds: int) -> dict[str, Figure]:
    """The figures of batches that take turns; the first turn of each is not counted."""
    times: dict[str, list[float]] = {name: [] for name in batches}
    for turn in range(rounds + 1):
        for name, batch in batches.items():
            seconds = batch()
            if turn:
                times[name].append(seconds)
    return {name: (statistics.median(t), min(t), max(t)) for name, t in times.items()}


def us(seconds: float) -> str:
    return f"{seconds * 1e6:.1f}"


def table(title: str, header: list[str], rows: list[list[str]]) -> None:
    """A Markdown table, aligned."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"

    print(f"\n### {title}\n", line(header), "|" + "|".join("-" * (w + 2) for w in widths) + "|", sep="\n")
    print(*map(line, rows), sep="\n", flush=True)


def comparison(title: str, figures: dict[str, Figure]) -> None:
    """A table of peers, each beside the first of them."""
    first = next(iter(figures.values()))[0]
    rows = [
        [name, us(median), f"{us(low)} to {us(high)}", f"{median / first:.2f}"]
        for name, (median, low, high) in figures.items()
    ]
    table(title, ["", "µs per configuration", "range", "relative"], rows)


def ours(space: SearchSpace, count: int) -> dict[str, Batch]:
    """Sampling a space of ours, with and without making the arguments of `evaluate_pipeline`."""
    source = Uniform(np.random.default_rng(0))
    return {
        "neps: resolve": repeated(lambda: space.resolve(source), count),
        "neps: resolve and arguments": repeated(lambda: space.resolve(source).arguments(), count),
    }


def configspaces(space: Any, count: int) -> dict[str, Batch]:
    """Sampling with ConfigSpace itself; its configurations turn vectors into values only when they are read."""
    return {
        "ConfigSpace: one at a time": repeated(space.sample_configuration, count),
        "ConfigSpace: one at a time, values read": repeated(lambda: dict(space.sample_configuration()), count),
        f"ConfigSpace: {count} at once": repeated(lambda: space.sample_configuration(count), 1, count),
        f"ConfigSpace: {count} at once, values read": repeated(
            lambda: [dict(config) for config in space.sample_configuration(count)], 1, count
        ),
    }


# ---------------------------------------------------------------------- a flat space


def flat_space() -> dict[str, Any]:
    return {
        "learning_rate": neps.Float(1e-5, 1e-1, log=True),
        "weight_decay": neps.Float(1e-6, 1e-1, log=True),
        "dropout": neps.Float(0.0, 0.9),
        "momentum": neps.Float(0.0, 1.0),
        "layers": neps.Integer(1, 12),
        "width": neps.Integer(8, 1024, log=True),
        "batch_size": neps.Integer(16, 512, log=True),
        "optimizer": neps.Categorical(["adam", "sgd", "rmsprop", "lion"]),
        "activation": neps.Categorical(["relu", "gelu", "tanh"]),
        "nesterov": neps.Categorical([True, False]),
    }


def flat_configspace() -> Any:
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    space = ConfigurationSpace(seed=0)
    space.add(
        Float("learning_rate", (1e-5, 1e-1), log=True),
        Float("weight_decay", (1e-6, 1e-1), log=True),
        Float("dropout", (0.0, 0.9)),
        Float("momentum", (0.0, 1.0)),
        Integer("layers", (1, 12)),
        Integer("width", (8, 1024), log=True),
        Integer("batch_size", (16, 512), log=True),
        Categorical("optimizer", ["adam", "sgd", "rmsprop", "lion"]),
        Categorical("activation", ["relu", "gelu", "tanh"]),
        Categorical("nesterov", [True, False]),
    )
    return space


def suggest(trial: Any) -> None:
    trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True)
    trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True)
    trial.suggest_float("dropout", 0.0, 0.9)
    trial.suggest_float("momentum", 0.0, 1.0)
    trial.suggest_int("layers", 1, 12)
    trial.suggest_int("width", 8, 1024, log=True)
    trial.suggest_int("batch_size", 16, 512, log=True)
    trial.suggest_categorical("optimizer", ["adam", "sgd", "rmsprop", "lion"])
    trial.suggest_categorical("activation", ["relu", "gelu", "tanh"])
    trial.suggest_categorical("nesterov", [True, False])


def optunas(count: int) -> dict[str, Batch]:
    """Sampling with Optuna in memory; a study a batch, so that nothing piles up."""
    try:
        import optuna
    except ImportError:
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def new_study() -> Any:
        return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

    def ask_and_suggest() -> float:
        study = new_study()
        return repeated(lambda: suggest(study.ask()), count)()

    def suggest_only() -> float:
        study = new_study()
        trials = [study.ask() for _ in range(count)]
        return repeated(lambda: suggest(trials.pop()), count)()

    return {"Optuna: ask and suggest": ask_and_suggest, "Optuna: suggest alone": suggest_only}


def flat(quick: bool) -> None:
    count, rounds = (20, 3) if quick else (200, 25)
    batches = {
        **ours(parse_space(flat_space()), count),
        **configspaces(flat_configspace(), count),
        **optunas(count),
    }
    comparison(
        f"1 A flat space of 10 parameters (median of {rounds} times {count} configurations)",
        interleaved(batches, rounds),
    )


# ---------------------------------------------------------------------- a conditional space


def conditional_configspace(groups: int = 10) -> Any:
    """Five parameters a group, three of them conditional, and a pair of choices that is forbidden."""
    from ConfigSpace import (
        AndConjunction,
        Categorical,
        ConfigurationSpace,
        EqualsCondition,
        Float,
        ForbiddenAndConjunction,
        ForbiddenEqualsClause,
        GreaterThanCondition,
        InCondition,
        Integer,
    )

    space = ConfigurationSpace(seed=0)
    for i in range(groups):
        kind = Categorical(f"kind{i}", ["a", "b", "c", "d"])
        flag = Categorical(f"flag{i}", [True, False])
        size = Integer(f"size{i}", (1, 100))
        rate = Float(f"rate{i}", (1e-4, 1.0), log=True)
        degree = Integer(f"degree{i}", (2, 5))
        space.add(kind, flag, size, rate, degree)
        space.add(
            InCondition(size, kind, ["a", "b"]),
            EqualsCondition(rate, kind, "c"),
            AndConjunction(GreaterThanCondition(degree, size, 20), EqualsCondition(degree, flag, True)),
        )
    space.add(
        ForbiddenAndConjunction(
            ForbiddenEqualsClause(space["kind0"], "d"),
            ForbiddenEqualsClause(space["kind1"], "d"),
        )
    )
    return space


def conditional(quick: bool) -> None:
    count, rounds = (10, 3) if quick else (50, 15)
    space = conditional_configspace()
    parsed = parse_space(space)
    source = Uniform(np.random.default_rng(0))
    active = statistics.mean(len(parsed.resolve(source).config) for _ in range(count))
    comparison(
        f"2 A ConfigurationSpace of {len(space)} parameters, {active:.0f} of them active on average, with a forbidden "
        f"clause (median of {rounds} times {count} configurations)",
        interleaved({**ours(parsed, count), **configspaces(space, count)}, rounds),
    )


# ---------------------------------------------------------------------- a grammar


def grammar_space(cells: int) -> SearchSpace:
    cell = neps.Categorical(
        [
            "identity",
            neps.Operation("conv", args=(neps.Resample(neps.Integer(1, 7)),)),
            neps.Operation("pool", args=(neps.Resample(neps.Categorical(["max", "mean"])),)),
            neps.Operation("chain", args=(neps.ByName("_cell"), neps.ByName("_cell"))),
            neps.Operation("sum", args=neps.Repeated(neps.Integer(2, 3), neps.ByName("_cell"))),
        ]
    )
    return parse_space({"_cell": cell, "net": neps.Operation("net", args=neps.Repeated(cells, neps.Resample(cell)))})


def grammar(quick: bool) -> None:
    """Sizes vary by chance, so a batch is divided by the decisions that were taken in it."""
    rounds, decisions = (3, 2000) if quick else (15, 20_000)
    sizes: dict[str, list[int]] = {}

    def batches(cells: int) -> dict[str, Batch]:
        space, source = grammar_space(cells), Uniform(np.random.default_rng(0))
        mean = statistics.mean(len(space.resolve(source).config) for _ in range(4000 // cells))
        count = max(1, round(decisions / mean))

        def batch(arguments: bool, name: str) -> float:
            began, taken = time.process_time(), 0
            for _ in range(count):
                resolution = space.resolve(source)
                taken += len(resolution.config)
                sizes.setdefault(name, []).append(len(resolution.config))
                if arguments:
                    resolution.arguments()
            return (time.process_time() - began) / taken

        names = f"{cells} cells", f"{cells} cells, and arguments"
        return {name: lambda a=a, name=name: batch(a, name) for a, name in enumerate(names)}  # type: ignore[misc]

    figures = interleaved({name: b for cells in (4, 44, 440) for name, b in batches(cells).items()}, rounds)
    rows = [
        [
            name,
            f"{statistics.mean(sizes[name]):.0f}",
            f"{us(median * statistics.mean(sizes[name]))}",
            f"{median * 1e6:.2f}",
            f"{low * 1e6:.2f} to {high * 1e6:.2f}",
        ]
        for name, (median, low, high) in figures.items()
    ]
    table(
        f"3 A recursive grammar, by size (median of {rounds} times about {decisions} decisions)",
        ["", "decisions", "µs per configuration", "µs per decision", "range"],
        rows,
    )


# ---------------------------------------------------------------------- arrays


def encoding(quick: bool) -> None:
    try:
        from neps_plugins.toolkit.encoding import Encoder
    except ImportError as reason:
        print(f"\nEncoding was left out: {reason}")
        return
    count, rounds = (500, 3) if quick else (10_000, 9)
    space = parse_space(flat_space())
    source = Uniform(np.random.default_rng(0))
    configs = [space.resolve(source).config for _ in range(count)]
    batches: dict[str, Batch] = {
        "neps: one-hot": repeated(lambda: Encoder(space).encode(configs), 1, count),
        "neps: index": repeated(lambda: Encoder(space, one_hot=False).encode(configs), 1, count),
    }
    rows = [
        [name, f"{median * count * 1e3:.1f}", us(median), f"{us(low)} to {us(high)}"]
        for name, (median, low, high) in interleaved(batches, rounds).items()
    ]
    table(
        f"4 {count} flat configurations as arrays (median of {rounds})",
        ["", "ms together", "µs per configuration", "range"],
        rows,
    )


PARTS = {"flat": flat, "conditional": conditional, "grammar": grammar, "encoding": encoding}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="which parts to run")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it works, not for figures")
    arguments = parser.parse_args()
    versions = []
    for name in ("neps-framework", "ConfigSpace", "optuna", "numpy"):
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    print(f"Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} cores; {', '.join(versions)}")
    for name in arguments.only:
        PARTS[name](arguments.quick)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
