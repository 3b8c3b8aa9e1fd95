"""What large results cost: a trial's result in milliseconds, and going on with a run of many such trials.

Run it by hand: `python tests/benchmarks/large_results.py`, `--numbers 200000 --trials 100`, `--only NAME ...`. It
prints a table and never fails because of a figure.

The cost of a trial is the time from the end of one evaluation to the begin of the next one, as in `overhead.py`: so the
result has been looked at, stored, and shown to people. Making it is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import neps
from neps_core.run import open_run


def results(n: int) -> dict[str, Callable[[float], Any]]:
    """Results by name; each is made of the objective, with `n` numbers (or characters)."""
    array = np.random.default_rng(0).random(n)
    numbers = array.tolist()
    text = "".join(f"line {i}\n" for i in range(n // 10))

    def raising(x: float) -> Exception:
        return ValueError(text)

    return {
        "nothing more": lambda x: x,
        "info_dict: list": lambda x: {"objective_to_minimize": x, "info_dict": {"losses": numbers}},
        "info_dict: array": lambda x: {"objective_to_minimize": x, "info_dict": {"losses": array}},
        "info_dict: nested": lambda x: {"objective_to_minimize": x, "info_dict": {"by_epoch": {"losses": numbers}}},
        "info_dict: by name": lambda x: {
            "objective_to_minimize": x,
            "info_dict": {str(i): v for i, v in enumerate(numbers)},
        },
        "info_dict: text": lambda x: {"objective_to_minimize": x, "info_dict": {"log": text}},
        "learning_curve": lambda x: {"objective_to_minimize": x, "learning_curve": numbers},
        "error message": raising,
    }


def measure(folder: Path, make: Callable[[float], Any], trials: int) -> tuple[float, float, float, float]:
    """Milliseconds a trial, seconds to go on with the run, seconds to look at it, and megabytes of its folder."""
    costs: list[float] = []
    ended: float | None = None

    def evaluate(x: float) -> Any:
        nonlocal ended
        if ended is not None:
            costs.append(time.perf_counter() - ended)
        result = make(x)
        ended = time.perf_counter()
        return result

    keywords: dict[str, Any] = {"root_directory": folder, "optimizer": "random_search", "ignore_errors": True}
    neps.run(evaluate, {"x": neps.Float(0, 1)}, evaluations_to_spend=trials + 1, **keywords)
    began = time.perf_counter()
    neps.run(evaluate, evaluations_to_spend=0, **keywords)
    restart = time.perf_counter() - began
    began = time.perf_counter()
    open_run(folder)
    look = time.perf_counter() - began
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return statistics.median(costs) * 1e3, restart, look, size / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=200_000, help="in each result")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="results whose name begins so")
    arguments = parser.parse_args()
    print(
        f"| {arguments.numbers} numbers each, {arguments.trials} trials | ms a trial | going on, s | opening, s | MB |"
    )
    print("|---|---|---|---|---|")
    for name, make in results(arguments.numbers).items():
        if arguments.only and not name.startswith(tuple(arguments.only)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            cost, restart, look, size = measure(Path(folder) / "run", make, arguments.trials)
        print(f"| {name} | {cost:.1f} | {restart:.2f} | {look:.2f} | {size:.1f} |", flush=True)


if __name__ == "__main__":
    main()
