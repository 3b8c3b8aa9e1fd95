"""`neps.run`: what a user can rely on (API sections 3 and 4)."""

from __future__ import annotations

import logging
import math
import textwrap
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neps
from neps_core import BudgetError, EvaluationError, ResultError, RunError, TargetError, TrialError, claims
from neps_core import events as ev
from neps_core import run as run_module
from neps_core.run import open_run
from neps_core.trials import State
from neps_plugins.spaces.pipeline.shorthand import HPOConstant

SPACE = {"x": neps.Float(0, 1)}


def run(function: Any, root: Path, space: Any = SPACE, **keywords: Any) -> neps.RunResult:
    keywords.setdefault("evaluations_to_spend", 3)
    return neps.run(function, space, root_directory=root, **keywords)


class TestBudgets:
    def test_per_call_is_spent_again_by_the_next_call(self, root):
        assert len(run(lambda x: x, root, evaluations_to_spend=3).trials) == 3
        assert len(run(lambda x: x, root, evaluations_to_spend=3).trials) == 6

    def test_the_other_name(self, root):
        assert len(run(lambda x: x, root, evaluations_to_spend=None, worker_evaluations_to_spend=2).trials) == 2
        with pytest.raises(RunError, match="names for one thing"):
            run(lambda x: x, root, evaluations_to_spend=1, worker_evaluations_to_spend=2)

    def test_total_holds_over_restarts(self, root):
        run(lambda x: x, root, evaluations_to_spend=None, total_evaluations_to_spend=4)
        result = run(lambda x: x, root, evaluations_to_spend=None, total_evaluations_to_spend=4)
        assert len(result.trials) == 4
        assert "total evaluations budget spent" in result.stopped_because

    def test_cost(self, root):
        result = run(
            lambda x: {"objective_to_minimize": x, "cost": 2.0}, root, evaluations_to_spend=None, cost_to_spend=5
        )
        assert len(result.trials) == 3
        again = run(
            lambda x: {"objective_to_minimize": x, "cost": 2.0}, root, evaluations_to_spend=None, total_cost_to_spend=7
        )
        assert len(again.trials) == 4

    def test_a_missing_cost_stops_and_loses_nothing(self, root):
        costs = iter([1.0, None])

        def evaluate(x):
            cost = next(costs)
            return {"objective_to_minimize": x} if cost is None else {"objective_to_minimize": x, "cost": cost}

        with pytest.raises(ResultError, match="no 'cost'"):
            run(evaluate, root, evaluations_to_spend=None, cost_to_spend=10)
        trials = open_run(root).trials
        assert trials["1"].state is State.SUCCESS
        assert trials["2"].state is State.FAILED
        assert str(trials["2"].config["x"]) in trials["2"].report.err

    def test_fidelities(self, root):
        space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}
        optimizer = ("random_search", {"ignore_fidelity": "highest_fidelity"})
        budget = {"evaluations_to_spend": None, "fidelities_to_spend": 20}
        result = run(lambda x, epochs: x, root, space, optimizer=optimizer, **budget)
        assert [t.config["epochs"] for t in result.trials.values()] == [9, 9, 9]

    def test_wallclock_needs_no_trial(self, root):
        began = time.monotonic()
        result = run(lambda x: time.sleep(0.02) or x, root, evaluations_to_spend=None, budgets={"wallclock": 0.2})
        assert 0.2 <= time.monotonic() - began < 5
        assert "wallclock budget spent" in result.stopped_because
        assert run(lambda x: x, root, evaluations_to_spend=None, budgets={"wallclock": 0}).stopped_because

    def test_errors_count(self, root):
        def fails(x):
            raise ValueError

        assert len(run(fails, root, ignore_errors=True).trials) == 3

    def test_asynchronous_trials_count_unless_only_finished_ones_are_wanted(self, root):
        result = run(lambda x: None, root, evaluations_to_spend=None, total_evaluations_to_spend=2)
        assert len(result.trials) == 2
        neps.save_pipeline_results(1.0, "1", root)
        result = run(
            lambda x: x,
            root,
            evaluations_to_spend=None,
            total_evaluations_to_spend=2,
            continue_until_max_evaluation_completed=True,
        )
        assert len([t for t in result.trials.values() if t.state is State.SUCCESS]) == 2
        assert len(result.trials) == 3

    def test_none_is_warned_of(self, root):
        def stop(x):
            raise KeyboardInterrupt

        with pytest.warns(neps.NePSWarning, match="no budget"), pytest.raises(KeyboardInterrupt):
            run(stop, root, evaluations_to_spend=None)
        assert open_run(root).trials["1"].state is State.PENDING

    @pytest.mark.parametrize("value", [-1, math.nan, "10", True, [1], None.__class__])
    @pytest.mark.parametrize(
        "name",
        ["evaluations_to_spend", "cost_to_spend", "fidelities_to_spend", "total_evaluations_to_spend", "budgets"],
    )
    def test_limits_that_are_no_numbers(self, root, name, value):
        keywords = {"budgets": {"wallclock": value}} if name == "budgets" else {name: value}
        with pytest.raises(BudgetError, match="wallclock" if name == "budgets" else name):
            neps.run(lambda x: x, SPACE, root_directory=root, **keywords)
        assert not root.exists()

    def test_an_unknown_one(self, root):
        with pytest.raises(BudgetError, match="Did you mean 'wallclock'"):
            run(lambda x: x, root, budgets={"wallclok": 3})


