"""The seams of a run: claims, observers, views, looking without changing, hooks on their own."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import neps
from neps.testing import simulate
from neps_core import (
    BudgetSpec,
    NePSWarning,
    ObserverError,
    ObserverSpec,
    PluginError,
    RunError,
    RunGoneError,
    SpaceError,
    StorageError,
    TrialError,
    filtered,
    hookimpl,
    scalarised,
)
from neps_core import events as ev
from neps_core.budgets import Ledger
from neps_core.cleaning import clean
from neps_core.optimizers.asking import Chosen
from neps_core.run import open_run
from neps_core.run_status import status_of
from neps_core.trial_log import TrialLog
from neps_core.trials import Report, State
from neps_plugins.toolkit import by_end

SPACE = {"x": neps.Float(0, 1)}


def search(root, n=3, **keywords):
    return neps.run(
        lambda x: x, SPACE, root_directory=root, evaluations_to_spend=n, **{"optimizer": "random_search", **keywords}
    )


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file and folder below one, with the time of its last change."""
    return {
        str(p.relative_to(root)): (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"")
        for p in sorted(root.rglob("*"))
    }


# ---------------------------------------------------------------------- ask and tell in a folder


class TestSharedLoop:
    def test_it_is_a_run_that_is_gone_on_with(self, root):
        with neps.AskAndTell(neps.algorithms.random_search(SPACE), seed=3, root_directory=root) as loop:
            for _ in range(3):
                trial = loop.ask()
                loop.tell(trial, trial.config["x"])
        assert neps.load_optimizer_info(root)["name"] == "random_search"
        proposed = [t.config["x"] for t in open_run(root).trials.values()]
        memory = neps.AskAndTell(neps.algorithms.random_search(SPACE), seed=3)
        assert proposed == [memory.ask().config["x"] for _ in range(3)]
        assert len(search(root, 2, optimizer="auto").trials) == 5
        with neps.AskAndTell("auto", root_directory=root) as loop:
            assert loop.ask().id == "6"

    def test_closing_gives_back_what_was_not_told(self, root):
        loop = neps.AskAndTell("random_search", root_directory=root, pipeline_space=SPACE)
        one, two = loop.ask(2)
        assert open_run(root).locks.living_workers()
        loop.tell(one, 0.5)
        loop.close()
        loop.close()
        trials = open_run(root).trials
        assert [t.state for t in trials.values()] == [State.SUCCESS, State.PENDING]
        assert trials[two.id].metadata.starts == 0
        assert not open_run(root).locks.living_workers()

    def test_a_loop_and_two_workers_one_killed_in_between(self, root, script, wait_for, events_of):
        """Each trial has one result, what the dead left is done by others, and a late result counts once."""
        loop = neps.AskAndTell("random_search", seed=1, root_directory=root, pipeline_space=SPACE)
        script.write(
            """
            import sys, time, neps
            def evaluate(x):
                time.sleep(0.05 if sys.argv[2] == "works" else 60)
                return x
            neps.run(evaluate, root_directory=sys.argv[1], worker_id=sys.argv[2], total_evaluations_to_spend=20)
            """
        )
        stuck = script.start(root, "stuck")
        wait_for(lambda: open_run(root).log.evaluating)
        stuck.kill()
        stuck.wait()
        works = script.start(root, "works")
        told = []
        for _ in range(3):
            trial = loop.ask()
            loop.tell(trial, trial.config["x"])
            told.append(trial.id)
        _, err = works.communicate(timeout=60)
        assert works.returncode == 0, err
        run = open_run(root)
        assert len(run.trials) == 20
        assert {t.state for t in run.trials.values()} == {State.SUCCESS}
        assert all(run.trials[i].metadata.evaluating_worker_id.startswith("ask-and-tell") for i in told)
        assert run.trials["1"].metadata.starts == 2 and run.trials["1"].metadata.evaluating_worker_id != "stuck"
        finished = [event["id"] for event in events_of(root) if event["event"] == "finished"]
        assert len(finished) == len(set(finished)) == 20
        loop.close()

    def test_a_loop_that_is_killed_leaves_its_trial_to_others(self, root, script, wait_for):
        script.write(
            """
            import sys, time, neps
            loop = neps.AskAndTell("random_search", root_directory=sys.argv[1], pipeline_space={"x": neps.Float(0, 1)})
            loop.tell(loop.ask(), 1.0)
            loop.ask()
            print("asked", flush=True)
            time.sleep(60)
            """
        )
        process = script.start(root)
        assert process.stdout.readline() == "asked\n"
        assert [t.state for t in open_run(root).trials.values()] == [State.SUCCESS, State.EVALUATING]
        process.send_signal(signal.SIGKILL)
        process.wait()
        with neps.AskAndTell("auto", root_directory=root) as loop:
            assert loop.ask().id == "2"
            assert loop.ask().id == "3"

    def test_a_result_that_is_told_to_a_later_process(self, root):
        neps.AskAndTell("random_search", root_directory=root, pipeline_space=SPACE).ask()  # and forgotten
        with neps.AskAndTell("auto", root_directory=root) as loop:
            assert loop.tell("1", 0.25).report.objective_to_minimize == 0.25
            with pytest.raises(TrialError, match="has a result already"):
                loop.tell("1", 0.5)

    def test_a_loop_in_memory_writes_nothing(self, monkeypatch):
        made: list[str] = []
        monkeypatch.setattr("tempfile.mkdtemp", lambda **_: made.append("a folder") or "/nowhere")
        loop = neps.AskAndTell(neps.algorithms.random_search(SPACE))
        loop.tell(loop.ask(), 0.5)
        loop.close()
        assert (len(loop.trials), made) == (1, [])

    def test_closing_when_nothing_can_be_stored(self, root, monkeypatch):
        from neps_plugins.storages.filesystem import FileJournal

        loop = neps.AskAndTell("random_search", root_directory=root, pipeline_space=SPACE)
        loop.ask()

        def full(*_, **__):
            raise StorageError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(FileJournal, "append", full)
            with pytest.raises(StorageError, match="full"):
                loop.close()
        assert not open_run(root).locks.living_workers()
        with neps.AskAndTell("auto", root_directory=root) as other:
            assert other.ask().id == "1"

    def test_a_new_run_needs_a_space(self, root):
        class Middle:
            def __call__(self, trials, budget_info, n=None):
                return neps.SampledConfig({"x": 0.5})

        with pytest.raises(RunError, match="pipeline_space"):
            neps.AskAndTell(Middle(), root_directory=root)
        with pytest.raises(RunError, match="pipeline_space"):
            neps.AskAndTell("random_search", root_directory=root)
        with neps.AskAndTell(Middle(), root_directory=root, pipeline_space=SPACE) as loop:
            assert loop.ask().config == {"x": 0.5}
        with pytest.raises(RunError, match="differs"):
            neps.AskAndTell(neps.algorithms.random_search({"y": neps.Float(0, 1)}), root_directory=root)

    @pytest.mark.parametrize("config_id", ["a b", "../evil", ""])
    def test_an_id_that_is_no_name(self, root, config_id):
        with neps.AskAndTell("random_search", root_directory=root, pipeline_space=SPACE) as loop:
            with pytest.raises(neps.NePSError, match="can't be used"):
                loop.tell_custom(config_id=config_id, config={"x": 0.5}, result=0.1)
            assert not loop.trials and not open_run(root).trials

    @pytest.mark.parametrize("config", [{"x": 99.0}, {"nope": 1}, {}])
    def test_a_configuration_that_is_none_of_the_space(self, root, config):
        with neps.AskAndTell("random_search", root_directory=root, pipeline_space=SPACE) as loop:
            with pytest.raises(neps.NePSError):
                loop.tell_custom(config_id="7", config=config, result=0.1)
            assert not loop.trials

    @pytest.mark.parametrize("seed", ["x", 1.5, -1, True])
    def test_a_seed_that_is_none(self, root, seed):
        for keywords in ({}, {"root_directory": root}):
            with pytest.raises(RunError, match="seed must be a whole number"):
                neps.AskAndTell(neps.algorithms.random_search(SPACE), seed=seed, **keywords)

    def test_a_seed_of_numpys(self, root):
        with neps.AskAndTell(neps.algorithms.random_search(SPACE), seed=np.int64(3), root_directory=root) as loop:
            loop.ask()
        assert open_run(root).log.seed == 3

    def test_closed_is_closed(self, root):
        loop = neps.AskAndTell("random_search", root_directory=root, pipeline_space=SPACE)
        trial = loop.ask()
        loop.close()
        for call in (loop.ask, lambda: loop.tell(trial, 1.0)):
            with pytest.raises(RunError, match="closed"):
                call()


