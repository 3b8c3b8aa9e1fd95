"""Live results: what is reported while a trial runs, and evaluations that are stopped early."""

from __future__ import annotations

import contextvars
import math
import threading
from types import SimpleNamespace

import pytest

import neps
from neps_core import Point, ResultError, StoppingRuleError, StopTrial, live
from neps_core.cli import main
from neps_core.run import open_run
from neps_core.trials import State

SPACE = {"x": neps.Float(0, 1)}


def search(function, root, n=1, **keywords):
    return neps.run(function, SPACE, root_directory=root, evaluations_to_spend=n, seed=0, **keywords)


def curve_of(trial):
    return [(point.step, point.objective) for point in trial.points]


class TestReport:
    def test_it_becomes_the_learning_curve(self, root):
        def train(x):
            for epoch in range(1, 4):
                neps.report(1 / epoch, cost=epoch, accuracy=epoch / 4)
            return 0.25

        [trial] = search(train, root).trials.values()
        assert trial.points == [Point(e, 1 / e, e, {"accuracy": e / 4}) for e in (1, 2, 3)]
        assert trial.report.learning_curve == [1.0, 0.5, 1 / 3]
        assert open_run(root).trials["1"] == trial
        assert "- 0.5\n" in (root / "configs/config_1/report.yaml").read_text()

    def test_a_curve_that_the_result_brings_goes_first(self, root):
        def train(x):
            neps.report(5.0)
            return {"objective_to_minimize": 1.0, "learning_curve": [2.0, 1.0]}

        [trial] = search(train, root).trials.values()
        assert trial.report.learning_curve == [2.0, 1.0]
        assert curve_of(trial) == [(1, 5.0)]

    def test_steps(self, root):
        def train(x):
            neps.report(3.0, step=10)
            neps.report(2.0)
            with pytest.raises(ResultError, match="has to be greater"):
                neps.report(1.0, step=11)
            neps.report(1.0, step=11.5)
            return 0.0

        assert curve_of(search(train, root).trials["1"]) == [(10, 3.0), (11, 2.0), (11.5, 1.0)]

    @pytest.mark.parametrize(
        ("arguments", "keywords", "message"),
        [
            (("low",), {}, "'objective' must be a number"),
            ((None,), {}, "'objective' must be a number"),
            ((1.0, "first"), {}, "'step' must be a number"),
            ((1.0, math.nan), {}, "finite"),
            ((1.0,), {"cost": -1}, "'cost' must be a finite number"),
        ],
    )
    def test_what_is_no_result(self, root, arguments, keywords, message):
        def train(x):
            with pytest.raises(ResultError, match=message):
                neps.report(*arguments, **keywords)
            return 1.0

        assert search(train, root).trials["1"].points == ()

    def test_another_number_of_objectives(self, root):
        def train(x):
            if neps.get_in_progress_trial().id == "2":
                with pytest.raises(ResultError, match=r"1 value\(s\).*have 2"):
                    neps.report(1.0)
            neps.report([1.0, 2.0])
            return [1.0, 2.0]

        assert [t.state for t in search(train, root, 2, optimizer="random_search").trials.values()] == [
            State.SUCCESS
        ] * 2

    def test_numbers_of_other_libraries_and_odd_ones(self, root):
        import numpy as np

        def train(x):
            for value in (np.float32(0.5), 1, np.array(2.0), math.inf, math.nan):
                neps.report(value)
            return 0.0

        search(train, root)
        values = [point.objective for point in open_run(root).trials["1"].points]
        assert values[:4] == [0.5, 1.0, 2.0, math.inf]
        assert math.isnan(values[4])

    def test_outside_of_a_trial(self):
        for function in (lambda: neps.report(1.0), neps.get_in_progress_trial):
            with pytest.raises(RuntimeError, match="inside evaluate_pipeline"):
                function()

    def test_the_trial_in_progress(self, root):
        seen = []

        def train(x):
            neps.report(2.0)
            trial = neps.get_in_progress_trial()
            seen.append((trial.id, dict(trial.config), trial.state, curve_of(trial)))
            return x

        search(train, root)
        assert seen == [("1", {"x": seen[0][1]["x"]}, State.EVALUATING, [(1, 2.0)])]
        with pytest.raises(RuntimeError):
            neps.get_in_progress_trial()

    def test_a_thread_in_a_copy_of_the_context(self, root):
        errors = []

        def without():
            try:
                neps.report(1.0)
            except RuntimeError as error:
                errors.append(error)

        def train(x):
            threads = [
                threading.Thread(target=contextvars.copy_context().run, args=(neps.report, float(i))) for i in range(8)
            ]
            threads.append(threading.Thread(target=contextvars.Context().run, args=(without,)))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return x

        trial = search(train, root).trials["1"]
        assert [point.step for point in trial.points] == list(range(1, 9))
        assert sorted(point.objective for point in trial.points) == [float(i) for i in range(8)]
        assert len(errors) == 1

    def test_others_see_it_while_the_trial_runs(self, root, script, wait_for, capsys):
        script.write(
            """
            import sys, time, neps
            def train(x):
                neps.report(3.0)
                time.sleep(60)
            neps.run(train, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=1, seed=0)
            """
        )
        worker = script.start(root)
        wait_for(lambda: root.exists() and (root / ".neps/journal.jsonl").exists())
        trial = wait_for(lambda: next((t for t in open_run(root).trials.values() if t.points), None))
        assert (trial.state, curve_of(trial)) == (State.EVALUATING, [(1, 3.0)])
        assert main(["status", str(root)]) == 0
        assert ", 3.0 at step 1" in capsys.readouterr().out
        worker.kill()
        worker.wait()
        # Who takes it over begins a new curve.
        search(lambda x: neps.report(7.0) or x, root)
        assert curve_of(open_run(root).trials["1"]) == [(1, 7.0)]

    def test_a_full_disk_is_no_reason_to_lose_the_evaluation(self, root, monkeypatch, caplog):
        from neps_core import StorageError
        from neps_core.events import Reported
        from neps_plugins.storages.filesystem import FileJournal

        append = FileJournal.append
        full, tries, clock = [True], [], [0.0]

        def broken(self, events, durable=True):
            if full and any(isinstance(event, Reported) for event in events):
                tries.append(clock[0])
                clock[0] += 100  # it was waited for
                raise StorageError("the disk is full")
            append(self, events, durable)

        def train(x):
            for _ in range(2000):
                clock[0] += 1
                neps.report(1.0)
            full.clear()
            return x

        monkeypatch.setattr(FileJournal, "append", broken)
        monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=lambda: clock[0]))
        search(train, root)
        assert len(open_run(root).trials["1"].points) == 2000
        assert "can't be stored yet" in caplog.text
        assert len(tries) == 3  # the evaluation goes on, most of the time

    def test_a_signal_while_it_is_stored_waits(self, root, script):
        script.write(
            """
            import os, signal, sys, neps
            from neps_plugins.storages.filesystem import FileJournal
            append = FileJournal.append
            def interrupted(self, events, durable=True):
                if type(events[0]).__name__ == "Reported":
                    os.kill(os.getpid(), signal.SIGTERM)
                append(self, events, durable)
            FileJournal.append = interrupted
            def train(x):
                neps.report(1.0)
                open("went on", "w").close()
                return x
            neps.run(train, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=5)
            """
        )
        script.run(root, code=143)
        trial = open_run(root).trials["1"]
        assert (trial.state, curve_of(trial)) == (State.PENDING, [(1, 1.0)])
        assert not (script.folder / "went on").exists()

    def test_few_writes_for_many_reports(self, root):
        def train(x):
            for i in range(3000):
                neps.report(float(i))
            return x

        trial = search(train, root).trials["1"]
        assert len(trial.points) == 3000
        lines = (root / ".neps/journal.jsonl").read_text().splitlines()
        assert sum('"reported"' in line for line in lines) < 30

    def test_what_an_asynchronous_trial_has_reported_is_kept(self, root):
        def submit(x):
            for i in range(5):
                neps.report(float(i))

        search(submit, root)
        assert curve_of(open_run(root).trials["1"]) == [(i + 1, float(i)) for i in range(5)]
        neps.save_pipeline_results(0.5, "1", root)
        assert open_run(root).trials["1"].report.learning_curve == [0.0, 1.0, 2.0, 3.0, 4.0]

    def test_a_thread_that_is_left_behind(self, root):
        """After the trial has ended nothing can be reported, nor does it bring back a trial that was removed."""
        ended, errors = threading.Event(), []

        def late():
            ended.wait(20)
            try:
                neps.report(7.0, 99)
            except RuntimeError as error:
                errors.append(error)

        threads = []

        def train(x):
            threads.append(threading.Thread(target=contextvars.copy_context().run, args=(late,)))
            threads[0].start()
            return x

        search(train, root)
        neps.clean(root, ["1"])
        ended.set()
        threads[0].join()
        assert len(errors) == 1
        assert not open_run(root).trials

    def test_what_is_said_of_a_removed_trial_is_ignored(self, root):
        from neps_core import events as ev

        search(lambda x: x, root, 2)
        run = open_run(root)
        run.record(ev.Deleted("1"))
        run.record(ev.Reported("1", "w", [[1, 2.0]]), ev.Finished("1", 5.0, State.SUCCESS, run.trials["2"].report))
        assert list(run.trials) == list(open_run(root).trials) == ["2"]

    def test_one_number_of_objectives_a_trial(self, root):
        def train(x):
            neps.report(1.0)
            with pytest.raises(ResultError, match=r"2 value\(s\).*have 1"):
                neps.report([1.0, 2.0])
            return x

        search(train, root)

    def test_a_signal_while_a_thread_reports_reaches_the_main_thread(self, root, script):
        script.write(
            """
            import contextvars, os, signal, sys, threading, time, neps
            class Slow:
                def neps_trial_reported(self, run, trial):
                    time.sleep(0.5)
            def train(x):
                thread = threading.Thread(target=contextvars.copy_context().run, args=(neps.report, 1.0))
                thread.start()
                time.sleep(0.2)
                os.kill(os.getpid(), signal.SIGTERM)
                thread.join()
                time.sleep(5)
                open("went on", "w").close()
                return x
            neps.run(train, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=2,
                     observers=[Slow()])
            """
        )
        script.run(root, code=143)
        assert not (script.folder / "went on").exists()
        assert open_run(root).trials["1"].state is State.PENDING

    def test_a_child_that_was_forked_while_a_thread_reports(self, root, script):
        script.write(
            """
            import contextvars, os, sys, threading, time, neps
            class Slow:
                def neps_trial_reported(self, run, trial):
                    time.sleep(1)
            def train(x):
                thread = threading.Thread(target=contextvars.copy_context().run, args=(neps.report, 1.0))
                thread.start()
                time.sleep(0.3)
                child = os.fork()
                if child == 0:
                    sys.exit(0)
                os.waitpid(child, 0)
                thread.join()
                return x
            neps.run(train, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=1,
                     observers=[Slow()])
            """
        )
        script.run(root)
        assert open_run(root).trials["1"].state is State.SUCCESS

    def test_an_observer_may_wait_for_a_thread_that_reports(self, root):
        class Waits:
            def neps_trial_reported(self, run, trial, step):
                if step == 1:
                    thread = threading.Thread(target=context[0].run, args=(neps.report, 2.0))
                    thread.start()
                    thread.join(20)
                    waited.append(thread.is_alive())

        def train(x):
            context.append(contextvars.copy_context())
            neps.report(1.0)
            return x

        context, waited = [], []
        trial = search(train, root, observers=[Waits()]).trials["1"]
        assert waited == [False] and curve_of(trial) == [(1, 1.0), (2, 2.0)]

    def test_points_are_values(self, root):
        kept = []

        def train(x):
            for i in range(3):
                kept.append(neps.get_in_progress_trial().points)
                neps.report(float(i))
            return x

        search(train, root)
        assert [len(points) for points in kept] == [0, 1, 2]
        assert kept[2][-1].objective == 1.0 and kept[2][:1] == [Point(1, 0.0)] and kept[2][-2:][0].objective == 0.0
        with pytest.raises(IndexError):
            kept[2][2]


