"""The dispatcher, with executors of every temper; those that exist are in tests/plugins/test_executors.py."""

from __future__ import annotations

import pickle
import sys
import tempfile
import threading
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

import neps
from neps_core import (
    Asked,
    BudgetSpec,
    ExecutorError,
    ExecutorSpec,
    OptimizerError,
    Resources,
    RunError,
    StorageError,
    claims,
    hookimpl,
)
from neps_core.errors import EvaluationError, ResultError, TargetError
from neps_core.events import Dismissed, Finished
from neps_core.resources import parse_resources
from neps_core.run import open_run
from neps_core.trials import State
from neps_plugins.storages.filesystem import FileJournal
from neps_plugins.toolkit import EngineHere
from neps_plugins.toolkit.engines.carrying import RemoteTraceback

SPACE = {"x": neps.Float(0, 1)}


class Far(Executor):
    """What other processes are to a dispatcher: bytes go out and come back, or something is raised."""

    _max_workers = 2

    def __init__(self, losses=()):
        pytest.importorskip("cloudpickle")  # as these functions can't be imported by name
        self._pool = ThreadPoolExecutor(2)
        self._losses = list(losses)

    def submit(self, function, /, *args, **keywords):
        assert all(isinstance(each, bytes) for each in args)
        if self._losses:
            future = Future()
            loss = self._losses.pop(0)
            if loss is None:
                future.cancel()
                future.set_running_or_notify_cancel()
            else:
                future.set_exception(loss)
            return future
        return self._pool.submit(function, *args, **keywords)


def search(function, root, n=4, executor=None, **keywords):
    executor = Far() if executor is None else executor
    return neps.run(function, SPACE, root_directory=root, evaluations_to_spend=n, seed=0, executor=executor, **keywords)


def states(root):
    return [trial.state for trial in open_run(root).trials.values()]


@contextmanager
def plugged(hook, spec):
    """A plugin that brings one thing."""
    plugin = SimpleNamespace(**{hook: hookimpl(specname=hook)(lambda: [spec])})
    neps.plugins.register(plugin, "mine")
    try:
        yield
    finally:
        neps.plugins.unregister(plugin)


def with_mine(factory, **keywords):
    """A plugin that brings the executor `mine`."""
    return plugged("neps_executors", ExecutorSpec("mine", factory, **keywords))