# ---------------------------------------------------------------------- observers


class Recorder:
    def __init__(self):
        self.told = []

    def neps_run_started(self, run, budgets):
        self.told.append(("run started", dict(budgets.limits)))

    def neps_trial_started(self, trial):
        self.told.append(("started", trial.id, trial.state.value))

    def neps_trial_reported(self, run, trial, step):
        self.told.append(("reported", trial.id, step, trial.points[-1].objective))

    def neps_trial_finished(self, run, trial):
        assert run.trials[trial.id] is trial
        self.told.append(("finished", trial.id, trial.state.value))

    def neps_run_finished(self, result):
        self.told.append(("run finished", len(result.trials)))


class TestObservers:
    def test_an_object_is_told_of_everything_once(self, root):
        recorder = Recorder()

        def train(x):
            neps.report(2.0, step=7)
            return x

        neps.run(
            train, SPACE, root_directory=root, evaluations_to_spend=1, observers=[recorder], optimizer="random_search"
        )
        assert recorder.told == [
            ("run started", {"evaluations": 1}),
            ("started", "1", "evaluating"),
            ("reported", "1", 7, 2.0),
            ("finished", "1", "success"),
            ("run finished", 1),
        ]
        assert not (root / "summary").exists()

    def test_a_trial_that_was_given_up(self, root, script):
        script.write(
            """
            import os, signal, sys, neps
            neps.run(lambda x: os.kill(os.getpid(), signal.SIGKILL), {"x": neps.Float(0, 1)},
                     root_directory=sys.argv[1], evaluations_to_spend=9, optimizer="random_search")
            """
        )
        for _ in range(3):
            script.run(root, code=-9)
        recorder = Recorder()
        search(root, 1, observers=[recorder, "summary"])
        assert [t for t in recorder.told if t[0] == "finished"] == [
            ("finished", "1", "crashed"),
            ("finished", "2", "success"),
        ]
        assert "num_crashed,1" in (root / "summary/short.csv").read_text()

    def test_what_no_worker_causes(self, root):
        """Imported, asynchronous and removed: by whoever causes it, to its observers."""
        told = []
        plugin = SimpleNamespace(
            neps_trial_finished=hookimpl(lambda trial: told.append(("finished", trial.id))),
            neps_trial_removed=hookimpl(lambda run, trial: told.append(("removed", trial.id, trial.id in run.trials))),
            neps_run_finished=hookimpl(lambda result: told.append(("over", len(result.trials)))),
        )
        neps.plugins.register(plugin, "recorder")
        try:
            neps.import_trials([({"x": 0.5}, 1.0), ({"x": 0.6}, 2.0)], root, SPACE)
            neps.run(lambda x: None, root_directory=root, evaluations_to_spend=1)
            neps.save_pipeline_results(3.0, "3", root)
            clean(root, ["1"])
        finally:
            neps.plugins.unregister(plugin)
        assert told == [
            ("finished", "1"),
            ("finished", "2"),
            ("over", 2),
            ("over", 3),
            ("finished", "3"),
            ("over", 3),
            ("removed", "1", False),
            ("over", 2),
        ]
        table = (root / "summary/full.csv").read_text()
        assert [line.partition(",")[0] for line in table.splitlines()] == ["id", "2", "3"]

    def test_a_late_result_of_a_second_one_is_not_told(self, root):
        search(root, 1)
        recorder = Recorder()
        from neps_core.observers import Observers
        from neps_core.run import Run
        from neps_core.storage import open_storage

        run = Run(open_storage(root), Observers([recorder]))
        run.refresh()
        run.record(ev.Finished("1", 5.0, State.SUCCESS, Report(-1.0)))
        assert recorder.told == []
        assert run.trials["1"].report.objective_to_minimize != -1.0

    def test_no_lock_is_held_when_they_are_told(self, root):
        class Looks:
            def neps_trial_started(self, run, trial):
                code = "import sys, neps; print(len(neps.import_trials([({'x': 0.1}, 1.0)], sys.argv[1])))"
                done = subprocess.run(
                    [sys.executable, "-c", code, str(root)], capture_output=True, text=True, timeout=30, check=False
                )
                assert done.stdout == "1\n", done.stderr
                looked.append(trial.id)

        looked: list[str] = []
        assert len(search(root, 1, observers=[Looks()]).trials) == 2
        assert looked == ["1"]

    def test_an_observer_may_wait_for_a_thread_that_uses_the_run(self, root):
        class Waits:
            def neps_trial_finished(self, run, trial):
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(run.refresh).result(timeout=20)
                    pool.submit(run.record, ev.Deleted("99")).result(timeout=20)
                waited.append(trial.id)

        waited: list[str] = []
        search(root, 2, observers=[Waits()])
        assert waited == ["1", "2"]

    def test_what_an_observer_records_is_told_after_what_it_was_told(self, root):
        class Imports:
            def neps_trial_started(self, run, trial):
                if trial.id == "1":
                    run.record(ev.Sampled("50", {"x": 0.5}), ev.Finished("50", 1.0, State.SUCCESS, Report(1.0)))

        recorder = Recorder()
        search(root, 1, observers=[Imports(), recorder])
        assert [(t[0], t[1]) for t in recorder.told if t[0] in ("started", "finished")] == [
            ("started", "1"),
            ("finished", "50"),
            ("finished", "1"),
        ]

    def test_the_end_comes_last_whoever_is_telling(self, root):
        recorder, told = Recorder(), threading.Event()

        class Slow:
            def neps_trial_started(self, run, trial):
                if trial.id != "1":
                    return
                extra = [ev.Sampled("50", {"x": 0.5}), ev.Finished("50", 1.0, State.SUCCESS, Report(1.0))]
                thread.append(threading.Thread(target=run.record, args=extra))

            def neps_trial_finished(self, trial):
                if trial.id == "50":
                    told.set()
                    time.sleep(0.3)

        def evaluate(x):
            thread[0].start()
            assert told.wait(20)
            return x

        thread: list[threading.Thread] = []
        neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=1, observers=[Slow(), recorder])
        assert [t[:2] for t in recorder.told][1:] == [
            ("started", "1"),
            ("finished", "50"),
            ("finished", "1"),
            ("run finished", 2),
        ]

    def test_a_loop_tells_everything_before_it_is_closed(self, root):
        told: list[str] = []

        def finished(trial):
            time.sleep(0.2)
            told.append(trial.id)

        plugin = SimpleNamespace(neps_trial_finished=hookimpl(finished))
        neps.plugins.register(plugin, "slow")
        try:
            with neps.AskAndTell("random_search", root_directory=root, pipeline_space=SPACE) as loop:
                trials = loop.ask(3)
                threading.Thread(target=loop.tell, args=(trials[0], 0.1)).start()
                time.sleep(0.1)
                loop.tell(trials[1], 0.2)
                loop.tell(trials[2], 0.3)
        finally:
            neps.plugins.unregister(plugin)
        assert told == ["1", "2", "3"]

    def test_a_single_object(self, root):
        recorder = Recorder()
        search(root, 1, observers=recorder)
        assert recorder.told[0][0] == "run started"

    def test_two_of_a_kind_that_raise_are_both_logged(self, root, caplog):
        class Luckless:
            def neps_trial_started(self, **anything):
                raise ZeroDivisionError(len(anything))

        search(root, 2, observers=[Luckless(), Luckless()])
        assert caplog.text.count("ZeroDivisionError(2)") == 2
        assert "'Luckless' (observers[0])" in caplog.text and "'Luckless' (observers[1])" in caplog.text

    def test_chosen_by_name_with_keywords(self, root):
        told = []

        def make(greeting="hello"):
            return SimpleNamespace(neps_run_started=lambda run: told.append(greeting))

        plugin = SimpleNamespace(neps_observers=hookimpl(lambda: [ObserverSpec("greeter", make)]))
        neps.plugins.register(plugin)
        try:
            search(root, 1, observers=["greeter", ("greeter", {"greeting": "hi"}), {"name": "greeter"}])
            search(root, 1, observers="greeter")
            with pytest.raises(ObserverError, match="'greting'.*'greeting'"):
                search(root, 1, observers=[("greeter", {"greting": "hi"})])
        finally:
            neps.plugins.unregister(plugin)
        assert told == ["hello", "hi", "hello", "hello"]

    @pytest.mark.parametrize(
        ("observers", "message"),
        [
            ([SimpleNamespace(neps_trial_finished=lambda outcome: None)], "wants 'outcome', and is told run, trial"),
            (["sumary"], "'sumary'.*'summary'"),
            (None, "must be a list"),
            (5, "must be a list"),
            ({"name": "sumary"}, "'sumary'.*'summary'"),
            ([object()], "none of the methods"),
            ([Recorder], "is a class"),
            (
                [SimpleNamespace(neps_trial_finish=print)],
                "neps_trial_finish, which is never called",
            ),
        ],
    )
    def test_what_cannot_be_meant(self, root, observers, message):
        with pytest.raises(ObserverError, match=message):
            search(root, 1, observers=observers)
        assert not root.exists()


