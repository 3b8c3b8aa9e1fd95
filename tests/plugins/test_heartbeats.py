"""Folders where the operating system's locks fail, or do nothing."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import neps
from neps.testing import check_storage
from neps_core import RunGoneError, StorageError
from neps_core.run import open_run
from neps_core.trials import State
from neps_plugins.storages.filesystem import folder_storage, heartbeats
from neps_plugins.storages.filesystem.locks import FileLocks
from neps_plugins.storages.filesystem.probing import local_option, why_locks_fail

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="flock is replaced here, which Windows does not have")

SPACE = {"x": neps.Float(0, 1)}

BROKEN = {
    "raise ENOLCK": "def flock(*_): raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))",
    "raise ENOSYS": "def flock(*_): raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))",
    "do nothing": "def flock(*_): pass",
}

WORKER = """
    import errno, fcntl, os, sys, time, warnings
    {flock}
    fcntl.flock = flock
    import neps
    from neps_plugins.storages.filesystem import heartbeats
    heartbeats.GRACE, heartbeats.BEAT = 1.2, 0.3
    warnings.simplefilter("ignore")
    def evaluate(x, pipeline_id):
        with open(sys.argv[1] + "-starts", "a") as file:
            file.write(pipeline_id + "\\n")
        time.sleep(float(sys.argv[3]))
        return x
    neps.run(evaluate, {{"x": neps.Float(0, 1)}}, root_directory=sys.argv[1], worker_id=sys.argv[2], seed=1,
             total_evaluations_to_spend=int(sys.argv[4]), optimizer="random_search")