class TestWork:
    @pytest.mark.parametrize("far", [True, False])
    def test_the_same_trials_as_without(self, root, tmp_path, far):
        same = {"evaluations_to_spend": 6, "seed": 0, "optimizer": "random_search"}
        alone = neps.run(lambda x: x, SPACE, root_directory=tmp_path / "alone", **same)
        executor = Far() if far else "threads"
        result = search(lambda x: x, root, 6, executor, n_workers=2, optimizer="random_search")
        assert {t.config["x"] for t in alone.trials.values()} == {t.config["x"] for t in result.trials.values()}
        assert result.stopped_because == "evaluations budget spent: 6 of 6 evaluations"
        assert {t.metadata.evaluating_worker_id for t in result.trials.values()} == {
            t.metadata.sampling_worker_id for t in result.trials.values()
        }

    def test_every_slot_is_full(self, root):
        together = threading.Barrier(3)

        def evaluate(x):
            together.wait(20)
            return x

        assert len(search(evaluate, root, 6, "threads", n_workers=3).trials) == 6

    def test_what_the_function_gets(self, root):
        def evaluate(x, pipeline_directory, previous_pipeline_directory, pipeline_id, root_directory):
            assert pipeline_directory == root_directory / "configs" / f"config_{pipeline_id}"
            assert pipeline_directory.is_dir()
            assert previous_pipeline_directory is None
            return x

        assert search(evaluate, root).best

    def test_results_in_any_order(self, root):
        first_may_end = threading.Event()

        def evaluate(x, pipeline_id):
            if pipeline_id == "1":
                assert first_may_end.wait(20)
            elif pipeline_id == "5":
                first_may_end.set()
            return x

        trials = search(evaluate, root, 5, "threads", n_workers=2).trials.values()
        assert "1" in [t.id for t in sorted(trials, key=lambda t: t.metadata.time_end)][-2:]  # "5" may end after it

    def test_a_result_that_comes_later(self, root):
        result = search(lambda x: None, root, 1)
        assert result.trials["1"].metadata.is_asynchronous
        neps.save_pipeline_results(0.5, "1", root)
        assert states(root) == [State.SUCCESS]

    def test_two_dispatchers_and_a_worker_share_a_run(self, root):
        calls = []

        def evaluate(x, pipeline_id):
            calls.append(pipeline_id)
            return x

        def join(**keywords):
            neps.run(evaluate, SPACE, root_directory=root, total_evaluations_to_spend=40, seed=1, **keywords)

        threads = [
            threading.Thread(target=join, kwargs=keywords)
            for keywords in ({}, {"executor": "threads", "n_workers": 3}, {"executor": ThreadPoolExecutor(2)})
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(calls, key=int) == [str(i) for i in range(1, 41)]
        assert states(root) == [State.SUCCESS] * 40

    def test_an_engine_that_grows_and_shrinks(self, root):
        slots = [1]
        begun, running, at_once = [], [], []

        def evaluate(x, pipeline_id):
            begun.append(pipeline_id)
            running.append(pipeline_id)
            at_once.append(len(running))
            slots[0] = 3 if pipeline_id == "2" else 1 if pipeline_id == "6" else slots[0]
            while pipeline_id in ("3", "4", "5") and not {"3", "4", "5"} <= set(begun):
                time.sleep(0.01)
            while pipeline_id in ("7", "8") and "6" not in begun:
                time.sleep(0.01)
            running.remove(pipeline_id)
            return x

        def make(asked):
            assert asked == Asked(5)
            return EngineHere(ThreadPoolExecutor(5), lambda: slots[0])

        with with_mine(make):
            search(evaluate, root, 10, "mine", n_workers=5)
        assert at_once[:2] == [1, 1]
        assert max(at_once) == 3
        assert at_once[8:] == [1, 1]


class TestAskingAhead:
    """Where the optimizer needs no results, slots have their next evaluation waiting."""

    def search(self, root, end, **keywords):
        """Trial 1 ends once 4 waits, in `end`; then 2 and 3 run until 4 was taken back."""
        begun = []

        def evaluate(x, pipeline_id):
            begun.append(pipeline_id)
            until = State.EVALUATING if pipeline_id == "1" else State.PENDING
            while "4" not in (trials := open_run(root).trials) or trials["4"].state is not until:
                time.sleep(0.01)
            return end(x) if pipeline_id == "1" else {"objective_to_minimize": x, "cost": 1}

        try:
            search(evaluate, root, 10, "threads", n_workers=2, optimizer="random_search", **keywords)
        finally:
            assert sorted(begun) == ["1", "2", "3"]
            assert open_run(root).trials["4"].metadata.starts == 0
            assert states(root)[1:] == [State.SUCCESS, State.SUCCESS, State.PENDING]

    def test_an_error_takes_back_what_waits(self, root):
        with pytest.raises(EvaluationError):
            self.search(root, lambda x: 1 / 0)

    def test_so_does_somebody_who_dismisses_the_worker(self, root):
        def end(x):
            open_run(root).record(Dismissed("mine", time.time()))
            return x

        self.search(root, end, worker_id="mine")

    def test_so_does_a_cost_that_is_reached(self, root):
        self.search(root, lambda x: {"objective_to_minimize": x, "cost": 9}, cost_to_spend=9)

    def test_so_does_the_end_of_the_time(self, root):
        """It is over while both slots are busy."""
        over, begun = threading.Event(), []

        def evaluate(x, pipeline_id):
            begun.append(pipeline_id)
            while len(begun) < 2 or not {"3", "4"} <= (trials := open_run(root).trials).keys():
                time.sleep(0.01)
            over.set()
            while any(t.state is not State.PENDING for t in map(trials.get, ("3", "4"))):
                trials = open_run(root).trials
                time.sleep(0.01)
            return x

        passed = BudgetSpec("passed", "", of_call=lambda _: float(over.is_set()))
        with plugged("neps_budgets", passed):
            search(evaluate, root, 10, "threads", n_workers=2, optimizer="random_search", budgets={"passed": 1})
        assert sorted(begun) == ["1", "2"]

    def test_an_engine_is_given_no_more_than_it_has_slots(self, root):
        """However many trials wait: so an engine needs no queue, nor has to take anything back."""
        out, most = [], []

        class Counted(ThreadPoolExecutor):
            def submit(self, function, /, *args, **keywords):
                out[:] = [future for future in out if not future.done()]
                out.append(super().submit(function, *args, **keywords))
                most.append(len(out))
                return out[-1]

        def evaluate(x, pipeline_id):
            if int(pipeline_id) < 3:
                while len(open_run(root).trials) < 4:  # each slot has the next one waiting
                    time.sleep(0.01)
            return x

        engine = EngineHere(Counted(2), lambda: 2)
        with with_mine(lambda asked: engine):
            search(evaluate, root, 12, "mine", optimizer="random_search")
        assert max(most) == 2 and len(most) == 12

    def test_a_budget_is_kept(self, root, events_of):
        """And what waits is part of it: it is not put back because of itself."""

        def evaluate(x):
            time.sleep(0.05)
            return x

        assert len(search(evaluate, root, 5, "threads", n_workers=3, optimizer="random_search").trials) == 5
        assert [event["event"] for event in events_of(root)].count("started") == 5

    def test_an_optimizer_that_needs_results_gets_them(self, root):
        running = []

        def optimizer(space):
            def propose(trials, budget_info, n=None):
                running.append(sum(t.state is State.EVALUATING for t in trials.values()))
                return neps.SampledConfig({"x": len(trials) / 100})

            return propose

        search(lambda x: x, root, 10, "threads", n_workers=2, optimizer=optimizer)
        assert max(running) <= 1


class TestResultsThatCanNotBeStored:
    @pytest.mark.parametrize("lost", [("1",), ("1", "2")])
    def test_all_are_kept_or_stored(self, root, tmp_path, monkeypatch, lost):
        append, both = FileJournal.append, threading.Barrier(2)

        def broken(self, events, durable=True):
            if any(isinstance(event, Finished) and event.id in lost for event in events):
                raise StorageError("the disk is full.")
            append(self, events, durable)

        def evaluate(x):
            both.wait(20)
            return x

        monkeypatch.setattr(FileJournal, "append", broken)
        monkeypatch.setattr(claims, "RETRIES", (0.0,))
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with pytest.raises(StorageError, match=r"the disk is full\. It is kept in .*neps-trial-"):
            search(evaluate, root, 2, "threads", n_workers=2, optimizer="random_search")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        with pytest.raises(StorageError, match=r"in no file either .*: \{\"objective"):
            search(lambda x: x, root, 1)
        assert sorted(path.name.split("-")[2] for path in tmp_path.glob("neps-trial-*")) == [*lost]
        assert states(root).count(State.SUCCESS) == 2 - len(lost)


class TestErrors:
    @pytest.mark.parametrize("far", [True, False])
    def test_it_stops_with_the_original_and_keeps_what_runs(self, root, far):
        def evaluate(x, pipeline_id, root_directory):
            while not (root_directory / "configs/config_2").exists():
                time.sleep(0.01)
            if pipeline_id == "1":
                raise ZeroDivisionError("here it is")
            return x

        with pytest.raises(EvaluationError, match="here it is") as raised:
            search(evaluate, root, 4, Far() if far else "threads", n_workers=2)
        assert isinstance(raised.value.__cause__, ZeroDivisionError)
        report = open_run(root).trials["1"].report
        assert report.err == "ZeroDivisionError: here it is"
        assert 'raise ZeroDivisionError("here it is")' in report.tb
        assert isinstance(raised.value.__cause__.__cause__, RemoteTraceback) is far
        assert states(root)[:2] == [State.FAILED, State.SUCCESS]

    def test_ignored_errors(self, root):
        def evaluate(x, pipeline_id):
            return {"exception": ValueError("bad")} if pipeline_id == "2" else 1 / 0 if pipeline_id == "3" else x

        search(evaluate, root, ignore_errors=True)
        assert states(root) == [State.SUCCESS, State.FAILED, State.FAILED, State.SUCCESS]
        assert open_run(root).trials["2"].report.err == "ValueError: bad"

    def test_an_exception_that_can_not_travel(self, root):
        class Odd(Exception):
            def __init__(self, a, b):
                super().__init__(f"{a} and {b}")
                self.lock = threading.Lock()

        def evaluate(x):
            raise Odd(1, 2)

        with pytest.raises(EvaluationError) as raised:
            search(evaluate, root)
        assert type(raised.value.__cause__).__name__ == "Odd"
        report = open_run(root).trials["1"].report
        assert report.err == "Odd: 1 and 2"
        assert "raise Odd(1, 2)" in report.tb

    def test_a_result_that_can_not_travel(self, root):
        result = search(lambda x: {"objective_to_minimize": x, "lock": threading.Lock()}, root)
        assert result.best.report.extra["lock"].startswith("<unlocked")  # as without an executor
        with pytest.raises(ResultError, match="lock"):
            search(lambda x: threading.Lock(), root)

    def test_a_function_that_can_not_travel(self, root):
        lock = threading.Lock()
        with pytest.raises(TargetError, match="threads"):
            search(lambda x: lock and x, root)
        assert not root.exists()

    def test_no_cloudpickle(self, root, tmp_path, monkeypatch):
        far = Far()
        monkeypatch.setitem(sys.modules, "cloudpickle", None)
        with pytest.raises(TargetError, match="install cloudpickle"):
            search(lambda x: x, root, executor=far)
        assert not root.exists()
        (tmp_path / "square.py").write_text("def square(x):\n    return x * x\n")
        result = search(f"{tmp_path / 'square.py'}:square", root, executor=far)  # by its name
        assert all(t.report.objective_to_minimize == t.config["x"] ** 2 for t in result.trials.values())

    def test_an_optimizer_that_raises(self, root):
        def optimizer(space):
            def propose(trials, budget_info, n=None):
                if len(trials) == 2:
                    raise ValueError("no idea")
                return neps.SampledConfig({"x": len(trials) / 10})

            return propose

        with pytest.raises(OptimizerError, match="no idea"):
            search(lambda x: x, root, optimizer=optimizer)
        assert states(root) == [State.SUCCESS] * 2

    def test_a_function_that_leaves(self, root):
        def evaluate(x, pipeline_id):
            if pipeline_id == "1":
                raise SystemExit(3)
            return x

        search(evaluate, root, 3)
        trial = open_run(root).trials["1"]
        assert (trial.state, trial.metadata.starts) == (State.CRASHED, 3)
        assert "it left its process: SystemExit(3)" in trial.report.err


class TestLosses:
    def test_a_lost_evaluation_is_made_again(self, root):
        search(lambda x: x, root, 3, Far([RuntimeError("node gone")]))
        trials = open_run(root).trials
        assert [t.metadata.starts for t in trials.values()] == [2, 1, 1]
        assert states(root) == [State.SUCCESS] * 3

    def test_it_is_given_up_after_three_starts(self, root):
        search(lambda x: x, root, 2, Far([RuntimeError("node gone")] * 5), n_workers=1)
        crashed, other = open_run(root).trials.values()
        assert (crashed.state, crashed.metadata.starts) == (State.CRASHED, 3)
        assert "node gone" in crashed.report.err
        assert (other.state, other.metadata.starts) == (State.SUCCESS, 3)

    @pytest.mark.parametrize(
        "loss", [None, ImportError("no neps there"), pickle.PicklingError("x"), ExecutorError("over")]
    )
    def test_an_engine_that_can_not_go_on(self, root, loss):
        with pytest.raises(ExecutorError):
            search(lambda x: x, root, 3, Far([loss]))
        trial = open_run(root).trials["1"]
        assert (trial.state, trial.metadata.starts) == (State.PENDING, 0)
        search(lambda x: x, root, 3)  # and the next call goes on
        assert set(states(root)) == {State.SUCCESS}

    def test_an_engine_that_is_shut_down(self, root):
        executor = Far()
        executor._pool.shutdown()
        with pytest.raises(ExecutorError, match="shutdown"):
            search(lambda x: x, root, 3, executor)
        assert states(root) == [State.PENDING]


class TestReports:
    def test_they_reach_the_run_and_its_observers(self, root):
        told = []

        class Observer:
            def neps_trial_reported(self, trial, step):
                told.append((trial.id, step))

        def evaluate(x):
            neps.report(3.0)
            neps.report(2.0, cost=1.0, note="later")
            return x

        search(evaluate, root, 3, observers=[Observer()])
        assert [[(p.step, p.objective) for p in t.points] for t in open_run(root).trials.values()] == [
            [(1, 3.0), (2, 2.0)]
        ] * 3
        assert sorted(set(told), key=told.index) == told
        assert {trial for trial, _ in told} == {"1", "2", "3"}

    @pytest.mark.parametrize("far", [True, False])
    def test_a_stopping_rule(self, root, far):
        def evaluate(x, pipeline_id):
            neps.report(0.5)
            neps.report(5.0 if pipeline_id == "2" else 0.4)
            return 0.1

        executor = Far() if far else "threads"
        result = search(evaluate, root, 3, executor, n_workers=2, stopping_rule=("threshold", {"upper": 1.0}))
        assert [t.report.stopped_at for t in result.trials.values()] == [None, 2, None]
        assert result.trials["2"].report.objective_to_minimize == 5.0

    def test_a_run_in_memory_can_not_be_reached(self):
        def evaluate(x):
            neps.report(x)
            return x

        with pytest.raises(EvaluationError, match=r"in the memory .*threads"):
            search(evaluate, "memory://far", 1)
        assert search(evaluate, "memory://here", 1, "threads").trials["1"].points


class TestChoosing:
    @pytest.mark.parametrize(
        ("keywords", "message"),
        [
            ({"executor": "proceses"}, "Did you mean 'processes'"),
            ({"executor": ("threads", {"speed": 9})}, "has no keyword 'speed'"),
            ({"executor": 3}, "client.get_executor"),
            ({"executor": Executor()}, "give n_workers="),
            ({"n_workers": 0}, "from 1 to 1,000,000, not 0"),
            ({"n_workers": True}, "from 1 to"),
            ({"n_workers": 2_000_000}, "to 1,000,000"),
            ({"resources": {"gpu": 1}}, "Did you mean 'gpus'"),
            ({"resources": 4}, "must be a dict"),
            ({"executor": "threads", "resources": {"memory": "1GB"}}, "'threads' can't give resources"),
            ({"executor": ThreadPoolExecutor(1), "resources": {"cpus": 1}}, "made already"),
            ({"executor": "slurm", "n_workers": 2, "resources": {"walltime": "soon"}}, "HH:MM:SS"),
        ],
    )
    def test_what_can_not_be_meant(self, root, keywords, message):
        with pytest.raises(ExecutorError, match=message):
            neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=1, **keywords)
        assert not root.exists()

    def test_ranks_and_executors(self, root):
        with pytest.raises(RunError, match="distributed"):
            search(lambda x: x, root, distributed=0)

    def test_a_factory_that_raises_leaves_no_run(self, root):
        def make(asked):
            try:
                raise TypeError("no such keyword")
            except TypeError as error:
                raise ConnectionError("nobody there\nand nowhere") from error

        said = r"ConnectionError: nobody there; and nowhere \(TypeError: no such keyword\)$"
        with with_mine(make), pytest.raises(ExecutorError, match=said):
            search(lambda x: x, root, executor="mine")
        assert not root.exists()

    def test_it_is_ended_whatever_happens(self, root):
        ended = []

        def make(asked, n=1):
            return EngineHere(ThreadPoolExecutor(n), lambda: n, lambda: ended.append(n))

        with with_mine(make):
            search(lambda x: x, root, 1, ("mine", {"n": 2}))
            with pytest.raises(EvaluationError):
                search(lambda x: 1 / 0, root, 1, "mine")
        assert ended == [2, 1]

    def test_a_factory_gets_what_was_asked(self, root):
        def make(asked):
            assert asked == Asked(None, Resources(cpus=2, memory=1000))
            return ThreadPoolExecutor(1)

        with with_mine(make, resources=("cpus", "memory")):
            search(lambda x: x, root, 1, "mine", resources={"cpus": 2, "memory": "1kB"})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"memory": "16GB"}, Resources(memory=16_000_000_000)),
        ({"memory": "1.5 GiB"}, Resources(memory=3 << 29)),
        ({"memory": "512m", "cpus": 2}, Resources(cpus=2, memory=512_000_000)),
        ({"walltime": "1-02:00:30"}, Resources(walltime=93_630.0)),
        ({"walltime": 90, "gpus": "all"}, Resources(gpus="all", walltime=90.0)),
        ({"gpus": 0, "cpus": None}, Resources(gpus=0)),
        (None, Resources()),
    ],
)
def test_resources(given, expected):
    assert parse_resources(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"cpus": 0},
        {"cpus": 1.5},
        {"gpus": "some"},
        {"memory": "much"},
        {"memory": 0},
        {"walltime": -1},
        {"walltime": True},
    ],
)
def test_resources_that_can_not_be_meant(given):
    with pytest.raises(ExecutorError, match=next(iter(given))):
        parse_resources(given)