# ---------------------------------------------------------------------- views


def log_of(*objectives):
    log = TrialLog()
    for i, objective in enumerate(objectives):
        log.fold([ev.Sampled(str(i), {"x": i}, 1.0), ev.Started(str(i), 1.0, "w")])
        log.fold([ev.Finished(str(i), 2.0, State.SUCCESS, Report(objective))])
    return log


class TestViews:
    def test_filtered(self):
        log = log_of(3.0, 1.0)
        view = filtered(log.trials, lambda trial: trial.config["x"] != 1)
        assert list(view) == ["0"] and view["0"] is log.trials["0"]
        position = len(view.changes)
        log.fold([ev.Sampled("5", {"x": 5}, 1.0), ev.Sampled("6", {"x": 1}, 1.0)])
        assert list(view.changes[position:]) == ["5"]
        assert "6" not in view and view.get("6") is None and len(view) == 2
        log.fold([ev.Deleted("0"), ev.Deleted("1")])
        assert view.deletions == 2 and list(view) == ["5"]  # whoever follows begins anew
        assert view.changes[-1] == "0"

    def test_what_leaves_the_view_counts_as_removed(self):
        log = log_of()
        log.fold([ev.Sampled("1", {}, 1.0)])
        view = filtered(log.trials, lambda trial: trial.state is State.PENDING)
        assert (len(view), view.deletions) == (1, 0)
        log.fold([ev.Started("1", 1.0, "w")])
        assert (len(view), view.deletions) == (0, 1)

    def test_an_id_that_is_used_again_before_anybody_looks(self):
        log = log_of(3.0)
        view = filtered(log.trials, lambda trial: True)
        before = (len(view), view.deletions)
        log.fold([ev.Deleted("0"), ev.Sampled("0", {"x": 9}, 1.0)])
        assert (len(view), view.deletions) != before and view["0"].config == {"x": 9}

    def test_scalarised_serves_an_optimizer_for_one_objective(self):
        log = log_of([3.0, 1.0], [1.0, 1.0])
        log.fold([ev.Sampled("9", {"x": 0.5}, 1.0)])
        view = scalarised(log.trials, sum)
        assert [trial.objectives for trial in view.values()] == [(4.0,), (2.0,), None]
        space = {"x": neps.Float(0, 10)}
        fresh = neps.algorithms.bayesian_optimization(space)
        assert len(fresh(view, neps.BudgetInfo(), 2, np.random.default_rng(0))) == 2

    def test_a_fresh_view_is_like_one_that_was_followed(self):
        """In the order of sampling, and of what happened last, so that optimizers propose the same."""
        log = TrialLog()
        views = [filtered(log.trials, lambda trial: trial.state is State.SUCCESS), scalarised(log.trials, sum)]
        for event in (
            *(ev.Sampled(i, {"x": 0.1}, 1.0) for i in "123"),
            *(ev.Started(i, 1.0, "w") for i in "123"),
            *(ev.Finished(i, 2.0, State.SUCCESS, Report(float(i))) for i in "312"),
        ):
            log.fold([event])
            assert all(len(view) <= 3 for view in views)
        fresh = [filtered(log.trials, lambda trial: trial.state is State.SUCCESS), scalarised(log.trials, sum)]
        for followed, new in zip(views, fresh):
            assert list(followed) == list(new) == ["1", "2", "3"]
            assert by_end(followed, list("123")) == by_end(new, list("123")) == ["3", "1", "2"]

    def test_models_propose_the_same_on_both(self):
        space = {"x": neps.Float(0, 1), "y": neps.Float(0, 1)}

        def ask(optimizer, view, k):
            return [p.config for p in optimizer(view, neps.BudgetInfo(), 2, np.random.default_rng(k), 7)]

        log = TrialLog()
        view, optimizer = scalarised(log.trials, max), neps.algorithms.bayesian_optimization(space)
        for k in range(12):
            pair = ask(optimizer, view, k)
            fresh = neps.algorithms.bayesian_optimization(space)
            assert pair == ask(fresh, scalarised(log.trials, max), k)
            ids = [str(2 * k), str(2 * k + 1)]
            log.fold([ev.Sampled(i, config, 1.0) for i, config in zip(ids, pair)])
            for i in reversed(ids):
                config = log.trials[i].config
                log.fold([ev.Finished(i, 2.0, State.SUCCESS, Report([config["x"], config["y"] ** 2]))])

    def test_followed_without_rebuilding(self):
        """A view of a view sees each change once, however often it is looked at."""
        log = log_of(3.0, 1.0)
        looked = []

        def see(trial):
            looked.append(trial.id)
            return True

        view = filtered(filtered(log.trials, see), lambda trial: True)
        for _ in range(3):
            assert len(view) == 2
        assert looked == ["0", "1"]
        log.fold([ev.Sampled("2", {}, 1.0)])
        assert len(view) == 3 and looked == ["0", "1", "2"]


