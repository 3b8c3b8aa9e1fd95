"""The locks of the storage in a folder: for threads, processes, forks and interrupts."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings

import pytest

from neps_core import StorageError
from neps_plugins.storages.filesystem import FileLocks


@pytest.fixture
def inner(tmp_path):
    return tmp_path


def is_free(inner, name="a"):
    """Whether somebody else could have the lock."""
    got = threading.Event()

    def take():
        with FileLocks(inner).lock(name):
            got.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    free = got.wait(0.1)
    return free, thread


def test_a_holder_may_take_it_again(inner):
    locks = FileLocks(inner)
    with locks.lock("a"):
        with locks.lock("a"):
            pass
        free, thread = is_free(inner)
        assert not free
    thread.join(5)
    assert is_free(inner)[0]


def test_threads_that_share_the_object_keep_each_other_out(inner):
    locks, inside, most = FileLocks(inner), [], []

    def work():
        for _ in range(50):
            with locks.lock("a"), locks.lock("a"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.0001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and len(most) == 200


def test_it_falls_with_an_exception(inner):
    locks = FileLocks(inner)
    with pytest.raises(ZeroDivisionError), locks.lock("a"):
        raise ZeroDivisionError
    assert is_free(inner)[0]


def test_waiting_for_it_can_be_interrupted(inner):
    holder, waiter = FileLocks(inner), FileLocks(inner)
    with holder.lock("a"):
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt), waiter.lock("a"):
            pass
    with waiter.lock("a"):
        assert not is_free(inner)[0]
    assert is_free(inner)[0]


def test_a_child_that_was_forked_while_it_was_held_does_not_hold_it(inner):
    """Nor does it wait for a thread that it does not have."""
    locks = FileLocks(inner)
    ready, done = threading.Event(), threading.Event()

    def hold():
        with locks.lock("a"):
            ready.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait(20)
    go, may_go = os.pipe()
    taken, has_taken = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # since Python 3.12: there is a thread, and that is the point
        child = os.fork()
    if child == 0:
        os.read(go, 1)  # until the parent has given it up
        with locks.lock("a"):
            os.write(has_taken, b"!")
        time.sleep(60)
        os._exit(0)
    try:
        assert not is_free(inner)[0]
        done.set()
        thread.join()
        assert is_free(inner)[0]  # although the child, which was forked meanwhile, is alive
        os.write(may_go, b".")
        assert os.read(taken, 1) == b"!"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for descriptor in (go, may_go, taken, has_taken):
            os.close(descriptor)


def test_where_there_is_no_folder(inner):
    with pytest.raises(StorageError, match="can't lock"), FileLocks(inner / "nowhere").lock("a"):
        pass
