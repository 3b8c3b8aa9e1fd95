"""How busy executors are kept, and how soon a slot gets its next evaluation; beside Optuna where it has such a thing.

    python tests/benchmarks/executors.py [--only threads dask ...] [--slots 16 64] [--seconds 0.2 1.0] [--repeat 3]

An evaluation sleeps. Utilisation is the share of `slots x time` that was slept, between the first moment when all slots
were busy at the same time and the begin of the last evaluation; latency is the time from the end of an evaluation to
the begin of the one that takes its slot: the k-th end after that moment is paired with the k-th begin. Every
measurement runs in a process of its own, which is given up after three minutes.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

for _library in ("OPENBLAS", "MKL", "OMP"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

#: Evaluations a slot, by the seconds of each; and how much more of them, where the processes take long to start.
ROUNDS, SLOW = {0.2: 60, 1.0: 20}, {"ray": 4}

#: Processes of Dask on this machine; more than some of them take longer to start than Dask waits for.
DASK = 8

EXECUTORS = {
    "threads": "threads",
    "processes": ("processes", {"pool": "standard"}),
    "loky": ("processes", {"pool": "loky"}),
    "dask": "dask",
    "ray": "ray",
    "slurm": ("slurm", {"cluster": "local"}),
}

PEERS = ("optuna-threads", "optuna-dask")


def sleep(seconds: float) -> tuple[float, float]:
    began = time.time()
    time.sleep(seconds)
    return began, time.time()


def evaluate(x: float, seconds: float) -> dict[str, object]:
    began, ended = sleep(seconds)
    return {"objective_to_minimize": x, "extra": {"began": began, "ended": ended}}


def with_neps(name: str, slots: int, seconds: float, folder: Path) -> list[tuple[float, float]]:
    import neps

    result = neps.run(
        evaluate,
        {"x": neps.Float(0, 1), "seconds": seconds},
        root_directory=folder / "run",
        optimizer="random_search",
        evaluations_to_spend=slots * ROUNDS.get(seconds, 8) * SLOW.get(name, 1),
        executor=("dask", in_dask(slots)) if name == "dask" else EXECUTORS[name],
        n_workers=slots,
    )
    return [(t.report.extra["began"], t.report.extra["ended"]) for t in result.trials.values()]


def in_dask(slots: int) -> dict[str, int]:
    return {"n_workers": DASK, "threads_per_worker": slots // DASK}


def objective(seconds: float) -> Callable[[object], float]:
    def evaluate(trial: object) -> float:
        x = trial.suggest_float("x", 0, 1)  # type: ignore[attr-defined]
        began, ended = sleep(seconds)
        trial.set_user_attr("times", (began, ended))  # type: ignore[attr-defined]
        return float(x)

    return evaluate


def with_optuna(name: str, slots: int, seconds: float, folder: Path) -> list[tuple[float, float]]:
    import optuna

    optuna.logging.set_verbosity(logging.ERROR)
    n = slots * ROUNDS.get(seconds, 8)
    journal = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / "journal.log")))
    sampler = optuna.samplers.RandomSampler()
    if name == "optuna-threads":
        study = optuna.create_study(storage=journal, sampler=sampler)
        study.optimize(objective(seconds), n_trials=n, n_jobs=slots)
    else:  # as its documentation has it: one task a trial
        from distributed import Client, LocalCluster, wait
        from optuna_integration.dask import DaskStorage

        with LocalCluster(**in_dask(slots), dashboard_address=None) as cluster, Client(cluster) as client:
            study = optuna.create_study(storage=DaskStorage(journal, client=client), sampler=sampler)
            wait([client.submit(study.optimize, objective(seconds), n_trials=1, pure=False) for _ in range(n)])
            return [tuple(t.user_attrs["times"]) for t in study.trials]
    return [tuple(t.user_attrs["times"]) for t in study.trials]


def figures(times: list[tuple[float, float]], slots: int) -> dict[str, float]:
    busy = list(accumulate(change for _, change in sorted([(b, 1) for b, _ in times] + [(e, -1) for _, e in times])))
    moments = sorted(moment for pair in times for moment in pair)
    if max(busy) < slots:
        raise SystemExit(f"at most {max(busy)} of {slots} slots were busy at the same time")
    full, last = moments[busy.index(slots)], max(began for began, _ in times)
    slept = sum(max(0.0, min(ended, last) - max(began, full)) for began, ended in times)
    begins, ends = (sorted(moment for moment in each if moment > full) for each in zip(*times))
    gaps = [began - ended for ended, began in zip(ends, begins)]
    return {"utilisation": slept / (slots * (last - full)), "latency": statistics.median(gaps)}


def measure(name: str, slots: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        run = with_optuna if name in PEERS else with_neps
        print(json.dumps(figures(run(name, slots, seconds, Path(folder)), slots)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[*EXECUTORS, *PEERS], default=[*EXECUTORS, *PEERS])
    parser.add_argument("--slots", nargs="+", type=int, default=[16, 64])
    parser.add_argument("--seconds", nargs="+", type=float, default=[0.2, 1.0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        name, slots, seconds = arguments.measure
        measure(name, int(slots), float(seconds))
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, medians of {arguments.repeat}\n", flush=True)
    print("| slots x evaluation | executor | utilisation | ms to the next begin |\n|---|---|---|---|", flush=True)
    for slots in arguments.slots:
        for seconds in arguments.seconds:
            found: dict[str, list[dict[str, float]]] = {name: [] for name in arguments.only}
            for _ in range(arguments.repeat):
                for name in arguments.only:
                    command = [sys.executable, __file__, "--measure", name, str(slots), str(seconds)]
                    try:
                        done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
                    except subprocess.SubprocessError as reason:
                        print(f"{name}, {slots} x {seconds} s: {reason}\n{str(reason.stderr)[-800:]}", file=sys.stderr)
                        continue
                    found[name].append(json.loads(done.stdout.splitlines()[-1]))
                    print(f"{name}, {slots} x {seconds} s: {found[name][-1]}", file=sys.stderr, flush=True)
            for name, each in found.items():
                if each:
                    utilisation, latency = (statistics.median(f[key] for f in each) for key in each[0])
                    shown = f"{utilisation:.3f} | {1000 * latency:.1f} |"
                    print(f"| {slots} x {seconds} s | {name} | {shown}", flush=True)


if __name__ == "__main__":
    main()