# ---------------------------------------------------------------------- looking


class TestLooking:
    def test_nothing_is_written(self, root):
        search(root)
        neps.run(lambda x: None, root_directory=root, evaluations_to_spend=1)
        (root / "optimizer_info.yaml").unlink()
        before = snapshot(root)
        neps.status(root)
        neps.load_config(root, config_id="1")
        neps.load_trials(root)
        neps.load_pipeline_space(root)
        neps.load_optimizer_info(root)
        status_of(open_run(root, check=True))
        clean(root, ["1"], dry_run=True)
        assert snapshot(root) == before

    def test_memory_is_looked_at_like_a_folder(self):
        location = "memory://looked-at"
        result = neps.run(
            lambda x: x, SPACE, root_directory=location, evaluations_to_spend=2, overwrite_root_directory=True
        )
        assert neps.load_config(location, config_id="config_2") == dict(result.trials["2"].config)
        full, short = neps.status(location)
        assert list(full.index) == ["1", "2"] and short["num_success"] == 2
        assert [config for config, _ in neps.load_trials(location)] == [dict(t.config) for t in result.trials.values()]
        assert neps.load_optimizer_info(location)["name"] == "bayesian_optimization"
        assert clean(location, ["1"])[0].id == "1"
        with pytest.raises(FileNotFoundError, match="no trial '1'"):
            neps.load_config(location, config_id="1")
        with pytest.raises(FileNotFoundError, match="memory://nowhere"):
            neps.load_trials("memory://nowhere")

    def test_create_config_on_memory(self, monkeypatch):
        location = "memory://asked"
        neps.run(lambda x: x, SPACE, root_directory=location, evaluations_to_spend=1, overwrite_root_directory=True)
        monkeypatch.setattr("builtins.input", lambda _: "0.25")
        assert neps.create_config(root_directory=location) == ({"x": 0.25}, {"x": 0.25})

    def test_status_is_data(self, root):
        neps.run(
            lambda x: neps.report(5.0) or (1 / 0 if neps.get_in_progress_trial().id == "2" else x),
            SPACE,
            root_directory=root,
            evaluations_to_spend=3,
            ignore_errors=True,
            seed=4,
            optimizer="random_search",
        )
        status = status_of(open_run(root))
        assert (status.optimizer, status.seed, status.n_trials) == ("random_search", 4, 3)
        assert status.states == {State.SUCCESS: 2, State.FAILED: 1}
        assert status.best in status.pareto_front and [t.id for t in status.failed] == ["2"]
        assert status.running == status.workers == status.told == []