class TestPending:
    """Results that come later."""

    def test_a_limit_on_how_many_are_out(self, root):
        most = []

        def deliver(trial_id):
            time.sleep(0.05)
            most.append(len(open_run(root).log.evaluating))
            neps.save_pipeline_results(0.5, trial_id, root)

        threads = []

        def evaluate(x, pipeline_id):
            threads.append(threading.Thread(target=deliver, args=(pipeline_id,)))
            threads[-1].start()

        neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=6, max_pending=2)
        for thread in threads:
            thread.join()
        assert max(most) == 2
        assert states(root) == [State.SUCCESS] * 6

    def test_it_is_given_up_in_time(self, root):
        result = neps.run(
            lambda x, pipeline_id: None if pipeline_id == "1" else x,
            SPACE,
            root_directory=root,
            evaluations_to_spend=3,
            max_pending=1,
            pending_timeout=0.1,
        )
        assert [t.state for t in result.trials.values()] == [State.CRASHED, State.SUCCESS, State.SUCCESS]
        assert result.trials["1"].report.err == "its asynchronous result did not come within 0.1 s"

    @pytest.mark.parametrize("keywords", [{"max_pending": 0}, {"pending_timeout": -1}, {"pending_timeout": "soon"}])
    def test_what_can_not_be_meant(self, root, keywords):
        with pytest.raises(RunError, match=next(iter(keywords))):
            neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=1, **keywords)
