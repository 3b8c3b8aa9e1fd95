"""Folders that somebody else wrote, and objects that misbehave."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

import neps
from neps_core import OptimizerError, ResultError, SpaceError
from neps_core import events as ev
from neps_core.cli import main
from neps_core.files import write_atomically
from neps_core.run import open_run
from neps_core.trials import Report, State

SPACE = {"x": neps.Float(0, 1)}


def small_run(root, **keywords):
    return neps.run(
        lambda x: x, SPACE, root_directory=root, evaluations_to_spend=1, optimizer="random_search", **keywords
    )


class TestFolders:
    @pytest.mark.parametrize(
        "path, args",
        [
            ("os:system", ["touch {owned}"]),
            ("neps_core.worker:os.system", ["touch {owned}"]),
            ("numpy:f2py.os.system", ["touch {owned}"]),
            ("yaml:unsafe_load", ["!!python/object/apply:os.system ['touch {owned}']"]),
            ("neps_core.user_function:load_function", ["{evil}:x"]),
        ],
    )
    def test_a_space_that_would_run_something(self, root, tmp_path, path, args, rewrite_events):
        owned, evil = tmp_path / "owned", tmp_path / "evil.py"
        evil.write_text(f"open({str(owned)!r}, 'w')")
        small_run(root)
        operation = {
            "type": "Operation",
            "operator": {"type": "Import", "path": path},
            "args": [a.format(owned=owned, evil=evil) for a in args],
        }

        def change(events):
            for event in events:
                if event["event"] == "spacerecorded":
                    event["document"]["attributes"] = {"a": operation}
                if event["event"] == "sampled":
                    event["config"] = {}

        rewrite_events(root, change)
        (root / "configs/config_1/config.yaml").write_text("{}")
        for use in (
            lambda: neps.load_config(root, config_id="1"),
            lambda: neps.create_config(root_directory=root),
            lambda: neps.load_pipeline_space(root).sample(),
            lambda: neps.run(lambda a: 1.0, root_directory=root, evaluations_to_spend=1),
        ):
            with pytest.raises(SpaceError):
                use()
        main(["status", str(root)])
        neps.load_trials(root)
        assert not owned.exists()

    def test_ids_that_lead_elsewhere(self, root, tmp_path, rewrite_events):
        victim = tmp_path / "victim"
        victim.mkdir()
        (victim / "thesis.tex").write_text("important")
        small_run(root)
        trial_id = "1/../../../victim"

        def change(events):
            events.append({"event": "sampled", "id": trial_id, "config": {"x": 0.5}, "time": 1.0})
            report = {"err": "e", "reported_as": "failed"}
            events.append({"event": "finished", "id": trial_id, "time": 1.0, "state": "failed", "report": report})
            events.append({"event": "started", "id": "1", "time": 1.0, "worker": "../../x"})

        rewrite_events(root, change)
        with pytest.warns(neps.NePSWarning, match="damaged"):
            small_run(root)
        with pytest.warns(neps.NePSWarning, match="damaged"):
            main(["clean", str(root)])
        assert [p.name for p in victim.iterdir()] == ["thesis.tex"]

    @pytest.mark.parametrize("name", ["optimizer_info.yaml", "optimizer_state.pkl", "pipeline_space.yaml"])
    @pytest.mark.parametrize("content", [b"[" * 100_000, b"2020-01-01", b"\x80\x04}.", b"\xff\xfe"])
    def test_files_at_the_top_that_hold_anything(self, root, name, content):
        small_run(root)
        (root / name).write_bytes(content)
        with pytest.raises(neps.NePSError, match=f"{name} was changed"):
            neps.load_optimizer_info(root)
        (root / name).unlink()
        assert len(small_run(root).trials) == 2

    def test_an_optimizers_keyword_imports_nothing(self, root, tmp_path, monkeypatch, rewrite_events):
        small_run(root)

        def change(events):
            for event in events:
                if event["event"] == "optimizerrecorded":
                    event["info"]["use_priors"] = {"type": "Import", "path": "antigravity:fly"}

        rewrite_events(root, change)
        with pytest.raises(OptimizerError, match="antigravity:fly"):
            neps.run(lambda x: x, root_directory=root, evaluations_to_spend=1)
        assert "antigravity" not in sys.modules

    def test_overwriting_through_a_symbolic_link(self, root, tmp_path):
        small_run(root)
        link = tmp_path / "link"
        link.symlink_to(root)
        assert len(small_run(link, overwrite_root_directory=True).trials) == 1


class Shy:
    def __repr__(self):
        raise RuntimeError("no")


class ShyError(Exception):
    def __str__(self):
        raise RuntimeError("no")


class Meta:
    shape = ()

    def item(self):
        raise RuntimeError("a tensor without a value")


def cyclic():
    made: dict = {}
    made["a"] = made
    return made


class TestResults:
    @pytest.mark.parametrize(
        "extra",
        [
            cyclic(),
            {"m": MagicMock()},
            {"s": Shy()},
            {"n": 10**5000},
            {"p": "\udcff"},
            {"\udcff": 1},
            {"f": float("nan")},
        ],
        ids=["cyclic", "mock", "shy", "huge", "surrogate", "surrogate key", "nan"],
    )
    def test_what_comes_along_never_costs_a_result(self, root, extra):
        result = neps.run(
            lambda x: {"objective_to_minimize": x, "extra": extra}, SPACE, root_directory=root, evaluations_to_spend=2
        )
        assert [t.state for t in result.trials.values()] == [State.SUCCESS] * 2
        assert len(small_run(root).trials) == 3

    @pytest.mark.parametrize("value", [Shy(), Meta(), 10**5000, "\udcff"], ids=["shy", "meta", "huge", "surrogate"])
    def test_an_objective_that_is_none_is_a_result_error(self, root, value):
        with pytest.raises(ResultError):
            neps.run(lambda x: value, SPACE, root_directory=root, evaluations_to_spend=2)
        assert [t.state for t in open_run(root).trials.values()] == [State.FAILED]
        assert len(small_run(root).trials) == 2

    @pytest.mark.parametrize("error", [ShyError(), OSError("no such file: data\udce9.csv")], ids=["shy", "surrogate"])
    def test_errors_that_can_not_be_shown(self, root, error):
        def fails(x):
            raise error

        result = neps.run(fails, SPACE, root_directory=root, evaluations_to_spend=2, ignore_errors=True)
        assert [t.state for t in result.trials.values()] == [State.FAILED] * 2
        assert len(small_run(root).trials) == 3

    def test_an_error_does_not_settle_the_number_of_objectives(self, root):
        calls = [0]

        def evaluate(x):
            calls[0] += 1
            if calls[0] == 1:
                raise RuntimeError("first")
            return [x, 1 - x]

        run = {"root_directory": root, "evaluations_to_spend": 3, "objective_value_on_error": 100.0}
        result = neps.run(evaluate, SPACE, **run, optimizer="random_search")
        objectives = [t.report.objective_to_minimize for t in result.trials.values()]
        assert objectives[0] == [100.0, 100.0] and all(len(o) == 2 for o in objectives[1:])


def test_constants_keep_their_types(root):
    seen = []
    space = {
        "p": Path("/tmp"),
        "k": np.float32(0.1),
        "x": neps.Float(0, 1),
        "c": neps.Categorical([Path("/a"), Path("/b")]),
    }

    def evaluate(p, k, x, c):
        seen.append((type(p), type(k), k, isinstance(c, Path)))
        return x

    neps.run(evaluate, space, root_directory=root, evaluations_to_spend=1)
    neps.run(evaluate, root_directory=root, evaluations_to_spend=1)
    assert seen[0] == seen[1] == (type(Path("/tmp")), np.float32, np.float32(0.1), True)


def test_short_writes_are_errors(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")
    write, room = os.write, [3]

    def full(descriptor, data):
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: room.pop()])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new content")
    assert path.read_text() == "old"


def test_an_asynchronous_result_that_is_quicker_than_its_function(root):
    import threading

    def evaluate(x, pipeline_id, root_directory):
        threading.Timer(0.001, neps.save_pipeline_results, (x, pipeline_id, root_directory)).start()

    neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=60)
    for trial in open_run(root).trials.values():
        if trial.state is State.SUCCESS:
            metadata = json.loads((root / trial.metadata.location / "metadata.json").read_text())
            assert metadata["state"] == "success"


def test_signals_end_a_worker_that_waits_for_anothers_optimizer(root, script, wait_for):
    script.write(
        """
        import sys, time, neps, neps_core
        class Slow:
            def __init__(self, space): pass
            def __call__(self, trials, budget_info, n=None):
                open("thinking", "w").close()
                time.sleep(60)
        class Observer:
            @staticmethod
            @neps_core.hookimpl
            def neps_run_started(run):
                open("joined-" + run.worker_id, "w").close()
        neps.plugins.register(Observer, "observer")
        neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], worker_id=sys.argv[2],
                 optimizer=Slow, evaluations_to_spend=1)
        """
    )
    script.start(root, "first")
    wait_for((script.folder / "thinking").exists)
    second = script.start(root, "second")
    wait_for((script.folder / "joined-second").exists)
    time.sleep(0.1)
    second.terminate()
    second.communicate(timeout=20)
    assert second.returncode == 143


def test_a_terminal_that_can_not_show_everything(root):
    neps.run(lambda c: 1.0, {"c": neps.Categorical(["größe", "ß"])}, root_directory=root, evaluations_to_spend=1)
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code = f"import neps; print(ascii(neps.load_config({str(root)!r}, config_id='1')))"
    for command in (["-m", "neps.status", str(root)], ["-c", code]):
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_budgets_that_do_not_add_up_exactly(root):
    result = neps.run(lambda x: {"objective_to_minimize": x, "cost": 0.1}, SPACE, root_directory=root, cost_to_spend=1)
    assert len(result.trials) == 10


def test_a_worker_of_another_user_is_not_taken_for_dead(root, monkeypatch):
    small_run(root)
    locks = open_run(root).locks
    (root / ".neps/workers/theirs.lock").touch()

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    assert locks.is_alive("theirs")


@pytest.mark.parametrize(
    "parameter", [neps.Categorical([float("nan"), 1]), neps.Integer(0, 10**400), neps.Float(0, 10**400)]
)
def test_values_that_nothing_can_be_done_with(parameter):
    with pytest.raises(SpaceError, match="^x: "):
        from neps_core import parse_space

        parse_space({"x": parameter})


def test_events_of_hostile_ids_are_damaged():
    plain = {**ev.to_plain(ev.Sampled("ok", {}, 1.0, "w")), "id": "../up"}
    with pytest.raises(ValueError, match="no event"):
        ev.from_plain(plain)


@pytest.mark.parametrize(
    "point",
    [
        ["1", 0.5],
        [True, 0.5],
        [1, "0.5"],
        [1, []],
        [1, 0.5, "2"],
        [1, 0.5, 2, []],
        [1, 0.5, 2, {}, 3],
        [1],
    ],
)
def test_reported_points_of_other_kinds_are_damaged(point):
    good = ev.to_plain(ev.Reported("1", "w", [[1, 0.5], [2, [0.5, 1], 3.0, {"a": 1}]]))
    assert ev.from_plain(good).points == good["points"]
    with pytest.raises(ValueError, match="no event"):
        ev.from_plain({**good, "points": [point]})


@pytest.mark.parametrize(
    ("name", "value"), [("err", 7), ("tb", ["line"]), ("cost", "much"), ("extra", []), ("learning_curve", 1.0)]
)
def test_results_of_other_kinds_are_damaged(name, value):
    good = ev.to_plain(ev.Finished("1", 1.0, State.FAILED, Report(err="Oops: x", tb="Traceback", cost=1.0)))
    ev.from_plain(good)
    with pytest.raises(ValueError, match="no event"):
        ev.from_plain({**good, "report": {**good["report"], name: value}})
