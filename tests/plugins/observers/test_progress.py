"""The observer `progress`, in terminals, notebooks, and where there is neither."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import types

import pytest

import neps
from neps_core import ObserverError

LINE = {"x": neps.Float(0, 1)}


class Screen(io.StringIO):
    """A terminal that remembers what it was given."""

    def isatty(self):
        return True


def run_line(root, n, observer="progress", function=lambda x: x, **keywords):
    keywords = {"optimizer": "random_search", "evaluations_to_spend": n, **keywords}
    return neps.run(function, LINE, root_directory=root, observers=[observer] if observer else [], **keywords)


@pytest.fixture
def screen(monkeypatch):
    made = Screen()
    # Not sys.stderr, which pytest sets anew before the test is called.
    seen = types.SimpleNamespace(stderr=made, modules=sys.modules)
    monkeypatch.setattr("neps_plugins.observers.progress.sys", seen)
    monkeypatch.setattr("neps_plugins.observers.progress.Terminal.interval", 0.0)
    return made


def test_one_line_is_written_over_itself(root, screen, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def evaluate(x):
        neps.report(0.25, step=3)
        return x

    result = run_line(root, 4, function=evaluate)
    lines = screen.getvalue().split("\r")
    assert screen.getvalue().count("\n") == 1
    assert screen.getvalue().endswith("\n")
    assert lines[1].startswith("neps:   0% [--------------------] 0 done, 4 evaluations left")
    assert any("75% [###############-----] 2 done" in line and "1 evaluations left" in line for line in lines)
    assert any("trial 1 at step 3: 0.25" in line and "1 worker" in line for line in lines)
    assert f"4 done, best {result.best.report.objective_to_minimize:.4g} (trial {result.best.id})" in lines[-1]
    assert "stopped: evaluations budget spent" in lines[-1]


def test_failures_and_fronts_are_told(root, screen):
    answers = iter([ValueError("no"), [1.0, 2.0], [2.0, 1.0]])
    run_line(root, 3, function=lambda x: next(answers), ignore_errors=True)
    assert "3 done (1 failed), 2 on the front" in screen.getvalue()


def test_what_others_spend_counts_where_the_budget_is_for_all(root, screen, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    run_line(root, 3, observer=None)
    run_line(root, None, total_evaluations_to_spend=4)
    assert " 75% [" in screen.getvalue().split("\r")[1]
    run_line(root, 2)
    assert "  0% [" in screen.getvalue().split("\n")[1].split("\r")[1]


def test_a_narrow_terminal_gets_what_matters_most(root, screen, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    run_line(root, 3)
    assert max(len(line.rstrip()) for line in screen.getvalue().split("\r")) <= 39


def test_without_a_terminal_it_is_silent_unless_asked(root, capsys):
    run_line(root, 2)
    assert capsys.readouterr() == ("", "")
    run_line(root, 2, observer=("progress", {"every": 1000}))
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(",")[0] for line in err.splitlines()] == [
        "neps:   0% [--------------------] 2 done",
        "neps: 4 done",
    ]
    assert "\r" not in err
    for every in (0, True, "1", float("nan")):
        with pytest.raises(ObserverError, match="every="):
            run_line(root, 1, observer=("progress", {"every": every}))


class Broken(Screen):
    def write(self, text):
        raise ValueError("I/O operation on closed file")


@pytest.mark.parametrize("stream", [None, Broken(), object()])
def test_a_closed_terminal_never_reaches_the_run(root, monkeypatch, caplog, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    assert len(run_line(root, 2).trials) == 2
    assert len(run_line(root, 2, observer=("progress", {"every": 0.001})).trials) == 4
    assert not caplog.records


def test_in_a_notebook_one_output_is_updated(root, monkeypatch, capsys):
    shown = []

    class Handle:
        def update(self, data, raw):
            shown[-1] = data

    def display(data, raw, display_id):
        assert display_id
        shown.append(data)
        return Handle()

    ipython, module = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython = lambda: types.SimpleNamespace(config={"IPKernelApp": {}})
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    run_line(root, 3)
    [only] = shown
    assert only["text/plain"].startswith("neps: 3 done, best")
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals on Windows")
def test_of_two_workers_in_one_terminal_one_writes_at_a_time(root, tmp_path):
    import pty

    program = tmp_path / "program.py"
    program.write_text(
        f"import time, neps\n"
        f"neps.run(lambda x: time.sleep(0.02) or x, {{'x': neps.Float(0, 1)}}, root_directory={str(root)!r},\n"
        f"         optimizer='random_search', observers=['progress'], total_evaluations_to_spend=40)\n"
    )
    master, slave = pty.openpty()
    workers = [subprocess.Popen([sys.executable, program], stderr=slave, stdout=slave) for _ in range(2)]
    os.close(slave)
    chunks = []

    def read():
        try:
            while data := os.read(master, 65536):
                chunks.append(data)
        except OSError:  # nobody has the other end any more
            pass

    reader = threading.Thread(target=read)
    reader.start()
    assert [worker.wait(60) for worker in workers] == [0, 0]
    reader.join(30)
    os.close(master)
    text = b"".join(chunks).decode()
    lines = [line for line in text.replace("\r\n", "\r").split("\r") if line]
    assert all(line.startswith("neps: ") for line in lines), text
    assert 1 <= sum("stopped:" in line for line in lines) <= 2