class TestGoingOn:
    def test_with_nothing_but_the_folder(self, root):
        run(lambda x: x, root, optimizer="grid_search")
        result = neps.run(lambda x: x, root_directory=root, evaluations_to_spend=1)
        assert len(result.trials) == 4
        assert neps.load_optimizer_info(root)["name"] == "grid_search"

    def test_another_space_is_refused_with_the_difference(self, root):
        run(lambda x: x, root)
        with pytest.raises(
            RunError, match=r"(?s)x: .*\"upper\": 1.* on disk.*\"upper\": 2.* given.*y: only in the given"
        ):
            run(lambda x, y: x, root, {"x": neps.Float(0, 2), "y": neps.Float(0, 1)})
        assert len(open_run(root).trials) == 3

    def test_the_same_space_from_its_class_is_the_same(self, root):
        class Space(neps.PipelineSpace):
            x = neps.Float(0, 1)

        run(lambda x: x, root, Space)
        run(lambda x: x, root, Space())
        run(lambda x: x, root, SPACE)

    def test_without_a_run_the_space_is_needed(self, root):
        with pytest.raises(RunError, match="pipeline_space= is needed"):
            neps.run(lambda x: x, root_directory=root, evaluations_to_spend=1)
        assert not root.exists()

    def test_pending_trials_of_a_batch_are_taken_first(self, root):
        result = run(lambda x: x, root, sample_batch_size=4, evaluations_to_spend=1)
        assert [t.state for t in result.trials.values()] == [State.SUCCESS] + [State.PENDING] * 3
        result = neps.run(lambda x: x, root_directory=root, evaluations_to_spend=3)
        assert [t.state for t in result.trials.values()] == [State.SUCCESS] * 4

    def test_load_space_and_optimizer_and_start_anew(self, root):
        class Space(neps.PipelineSpace):
            rate = neps.Float(1e-4, 1e-1, log=True, prior=1e-3, prior_confidence="high")
            kind = neps.Categorical(["a", "b", None, 1, True])

        def evaluate(rate, kind):
            return rate

        run(evaluate, root, Space(), optimizer=("random_search", {"use_priors": True}))
        space, info = neps.load_pipeline_space(root), neps.load_optimizer_info(root)
        assert info == {"name": "random_search", "info": {"use_priors": True, "ignore_fidelity": False}}
        other = root.parent / "other"
        run(evaluate, other, space, optimizer=(info["name"], info["info"]))
        run(evaluate, root, neps.load_pipeline_space(other))

    def test_nothing_to_load(self, root):
        for load in (neps.load_pipeline_space, neps.load_optimizer_info):
            with pytest.raises(FileNotFoundError, match="no run"):
                load(root)


class TestSeeds:
    def test_the_same_seed_gives_the_same_run(self, tmp_path):
        configs = [
            [t.config for t in run(lambda x: x, tmp_path / name, seed=seed).trials.values()]
            for name, seed in (("a", 1), ("b", 1), ("c", 2))
        ]
        assert configs[0] == configs[1]
        assert configs[0] != configs[2]

    def test_a_restart_changes_nothing(self, tmp_path):
        run(lambda x: x, tmp_path / "a", seed=1, evaluations_to_spend=6)
        for _ in range(3):
            run(lambda x: x, tmp_path / "b", seed=1, evaluations_to_spend=2)
        a, b = (open_run(tmp_path / name).trials for name in "ab")
        assert [t.config for t in a.values()] == [t.config for t in b.values()]

    def test_one_is_drawn_and_recorded(self, tmp_path):
        run(lambda x: x, tmp_path / "a")
        run(lambda x: x, tmp_path / "b", seed=open_run(tmp_path / "a").log.seed)
        a, b = (open_run(tmp_path / name).trials for name in "ab")
        assert [t.config for t in a.values()] == [t.config for t in b.values()]

    @pytest.mark.parametrize("seed", [-1, 1.5, "1", True])
    def test_bad_ones(self, root, seed):
        with pytest.raises(RunError, match="seed"):
            run(lambda x: x, root, seed=seed)

    def test_another_one_for_the_same_run_is_refused(self, root):
        run(lambda x: x, root, seed=1)
        with pytest.raises(RunError, match="seed 1"):
            run(lambda x: x, root, seed=2)


