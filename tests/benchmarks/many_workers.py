"""What a thousand and ten thousand workers would do: a simulation with costs that are measured here first.

    python tests/benchmarks/many_workers.py [--seconds 10 60 600] [--workers 16 64 256 1000 4000 10000]

Measured, for each storage: what one worker needs for a trial beside its evaluation (`step`; all of it is taken to be
under a lock, which is more than there is), and what it needs to read a trial that another one has made (`read`). For
one dispatcher: what it needs for a trial of an executor of threads (`step`).

Simulated: workers that evaluate (log-normal, with this median and sigma 0.3), then wait for each other in order of
arrival, and read what came in meanwhile: what came while they evaluated before they wait, what came while they waited
when it is their turn. A dispatcher handles one trial after the other and reads nothing that is not its own.
"""

from __future__ import annotations

import argparse
import heapq
import os
import statistics
import tempfile
import time
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from typing import Any

# Before NumPy is imported.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import numpy as np

import neps
from neps_core.run import STALE, open_run

SPACE = {f"x{i}": neps.Float(0, 1) for i in range(6)}

#: Trials that each worker makes in the simulation, of which the first quarter is left out.
ROUNDS = 12


def measured(root: Path, **settings: Any) -> float:
    """Seconds that a trial takes beside its evaluation."""
    began: list[float] = []

    def evaluate(**_: float) -> float:
        began.append(time.perf_counter())
        return 0.0

    neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=600, optimizer="random_search", **settings)
    return statistics.median(b - a for a, b in pairwise(began[100:]))


def reading(root: Path, **storage: Any) -> float:
    """Seconds to read a trial that another worker has made."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        run = open_run(root, **storage)
        times.append((time.perf_counter() - began) / len(run.trials))
    return min(times)


def simulated(workers: int, seconds: float, step: float, read: float, rng: np.random.Generator) -> tuple[float, float]:
    """Trials a second, and the share of the time in which a worker evaluates."""
    durations = seconds * np.exp(0.3 * rng.standard_normal((workers, ROUNDS)))
    made = np.zeros(workers, dtype=int)
    seen = np.zeros(workers, dtype=int)  # how many trials each has read
    free = 0.0  # when the lock is
    times: list[float] = []
    queue = [(float(seconds * rng.random()), worker, False) for worker in range(workers)]
    heapq.heapify(queue)
    while queue:
        now, worker, has_read = heapq.heappop(queue)
        if not has_read:  # what was made while it evaluated, before it waits for the lock
            unread = bisect_right(times, now) - int(seen[worker])
            seen[worker] += unread
            heapq.heappush(queue, (now + read * unread, worker, read * unread <= STALE))
            continue
        unread = len(times) - int(seen[worker])  # what was made while it waited, now that it has the lock
        seen[worker] += unread + 1
        free = max(free, now) + read * unread + step
        times.append(free)
        made[worker] += 1
        if made[worker] < ROUNDS:
            heapq.heappush(queue, (free + float(durations[worker, made[worker]]), worker, False))
    first, last = times[len(times) // 4], times[len(times) * 3 // 4]
    rate = (len(times) // 2) / (last - first)
    return rate, min(1.0, rate * seconds * float(np.exp(0.3**2 / 2)) / workers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", nargs="+", type=float, default=[10, 60, 600])
    parser.add_argument("--workers", nargs="+", type=int, default=[16, 64, 256, 1000, 4000, 10000])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        costs: dict[str, tuple[float, float]] = {}
        for name, url in storages(here).items():
            settings = {} if url is None else {"storage": url}
            root = here / name.replace(" ", "-")
            costs[name] = measured(root, **settings), reading(root, **settings)
        costs["one dispatcher"] = measured(here / "dispatcher", executor="threads", n_workers=1), 0.0
    print("| | ms a trial | ms to read another's |\n|---|---|---|")
    for name, (step, read) in costs.items():
        print(f"| {name} | {1000 * step:.2f} | {1000 * read:.3f} |")
    print("\n| evaluation | workers | " + " | ".join(costs) + " |\n|---|---|" + "---|" * len(costs))
    for seconds in arguments.seconds:
        for workers in arguments.workers:
            cells = []
            for step, read in costs.values():
                rate, busy = simulated(workers, seconds, step, read, np.random.default_rng(0))
                cells.append(f"{100 * busy:.0f} % ({rate:.1f}/s)")
            print(f"| {seconds:g} s | {workers:,} | " + " | ".join(cells) + " |", flush=True)


def storages(folder: Path) -> dict[str, str | None]:
    """Name to what `storage=` is, of those that are installed."""
    return {"folder": None, "SQLite": f"sqlite:///{folder / 'run.db'}"}


if __name__ == "__main__":
    main()
