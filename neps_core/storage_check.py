"""Whether a storage keeps the contract: what it is given is there, and workers are kept apart, in real processes."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from neps_core import events as ev
from neps_core.errors import warn
from neps_core.storage import LeaseHeld, Storage
from neps_core.trial_log import TrialLog
from neps_core.trials import Report, State

#: Seconds until another process is given up.
PATIENCE = 20.0

#: How often each of the four users of a lock counts one further.
COUNTS = 25


def check_storage(factory: Callable[[], Storage]) -> None:
    """Check that a storage keeps what it is given, and keeps workers apart.

    Unless the storage says that it does not cross processes, locks and leases are tried with real processes, some of
    which are killed. They are forked off this one and call `factory` themselves. On systems that fork no processes
    (Windows), all this is tried in threads, and a warning says so.

    Args:
        factory: Opens the same storage at each call, as another worker would; empty at first.

    Raises:
        AssertionError: Saying what was broken.
    """
    storage = factory()
    forks = storage.crosses_processes and "fork" in multiprocessing.get_all_start_methods()
    if storage.crosses_processes and not forks:
        warn("this system forks no processes, so the storage was tried with threads only, and nobody was killed.")
    _check_journal(factory, forks)
    _check_lock(factory, forks)
    _check_lease(factory)
    if forks:
        _check_death(factory)
    _check_folder(storage)
    storage.journal.destroy()
    _check_filling(factory)
    storage.journal.destroy()
    assert not factory().journal.exists(), "journal.exists() is True after destroy()"


def _check_journal(factory: Callable[[], Storage], forks: bool) -> None:
    def append(events: list[ev.Event], storage: Storage) -> None:
        with storage.locks.lock("journal"):
            storage.journal.append(events)

    storage = factory()
    one = storage.journal
    assert not one.exists(), "journal.exists() is True before anything was stored"
    one.create()
    one.create()
    first: list[ev.Event] = [
        ev.Created(ev.FORMAT, 1, 1.5),
        ev.Sampled("1", {"x": 0.1, "c": None, "t": "é\n"}, 1.0, "w"),
    ]
    append(first, storage)
    assert one.exists(), "journal.exists() is False after something was appended"
    events, position = one.read(0)
    assert events == first, f"{first} was appended and {events} read"
    assert one.read(position) == ([], position), "reading on gives what was read already"
    other = factory().journal
    assert other.exists() and other.read(0)[0] == first, "another worker does not see what was appended"
    second: list[ev.Event] = [
        ev.Finished("1", 2.0, State.SUCCESS, Report(math.inf, 1.0, [[0.1, 0.2]], {"a": {"b": [1]}}))
    ]
    if forks:
        with _process(lambda _: append(second, factory())) as (process, _):
            process.join(PATIENCE)
            assert process.exitcode == 0, "another process could not append"
    else:
        append(second, factory())
    assert one.read(position)[0] == second, "what another worker appended is not read on from a position"
    assert factory().journal.read(0)[0] == [*first, *second], "the order of events is not the order of appending"


def _check_filling(factory: Callable[[], Storage]) -> None:
    history: list[ev.Event] = [ev.Sampled(str(i), {"x": 0.1}, 1.0, "w") for i in range(5)]
    storage = factory()
    storage.journal.create()
    with storage.locks.lock("journal"):
        storage.journal.fill([history[:3], history[3:]])
        storage.journal.append(history[:1])
    found = factory().journal.read(0)[0]
    assert found == [*history, history[0]], f"{history} was filled in, one appended, and {found} read"


def _check_lock(factory: Callable[[], Storage], forks: bool) -> None:
    one = factory().locks
    with one.lock("a"), one.lock("a"), one.lock("b"):
        pass
    with tempfile.TemporaryDirectory() as folder:
        counter = Path(folder, "count")
        counter.write_text("0", encoding="ascii")

        def increase(_: object = None) -> None:
            locks = factory().locks
            for _i in range(COUNTS):
                with locks.lock("count"):
                    before = int(counter.read_text(encoding="ascii") or "0")  # "" while somebody else writes it
                    time.sleep(0.0005)  # room for somebody whom the lock should have kept out
                    counter.write_text(str(before + 1), encoding="ascii")

        if forks:
            with contextlib.ExitStack() as stack:
                users = [stack.enter_context(_process(increase))[0] for _ in range(4)]
                for user in users:
                    user.join(PATIENCE)
            who = "processes"
        else:
            threads = [threading.Thread(target=increase) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            who = "threads"
        found = counter.read_text(encoding="ascii")
    assert found == str(4 * COUNTS), f"a lock let two {who} in at once: {4 * COUNTS} increments came to {found!r}"


def _check_lease(factory: Callable[[], Storage]) -> None:
    one, other = factory().locks, factory().locks
    assert not other.is_alive("w"), "a worker that never was is alive"
    with one.lease("w"):
        for _ in range(20):
            assert other.is_alive("w"), "a worker that holds its lease is not alive to another"
        assert other.living_workers() == ["w"], f"living_workers() gives {other.living_workers()}, not ['w']"
        try:
            with other.lease("w"):
                raise AssertionError("two workers hold one lease")
        except LeaseHeld:
            pass
    assert not other.is_alive("w"), "a worker that has given its lease back is alive"


def _check_death(factory: Callable[[], Storage]) -> None:
    """A process that holds a lock and a lease is killed."""

    def hold(pipe: Connection) -> None:
        locks = factory().locks
        with locks.lease("w"), locks.lock("held"):
            pipe.send("held")
            time.sleep(PATIENCE)

    def look(pipe: Connection) -> None:
        locks = factory().locks
        while not pipe.poll():
            assert locks.is_alive("w"), "a worker in another process is not alive"

    locks = factory().locks
    with _process(hold) as (holder, from_holder):
        assert from_holder.poll(PATIENCE) and from_holder.recv() == "held", "another process got no lease and no lock"
        with _process(look) as (looker, to_looker):
            for _ in range(200):  # two look at once, and neither takes the other for the worker
                assert locks.is_alive("w"), "a worker in another process is not alive"
            assert locks.living_workers() == ["w"], f"living_workers() gives {locks.living_workers()}, not ['w']"
            try:
                with locks.lease("w"):
                    raise AssertionError("two processes hold one lease")
            except LeaseHeld:
                pass
            to_looker.send("stop")
            looker.join(PATIENCE)
            assert looker.exitcode == 0, "looking whether a worker is alive failed while somebody else looked"
        os.kill(holder.pid or 0, signal.SIGKILL)
        holder.join(PATIENCE)
        end = time.monotonic() + PATIENCE
        while locks.is_alive("w") and time.monotonic() < end:
            time.sleep(0.05)
        assert not locks.is_alive("w"), "a worker that was killed is still alive"
        with locks.lease("w"):
            pass
        taken = threading.Event()

        def take() -> None:
            with factory().locks.lock("held"):
                taken.set()

        threading.Thread(target=take, daemon=True).start()
        assert taken.wait(PATIENCE), "the lock of a process that was killed is still held"


def _check_folder(storage: Storage) -> None:
    folder = storage.folder
    log = TrialLog()
    log.fold(
        [
            ev.Created(ev.FORMAT, 1, 1.5),
            ev.SpaceRecorded({"format": "x"}),
            ev.OptimizerRecorded("o", {}),
            ev.Sampled("1_rung_0", {"x": 0.1}, 1.0, "w"),
            ev.Started("1_rung_0", 1.0, "w"),
            ev.Finished("1_rung_0", 2.0, State.SUCCESS, Report(0.5)),
        ]
    )
    try:
        folder.create(is_run=lambda: True)
        directory = folder.trial_directory("1_rung_0")
        folder.publish(log, log.trials)
        folder.publish_run(log)
        folder.check(log)
        mended = folder.repair(log, thorough=True)
        assert directory.is_dir(), f"trial_directory() gave {directory}, which is no folder"
        assert not mended, f"what was shown just now had to be mended: {mended}"
        folder.remove(["1_rung_0"])
        assert not directory.exists(), "a trial's folder is there after remove()"
    except Exception as error:
        if isinstance(error, AssertionError):
            raise
        raise AssertionError(f"the folder raised {type(error).__name__}: {error}") from error


_Running = tuple[multiprocessing.process.BaseProcess, Connection]


@contextlib.contextmanager
def _process(function: Callable[[Connection], None]) -> Iterator[_Running]:
    """A process that runs a function with one end of a pipe; it is ended with the block."""
    context = multiprocessing.get_context("fork")  # so that it knows a factory that nobody could import
    ours, theirs = context.Pipe()
    process = context.Process(target=function, args=(theirs,), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about threads, which the check has none of then
        process.start()
    try:
        yield process, ours
    finally:
        if process.is_alive():
            process.kill()
        process.join()