class TestErrors:
    def test_stop_with_the_exception_as_the_cause(self, root):
        def fails(x):
            raise ValueError("gpu")

        with pytest.raises(EvaluationError, match="ValueError: gpu in trial 1") as caught:
            run(fails, root)
        assert isinstance(caught.value.__cause__, ValueError)
        report = open_run(root).trials["1"].report
        assert "gpu" in report.err and "in fails" in report.tb

    def test_an_old_error_does_not_stop_a_new_call(self, root):
        def fails(x):
            raise ValueError

        with pytest.raises(EvaluationError):
            run(fails, root)
        assert len(run(lambda x: x, root).trials) == 4

    def test_values_on_error(self, root):
        def fails(x):
            raise ValueError

        result = run(
            fails,
            root,
            evaluations_to_spend=None,
            objective_value_on_error=9.0,
            cost_value_on_error=1.0,
            cost_to_spend=3,
        )
        assert len(result.trials) == 3
        report = result.trials["1"].report
        assert (report.objective_to_minimize, report.cost, report.reported_as) == (9.0, 1.0, "success")
        assert "ValueError" in report.err
        assert result.best is not None

    def test_a_value_on_error_counts_for_nan(self, root):
        assert run(lambda x: math.nan, root, objective_value_on_error=5).best.report.objective_to_minimize == 5.0

    def test_a_returned_exception_is_a_failure(self, root):
        result = run(lambda x: {"exception": ValueError("no"), "cost": 1.0}, root, ignore_errors=True)
        assert [t.state for t in result.trials.values()] == [State.FAILED] * 3
        for returned in (ValueError("no"), {"exception": ValueError("no"), "cost": 1.0}):
            with pytest.raises(EvaluationError, match="ValueError: no") as caught:
                run(lambda x, returned=returned: returned, root)
            assert isinstance(caught.value.__cause__, ValueError)

    @pytest.mark.parametrize("name", ["objective_value_on_error", "cost_value_on_error"])
    def test_a_value_on_error_that_is_none(self, root, name):
        with pytest.raises(RunError, match=name):
            run(lambda x: x, root, **{name: "high"})


