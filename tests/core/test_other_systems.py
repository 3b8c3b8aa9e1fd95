"""What other systems lack, taken away here; and what they forbid, forbidden here.

None of this is Windows or macOS. It shows that no path needs what is only Linux's, and that files are used in ways that
Windows allows.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytest

import neps
from neps.testing import check_storage
from neps_core import NePSError, NePSWarning, OptimizerError, RunError, SampledConfig, TrialError, files
from neps_core.api import _made_up_id
from neps_core.interrupts import Interrupts
from neps_core.storage import open_storage
from neps_core.trials import check_id, taken_id

#: Run first in a process: what Windows doesn't have is gone. Libraries are imported before, as those are not ours.
WITHOUT_POSIX = """
    import importlib, os, pkgutil, signal, sys, types

    import filelock, numpy, scipy.stats, yaml, ConfigSpace, concurrent.futures, multiprocessing, subprocess, tempfile
    import asyncio, socketserver, http.server
    for name in ("pandas", "matplotlib.pyplot", "sqlalchemy", "fsspec", "tensorboardX", "cmaes", "starlette",
                 "uvicorn"):
        if name in sys.argv and importlib.util.find_spec(name.partition(".")[0]):
            importlib.import_module(name)

    # These libraries go on with what they were written for.
    posix = types.ModuleType("os")
    posix.__dict__.update(os.__dict__)
    for module in list(sys.modules.values()):
        if getattr(module, "os", None) is os:
            module.os = posix
    for name in ("fork", "forkpty", "register_at_fork", "pread", "pwrite", "fdatasync", "set_blocking", "getuid",
                 "geteuid",
                 "getgid", "getpgid", "setsid", "killpg", "ttyname", "statvfs", "sched_getaffinity", "uname", "mkfifo",
                 "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_DIRECTORY", "O_CLOEXEC", "O_SYNC"):
        if hasattr(os, name):
            delattr(os, name)
    for name in ("SIGKILL", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGALRM", "SIGCHLD", "pthread_kill", "pthread_sigmask"):
        if hasattr(signal, name):
            delattr(signal, name)
    multiprocessing.get_all_start_methods = lambda: ["spawn"]
    for name in ("fcntl", "resource", "pwd", "grp", "termios"):
        sys.modules[name] = None
"""


def run_without_posix(tmp_path: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(WITHOUT_POSIX) + textwrap.dedent(program))
    done = subprocess.run(
        [sys.executable, str(path), *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def test_every_module_can_be_imported_without_what_posix_has(tmp_path):
    program = """
        import neps, neps_core, neps_plugins

        n = 0
        for package in (neps, neps_core, neps_plugins):
            for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                if found.name.endswith("__main__"):
                    continue
                try:
                    importlib.import_module(found.name)
                except ImportError as error:  # an extra that isn't installed
                    assert error.name not in ("fcntl", "resource", "pwd", "grp", "termios"), (found.name, error)
                n += 1
        assert n > 200, n
    """
    extras = ["pandas", "matplotlib.pyplot", "sqlalchemy", "fsspec", "tensorboardX", "cmaes", "starlette", "uvicorn"]
    run_without_posix(tmp_path, program, *extras)


def test_a_search_without_what_posix_has(tmp_path):
    program = """
        import neps
        from neps_core.cli import main
        from neps.testing import check_storage
        from neps_core.storage import open_storage
        import warnings

        def evaluate(x):
            neps.report(x)
            return {"objective_to_minimize": x, "info_dict": {"long": [x] * 5000}}

        for _ in range(2):
            result = neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory="run", evaluations_to_spend=3)
        assert len(result.trials) == 6
        assert main(["status", "run"]) == 0
        neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory="run", evaluations_to_spend=2,
                 overwrite_root_directory=True)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            check_storage(lambda: open_storage("checked"))
        assert "forks no processes" in str(told[-1].message)
    """
    done = run_without_posix(tmp_path, program)
    assert "6" in done.stdout
    assert b"\r" not in (tmp_path / "run/.neps/journal.jsonl").read_bytes()


class TestAsOnWindows:
    """Files as Windows has them: nobody replaces or deletes one that is open, and text mode doubles newlines."""

    @pytest.fixture
    def strict(self, monkeypatch):
        if not Path("/proc/self/fd").is_dir():
            pytest.skip("asks Linux which files are open")
        binary = 1 << 40
        in_text_mode, refused = set(), []
        opened, read, write, close = os.open, os.read, os.write, os.close

        def open_(path, flags, *arguments, **keywords):
            descriptor = opened(path, flags & ~binary, *arguments, **keywords)
            (in_text_mode.discard if flags & binary else in_text_mode.add)(descriptor)
            return descriptor

        def of_bytes(call):
            def checked(descriptor, *arguments):
                assert descriptor not in in_text_mode, "newlines are changed here on Windows: open it with BINARY"
                return call(descriptor, *arguments)

            return checked

        def close_(descriptor):
            in_text_mode.discard(descriptor)
            close(descriptor)

        def closed_only(call, which):
            def checked(*paths, **keywords):
                target = os.path.realpath(os.fspath(paths[which]))
                for link in os.listdir("/proc/self/fd"):
                    try:
                        is_open = os.readlink(f"/proc/self/fd/{link}") == target
                    except OSError:
                        continue
                    if is_open:
                        refused.append(target)
                        raise PermissionError(13, "The process cannot access the file", target)
                return call(*paths, **keywords)

            return checked

        # Before anything is changed: who imports them for the first time meanwhile would keep it.
        from neps_core import trust
        from neps_plugins.storages.filesystem import journal
        from neps_plugins.tensorboard import incumbent_graph

        monkeypatch.setattr(os, "O_BINARY", binary, raising=False)
        monkeypatch.setattr(files, "BINARY", binary)
        for module in (trust, journal, incumbent_graph):
            monkeypatch.setattr(module, "BINARY", binary)
        monkeypatch.setattr(journal, "KEEPS_OPEN", False)
        monkeypatch.delattr(os, "pread")
        monkeypatch.setattr(os, "open", open_)
        monkeypatch.setattr(os, "close", close_)
        monkeypatch.setattr(os, "read", of_bytes(read))
        monkeypatch.setattr(os, "write", of_bytes(write))
        monkeypatch.setattr(os, "replace", closed_only(os.replace, 1))
        monkeypatch.setattr(os, "unlink", closed_only(os.unlink, 0))
        return refused

    def test_a_run(self, root, strict):
        def evaluate(x):
            neps.report(x)
            return {"objective_to_minimize": x, "info_dict": {"long": [x] * 5000, "text": "a\nb\r\nc"}}

        space = {"x": neps.Float(0, 1)}
        for _ in range(2):
            neps.run(evaluate, space, root_directory=root, evaluations_to_spend=2)
        neps.clean(root, ["1"])
        neps.run(evaluate, space, root_directory=root, evaluations_to_spend=1, overwrite_root_directory=True)
        neps.status(root, print_summary=False)
        assert strict == []

    def test_a_journal_that_is_made_again(self, root, strict):
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=2)
        journal = open_storage(root).journal
        events, _ = journal.read(0)  # so that it is open
        with open_storage(root).locks.lock("journal"):
            journal.rewrite([events])
        assert journal.read(0)[0] == events
        assert strict == []


def test_a_file_that_somebody_has_open_is_replaced_once_it_is_closed(tmp_path, monkeypatch):
    tries, replace = [], os.replace

    def busy(source, target):
        tries.append(target)
        if len(tries) < 3:
            raise PermissionError(13, "The process cannot access the file")
        replace(source, target)

    windows = types.SimpleNamespace(name="nt", replace=busy)
    monkeypatch.setattr(files, "PAUSE", 0)
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(files, "os", windows)
    files.replace(tmp_path / "a", tmp_path / "b")
    assert len(tries) == 3 and (tmp_path / "b").read_text() == "a"
    windows.name = "posix"
    tries.clear()
    with pytest.raises(PermissionError):  # there, it is a matter of rights, and waiting doesn't help
        files.replace(tmp_path / "b", tmp_path / "a")
    assert len(tries) == 1


def test_macos_is_asked_to_empty_the_disks_cache(tmp_path, monkeypatch):
    asked = []
    fake = types.ModuleType("fcntl")
    fake.fcntl = lambda descriptor, what: asked.append((descriptor, what))
    monkeypatch.setitem(sys.modules, "fcntl", fake)
    monkeypatch.setattr(sys, "platform", "darwin")
    files.sync(7)
    assert asked == [(7, 51)]  # F_FULLFSYNC

    def refuse(*_):
        raise OSError(45, "Operation not supported")

    fake.fcntl = refuse
    with open(tmp_path / "file", "wb") as file:
        files.sync(file.fileno())  # fsync, then
    with pytest.raises(OSError):
        files.sync(file.fileno() if not file.closed else 10**6)


def test_a_part_of_a_file_is_read_without_pread(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "pread", raising=False)
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert files.read_at(descriptor, 3, 4) == b"456"
        assert files.read_at(descriptor, 9, 8) == b"89"
        assert files.read_at(descriptor, 9, 20) == b""
    finally:
        os.close(descriptor)


def test_signals_are_not_watched_where_pipes_can_not_be(monkeypatch):
    from neps_core import interrupts

    monkeypatch.setattr(interrupts, "os", types.SimpleNamespace(name="nt", getpid=os.getpid))
    before = signal.getsignal(signal.SIGINT)
    with Interrupts().installed(leave=lambda _: None):
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


class TestNames:
    @pytest.mark.parametrize("name", ["CON", "nul", "Aux.1", "com1", "LPT9.x"])
    def test_what_windows_keeps_for_devices(self, name, root):
        with pytest.raises(RunError, match=f"worker_id: '{name}' can't be used, as Windows keeps this name"):
            neps.run(lambda x: x, {"x": (0.0, 1.0)}, root_directory=root, evaluations_to_spend=1, worker_id=name)

    @pytest.mark.parametrize(
        "name", ["a:b", "a*", "a?", "a<b", "a|b", 'a"b', "a/b", "a\\b", "a.", ".", "..", "", "ü", "a b"]
    )
    def test_what_is_no_name_of_a_file_everywhere(self, name):
        with pytest.raises(NePSError, match="no '.' first or last"):
            check_id("id", name, NePSError)

    @pytest.mark.parametrize("name", ["console", "com", "com12", "nulls", "1", "1_rung_0", "a.b", "my-host-12-ab"])
    def test_what_is_one(self, name):
        assert check_id("id", name, NePSError) == name

    def test_ids_that_differ_in_case_only(self, root):
        assert taken_id("B", ["a", "b"]) == "b"
        assert taken_id("b", ["B", "b"]) == "b"
        assert taken_id("1_rung_0", ["1_rung_1"]) is None

        class Optimizer:
            def __init__(self, space):
                pass

            def __call__(self, trials, budget_info=None, n=None):
                return SampledConfig({"x": 0.5}, "A" if trials else "a")

        with pytest.raises(OptimizerError, match="proposed the id 'A', and 'a' exists, which differs in case only"):
            neps.run(lambda x: x, {"x": (0.0, 1.0)}, root_directory=root, evaluations_to_spend=2, optimizer=Optimizer)

    def test_ids_that_differ_in_case_only_from_hand(self):
        asked = neps.AskAndTell(neps.algorithms.random_search({"x": (0.0, 1.0)}))
        asked.tell_custom(config_id="a", config={"x": 0.5}, result=0.5)
        with pytest.raises(TrialError, match="there is a trial 'a' already; .*'A', which differs in case only"):
            asked.tell_custom(config_id="A", config={"x": 0.5}, result=0.5)

    def test_a_host_that_is_called_oddly(self, monkeypatch):
        monkeypatch.setattr("socket.gethostname", lambda: "Jürgens Büro: 東京")
        assert check_id("worker_id", _made_up_id(), NePSError).startswith("J-rgens-B-ro")


def test_the_check_of_storages_says_what_it_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    with pytest.warns(NePSWarning, match="forks no processes"):
        check_storage(lambda: open_storage(tmp_path / "run"))


def test_text_has_an_encoding():
    """Windows takes another one than UTF-8, where none is named."""
    command = ["ruff", "check", "--isolated", "--preview", "--select", "PLW1514", "neps", "neps_core", "neps_plugins"]
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=Path(neps.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