class TestRepair:
    def test_every_file_that_is_missing_is_written_again(self, root):
        search(root, 4)
        before = {path: content for path, (_, content) in snapshot(root / "configs").items() if content}
        (root / "configs/config_1/metadata.json").unlink()
        (root / "configs/config_2/config.yaml").unlink()
        (root / "configs/config_3/report.yaml").unlink()
        assert open_run(root).folder.repair(open_run(root).log) == ["1", "2", "3"]
        assert {path: content for path, (_, content) in snapshot(root / "configs").items() if content} == before

    @pytest.mark.parametrize("name", ["metadata.json", "config.yaml", "report.yaml"])
    def test_every_file_that_is_stale_is_written_again(self, root, name, monkeypatch):
        search(root, 2)
        path = root / "configs/config_1" / name
        right = path.read_bytes()
        path.write_bytes(right[:-5])
        search(root, 0)  # whatever changed last is looked into when a run begins
        assert path.read_bytes() == right
        monkeypatch.setattr("neps_core.run_folder.RECENT", 1)
        path.write_bytes(right[:-5])
        run = open_run(root)
        assert run.folder.repair(run.log) == []
        assert run.folder.repair(run.log, thorough=True) == ["1"]
        assert path.read_bytes() == right

    def test_folders_of_trials_that_were_removed(self, root):
        search(root, 3)
        run = open_run(root)
        run.journal.append([ev.Deleted("1")])  # and killed before the folder was deleted
        search(root, 1)
        assert sorted(p.name for p in (root / "configs").iterdir()) == ["config_2", "config_3", "config_4"]

    def test_a_file_that_is_a_folder(self, root, caplog):
        search(root, 1)
        (root / "configs/config_1/report.yaml").unlink()
        (root / "configs/config_1/report.yaml").mkdir()
        assert len(search(root, 1).trials) == 2
        assert "could not be written" in caplog.text
        (root / "optimizer_info.yaml").unlink()
        (root / "optimizer_info.yaml").mkdir()
        with pytest.raises(StorageError, match="can't read"):
            neps.load_optimizer_info(root)

    def test_a_journal_that_was_deleted_meanwhile(self, root):
        def evaluate(x):
            shutil.rmtree(root / ".neps")
            return x

        began = time.monotonic()
        with pytest.raises(RunGoneError, match=r"Was the run deleted meanwhile.*It is kept in (\S+)\.") as caught:
            neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=3)
        Path(str(caught.value).rpartition("It is kept in ")[2].removesuffix(".")).unlink()
        assert time.monotonic() - began < 15  # it is not tried again and again

    def test_a_run_that_was_replaced_meanwhile(self, root):
        run = open_run(search(root, 1).root_directory)
        search(root, 2, overwrite_root_directory=True)
        before = (root / ".neps/journal.jsonl").read_bytes()
        with pytest.raises(StorageError, match="was deleted while the run was going on"):
            run.record(ev.Requeued("1", 1.0, "x"))
        assert (root / ".neps/journal.jsonl").read_bytes() == before

    def test_a_run_in_memory_that_was_replaced_meanwhile(self):
        location = "memory://replaced"
        neps.run(lambda x: x, SPACE, root_directory=location, evaluations_to_spend=1, overwrite_root_directory=True)
        run = open_run(location)
        neps.run(lambda x: x, SPACE, root_directory=location, evaluations_to_spend=3, overwrite_root_directory=True)
        for call in (run.refresh, lambda: run.record(ev.Requeued("1", 1.0, "x"))):
            with pytest.raises(RunGoneError, match="overwritten"):
                call()
        assert len(open_run(location).trials) == 3

    def test_a_report_that_the_journal_never_got(self, root):
        search(root, 1)
        journal = root / ".neps/journal.jsonl"
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(line for line in lines if b'"finished"' not in line))
        run = open_run(root)
        run.folder.repair(run.log)
        assert not (root / "configs/config_1/report.yaml").exists()
        assert json.loads((root / "configs/config_1/metadata.json").read_text())["state"] == "evaluating"