def descending(steps=10, floor=0.0):
    """An evaluation whose results fall to x (or not below a floor), and one step later to it."""

    def train(x):
        for step in range(1, steps + 1):
            neps.report(max(floor, x + 1 / step))
        return x

    return train


class TestStoppingEarly:
    def test_a_rule_that_says_stop(self, root):
        result = search(descending(), root, stopping_rule=lambda trial, trials: len(trial.points) == 3)
        trial = result.trials["1"]
        assert trial.state is State.SUCCESS
        assert trial.report.objective_to_minimize == pytest.approx(trial.config["x"] + 1 / 3)
        assert trial.report.extra == {"stopped_early": True, "step": 3}
        assert trial.report.learning_curve == [p.objective for p in trial.points]
        assert trial.was_stopped_early

    def test_it_is_never_the_best(self, root):
        lowest = -1e9

        def train(x):
            if neps.get_in_progress_trial().id == "2":
                neps.report(lowest)
            return x

        result = search(train, root, 3, stopping_rule=lambda trial, trials: True)
        assert result.trials["2"].report.objective_to_minimize == lowest
        assert result.best.id != "2"
        assert [trial.id for trial in result.pareto_front] == [result.best.id]
        assert "Config ID: 2\n" not in (root / "summary/best_config_trajectory.txt").read_text()
        assert "Config ID: 2\n" not in (root / "summary/best_config.txt").read_text()

    def test_all_of_them_stopped(self, root):
        result = search(descending(), root, 2, stopping_rule=lambda trial, trials: True)
        assert result.best is None and result.pareto_front == []

    def test_who_tidies_up_and_raises_again(self, root):
        tidied = []

        def train(x):
            try:
                neps.report(4.0)
            except StopTrial:
                tidied.append(True)
                raise
            return x

        trial = search(train, root, stopping_rule=lambda trial, trials: True).trials["1"]
        assert (tidied, trial.report.objective_to_minimize) == ([True], 4.0)

    def test_who_catches_it_and_gives_a_result(self, root):
        def train(x):
            try:
                neps.report(4.0)
            except StopTrial:
                return 3.0

        trial = search(train, root, stopping_rule=lambda trial, trials: True).trials["1"]
        assert trial.report.objective_to_minimize == 3.0
        assert trial.was_stopped_early

    def test_who_goes_on_reporting_is_told_again(self, root):
        told = []

        def train(x):
            for value in (3.0, 2.0, 1.0):
                try:
                    neps.report(value)
                except StopTrial:
                    told.append(value)
            return x

        search(train, root, stopping_rule=lambda trial, trials: len(trial.points) == 2)
        assert told == [2.0, 1.0]

    def test_stopping_by_oneself(self, root):
        def train(x):
            neps.report(4.0, cost=2.0)
            raise neps.StopTrial

        trial = search(train, root, cost_to_spend=10).trials["1"]
        assert (trial.report.objective_to_minimize, trial.report.cost) == (4.0, 2.0)
        assert trial.was_stopped_early

    def test_stopping_without_any_report_is_a_failure(self, root):
        def train(x):
            raise neps.StopTrial

        with pytest.raises(neps.NePSError, match="reported nothing"):
            search(train, root)
        assert open_run(root).trials["1"].state is State.FAILED

    def test_a_key_of_the_users_does_not_stop_anything(self, root):
        result = search(lambda x: {"objective_to_minimize": x, "stopped_early": True}, root)
        assert result.best.report.extra == {"stopped_early": True} and not result.best.was_stopped_early

    def test_with_a_cost_budget_reports_need_a_cost(self, root):
        rule = ("threshold", {"upper": 1.0})
        with pytest.raises(neps.NePSError, match=r"neps.report needs the cost so far"):
            search(lambda x: neps.report(9.0) or x, root, cost_to_spend=3, stopping_rule=rule)
        result = search(lambda x: neps.report(9.0, cost=2.0), root, 9, cost_to_spend=3, stopping_rule=rule)
        assert [t.report.cost for t in result.trials.values() if t.was_stopped_early] == [2.0, 2.0]

    def test_a_rule_that_raises_harms_nobody(self, root, caplog):
        def rule(trial, trials):
            raise ZeroDivisionError("a bug")

        result = search(descending(), root, 2, stopping_rule=rule)
        assert [t.state for t in result.trials.values()] == [State.SUCCESS] * 2
        assert caplog.text.count("goes on without it: ZeroDivisionError('a bug')") == 2

    def test_one_objective_in_a_list(self, root):
        rule = ("patience", {"patience": 1})
        result = search(lambda x: [neps.report([0.5]) or neps.report([0.5]) or x], root, stopping_rule=rule)
        assert result.trials["1"].was_stopped_early

    def test_nan_is_a_crash(self, root):
        trial = search(lambda x: neps.report(math.nan), root, stopping_rule=("threshold", {"upper": 1})).trials["1"]
        assert trial.state is State.CRASHED and trial.was_stopped_early

    @pytest.mark.parametrize(
        ("rule", "message"),
        [
            ("medain", "'medain'.*'median'"),
            (("median", {"min_trails": 3}), "'min_trails'.*'min_trials'"),
            (("percentile", {"percentile": 0}), "percentile=0"),
            ("threshold", "needs the keyword 'upper'"),
            (("patience", {"patience": 0}), "patience=0"),
            (3, "no rule"),
        ],
    )
    def test_a_rule_that_cannot_be_meant(self, root, rule, message):
        with pytest.raises(StoppingRuleError, match=message):
            search(descending(), root, stopping_rule=rule)
        assert not root.exists()

    def test_threshold(self, root):
        def train(x):
            for value in (9.0, 5.0, 7.0, 1.0):
                neps.report(value)
            return 1.0

        rule = ("threshold", {"upper": 6.0, "min_steps": 2})
        assert search(train, root, stopping_rule=rule).trials["1"].report.extra["step"] == 3

    def test_patience(self, root):
        def train(x):
            for value in (5.0, 4.0, 3.99, 4.5, math.nan, 3.98, 1.0):
                neps.report(value)
            return 1.0

        rule = ("patience", {"patience": 4, "min_delta": 0.1})
        trial = search(train, root, stopping_rule=rule).trials["1"]
        assert trial.report.extra == {"stopped_early": True, "step": 6}

    def test_several_objectives_and_a_rule_for_one(self, root):
        with pytest.raises(neps.NePSError, match="compares one objective"):
            search(lambda x: neps.report([1.0, 2.0]) or [1.0, 2.0], root, stopping_rule="patience")