"""


@pytest.fixture
def broken(monkeypatch):
    """Locks that do nothing in this process."""
    monkeypatch.setattr("fcntl.flock", lambda *_: None)
    monkeypatch.setattr(heartbeats, "GRACE", 1.2)
    monkeypatch.setattr(heartbeats, "BEAT", 0.3)


@pytest.mark.parametrize("how", ["raise ENOLCK", "do nothing"])
def test_workers_evaluate_each_trial_once(root, script, how):
    script.write(WORKER.format(flock=BROKEN[how]))
    workers = [script.start(root, f"w{i}", 0.01, 40) for i in range(4)]
    for worker in workers:
        _, err = worker.communicate(timeout=60)
        assert worker.returncode == 0, err
    starts = Path(f"{root}-starts").read_text().split()
    assert len(starts) == len(set(starts)) == 40
    trials = open_run(root).trials
    assert len(trials) == 40
    assert Counter(t.state for t in trials.values()) == {State.SUCCESS: 40}
    assert len({t.metadata.evaluating_worker_id for t in trials.values()}) > 1


def test_it_is_said(root, broken):
    with pytest.warns(neps.NePSWarning, match="locks don't work here: two users got one lock.*heartbeats instead"):
        neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=2)
    with pytest.warns(neps.NePSWarning, match="heartbeats instead"):  # each time, as nobody may have seen it before
        neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=2)
    assert len(open_run(root).trials) == 4
    assert not list((root / ".neps").glob("*.tmp"))


def test_locks_that_work_are_not_doubted(tmp_path):
    assert why_locks_fail(tmp_path) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_the_reason_is_told(tmp_path, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", fail)
    assert os.strerror(number) in (why_locks_fail(tmp_path) or "")


def test_a_lock_that_only_other_processes_get(tmp_path, monkeypatch):
    """Within this process it seems to work: the second process finds out."""
    held = set()

    def flock(descriptor, operation):
        inode = os.fstat(descriptor).st_ino
        if inode in held:
            raise BlockingIOError(errno.EWOULDBLOCK, "held")
        held.add(inode)

    monkeypatch.setattr("fcntl.flock", flock)
    monkeypatch.setattr("neps_plugins.storages.filesystem.probing._proven", set())
    assert why_locks_fail(tmp_path) == "two processes got one lock at the same time"


@pytest.mark.parametrize(
    "mounts, option",
    [
        ("srv:/d /data nfs rw,vers=3,nolock 0 0", "nolock"),
        ("srv:/d /data nfs4 rw,local_lock=all 0 0", "local_lock=all"),
        ("srv:/d /data nfs4 rw,local_lock=none 0 0", None),
        ("x /data lustre rw,localflock 0 0", "localflock"),
        ("x /data lustre rw,flock 0 0", None),
        ("srv:/d / nfs rw,nolock 0 0\n/dev/sda /data ext4 rw 0 0", None),
        ("/dev/sda / ext4 rw 0 0\nsrv:/d /data/r nfs rw,nolock 0 0", "nolock"),
        ("srv:/d /dat nfs rw,nolock 0 0", None),
        ("srv:/d /data/r\\040un nfs rw,nolock 0 0", None),
        ("nonsense\n\n", None),
    ],
)
def test_mounts_whose_locks_other_hosts_do_not_see(tmp_path, mounts, option):
    table = tmp_path / "mounts"
    table.write_text(mounts + "\n")
    assert local_option(Path("/data/r"), table) == option
    assert local_option(Path("/data/r"), tmp_path / "none") is None


def test_the_contract(tmp_path, broken):
    """Everything that a storage has to keep, but that a dead worker of another host is known at once."""

    def made():
        storage = folder_storage(tmp_path / "run")
        (tmp_path / "run/.neps").mkdir(parents=True, exist_ok=True)
        (tmp_path / "run/.neps/heartbeats").write_text("tried here")
        return storage

    with pytest.warns(neps.NePSWarning, match="heartbeats"):
        check_storage(made)


def test_a_killed_worker_is_replaced_at_once_on_its_host(root, script, wait_for):
    script.write(WORKER.format(flock=BROKEN["do nothing"]))
    victim = script.start(root, "victim", 60, 3)
    wait_for(lambda: Path(f"{root}-starts").exists())
    victim.kill()
    victim.wait()
    began = time.monotonic()
    script.run(root, "heir", 0, 3)
    assert time.monotonic() - began < 10
    trials = open_run(root).trials
    assert [t.state for t in trials.values()] == [State.SUCCESS] * 3
    assert trials["1"].metadata.starts == 2


def test_a_suspended_worker_comes_back_too_late(root, script, wait_for):
    """The first result counts, the second one is kept beside it, and nothing breaks."""
    script.write(WORKER.format(flock=BROKEN["do nothing"]))
    sleeper = script.start(root, "sleeper", 0.5, 30)
    wait_for(lambda: Path(f"{root}-starts").exists())
    sleeper.send_signal(signal.SIGSTOP)
    other = script.start(root, "other", 0.1, 30)
    wait_for(lambda: "1" in open_run(root).trials and open_run(root).trials["1"].state is State.SUCCESS)
    sleeper.send_signal(signal.SIGCONT)
    for process in (other, sleeper):
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    trials = open_run(root).trials
    assert len(trials) == 30
    assert {t.state for t in trials.values()} == {State.SUCCESS}
    first = trials["1"]
    assert first.metadata.evaluating_worker_id == "other"
    assert [report.objective_to_minimize for report in first.superseded] == [first.config["x"]]
    assert '"superseded"' in (root / "configs/config_1/metadata.json").read_text()


def test_a_lock_that_was_lost_writes_nothing(tmp_path, broken):
    locks = FileLocks(tmp_path)
    (tmp_path / "heartbeats").write_text("tried here")
    with locks.lock("journal"):
        locks.check_held("journal")
        (tmp_path / "journal.lease").unlink()
        (tmp_path / "journal.lease").write_text("somebody else's")
        with pytest.raises(StorageError, match="stood still for too long"):
            locks.check_held("journal")
        (tmp_path / "journal.lease").unlink()


def test_a_folder_that_is_gone(tmp_path, broken):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/heartbeats").write_text("tried here")
    locks = FileLocks(tmp_path / "inner")
    assert locks.use_heartbeats
    (tmp_path / "inner/heartbeats").unlink()
    (tmp_path / "inner").rmdir()
    with pytest.raises(RunGoneError), locks.lock("journal"):
        pass
