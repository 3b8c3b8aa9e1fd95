"""How a run with very many trials behaves: what a trial costs in it, how long it takes to open, and how much memory.

    python tests/benchmarks/long_runs.py [TRIALS]

TRIALS (100,000 unless given) are evaluated in one folder by random search; the time of the first and of the last
thousand is compared. Then new processes open the folder, and go on with it by one evaluation.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import neps

SPACE = {"x": neps.Float(0, 1), "lr": neps.Float(1e-5, 1e-1, log=True), "c": neps.Categorical(["a", "b"])}
BLOCK = 1000

OPEN = """
import resource, sys, time
import neps
from neps_core.run import open_run
began = time.perf_counter()
run = open_run(sys.argv[1])
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(run.trials))
"""

GO_ON = """
import resource, sys, time
import neps
began = time.perf_counter()
neps.run(lambda x, lr, c: x, root_directory=sys.argv[1], evaluations_to_spend=1)
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main(trials: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "run")
        times: list[float] = []

        def evaluate(x: float, lr: float, c: str) -> float:
            times.append(time.perf_counter())
            return x

        neps.run(
            evaluate, SPACE, root_directory=root, evaluations_to_spend=trials, optimizer="random_search", observers=()
        )
        first, last = times[BLOCK] - times[0], times[-1] - times[-1 - BLOCK]
        print(f"{trials} trials: {1e3 * first / BLOCK:.2f} ms each at first, {1e3 * last / BLOCK:.2f} ms at last")
        print(f"journal: {(root / '.neps/journal.jsonl').stat().st_size / 1e6:.0f} MB")
        for name, program in (("opening", OPEN), ("going on by one trial", GO_ON)):
            out = subprocess.run([sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=True)
            seconds, memory, *_ = map(float, out.stdout.split())
            print(f"{name}: {seconds:.1f} s, {memory:.0f} MB")
        print(f"this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
