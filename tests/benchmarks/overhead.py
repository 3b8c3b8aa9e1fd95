"""What a trial costs beyond its evaluation, measured side by side with Optuna's journal storage.

Run it by hand: `python tests/benchmarks/overhead.py` (everything; some minutes), `--quick` (small sizes),
`--only costs growth imports opening workers`. It prints tables and never fails because of a figure.

Both peers search the same six parameters at random, keep every trial in files that are synced to disk,
and run in processes of their own that take turns, so that whatever else the machine does hits both.
The cost of a trial is the time between the end of one evaluation and the begin of the next: storing the
result, sampling, and storing the new trial. For Optuna the begin is after the last `suggest_...` call.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import math
import multiprocessing
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

# Before anything imports numpy: one worker is one core's work.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
    os.environ[_variable] = "1"

SPAWN = multiprocessing.get_context("spawn")  # a fresh process each: nothing inherited, nothing imported

Costs = list[float]


# ---------------------------------------------------------------------- the problem


def objective(config: dict[str, Any]) -> float:
    """As good as free."""
    return (math.log10(config["learning_rate"]) + 3) ** 2 + config["dropout"] + abs(config["layers"] - 4)


def neps_space() -> dict[str, Any]:
    import neps

    return {
        "learning_rate": neps.Float(1e-5, 1e-1, log=True),
        "dropout": neps.Float(0.0, 0.9),
        "layers": neps.Integer(1, 12),
        "width": neps.Integer(8, 1024, log=True),
        "optimizer": neps.Categorical(["adam", "sgd", "rmsprop", "lion"]),
        "activation": neps.Categorical(["relu", "gelu", "tanh"]),
    }


def optuna_config(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.9),
        "layers": trial.suggest_int("layers", 1, 12),
        "width": trial.suggest_int("width", 8, 1024, log=True),
        "optimizer": trial.suggest_categorical("optimizer", ["adam", "sgd", "rmsprop", "lion"]),
        "activation": trial.suggest_categorical("activation", ["relu", "gelu", "tanh"]),
    }


def optuna_study(folder: Path, seed: int | None = 0) -> Any:
    """The study in a folder, made if there is none. Workers that share one need a seed each: None draws it."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(folder / "journal.log"))),
        sampler=optuna.samplers.RandomSampler(seed=seed),
        study_name="overhead",
        load_if_exists=True,
    )


# ---------------------------------------------------------------------- trials one after the other


def neps_trials(pipe: Connection, folder: Path, total: int) -> None:
    """Runs `total` trials in one call of `neps.run`, pausing inside an evaluation until it is asked for more."""
    import neps

    costs: Costs = []
    wanted, ended = 0, None

    def evaluate(**config: Any) -> float:
        nonlocal wanted, ended
        if ended is not None:
            costs.append(time.perf_counter() - ended)
        if len(costs) == wanted:
            pipe.send(costs[:])
            costs.clear()
            wanted = pipe.recv()
        value = objective(config)
        ended = time.perf_counter()
        return value

    # The first evaluation has no cost yet, so one more is needed.
    neps.run(
        evaluate,
        neps_space(),
        root_directory=folder,
        evaluations_to_spend=total + 1,
        optimizer="random_search",
        seed=0,
    )


def optuna_trials(pipe: Connection, folder: Path, _: int) -> None:
    """The same for Optuna, whose `optimize` can be called again at no cost."""
    study = optuna_study(folder)
    costs: Costs = []
    since = before = 0.0

    def evaluate(trial: Any) -> float:
        nonlocal since, before
        config = optuna_config(trial)
        before = time.perf_counter() - since
        value = objective(config)
        since = time.perf_counter()
        return value

    def stored(*_: Any) -> None:
        nonlocal since
        costs.append(before + time.perf_counter() - since)
        since = time.perf_counter()

    study.optimize(evaluate, n_trials=1)
    pipe.send([])
    while wanted := pipe.recv():
        costs.clear()
        since = time.perf_counter()
        study.optimize(evaluate, n_trials=wanted, callbacks=[stored])
        pipe.send(costs)


class Peer:
    """A process that runs trials when asked.

    Args:
        target: `neps_trials` or `optuna_trials`.
        folder: Where it keeps them.
        total: How many trials it will be asked for altogether.
    """

    def __init__(self, target: Any, folder: Path, total: int) -> None:
        self._pipe, other = SPAWN.Pipe()
        self._left = total
        self._process = SPAWN.Process(target=target, args=(other, folder, total))
        self._process.start()
        other.close()
        self._pipe.recv()

    def run(self, trials: int) -> Costs:
        """The cost of each of the next trials in seconds."""
        self._pipe.send(trials)
        costs = self._pipe.recv()
        self._left -= trials
        if not self._left:
            self._pipe.send(0)
            self._process.join()
        return costs


