"""Two objectives at several fidelities: the loss of 1,152 perceptrons on digits, and how many weights they have.

`python tests/benchmarks/multi_objective_curves.py [--seeds 10] [--quick]`. The table is that of `multi_fidelity.py`. A
figure is the share of the table's hypervolume that the networks trained to the end have, the mean over the seeds,
after as many epochs as so many full trainings take. It prints a table and never fails.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import neps
from neps_core.simulation import simulate
from neps_plugins.toolkit import hypervolume

TABLE = json.loads((Path(__file__).parent / "data" / "digits-mlp.json").read_text())
NAMES, GRIDS = list(TABLE["space"]), list(TABLE["space"].values())
CURVES = {tuple(map(int, key.split(","))): curve for key, curve in TABLE["curves"].items()}
EPOCHS = 27

#: Full trainings after which is looked.
LOOKS = (5, 10, 20, 40)


def weights(point: tuple[int, ...]) -> float:
    """The logarithm of the number of weights of 64 inputs, one hidden layer, and 10 outputs."""
    width = GRIDS[NAMES.index("width")][point[NAMES.index("width")]]
    return math.log10((64 + 1) * width + (width + 1) * 10)


POINTS = list(itertools.product(*(range(len(grid)) for grid in GRIDS)))
ALL = np.array([[CURVES[point][-1], weights(point)] for point in POINTS])
REFERENCE = np.array([math.log(10), ALL[:, 1].max() * 1.01])
BEST = hypervolume(ALL, REFERENCE)

SPACE = {
    **{name: neps.Integer(0, len(grid) - 1) for name, grid in zip(NAMES, GRIDS)},
    "epochs": neps.IntegerFidelity(1, EPOCHS),
}


def centres(order: Any) -> dict[str, dict[str, Any]]:
    """For each objective the values of a network that is good at it, or bad."""
    by_loss = POINTS[int(order(ALL[:, 0]))]
    narrow = order(np.array([float(p[NAMES.index("width")]) for p in POINTS]))
    width = POINTS[int(narrow)][NAMES.index("width")]
    return {"loss": dict(zip(NAMES, by_loss)), "weights": {"width": width}}


METHODS: dict[str, Any] = {
    "random search": ("random_search", {"ignore_fidelity": "highest_fidelity"}),
    "bayesian_optimization": ("bayesian_optimization", {"ignore_fidelity": True}),
    "moasha": "moasha",
    "mo_hyperband": "mo_hyperband",
    "primo, good priors": ("primo", {"prior_centers": centres(np.argmin)}),
    "primo, misleading priors": ("primo", {"prior_centers": centres(np.argmax)}),
    "primo, no priors": ("primo", {"epsilon": 1.0, "prior_centers": centres(np.argmin)}),
}


def run(selection: Any, seed: int, trainings: int) -> list[float]:
    """The share of the hypervolume after each of LOOKS up to `trainings` full trainings."""

    def evaluate(config: Mapping[str, Any], previous: Any) -> tuple[dict[str, Any], float]:
        point, epochs = tuple(config[name] for name in NAMES), config["epochs"]
        objectives = {"loss": CURVES[point][epochs - 1], "weights": weights(point)}
        before = 0 if previous is None else previous.config["epochs"]
        return {"objective_to_minimize": objectives, "cost": epochs - before}, float(epochs - before)

    done = simulate(selection, SPACE, evaluate, seed=seed, max_time=EPOCHS * trainings)
    full = [(t.metadata.time_end, t.objectives) for t in done.ended if t.config["epochs"] == EPOCHS]
    found = []
    for look in (look for look in LOOKS if look <= trainings):
        front = np.array([objectives for end, objectives in full if end <= EPOCHS * look + 1e-9])
        found.append(float(hypervolume(front, REFERENCE)) / BEST if len(front) else 0.0)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="show that it works")
    arguments = parser.parse_args()
    seeds, trainings = (2, 5) if arguments.quick else (arguments.seeds, LOOKS[-1])
    print("| |", " | ".join(f"after {look}" for look in LOOKS if look <= trainings), "|")
    print("|---|" + "---|" * sum(look <= trainings for look in LOOKS))
    for name, selection in METHODS.items():
        shares = np.array([run(selection, seed, trainings) for seed in range(seeds)])
        error = shares.std(axis=0, ddof=1) / math.sqrt(seeds)
        cells = [f"{mean:.3f} ± {e:.3f}" for mean, e in zip(shares.mean(axis=0), error)]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