# ---------------------------------------------------------------------- budgets and time


class Continues:
    """Ten continuations of one epoch each."""

    def __init__(self, space):
        pass

    def __call__(self, trials, budget_info):
        n = len(trials)
        config = {"x": 0.5, "epochs": n + 1}
        return neps.SampledConfig(config, f"1_rung_{n}", f"1_rung_{n - 1}" if n else None)


WITH_EPOCHS = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 100)}


def test_continuations_cost_what_they_add(root):
    result = neps.run(
        lambda x, epochs: x, WITH_EPOCHS, root_directory=root, optimizer=Continues, fidelities_to_spend=10
    )
    assert len(result.trials) == 10
    assert "10 of 10" in result.stopped_because


def test_without_the_trial_that_is_continued_all_of_it_counts(root):
    run = neps.run(lambda x, epochs: x, WITH_EPOCHS, root_directory=root, optimizer=Continues, evaluations_to_spend=5)
    assert len(run.trials) == 5
    clean(root, ["1_rung_3"])
    spec = next(s for _, s in neps.plugins.plugins.specs("neps_budgets", BudgetSpec) if s.name == "fidelities")
    log = open_run(root)
    followed = Ledger({"fidelities": 100}, "", log.space, lambda _: True, False)
    followed.update(log.trials)
    log.record(ev.Deleted("1_rung_1"))
    followed.update(log.trials)
    fresh = Ledger({"fidelities": 100}, "", log.space, lambda _: True, False)
    fresh.update(log.trials)
    assert followed.spent() == fresh.spent() == {"fidelities": 1.0 + 3.0 + 5.0}
    last = log.trials["1_rung_4"]
    assert spec.amount(last, log.space, log.trials.get("1_rung_3")) == 5.0


