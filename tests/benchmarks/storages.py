"""Trials a second, and the cost of a step of a long run: our storages beside Optuna's, in one run.

Run it by hand: `python tests/benchmarks/storages.py` (an hour), `--quick` (small sizes), `--only throughput steps`,
`--peers "neps SQLite" "Optuna SQLite" ...`, `--workers 1 4`. It prints tables and never fails because of a figure.

All search the same six parameters (those of overhead.py) at random; an evaluation does nothing. The database servers
are started for this, on loopback, and wait for the disk at each commit as they do by default.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import multiprocessing
import os
import platform
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from overhead import SPAWN, ms, neps_space, objective, optuna_config, table, working_folder

#: Its processes are forked from one that has imported everything, so that 64 of them begin in seconds.
WORKERS = multiprocessing.get_context("forkserver")
IMPORTED = ["overhead", "neps_core.api", "neps_plugins.storages.sql.session", "optuna.storages._rdb.storage"]

#: Who takes part.
OURS = ("neps folder", "neps SQLite", "neps PostgreSQL", "neps MariaDB")
THEIRS = ("Optuna journal file", "Optuna SQLite", "Optuna PostgreSQL", "Optuna gRPC over PostgreSQL")

#: With which of Optuna's each of ours is compared.
COMPARED = {
    "neps folder": "Optuna journal file",
    "neps SQLite": "Optuna SQLite",
    "neps PostgreSQL": "Optuna PostgreSQL",
    "neps MariaDB": "Optuna PostgreSQL",
}


# ---------------------------------------------------------------------- workers


class Clock:
    """An evaluation that does nothing, and what it measures.

    Args:
        pipe: Told when the first trial has ended; after an answer (for how many seconds, or how many trials) the rest
            is timed, and told.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._calls = 0
        self._end = float("inf")
        self._left = sys.maxsize
        self._costs: list[float] = []
        self._since = 0.0

    def begins(self) -> None:
        """An evaluation begins: the one before has been stored."""
        self._calls += 1
        now = time.monotonic()
        if self._calls > 2:
            self._costs.append(now - self._since)
        if self._calls == 2:
            self._pipe.send(None)
            seconds, self._left = self._pipe.recv()
            self._end = time.monotonic() + seconds
        if now >= self._end or len(self._costs) >= self._left:
            self._pipe.send(self._costs)
            self._pipe.close()
            os._exit(0)  # what ending takes is not measured

    def ends(self) -> None:
        self._since = time.monotonic()


def our_worker(pipe: Connection, root: str, storage: str | None) -> None:
    import neps

    clock = Clock(pipe)

    def evaluate(**config: Any) -> float:
        clock.begins()
        value = objective(config)
        clock.ends()
        return value

    neps.run(
        evaluate,
        neps_space(),
        root_directory=root,
        storage=storage,
        evaluations_to_spend=10**9,
        optimizer="random_search",
    )


def their_worker(pipe: Connection, kind: str, where: str) -> None:
    clock = Clock(pipe)

    def evaluate(trial: Any) -> float:
        config = optuna_config(trial)
        clock.begins()
        value = objective(config)
        clock.ends()
        return value

    their_study(kind, where).optimize(evaluate, n_trials=10**9)


def their_study(kind: str, where: str) -> Any:
    import warnings

    import optuna

    warnings.simplefilter("ignore")  # its gRPC proxy is experimental
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage: Any
    if kind == "journal":
        from optuna.storages.journal import JournalFileBackend

        storage = optuna.storages.JournalStorage(JournalFileBackend(where))
    elif kind == "grpc":
        storage = optuna.storages.GrpcStorageProxy(host="127.0.0.1", port=int(where))
    else:
        storage = optuna.storages.RDBStorage(where)
    return optuna.create_study(
        storage=storage, sampler=optuna.samplers.RandomSampler(), study_name="benchmark", load_if_exists=True
    )


def serve(pipe: Connection, url: str, port: int) -> None:
    """Optuna's gRPC proxy, until it is ended."""
    import warnings

    import optuna

    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(url)
    pipe.send(None)
    optuna.storages.run_grpc_proxy_server(storage, host="127.0.0.1", port=port)


# ---------------------------------------------------------------------- where


Worker = tuple[Callable[..., None], tuple[Any, ...]]