def take_turns(peers: list[Peer], trials: int, block: int) -> list[Costs]:
    """Each peer's costs of `trials` trials, run in blocks, one peer after the other."""
    costs: list[Costs] = [[] for _ in peers]
    for _ in range(trials // block):
        for peer, own in zip(peers, costs):
            own.extend(peer.run(block))
    return costs


def costs_of_a_trial(folder: Path, quick: bool) -> None:
    total, block = (600, 100) if quick else (3000, 500)
    last = 2 * block
    peers = [Peer(neps_trials, folder / "neps", total), Peer(optuna_trials, folder / "optuna", total)]
    ours, theirs = (own[-last:] for own in take_turns(peers, total, block))
    table(
        f"1 Cost of a trial beyond its evaluation, ms (trials {total - last + 1} to {total}, one worker)",
        ["", "neps", "optuna", "neps / optuna", "target"],
        [
            [name, ms(f(ours)), ms(f(theirs)), f"{f(ours) / f(theirs):.2f}", "<= 0.50"]
            for name, f in (("median", statistics.median), ("mean", statistics.fmean))
        ],
    )


def growth(folder: Path, quick: bool) -> None:
    """Leaves the run in `folder / "long"`.

    The last tenth is compared with the first one, and (because minutes lie between these two, in which the
    machine may have become busier) also with the first tenth of a second run that takes turns with it.
    """
    total = 1000 if quick else 20_000
    tenth = total // 10
    long = Peer(neps_trials, folder / "long", total)
    first = long.run(tenth)
    long.run(total - 2 * tenth)
    last, fresh = take_turns([long, Peer(neps_trials, folder / "fresh", tenth)], tenth, tenth // 10)
    table(
        f"2 Growth over {total} trials, ms per trial",
        ["", "first tenth", "last tenth", "ratio", "fresh run meanwhile", "ratio", "target"],
        [
            [
                name,
                ms(f(first)),
                ms(f(last)),
                f"{f(last) / f(first):.2f}",
                ms(f(fresh)),
                f"{f(last) / f(fresh):.2f}",
                "<= 1.15",
            ]
            for name, f in (("median", statistics.median), ("mean", statistics.fmean))
        ],
    )


# ---------------------------------------------------------------------- starting


IMPORTS = {
    "python alone": ("", ""),
    "import neps": ("import neps", "<= 0.25 s"),
    "import neps, and what a script uses": ("import neps; neps.run, neps.PipelineSpace, neps.Float", ""),
    "import numpy": ("import numpy", ""),
    "import optuna": ("import optuna", ""),
}


def imports(folder: Path, quick: bool) -> None:
    inside: dict[str, list[float]] = {name: [] for name in IMPORTS}
    whole: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for turn in range(4 if quick else 12):
        for name, (statement, _) in IMPORTS.items():
            code = f"import time; t = time.perf_counter()\n{statement}\nprint(time.perf_counter() - t)"
            began = time.perf_counter()
            seconds = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
            if turn:  # the first one fills the caches
                whole[name].append(time.perf_counter() - began)
                inside[name].append(float(seconds))
    table(
        f"3a Importing, s (median of {turn} fresh processes)",
        ["", "import", "whole process", "target for the import"],
        [
            [name, f"{statistics.median(inside[name]):.3f}", f"{statistics.median(whole[name]):.3f}", target]
            for name, (_, target) in IMPORTS.items()
        ],
    )


def peak_memory() -> float:
    """The most memory that this process has had resident, in MB (10^6 bytes)."""
    try:
        status = Path("/proc/self/status").read_text()  # unlike getrusage, it leaves out the parent's
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    except (OSError, IndexError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def open_long_run(pipe: Connection, folder: Path) -> None:
    import neps

    space = neps_space()
    entered: list[float] = []

    def evaluate(**config: Any) -> float:
        entered.extend((time.perf_counter(), peak_memory()))
        return objective(config)

    began = time.perf_counter()
    result = neps.run(evaluate, space, root_directory=folder, evaluations_to_spend=1, optimizer="random_search")
    ended = time.perf_counter()
    pipe.send((len(result.trials), entered[0] - began, ended - began, entered[1], peak_memory()))


def opening(folder: Path, quick: bool) -> None:
    if not (folder / "long").exists():
        growth(folder, quick)
    figures = []
    for _ in range(3 if quick else 7):
        receiver, sender = SPAWN.Pipe()
        process = SPAWN.Process(target=open_long_run, args=(sender, folder / "long"))
        process.start()
        sender.close()  # so that a process that dies ends this one, too
        figures.append(receiver.recv())
        process.join()
    trials, start, whole, memory_start, memory = (statistics.median(column) for column in zip(*figures))
    table(
        f"3b Going on with a run of {trials:.0f} trials (median of {len(figures)} fresh processes)",
        ["", "until `evaluate` is entered", "target", "until `run` returns (1 trial)", "target"],
        [
            ["s", f"{start:.2f}", "<= 2", f"{whole:.2f}", ""],
            ["peak memory, MB", f"{memory_start:.0f}", "", f"{memory:.0f}", "<= 300"],
        ],
    )


# ---------------------------------------------------------------------- workers side by side


def neps_worker(pipe: Connection, folder: Path, evaluations: int, sleep: float) -> None:
    import neps

    space = neps_space()
    spans: list[tuple[float, float]] = []

    def evaluate(**config: Any) -> float:
        began = time.monotonic()
        time.sleep(sleep)
        spans.append((began, time.monotonic()))
        return objective(config)

    neps.run  # imported now, as what the script imports at its top
    pipe.send(None)
    pipe.recv()
    began = time.monotonic()
    neps.run(evaluate, space, root_directory=folder, evaluations_to_spend=evaluations, optimizer="random_search")
    pipe.send((began, time.monotonic(), spans))


def optuna_worker(pipe: Connection, folder: Path, evaluations: int, sleep: float) -> None:
    import optuna  # noqa: F401

    spans: list[tuple[float, float]] = []

    def evaluate(trial: Any) -> float:
        config = optuna_config(trial)
        began = time.monotonic()
        time.sleep(sleep)
        spans.append((began, time.monotonic()))
        return objective(config)

    pipe.send(None)
    pipe.recv()
    began = time.monotonic()
    optuna_study(folder, seed=None).optimize(evaluate, n_trials=evaluations)
    pipe.send((began, time.monotonic(), spans))


def shares(
    target: Any, folder: Path, workers: int, evaluations: int, sleep: float
) -> tuple[float, float, float, float]:
    """How much of their time the workers of a run spend evaluating.

    Returns:
        The share of the time from each one's first evaluation's begin to its last one's end, of the whole
        call, of the whole process (without the wait for the others' imports); and the mean time between
        two evaluations in seconds.
    """
    started, pipes, processes = [], [], []
    for _ in range(workers):
        pipe, other = SPAWN.Pipe()
        process = SPAWN.Process(target=target, args=(other, folder, evaluations, sleep))
        started.append(time.monotonic())
        process.start()
        other.close()
        pipes.append(pipe)
        processes.append(process)
    ready: dict[int, float] = {}
    while len(ready) < workers:  # they begin together: the worst case for the locks
        for pipe in wait([pipe for i, pipe in enumerate(pipes) if i not in ready]):
            pipe.recv()
            ready[pipes.index(pipe)] = time.monotonic()
    for pipe in pipes:
        pipe.send(None)
    go = time.monotonic()
    ended: dict[int, float] = {}
    sentinels = {process.sentinel: i for i, process in enumerate(processes)}
    results = [pipe.recv() for pipe in pipes]
    while len(ended) < workers:
        for sentinel in wait([s for s, i in sentinels.items() if i not in ended]):
            ended[sentinels[sentinel]] = time.monotonic()
    busy = sum(end - begin for _, _, spans in results for begin, end in spans)
    loop = sum(spans[-1][1] - spans[0][0] for _, _, spans in results)
    call = sum(end - begin for begin, end, _ in results)
    process_time = sum(ended[i] - go + ready[i] - started[i] for i in range(workers))
    assert all(len(spans) == evaluations for _, _, spans in results)
    return busy / loop, busy / call, busy / process_time, (loop - busy) / (workers * (evaluations - 1))


#: How many workers there are, the seconds that an evaluation takes, how many each makes, and how often it is measured.
CROWDS = [(16, 0.5, 20, 3), (8, 0.2, 30, 1), (16, 0.2, 30, 1), (32, 0.2, 30, 1), (64, 0.2, 30, 1), (64, 1.0, 12, 1)]


def workers(folder: Path, quick: bool) -> None:
    peers = {"neps": neps_worker, "optuna": optuna_worker}
    rows = []
    for count, sleep, evaluations, rounds in [(4, 0.5, 5, 1)] if quick else CROWDS:
        figures: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in peers}
        for turn in range(rounds):
            for name, target in peers.items():
                where = folder / f"{name}-{count}-{sleep}-{turn}"
                figures[name].append(shares(target, where, count, evaluations, sleep))
        for name, of_rounds in figures.items():
            loop, call, whole, gap = (statistics.median(column) for column in zip(*of_rounds))
            target = ">= 95 %" if name == "neps" and (count, sleep) == (16, 0.5) else ""
            shown = [f"{loop:.1%}", f"{call:.1%}", f"{whole:.1%}", ms(gap), target]
            rows.append([f"{count} x {sleep} s", name, *shown])
    table(
        "4 Share of the time of workers spent evaluating",
        ["", "", "first to last evaluation", "whole call", "whole process", "ms between evaluations", "target"],
        rows,
    )


# ---------------------------------------------------------------------- printing


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


def table(title: str, header: list[str], rows: list[list[str]]) -> None:
    """A Markdown table, aligned."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"

    print(
        f"\n### {title}\n",
        line(header),
        "|" + "|".join("-" * (w + 2) for w in widths) + "|",
        *map(line, rows),
        sep="\n",
    )
    sys.stdout.flush()


def disk_times(folder: Path) -> tuple[float, float]:
    """What the disk takes to append a line to a file and sync it, and to create a small file: medians in seconds."""
    syncs, creations = [], []
    scratch = folder / "disk"
    scratch.mkdir()
    with (scratch / "journal").open("ab", buffering=0) as file:
        for i in range(300):
            began = time.perf_counter()
            file.write(b"x" * 300)
            os.fsync(file.fileno())
            synced = time.perf_counter()
            (scratch / str(i)).write_bytes(b"x" * 300)
            syncs.append(synced - began)
            creations.append(time.perf_counter() - synced)
    return statistics.median(syncs), statistics.median(creations)


@contextmanager
def working_folder(given: Path | None) -> Iterator[Path]:
    """The folder to work in; a temporary one is deleted at the end."""
    if given is not None:
        given.mkdir(parents=True)
    folder = given or Path(tempfile.mkdtemp(prefix="neps-overhead-"))
    try:
        yield folder
    finally:
        if given is None:
            shutil.rmtree(folder)


def keep_apart(folder: Path) -> None:
    """Ask ext4 to give each folder in this one a region of the disk to itself; elsewhere it does nothing.

    Without a journal, ext4 passes over every file that was deleted in the same region within the last minutes
    whenever it creates one there: one peer would pay for the lock files that the other one deletes, and both for
    the previous run's.
    """
    with suppress(FileNotFoundError):
        subprocess.run(["chattr", "+T", str(folder)], check=False, capture_output=True)


def delete_before(folder: Path, n: int) -> None:
    """Create and delete files, so that creating others is dear for a while on ext4 without a journal."""
    inner = folder / "deleted"
    for i in range(n):
        made = inner / str(i % 100)
        made.mkdir(parents=True, exist_ok=True)
        (made / str(i)).touch()
    shutil.rmtree(inner)


PARTS = {"costs": costs_of_a_trial, "growth": growth, "imports": imports, "opening": opening, "workers": workers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="which parts to run")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it works, not for figures")
    parser.add_argument(
        "--directory", type=Path, help="a new folder to work in, which is kept (default: a temporary one)"
    )
    parser.add_argument(
        "--after-deleting",
        type=int,
        metavar="N",
        help="create and delete N files first, and share a region of the disk",
    )
    arguments = parser.parse_args()
    names = ("neps-framework", "optuna", "numpy", "attrs", "cattrs", "filelock", "PyYAML")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    with working_folder(arguments.directory) as folder:
        machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
        print(f"Python {platform.python_version()} on {platform.system()}, {machine}; {versions}")
        sync, creation = disk_times(folder)
        print(f"Syncing an appended line takes {ms(sync)} ms here, creating a small file {ms(creation)} ms.")
        for name in arguments.only:
            part = folder / ("growth" if name == "opening" else name)  # which goes on with the run of that part
            part.mkdir(exist_ok=True)
            if arguments.after_deleting:
                delete_before(part, arguments.after_deleting)
            else:
                keep_apart(part)
            PARTS[name](part, arguments.quick)


if __name__ == "__main__":
    main()