class TestResults:
    @pytest.mark.parametrize(
        "value, expected",
        [
            (1, 1.0),
            (0.5, 0.5),
            (np.float32(0.5), 0.5),
            (np.array(0.5), 0.5),
            (np.int64(3), 3.0),
            (Decimal("0.5"), 0.5),
            (math.inf, math.inf),
            (-math.inf, -math.inf),
            ([1, 2.5], [1.0, 2.5]),
            ((1, np.float64(2)), [1.0, 2.0]),
            (True, 1.0),
            (np.False_, 0.0),
            (np.array([True, False]), [1.0, 0.0]),
            ({"objective_to_minimize": False, "cost": True}, 0.0),
            (np.array([1.0, 2.0]), [1.0, 2.0]),
            ({"objective_to_minimize": 0.5}, 0.5),
            ({"objective_function_to_minimize": 0.5}, 0.5),
        ],
    )
    def test_what_is_an_objective(self, root, value, expected):
        result = run(lambda x: value, root, evaluations_to_spend=1)
        assert result.trials["1"].report.objective_to_minimize == expected
        assert open_run(root).trials["1"].report.objective_to_minimize == expected

    def test_what_stands_in_for_one_is_no_bool(self, root):
        with pytest.raises(RunError, match="objective_value_on_error.*bool"):
            run(lambda x: x, root, objective_value_on_error=True)

    def test_anything_with_item(self, root):
        class Tensor:
            shape = ()

            def item(self):
                return 0.25

        assert run(lambda x: Tensor(), root).best.report.objective_to_minimize == 0.25

    def test_the_full_report(self, root):
        class Odd:
            def __repr__(self):
                return "<odd>"

        given = {
            "objective_to_minimize": 0.5,
            "cost": np.float32(2),
            "learning_curve": np.array([1.0, 0.5]),
            "info_dict": {"a": np.arange(2), "odd": Odd(), 3: {"b": (1, Path("/p"))}},
            "unknown": 1,
        }
        run(lambda x: given, root, evaluations_to_spend=1)
        report = open_run(root).trials["1"].report
        assert report.cost == 2.0
        assert report.learning_curve == [1.0, 0.5]
        assert report.extra == {"a": [0, 1], "odd": "<odd>", "3": {"b": [1, "/p"]}, "unknown": 1}
        assert report.evaluation_duration >= 0

    @pytest.mark.parametrize(
        "value, key",
        [
            ("0.5", "objective_to_minimize.*str"),
            (1j, "objective_to_minimize.*complex"),
            ([], "empty"),
            ([1, "a"], "objective_to_minimize.*str"),
            ({}, "no 'objective_to_minimize'"),
            ({"loss": 1}, "no 'objective_to_minimize'"),
            ({"objective_to_minimize": 1, "cost": "2"}, "cost.*str"),
            ({"objective_to_minimize": 1, "cost": math.nan}, "cost"),
            ({"objective_to_minimize": 1, "cost": -1}, "cost"),
            ({"objective_to_minimize": 1, "learning_curve": 3}, "learning_curve.*int"),
            ({"objective_to_minimize": 1, "info_dict": 3}, "info_dict.*int"),
            ({"objective_to_minimize": 1, "exception": "no"}, "exception.*str"),
            ({"objective_to_minimize": 1, "objective_function_to_minimize": 1}, "two names"),
            (object(), "objective_to_minimize.*object"),
        ],
    )
    def test_anything_else_is_a_type_error_that_names_key_and_type(self, root, value, key):
        run(lambda x: x, root, evaluations_to_spend=1)
        with pytest.raises(TypeError, match=key):
            run(lambda x: value, root)
        trials = open_run(root).trials
        assert [t.state for t in trials.values()] == [State.SUCCESS, State.FAILED]

    def test_nan_crashes_the_trial_and_not_the_run(self, root):
        result = run(lambda x: math.nan, root)
        assert [t.state for t in result.trials.values()] == [State.CRASHED] * 3
        assert result.best is None
        assert run(lambda x: [1.0, math.nan], root).pareto_front == []

    def test_infinities_rank(self, root):
        values = iter([math.inf, 1.0, -math.inf])
        result = run(lambda x: next(values), root)
        assert result.best.id == "3"

    def test_the_number_of_objectives_stays(self, root):
        run(lambda x: [1, 2], root, optimizer="random_search")
        with pytest.raises(ResultError, match=r"1 value\(s\).*have 2"):
            run(lambda x: 1, root)

    def test_the_result(self, root):
        values = iter([(1, 4), (2, 2), (3, 3), (4, 1), (2, 2)])
        result = run(lambda x: next(values), root, evaluations_to_spend=5, optimizer="random_search")
        assert result.best is None
        assert [t.id for t in result.pareto_front] == ["1", "2", "4"]
        assert list(result.trials) == ["1", "2", "3", "4", "5"]
        assert result.root_directory == root
        single = run(lambda x: x, root.parent / "single")
        assert single.best.report.objective_to_minimize == min(t.config["x"] for t in single.trials.values())
        assert single.pareto_front == [single.best]