class Places:
    """A new place for each run.

    Args:
        folder: For files.
        stack: Ends the servers.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._servers: dict[str, Any] = {}
        self._count = 0

    def _server(self, name: str) -> Any:
        if name not in self._servers:
            sys.path.append(str(Path(__file__).parents[2]))
            from tests import databases

            self._servers[name] = self._stack.enter_context(getattr(databases, name)(syncs=True))
        return self._servers[name]

    def _database(self) -> str:
        """A new one in PostgreSQL."""
        import sqlalchemy

        url = sqlalchemy.make_url(self._server("postgres").url)
        engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE benchmark{self._count}"))
        return url.set(database=f"benchmark{self._count}").render_as_string(hide_password=False)

    @contextmanager
    def new(self, peer: str) -> Iterator[Worker]:
        """What the workers of a new run are."""
        self._count += 1
        place = self._folder / f"{self._count}"
        place.mkdir()
        if peer == "neps folder":
            yield our_worker, (str(place / "run"), None)
        elif peer == "neps SQLite":
            yield our_worker, (str(place / "run"), f"sqlite:///{place}/runs.db")
        elif peer == "neps PostgreSQL":
            yield our_worker, (str(place / "run"), self._database())
        elif peer == "neps MariaDB":
            yield our_worker, (str(place / "run"), f"{self._server('mariadb').url}?run={self._count}")
        elif peer == "Optuna journal file":
            yield their_worker, ("journal", str(place / "journal.log"))
        elif peer == "Optuna SQLite":
            yield their_worker, ("rdb", f"sqlite:///{place}/optuna.db")
        elif peer == "Optuna PostgreSQL":
            yield their_worker, ("rdb", self._database())
        else:
            port = 13_000 + self._count
            pipe, other = SPAWN.Pipe()
            server = SPAWN.Process(target=serve, args=(other, self._database(), port))
            server.start()
            pipe.recv()
            while not _answers(port):
                time.sleep(0.05)
            try:
                yield their_worker, ("grpc", str(port))
            finally:
                server.kill()
                server.join()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


@contextmanager
def crowd(worker: Worker, n: int) -> Iterator[list[Connection]]:
    """The pipes of workers each of which has done its first trial."""
    target, arguments = worker
    pipes, processes = [], []
    for i in range(n):
        pipe, other = WORKERS.Pipe()
        process = WORKERS.Process(target=target, args=(other, *arguments))
        process.start()
        other.close()
        pipes.append(pipe)
        processes.append(process)
        if not i:  # it makes the run, which Optuna's can't do at the same time
            pipe.recv()
    for pipe in pipes[1:]:
        pipe.recv()
    try:
        yield pipes
    finally:
        for process in processes:
            process.join()


# ---------------------------------------------------------------------- trials a second


def throughput(places: Places, options: argparse.Namespace) -> None:
    figures: dict[tuple[str, int], list[float]] = {}
    for n in options.workers:
        for _ in range(options.repetitions):
            for peer in options.peers:  # in turns, so that what else the machine does hits all
                with places.new(peer) as worker, crowd(worker, n) as pipes:
                    began = time.monotonic()
                    for pipe in pipes:
                        pipe.send((options.seconds, sys.maxsize))
                    done = sum(len(pipe.recv()) for pipe in pipes)
                    figures.setdefault((peer, n), []).append(done / (time.monotonic() - began))
                print(f"{peer}, {n} workers: {figures[peer, n][-1]:.1f}/s", file=sys.stderr, flush=True)
    median = {key: statistics.median(values) for key, values in figures.items()}
    rows = []
    for peer in options.peers:
        row = [peer]
        for n in options.workers:
            other = median.get((COMPARED.get(peer, ""), n))
            row.append(f"{median[peer, n]:.0f}" + (f" ({median[peer, n] / other:.1f}x)" if other else ""))
        rows.append(row)
    header = ["trials a second", *(f"{n} worker{'s' * (n > 1)}" for n in options.workers)]
    table(f"1 Trials a second (median of {options.repetitions})", header, rows)


# ---------------------------------------------------------------------- long runs


def fill(pipe: Connection, worker: Worker, n: int) -> None:
    """Have a run with so many trials, by the quickest way there is."""
    target, arguments = worker
    if target is our_worker:
        fill_ours(*arguments, n)
    else:
        fill_theirs(*arguments, n)
    pipe.send(None)


def fill_ours(root: str, storage: str | None, n: int) -> None:
    import neps
    from neps_core import events as ev
    from neps_core.run import open_run
    from neps_core.trials import Report, State

    neps.run(
        lambda **config: objective(config),
        neps_space(),
        root_directory=root,
        storage=storage,
        evaluations_to_spend=1,
        optimizer="random_search",
    )
    run = open_run(root, observers=(), storage=storage)
    config = run.trials["1"].config
    for first in range(2, n + 1, 1000):
        now = time.time()
        trials = [str(i) for i in range(first, min(first + 1000, n + 1))]
        run.record(
            *(ev.Sampled(i, config, now, "filler") for i in trials),
            *(ev.Started(i, now, "filler") for i in trials),
            *(ev.Finished(i, now, State.SUCCESS, Report(1.0, evaluation_duration=0.1)) for i in trials),
        )


def fill_theirs(kind: str, where: str, n: int) -> None:
    """Its `add_trials` makes one trial after the other; into its tables they go by themselves."""
    import datetime

    import sqlalchemy
    from optuna.distributions import distribution_to_json
    from optuna.storages._rdb import models

    study = their_study(kind, where)
    study.optimize(lambda trial: objective(optuna_config(trial)), n_trials=1)
    distributions = study.trials[0].distributions
    engine = sqlalchemy.create_engine(where)
    now = datetime.datetime.now()
    with engine.begin() as connection:
        study_id = connection.scalar(sqlalchemy.select(models.StudyModel.study_id))
        numbers = range(1, n)
        rows = [
            {"trial_id": i + 1, "number": i, "study_id": study_id, "state": "COMPLETE"}
            | {"datetime_start": now, "datetime_complete": now}
            for i in numbers
        ]
        connection.execute(sqlalchemy.insert(models.TrialModel), rows)
        parameters = [
            {"trial_id": i + 1, "param_name": name, "param_value": 1.0, "distribution_json": distribution_to_json(d)}
            for i in numbers
            for name, d in distributions.items()
        ]
        connection.execute(sqlalchemy.insert(models.TrialParamModel), parameters)
        values = [{"trial_id": i + 1, "objective": 0, "value": 1.0, "value_type": "FINITE"} for i in numbers]
        connection.execute(sqlalchemy.insert(models.TrialValueModel), values)
        if engine.dialect.name == "postgresql":
            connection.execute(sqlalchemy.text(f"SELECT setval('trials_trial_id_seq', {n})"))
    engine.dispose()


def steps(places: Places, options: argparse.Namespace) -> None:
    """The cost of a step of one worker, and what it takes until a new one begins its first trial."""
    peers = [peer for peer in options.peers if peer in ("neps folder", *OURS[1:3], *THEIRS[1:3])]
    rows = []
    with ExitStack() as stack:
        runs: dict[tuple[str, int], Worker] = {}
        for n in options.trials:
            for peer in peers:
                runs[peer, n] = worker = stack.enter_context(places.new(peer))
                began = time.monotonic()
                pipe, other = SPAWN.Pipe()
                filler = SPAWN.Process(target=fill, args=(other, worker, n))
                filler.start()
                other.close()
                pipe.recv()
                filler.join()
                print(f"{peer}: {n} trials made in {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
        costs: dict[tuple[str, int], list[float]] = {}
        begins: dict[tuple[str, int], list[float]] = {}
        for _ in range(options.repetitions):
            for key, worker in runs.items():
                began = time.monotonic()
                with crowd(worker, 1) as (pipe,):
                    begins.setdefault(key, []).append(time.monotonic() - began)
                    pipe.send((600.0, options.steps))
                    costs.setdefault(key, []).append(statistics.median(pipe.recv()))
    for peer in peers:
        shown = [ms(statistics.median(costs[peer, n])) for n in options.trials]
        starts = [f"{statistics.median(begins[peer, n]):.2f}" for n in options.trials]
        rows.append([peer, *shown, *starts])
    header = [
        "",
        *(f"ms a step, {n:,} trials" for n in options.trials),
        *(f"s until a worker has done a first trial, {n:,}" for n in options.trials),
    ]
    table(f"2 A step in a long run, one worker (median of {options.repetitions})", header, rows)


# ---------------------------------------------------------------------- printing


PARTS = {"throughput": throughput, "steps": steps}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="which parts to run")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it works, not for figures")
    parser.add_argument("--peers", nargs="+", choices=(*OURS, *THEIRS), default=[*OURS, *THEIRS])
    parser.add_argument("--workers", nargs="+", type=int, help="how many there are (default: 1 4 16 64)")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, help="how long trials are counted (default: 4)")
    parser.add_argument("--trials", nargs="+", type=int, help="of the long runs (default: 1000 100000)")
    parser.add_argument("--steps", type=int, default=200, help="how many are timed at a time (default: 200)")
    parser.add_argument("--directory", type=Path, help="a new folder to work in, which is kept (default: a temporary)")
    options = parser.parse_args()
    options.workers = options.workers or ([1, 4] if options.quick else [1, 4, 16, 64])
    options.seconds = options.seconds or (1.0 if options.quick else 4.0)
    options.trials = options.trials or ([100, 1000] if options.quick else [1000, 100_000])
    WORKERS.set_forkserver_preload(IMPORTED)
    names = ("neps-framework", "optuna", "sqlalchemy", "psycopg", "pymysql", "grpcio", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    with working_folder(options.directory) as folder, ExitStack() as stack:
        machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
        print(f"Python {platform.python_version()} on {platform.system()}, {machine}; {versions}")
        places = Places(folder, stack)
        for name in options.only:
            PARTS[name](places, options)
        print(f"Load {os.getloadavg()[0]:.1f} at the end.")


if __name__ == "__main__":
    main()