def test_a_simulated_run_has_simulated_times(root):
    done = simulate(
        "random_search", SPACE, lambda config, previous: (config["x"], 100.0), n_workers=2, max_evaluations=6
    )
    for trial in done.trials.values():
        metadata = trial.metadata
        assert metadata.time_sampled == metadata.time_started and metadata.time_end == metadata.time_started + 100.0
        assert trial.report.evaluation_duration == 100.0
    assert sorted(t.metadata.time_end for t in done.trials.values()) == [100.0, 100.0, 200.0, 200.0, 300.0, 300.0]


def test_a_simulation_evaluates_everything_that_is_proposed():
    class Three:
        def __init__(self, space):
            pass

        def __call__(self, trials, budget_info, n=None):
            return [neps.SampledConfig({"x": x}) for x in (0.0, 0.1, 0.2)]

    done = simulate(Three, SPACE, lambda config, previous: (config["x"], 1.0), max_evaluations=6)
    assert [trial.config["x"] for trial in done.trials.values()] == [0.0, 0.1, 0.2, 0.0, 0.1, 0.2]
    assert {trial.state for trial in done.trials.values()} == {State.SUCCESS}


# ---------------------------------------------------------------------- optimizers of every form


FORMS = {
    "two": lambda trials, budget_info: (),
    "third": lambda trials, budget_info, how_many: ("n", how_many),
    "n": lambda trials, budget_info, n=None: ("n", n),
    "keyword n": lambda trials, budget_info, *, n=None: ("n", n),
    "rng": lambda trials, budget_info, rng: ("rng", rng),
    "rng and n": lambda trials, budget_info, rng, n: ("rng", rng, "n", n),
    "keyword rng": lambda trials, budget_info, n, *, rng, seed: ("n", n, "rng", rng, "seed", seed),
    "any": lambda trials, budget_info, *args: ("n", *args),
    "rng and any": lambda trials, budget_info, rng=None, *args: ("rng", rng),
    "anything": lambda *args, **keywords: ("n", args[2]),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_optimizer_gets_what_its_signature_asks_for(form):
    def optimizer(*args, **keywords):
        got.append(FORMS[form](*args, **keywords))
        return []

    optimizer.__signature__ = inspect.signature(FORMS[form])
    got: list[tuple] = []
    Chosen("c", {}, optimizer).ask(None, {}, None, 3, "random", 7)
    values = dict(zip(got[0][::2], got[0][1::2]))
    assert values == {key: value for key, value in (("n", 3), ("rng", "random"), ("seed", 7)) if key in values}


# ---------------------------------------------------------------------- hooks on their own


@pytest.fixture
def luckless():
    """A plugin that raises whatever it is asked."""

    def fail(**_):
        raise ZeroDivisionError("no luck")

    plugin = SimpleNamespace(
        neps_parse_space=hookimpl(lambda space: fail()),
        neps_choose_optimizer=hookimpl(lambda space: fail()),
        neps_open_storage=hookimpl(lambda location: fail()),
        neps_load_space=hookimpl(lambda document: fail()),
    )
    neps.plugins.register(plugin, "luckless")
    yield plugin
    neps.plugins.unregister(plugin)


def test_a_first_result_hook_that_raises_harms_nobody_else(luckless, root):
    with pytest.warns(NePSWarning, match=r"'luckless'.*neps_\w+: ZeroDivisionError: no luck"):
        assert len(search(root, 2, optimizer="auto").trials) == 2
    with pytest.warns(NePSWarning, match="luckless"):
        assert len(search(root, 1).trials) == 3


def test_it_is_named_where_nobody_else_answers(luckless, root):
    with pytest.raises(PluginError, match="'luckless'.*raised in neps_parse_space") as caught:
        neps.run(lambda: 1.0, 17, root_directory=root, evaluations_to_spend=1)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_refusal_on_purpose_is_passed_on_as_it_is():
    with pytest.raises(SpaceError, match="^x: "):
        neps.run(lambda x: x, {"x": neps.Float(1, 0)}, root_directory="memory://", evaluations_to_spend=1)


@pytest.mark.parametrize("name", ["pipeline_directory", "pipeline_id", "root_directory", "previous_pipeline_directory"])
def test_reserved_names_in_a_space_of_another_kind(name, root):
    from ConfigSpace import ConfigurationSpace, Float

    space = ConfigurationSpace()
    space.add(Float(name, (0, 1)))
    with pytest.raises(SpaceError, match=f"'{name}'.*worker passes"):
        neps.run(lambda **_: 1.0, space, root_directory=root, evaluations_to_spend=1)
    assert not root.exists()


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_plugins_are_disabled_by_the_environment():
    code = "import sys, neps; print('tpe' in dir(neps.algorithms), 'neps_plugins.optimizers.tpe' in sys.modules)"
    assert python(code).stdout == "True True\n"
    done = python(code, NEPS_DISABLE_PLUGINS="tpe, grid_search")
    assert (done.stdout, done.stderr) == ("False False\n", "")
    listed = python("from neps_core.cli import main; main(['plugins'])", NEPS_DISABLE_PLUGINS="tpe").stdout
    assert next(line for line in listed.splitlines() if line.startswith("tpe ")).endswith("DISABLED")
    asked = python("import neps; neps.algorithms.tpe({})", NEPS_DISABLE_PLUGINS="tpe")
    assert "would come from plugin 'tpe' of neps-framework" in asked.stderr and "is disabled" in asked.stderr
    assert "no plugin 'tpee' to disable. Did you mean 'tpe'" in python(code, NEPS_DISABLE_PLUGINS="tpee").stderr


@pytest.mark.parametrize("first", ["", "dir(neps.algorithms);"])
def test_plugins_are_disabled_in_the_process(first):
    done = python(f"import neps; {first} neps.plugins.disable('tpe'); print('tpe' in dir(neps.algorithms))")
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_an_interrupt_while_plugins_are_loaded():
    code = """
import importlib.metadata, neps
load, calls = importlib.metadata.EntryPoint.load, []
def interrupted(self):
    calls.append(self)
    if len(calls) == 4:
        raise KeyboardInterrupt
    return load(self)
importlib.metadata.EntryPoint.load = interrupted
try:
    dir(neps.algorithms)
except KeyboardInterrupt:
    print("tpe" in dir(neps.algorithms), any("(" in p.name for p in neps.plugins.plugins.installed()))
"""
    done = python(code)
    assert (done.stdout, done.stderr) == ("True False\n", "")


def test_a_forked_child_leaves_the_folder_of_memory_alone():
    code = """
import os, sys, neps
def evaluate(x, pipeline_directory):
    if os.fork() == 0:
        sys.exit(0)
    os.wait()
    (pipeline_directory / "mine").write_text("here")
    return x
print(len(neps.run(evaluate, {"x": neps.Float(0, 1)}, root_directory="memory://", evaluations_to_spend=2).trials))
"""
    assert python(code).stdout == "2\n"


def test_disabling_a_plugin_that_is_not_there():
    with pytest.raises(PluginError, match="'tpee'.*'tpe'"):
        neps.plugins.disable("tpee")


def test_without_the_summary_a_run_goes_on(root):
    code = f"""import neps
result = neps.run(lambda x: x, {{'x': neps.Float(0, 1)}}, root_directory={str(root)!r}, evaluations_to_spend=1)
print(len(result.trials))"""
    done = python(code, NEPS_DISABLE_PLUGINS="summary")
    assert (done.stdout, done.stderr) == ("1\n", "")
    assert not (root / "summary").exists()


def test_a_storage_error_says_where(root):
    root.mkdir()
    (root / "configs").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="can't create a run in"):
        search(root)