class TestAsynchronous:
    def test_results_come_later(self, root):
        result = run(lambda x: None, root, evaluations_to_spend=2)
        assert [t.state for t in result.trials.values()] == [State.EVALUATING] * 2
        neps.save_pipeline_results({"objective_to_minimize": 0.5, "cost": 3}, "1", root)
        neps.save_pipeline_results(ValueError("died"), "config_2", root)
        trials = open_run(root).trials
        assert trials["1"].report.objective_to_minimize == 0.5
        assert trials["2"].state is State.FAILED
        assert (root / "configs/config_1/report.yaml").exists()
        assert "0.5" in (root / "summary/best_config.txt").read_text()

    def test_their_cost_is_required_as_well(self, root):
        run(lambda x: None, root, evaluations_to_spend=1, cost_to_spend=5)
        with pytest.raises(ResultError, match="no 'cost'"):
            neps.save_pipeline_results(1.0, "1", root)
        neps.save_pipeline_results({"objective_to_minimize": 1.0, "cost": 2}, "1", root)

    def test_nobody_takes_them(self, root):
        run(lambda x: None, root, evaluations_to_spend=1)
        result = run(lambda x: x, root, evaluations_to_spend=1)
        assert [t.state for t in result.trials.values()] == [State.EVALUATING, State.SUCCESS]

    def test_from_within_the_evaluation(self, root):
        def evaluate(x, pipeline_id, root_directory):
            neps.save_pipeline_results(x, pipeline_id, root_directory)

        result = run(evaluate, root)
        assert [t.state for t in result.trials.values()] == [State.SUCCESS] * 3

    def test_waiting_for_them_ends(self, root):
        result = run(lambda x: None, root, optimizer=("grid_search", {"size_per_numerical_dimension": 2}))
        assert "2 asynchronous result(s)" in result.stopped_because

    def test_refusals(self, root):
        run(lambda x: None, root, evaluations_to_spend=1)
        with pytest.raises(TrialError, match="no trial '7'"):
            neps.save_pipeline_results(1.0, "7", root)
        with pytest.raises(TrialError, match="no trial"):
            neps.save_pipeline_results(1.0, "../../etc", root)
        with pytest.raises(ResultError):
            neps.save_pipeline_results("x", "1", root)
        with pytest.raises(ResultError):
            neps.save_pipeline_results(None, "1", root)
        neps.save_pipeline_results(1.0, "1", root)
        with pytest.raises(TrialError, match="is success"):
            neps.save_pipeline_results(1.0, "1", root)
        with pytest.raises(FileNotFoundError):
            neps.save_pipeline_results(1.0, "1", root / "nothing")


class TestTarget:
    def test_injected_arguments(self, root):
        seen = {}

        def evaluate(x, pipeline_directory, previous_pipeline_directory, pipeline_id, root_directory):
            seen.update(locals())
            (pipeline_directory / "model.bin").write_bytes(b"1")
            return x

        run(evaluate, root, evaluations_to_spend=1)
        assert seen["pipeline_id"] == "1"
        assert seen["pipeline_directory"] == root / "configs" / "config_1"
        assert seen["previous_pipeline_directory"] is None
        assert seen["root_directory"] == root

    def test_keywords_alone_get_the_configuration_only(self, root):
        seen = []
        run(
            lambda **config: seen.append(config) or 1.0,
            root,
            {"x": neps.Float(0, 1), "k": HPOConstant([1, {"a": 2}]), "_h": 3},
        )
        assert set(seen[0]) == {"x", "k"}
        assert seen[0]["k"] == [1, {"a": 2}]

    def test_constants_are_handed_over_as_they_are(self, root):
        thing = object()
        seen = []
        run(lambda x, data: seen.append(data) or x, root, {"x": neps.Float(0, 1), "data": thing})
        assert seen[0] is thing
        with pytest.raises(neps.NePSError, match="could not be stored"):
            neps.run(lambda x, data: x, root_directory=root, evaluations_to_spend=1)
        assert len(open_run(root).trials) == 3

    def test_by_name(self, root, tmp_path, monkeypatch):
        (tmp_path / "my_objective.py").write_text("def evaluate(x):\n    return x + 1\n")
        monkeypatch.syspath_prepend(tmp_path)
        assert run("my_objective:evaluate", root).best.report.objective_to_minimize >= 1
        assert run(f"{tmp_path}/my_objective.py:evaluate", root).best.report.objective_to_minimize >= 1

    @pytest.mark.parametrize(
        "target, message",
        [
            ("nowhere", "must be a function"),
            (3, "must be a function"),
            ("nowhere.at_all:f", "can't import 'nowhere.at_all'"),
            ("nowhere.py:f", "there is no file"),
            ("math:sinn", "Did you mean 'sin'"),
            ("math:pi", "no function 'pi'"),
        ],
    )
    def test_that_is_not_there(self, root, target, message):
        with pytest.raises(TargetError, match=message):
            run(target, root)
        assert not root.exists()

    @pytest.mark.parametrize(
        "function, message",
        [
            (lambda y: y, "does not take 'x'"),
            (lambda x, y: y, "needs 'y'"),
            (lambda: 0, "does not take 'x'"),
            (lambda x, /: x, "by position only"),
        ],
    )
    def test_that_does_not_fit_the_space(self, root, function, message):
        with pytest.raises(TargetError, match=message):
            run(function, root)
        assert not root.exists()

    def test_that_fits_in_unusual_ways(self, root):
        class Callable:
            def __call__(self, x, extra=3):
                return x

        run(Callable(), root)
        run(max.__call__ and (lambda **kwargs: kwargs["x"]), root)