class TestMedian:
    """Golovin et al. 2017, Section 3.2.2, with numbers that can be followed by hand."""

    CURVES = ([4.0, 2.0], [6.0, 4.0], [8.0, 6.0])  # running averages 4, 3; 6, 5; 8, 7

    def run(self, root, new, rule, curves=CURVES):
        """What becomes of a curve after some others; the step at which it is stopped, or None."""
        todo = iter([*curves, new])

        def train(x):
            curve = next(todo)
            for value in curve:
                neps.report(value)
            return curve[-1]

        trials = list(search(train, root, len(curves) + 1, stopping_rule=rule).trials.values())
        assert not any(trial.was_stopped_early for trial in trials[:-1])
        return trials[-1].report.extra.get("step")

    @pytest.mark.parametrize(
        ("curve", "step"),
        [
            ([6.0, 5.0, 5.0], None),  # as good as the median is good enough
            ([6.1, 1.0], 1),
            ([5.0, 9.0, 9.0], None),  # the best so far counts, not the last
            ([6.0, 5.1], 2),
            ([6.0, 5.5, 1.0], 2),
        ],
    )
    def test_worse_than_the_median(self, root, curve, step):
        assert self.run(root, curve, ("median", {"min_trials": 3})) == step

    def test_after_the_others_have_ended_their_averages_stand(self, root):
        assert self.run(root, [6.0, 5.0, 5.0, 5.1], ("median", {"min_trials": 3})) is None
        assert self.run(root, [6.0, 5.0, 5.0, 5.0], ("median", {"min_trials": 3}), []) is None

    def test_too_few_to_compare_with(self, root):
        assert self.run(root, [99.0, 99.0], "median") is None

    def test_not_before_some_steps(self, root):
        assert self.run(root, [99.0, 99.0, 1.0], ("median", {"min_trials": 3, "min_steps": 2})) == 2

    def test_a_stricter_percentile(self, root):
        assert self.run(root, [5.5], ("percentile", {"percentile": 25, "min_trials": 3})) == 1
        assert self.run(root / "other", [5.0], ("percentile", {"percentile": 25, "min_trials": 3})) is None

    def test_who_joins_later_judges_the_same(self, root):
        from neps_plugins.stopping.median import Median

        self.run(root, [6.0, 5.5], None)
        run = open_run(root)
        *_, last = run.trials.values()
        fresh, following = Median(min_trials=3), Median(min_trials=3)
        following(last, run.trials)
        assert fresh(last, run.trials) is following(last, run.trials) is True

    def test_a_rule_object_begins_anew_with_each_run(self, root):
        from neps_plugins.stopping.median import Median

        rule = Median(min_trials=3)
        self.run(root / "low", [0.0, 0.0], rule)
        high = [[104.0, 102.0], [106.0, 104.0], [108.0, 106.0]]
        assert self.run(root / "high", [106.0, 105.0], rule, high) is None
