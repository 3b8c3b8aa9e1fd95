"""SIGTERM, SIGUSR1 and SIGINT, in every place where they can hurt."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

import neps
from neps_core import claims
from neps_core.run import open_run
from neps_core.trials import State

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")

#: Seconds. It takes a third of one, or a whole one in C code; a busy machine takes longer, and evaluations much more.
AT_ONCE = 5.0

RUN = """
    import ctypes, hashlib, os, signal, sys, time, threading, neps
    from pathlib import Path
    folder = Path(sys.argv[0]).parent
    class Ends:
        def neps_run_finished(self, result):
            (folder / "ended").write_text(result.stopped_because)
    def run(evaluate, **keywords):
        neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], worker_id="w",
                 **{"evaluations_to_spend": 1, "observers": ["summary", Ends()], **keywords})
"""


def leave(script, process, number=signal.SIGTERM) -> float:
    """Send a signal, and see how long the process takes to leave."""
    began = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=20)
    return time.monotonic() - began


def put_back(root) -> bool:
    trial = open_run(root).trials["1"]
    return trial.state is State.PENDING and trial.metadata.starts == 0


IN_C = {
    "that lets other threads run": "ctypes.CDLL(None).usleep(20_000_000)",
    "that is called again and again": "while True: ctypes.CDLL(None).usleep(5_000)",
    "that no signal interrupts": 'hashlib.pbkdf2_hmac("sha256", b"x", b"y", 200_000_000)',
    "of a lock": "lock = threading.Lock(); lock.acquire(); lock.acquire()",
}


CASES = list(zip(IN_C, (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGINT)))


@pytest.mark.parametrize("where, number", CASES)
def test_an_evaluation_deep_in_c_code(root, script, wait_for, where, number):
    script.write(
        RUN
        + f"""
    def evaluate(x):
        (folder / "started").touch()
        {IN_C[where]}
    run(evaluate)
    """
    )
    process = script.start(root)
    wait_for((script.folder / "started").exists)
    time.sleep(0.1)
    assert leave(script, process, number) < AT_ONCE
    assert process.returncode in ({130, -signal.SIGINT} if number == signal.SIGINT else {128 + number})
    assert put_back(root)
    assert (script.folder / "ended").exists()
    assert (root / "summary/short.csv").exists()


def test_a_second_sigint_leaves_at_once(root, script, wait_for):
    script.write(
        RUN
        + """
    class Slow:
        def neps_run_finished(self):
            (folder / "slow").touch()
            time.sleep(30)
    def evaluate(x):
        (folder / "started").touch()
        time.sleep(60)
    run(evaluate, observers=[Slow()])
    """
    )
    process = script.start(root)
    wait_for((script.folder / "started").exists)
    process.send_signal(signal.SIGINT)
    wait_for((script.folder / "slow").exists)
    assert leave(script, process, signal.SIGINT) < AT_ONCE
    assert process.returncode in (130, -signal.SIGINT)
    assert put_back(root)


def test_two_sigints_while_the_user_cleans_up(root, script, wait_for):
    script.write(
        RUN
        + """
    def evaluate(x):
        (folder / "started").touch()
        try:
            time.sleep(60)
        finally:
            (folder / "cleaning").touch()
            time.sleep(60)
    run(evaluate)
    """
    )
    process = script.start(root)
    wait_for((script.folder / "started").exists)
    process.send_signal(signal.SIGINT)
    wait_for((script.folder / "cleaning").exists)
    assert leave(script, process, signal.SIGINT) < AT_ONCE
    neps.run(lambda x: x, root_directory=root, total_evaluations_to_spend=1)
    assert open_run(root).trials["1"].state is State.SUCCESS


def test_a_signal_that_the_user_swallows_is_obeyed_after_his_trial(root, script, wait_for):
    script.write(
        RUN
        + """
    def evaluate(x):
        try:
            (folder / "started").touch()
            time.sleep(60)
        except BaseException:
            return x
    run(evaluate, evaluations_to_spend=3)
    """
    )
    process = script.start(root)
    wait_for((script.folder / "started").exists)
    time.sleep(0.1)  # a signal just before a sleep does not wake Python
    leave(script, process)
    assert process.returncode == 143
    assert [t.state for t in open_run(root).trials.values()] == [State.SUCCESS]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("journal", signal.SIGTERM),
        ("sampling", signal.SIGINT),
        ("start", signal.SIGTERM),
        ("summary", signal.SIGINT),
    ],
)
def test_a_wait_for_a_suspended_holder(root, script, wait_for, name, number):
    """Its signals are obeyed, and the log says for whom it waits."""
    script.write(
        RUN
        + """
    if sys.argv[2] == "holds":
        from neps_core.run import open_run
        with open_run(sys.argv[1]).locks.lock(sys.argv[3]):
            (folder / "held").touch()
            time.sleep(60)
    import logging
    import neps_core.waiting
    neps_core.waiting.PATIENCE = 0.5
    logging.basicConfig(filename=folder / "log.txt", level=logging.WARNING)
    run(lambda x: x, evaluations_to_spend=10**6)
    """
    )
    neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=1)
    holder = script.start(root, "holds", name)
    wait_for((script.folder / "held").exists)
    holder.send_signal(signal.SIGSTOP)
    waiter = script.start(root, "waits")
    log = script.folder / "log.txt"
    wait_for(lambda: log.exists() and "Waiting for the lock" in log.read_text())
    if sys.platform == "linux":
        assert f"process {holder.pid}, which is suspended" in log.read_text()
    assert leave(script, waiter, number) < AT_ONCE
    # Where it has not begun to work yet, the signal does what it does to any program.
    assert waiter.returncode in ({143, -signal.SIGTERM} if number == signal.SIGTERM else {130, -signal.SIGINT})
    holder.kill()
    assert len(neps.run(lambda x: x, root_directory=root, evaluations_to_spend=1).trials) >= 2


def test_a_result_that_waits_for_a_suspended_holder_is_kept(root, script, wait_for):
    script.write(
        RUN
        + """
    if sys.argv[2] == "holds":
        from neps_core.run import open_run
        with open_run(sys.argv[1]).locks.lock("journal"):
            (folder / "held").touch()
            time.sleep(60)
    import logging, tempfile
    tempfile.tempdir = str(folder)
    logging.basicConfig(filename=folder / "log.txt", level=logging.ERROR)
    def evaluate(x):
        (folder / "started").touch()
        while not (folder / "held").exists():
            time.sleep(0.01)
        (folder / "returns").touch()
        return 0.125
    run(evaluate)
    """
    )
    worker = script.start(root, "works")
    wait_for((script.folder / "started").exists)
    holder = script.start(root, "holds")
    wait_for((script.folder / "returns").exists)
    holder.send_signal(signal.SIGSTOP)
    time.sleep(0.2)
    leave(script, worker)
    assert worker.returncode == 143
    assert "0.125" in (script.folder / "log.txt").read_text()
    (kept,) = script.folder.glob("neps-trial-1-*.json")
    assert '"objective_to_minimize": 0.125' in kept.read_text()
    holder.kill()


def test_sigusr1_between_two_trials(root, script, wait_for):
    script.write(
        RUN
        + """
    def evaluate(x):
        (folder / "started").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
        return x
    class Told:
        def neps_trial_finished(self):
            os.kill(os.getpid(), signal.SIGUSR1)
    run(evaluate, evaluations_to_spend=3, observers=[Told(), Ends()])
    """
    )
    process = script.start(root)
    wait_for((script.folder / "started").exists)
    (script.folder / "go").touch()
    assert process.wait(timeout=20) == 128 + signal.SIGUSR1
    assert [t.state for t in open_run(root).trials.values()] == [State.SUCCESS]
    assert (script.folder / "ended").exists()


def test_a_trial_that_outlasts_every_worker_is_given_up(root, monkeypatch):
    """Unless it gets further from one to the next."""
    monkeypatch.setattr(claims, "MAX_OUTLASTED", 3)

    def worker(reaches):
        began = time.time()

        def evaluate(x):
            started = time.time()
            neps.report(x, reaches)
            time.sleep(0.01 + 1.2 * (started - began))  # most of the worker's time
            signal.raise_signal(signal.SIGUSR1)

        with pytest.raises(SystemExit):
            neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=1)
        return open_run(root).trials["1"]

    assert [worker(reaches).state for reaches in (1, 1, 2, 2)] == [State.PENDING] * 4
    trial = worker(2)
    assert trial.state is State.CRASHED
    assert "outlasted 3 workers" in trial.report.err


@pytest.mark.parametrize("number", ["SIGTERM", "SIGUSR1"])
def test_handlers_of_the_program_are_called_and_restored(root, script, number):
    script.write(
        RUN
        + """
    class Preempted(Exception):
        pass
    def own(number, frame):
        raise Preempted
    signal.signal(NUMBER, own)
    def evaluate(x):
        os.kill(os.getpid(), NUMBER)
        time.sleep(60)
    try:
        run(evaluate)
    except Preempted:
        pass
    assert signal.getsignal(NUMBER) is own
    assert signal.set_wakeup_fd(-1) == -1
    assert threading.active_count() == 1
    """
    )
    script.path.write_text(script.path.read_text().replace("NUMBER", f"signal.{number}"))
    script.run(root)
    assert put_back(root)


def test_sigusr1_of_a_library_is_left_to_it(root, script):
    script.write(
        RUN
        + """
    import faulthandler
    faulthandler.register(signal.SIGUSR1, file=open(folder / "stack", "w"))
    def evaluate(x):
        os.kill(os.getpid(), signal.SIGUSR1)
        return x
    run(evaluate)
    os.kill(os.getpid(), signal.SIGUSR1)
    """
    )
    script.run(root)
    assert (script.folder / "stack").read_text().count("Current thread") == 2
    assert open_run(root).trials["1"].state is State.SUCCESS


def test_a_handler_of_the_program_that_returns_stops_nothing_and_comes_between_no_steps(root, script):
    script.write(
        RUN
        + """
    from neps_plugins.storages.filesystem import FileJournal
    seen = []
    signal.signal(signal.SIGTERM, lambda *_: seen.append(inside))
    append, inside, works = FileJournal.append, False, False
    def interrupted(self, events, durable=True):
        global inside
        inside = works
        os.kill(os.getpid(), signal.SIGTERM)
        append(self, events, durable)
        inside = False
    FileJournal.append = interrupted
    def evaluate(x):
        global works
        works = True
        return x
    run(evaluate, evaluations_to_spend=3)
    assert seen and not any(seen), seen
    """
    )
    script.run(root)
    assert len(open_run(root).trials) == 3


def test_handlers_that_an_evaluation_leaves_behind_are_replaced(root, script, wait_for):
    script.write(
        RUN
        + """
    def evaluate(x, pipeline_id):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        if pipeline_id == "2":
            signal.signal(signal.SIGTERM, before)
            (folder / "started").touch()
            time.sleep(60)
        return x
    def first(x, pipeline_id):
        global before
        before = signal.getsignal(signal.SIGTERM)
        return evaluate(x, pipeline_id)
    run(first, evaluations_to_spend=2)
    """
    )
    process = script.start(root)
    wait_for((script.folder / "started").exists)
    leave(script, process)
    assert process.returncode == 143
    assert open_run(root).trials["2"].state is State.PENDING


def test_a_child_that_gets_a_signal_is_not_its_parent(root, script):
    script.write(
        RUN
        + """
    def evaluate(x):
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
        time.sleep(0.1)
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
        ctypes.CDLL(None).usleep(600_000)  # the parent would be taken for stuck
        return x
    run(evaluate)
    """
    )
    script.run(root)


def test_a_run_inside_an_evaluation_in_c_code(root, script, wait_for):
    script.write(
        RUN
        + """
    def inner(y):
        (folder / "started").touch()
        ctypes.CDLL(None).usleep(20_000_000)
    def evaluate(x):
        neps.run(inner, {"y": neps.Float(0, 1)}, root_directory=sys.argv[1] + "-inner", evaluations_to_spend=1)
    run(evaluate)
    """
    )
    process = script.start(root)
    wait_for((script.folder / "started").exists)
    assert leave(script, process) < AT_ONCE
    assert process.returncode == 143
    assert put_back(root)
    assert put_back(root.with_name(root.name + "-inner"))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the child has to begin later than its parent goes on")
def test_a_forked_child_that_is_ended_before_it_has_begun(root, script):
    script.write(
        RUN
        + """
    def evaluate(x):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        for _ in range(20):
            child = os.fork()
            if not child:
                time.sleep(5)
                os._exit(0)
            os.kill(child, signal.SIGTERM)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
        return x
    run(evaluate)
    """
    )
    script.run(root)
    assert open_run(root).trials["1"].state is State.SUCCESS