class TestWorkerIds:
    @pytest.mark.parametrize("worker_id", ["../x", "a/b", "a\\b", "", ".hidden", "a b", "x" * 200])
    def test_that_are_no_file_names(self, root, worker_id):
        with pytest.raises(neps.NePSError, match="worker_id"):
            run(lambda x: x, root, worker_id=worker_id)
        assert not root.exists()

    def test_is_recorded(self, root):
        assert run(lambda x: x, root, worker_id="w-1.a").trials["1"].metadata.evaluating_worker_id == "w-1.a"


def test_nothing_is_printed_and_progress_is_logged(root, capfd, caplog):
    with caplog.at_level(logging.INFO, logger="neps"):
        run(lambda x: x, root, evaluations_to_spend=1)
        with pytest.raises(EvaluationError):
            run(lambda x: 1 / 0, root)
    assert capfd.readouterr() == ("", "")
    text = caplog.text
    for word in ("sampled", "started", "finished: success", "stops: evaluations budget spent", "ZeroDivisionError"):
        assert word in text
    assert {record.name.split(".")[0] for record in caplog.records} == {"neps"}


def test_silence_without_any_logging_set_up(root, script):
    script.write(
        """
        import sys, neps
        def fails(x): raise ValueError
        neps.run(fails, {"x": neps.Float(0, 1)}, root_directory=sys.argv[1], evaluations_to_spend=3, ignore_errors=True)
        """
    )
    assert script.run(root) == ("", "")


def test_the_users_own_page(tmp_path, script):
    """The example of the user's page, in its words."""
    script.write(
        textwrap.dedent(
            """
            import neps

            def evaluate_pipeline(learning_rate: float, epochs: int) -> float:
                return learning_rate * epochs

            class ExamplePipeline(neps.PipelineSpace):
                learning_rate = neps.Float(1e-3, 1e-1, log=True)
                epochs = neps.IntegerFidelity(10, 100)

            neps.run(
                evaluate_pipeline=evaluate_pipeline,
                pipeline_space=ExamplePipeline(),
                root_directory="path/to/result_dir",
                evaluations_to_spend=3,
            )
            """
        )
    )
    script.run()
    assert len(open_run(tmp_path / "path/to/result_dir").trials) == 3


def test_two_runs_in_threads_of_one_process(root):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        for job in [
            pool.submit(run, lambda x: x, root, evaluations_to_spend=None, total_evaluations_to_spend=20, seed=3)
            for _ in range(4)
        ]:
            job.result()
    assert len(open_run(root).trials) == 20


def test_what_others_added_is_read_before_a_lock_is_waited_for(root, wait_for):
    """So that many workers that wait for each other don't read under the lock."""
    neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=1)
    late, other = open_run(root), open_run(root)
    neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=1)
    time.sleep(run_module.STALE)

    def claim():
        with late.locked("sampling"):
            pass

    with other.locks.lock("sampling"):
        waiting = threading.Thread(target=claim)
        waiting.start()
        wait_for(lambda: len(late.trials) == 2)
    waiting.join()


def test_where_reading_takes_long_a_lock_is_taken_all_the_same(root, monkeypatch):
    """A database on another continent: what was read is never new enough."""
    neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=1)
    run = open_run(root)
    reads, read = [], type(run.journal).read

    def slow(journal, since):
        reads.append(since)
        assert len(reads) < 10
        return read(journal, since)

    monkeypatch.setattr(run_module, "STALE", -1.0)
    monkeypatch.setattr(type(run.journal), "read", slow)
    with run.locked("sampling"):
        assert len(reads) == 2


def test_the_living_are_not_looked_at_more_than_they_take(root, monkeypatch):
    """With thousands of workers, each look takes a while."""
    neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=1)
    run = open_run(root)
    run.record(*(ev.Sampled(str(i), {"x": 0.5}, time.time(), "w") for i in range(2, 12)))
    run.record(*(ev.Started(str(i), time.time(), f"w{i}") for i in range(2, 12)))
    looked = []

    def is_alive(locks, worker):
        looked.append(worker)
        time.sleep(0.01)
        return True

    monkeypatch.setattr(type(run.locks), "is_alive", is_alive)
    monkeypatch.setattr(claims, "WATCHING", 1e-6)
    neps.run(lambda x: x, SPACE, root_directory=root, evaluations_to_spend=20)
    assert len(looked) == 10
