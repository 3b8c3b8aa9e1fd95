"""Several objectives and constraints: names, what the first result says, feasible ones first, `scalarize`."""

from __future__ import annotations

import itertools
import math

import pytest
from attrs import evolve

import neps
from neps_core import Report, State, Trial
from neps_core.errors import ResultError, RunError
from neps_core.pareto import Front, best_of, incumbents, pareto_front
from neps_core.run import open_run
from neps_core.run_status import status_of

SPACE = {"x": neps.Float(0, 1)}


def search(results, root, **keywords):
    """A run that gets these results one after the other."""
    values = iter(results)

    def evaluate(x):
        value = next(values)
        if isinstance(value, Exception):
            raise value
        return value

    keywords = {"evaluations_to_spend": len(results), "optimizer": "random_search", **keywords}
    return neps.run(evaluate, SPACE, root_directory=root, **keywords)


def full(error, latency, size=None):
    result = {"objective_to_minimize": {"error": error, "latency": latency}}
    return result if size is None else {**result, "constraints": {"size": size}}


def trial_of(number, objectives, constraints=None, **report):
    report = Report(objectives, constraints=constraints, **report)
    return Trial(str(number), {}, State.SUCCESS, report=report)


class TestNames:
    def test_a_dict_in_another_order_and_a_sequence(self, root):
        other = {"objective_to_minimize": {"latency": 4, "error": 3}, "constraints": {"b": 8, "a": 7}}
        plain = {"objective_to_minimize": [5, 6], "constraints": (9.0, -math.inf)}
        first = {"objective_to_minimize": {"error": 1, "latency": 2}, "constraints": {"a": -1, "b": 0}}
        trials = list(search([first, other, plain], root).trials.values())
        assert [trial.objectives for trial in trials] == [(1, 2), (3, 4), (5, 6)]
        assert [trial.constraints for trial in trials] == [(-1, 0), (7, 8), (9, -math.inf)]
        assert [trial.objectives_by_name for trial in open_run(root).trials.values()] == [
            {"error": 1, "latency": 2},
            {"error": 3, "latency": 4},
            {"error": 5, "latency": 6},
        ]
        assert [trial.is_feasible for trial in trials] == [True, False, False]

    def test_one_objective_with_a_name_and_constraints_without(self, root):
        result = search(
            [
                {"objective_to_minimize": {"error": 1}, "constraints": 0},
                {"objective_to_minimize": 2, "constraints": [-1]},
            ],
            root,
        )
        assert result.best.report.objective_to_minimize == 1.0
        assert result.best.constraints_by_name == {"1": 0.0}
        assert result.trials["2"].objectives_by_name == {"error": 2.0}

    @pytest.mark.parametrize(
        ("first", "later", "says"),
        [
            (full(1, 2), [1, 2, 3], r"'objective_to_minimize' has 3 value\(s\).*have 2 \(error, latency\): \[1.0"),
            (full(1, 2), {"objective_to_minimize": {"error": 1, "mass": 7}}, "error, mass.*error, latency: .*7.0"),
            ([1, 2], full(1, 2), "names error, latency.*have no names"),
            (full(1, 2, 3), full(1, 2), r"latency.*no 'constraints'.*have 1 \(size\)"),
            (full(1, 2), full(1, 2, 3), r"'constraints' has 1 value\(s\).*have 0"),
            (full(1, 2, 3), {**full(1, 2), "constraints": {"weight": 3}}, "'constraints' has the names weight.*size"),
            (1.0, {"objective_to_minimize": {"error": 1}}, "names error.*no names"),
        ],
    )  # fmt: skip
    def test_another_shape_is_refused_and_nothing_lost(self, root, first, later, says):
        search([first], root)
        with pytest.raises(ResultError, match=says):
            search([later], root)
        assert search([first], root).trials["3"].state is State.SUCCESS
        assert open_run(root).trials["1"].state is State.SUCCESS

    @pytest.mark.parametrize(
        ("value", "says"),
        [
            ({}, "empty"),
            ({1: 2.0}, r"names.*1 \(int\)"),
            ({"": 2.0}, "names"),
            ({"a\nb": 2.0}, "names"),
            ({"a" * 121: 2.0}, "at most 120"),
            ({"error": "low"}, r"'objective_to_minimize\[error\]' must be a number, not 'low'"),
        ],
    )
    def test_what_is_no_objective(self, root, value, says):
        with pytest.raises(ResultError, match=says):
            search([{"objective_to_minimize": value}], root)

    def test_nan_and_failures_have_neither(self, root):
        broken = {**full(1, math.nan, 0)}
        caught = {**full(1, 2, 0), "exception": ValueError("late")}
        result = search([broken, caught, full(1, 2, math.nan)], root, ignore_errors=True)
        assert [trial.state.value for trial in result.trials.values()] == ["crashed", "failed", "success"]
        assert [trial.constraints for trial in list(result.trials.values())[:2]] == [(), ()]
        assert not result.trials["3"].is_feasible

    def test_a_value_for_errors_is_each_objectives_and_not_feasible(self, root):
        results = [ValueError(), full(1, 2, -3), ValueError()]
        result = search(results, root, ignore_errors=True, objective_value_on_error=9)
        for known in (result.trials, open_run(root).trials):
            for number in ("1", "3"):  # the first one did not know of what there is
                assert known[number].objectives_by_name == {"error": 9.0, "latency": 9.0}
                assert math.isnan(known[number].constraints_by_name["size"])
        assert [trial.id for trial in result.pareto_front] == ["2"]
        text = (root / "summary" / "best_config.txt").read_text()
        assert "Config ID: 2" in text and "cumulative_evaluations: 3" in text  # nothing is counted twice

    def test_an_error_before_constraints_were_known_is_not_the_best_without_a_feasible_one(self, root):
        results = [ValueError(), {"objective_to_minimize": 9, "constraints": 2.0}]
        result = search(results, root, ignore_errors=True, objective_value_on_error=5)
        assert result.best.id == "2" and result.pareto_front == []
        assert "Config ID: 1" not in (root / "summary" / "best_config.txt").read_text()

    @pytest.mark.parametrize("optimizer", ["asha", "nsga2", "tpe"])
    def test_optimizers_go_on_when_the_first_evaluation_failed(self, root, optimizer):
        results = iter([ValueError(), *(full(x, 1 - x) for x in (0.1, 0.2, 0.3))])
        space = {"x": neps.Float(0, 1), **({"e": neps.IntegerFidelity(1, 9)} if optimizer == "asha" else {})}
        result = neps.run(
            lambda x, e=9: next(results),
            space,
            root_directory=root,
            evaluations_to_spend=4,
            optimizer=optimizer,
            ignore_errors=True,
            objective_value_on_error=9,
        )
        assert len(result.pareto_front) == 3

    @pytest.mark.parametrize("others", [{"latency": 102, "error": 1}, [1, 2, 3]])
    def test_the_first_result_of_another_worker_counts_too(self, root, others):
        def evaluate(x):  # meanwhile, another worker has a result
            neps.AskAndTell("random_search", root_directory=root).tell_custom(
                config_id="other", config={"x": 0.5}, result=full(0, 101)
            )
            return {"objective_to_minimize": others}

        run = neps.run(
            evaluate, SPACE, root_directory=root, evaluations_to_spend=1, optimizer="random_search", ignore_errors=True
        )
        if isinstance(others, dict):
            assert run.trials["1"].objectives == (1, 102)
        else:
            assert "'objective_to_minimize' has 3 value(s)" in run.trials["1"].report.err

    def test_a_stopped_one_need_not_know_the_constraints_of_another_worker(self, root):
        def evaluate(x):
            neps.AskAndTell("random_search", root_directory=root).tell_custom(
                config_id="other", config={"x": 0.5}, result=full(0, 101, -1)
            )
            neps.report([1, 2])

        run = neps.run(
            evaluate,
            SPACE,
            root_directory=root,
            evaluations_to_spend=1,
            optimizer="random_search",
            stopping_rule=lambda trial, trials: True,
        )
        assert run.trials["1"].state is State.SUCCESS and math.isnan(run.trials["1"].constraints[0])


class TestWhoElseHandsInResults:
    def test_live_ones(self, root):
        def evaluate(x, pipeline_id):
            neps.report({"error": 4, "latency": 1})
            neps.report({"latency": 2, "error": 3})
            with pytest.raises(ResultError, match="names error, memory"):
                neps.report({"error": 1, "memory": 1})
            with pytest.raises(ResultError, match=r"3 value\(s\)"):
                neps.report([1, 2, 3])
            with pytest.raises(ResultError, match="'constraints' must be a number"):
                neps.report([1, 2], constraints="none")
            neps.report([2, 2])
            return full(1, 2)

        trial = neps.run(
            evaluate, SPACE, root_directory=root, evaluations_to_spend=1, optimizer="random_search"
        ).trials["1"]
        assert trial.report.learning_curve == [[4, 1], [3, 2], [2, 2]]

    def test_of_one_that_is_stopped_the_last_report_has_the_constraints(self, root):
        reports = iter([{}, {"constraints": {"size": -1}}, {}])

        def evaluate(x, pipeline_id):
            if pipeline_id == "2":
                return full(1, 2, -3)
            neps.report({"error": 1, "latency": 2}, **next(reports))
            return full(1, 2, -3)

        run = neps.run(
            evaluate,
            SPACE,
            root_directory=root,
            evaluations_to_spend=4,
            optimizer="random_search",
            stopping_rule=lambda trial, trials: True,
        )
        trials = list(run.trials.values())
        assert [trial.was_stopped_early for trial in trials] == [True, False, True, True]
        assert math.isnan(trials[0].constraints[0]) and trials[0].objectives_by_name == {"error": 1, "latency": 2}
        assert trials[2].constraints == (-1.0,)
        assert math.isnan(trials[3].constraints[0])

    def test_asynchronous_ones(self, root):
        neps.run(lambda x: None, SPACE, root_directory=root, evaluations_to_spend=2, optimizer="random_search")
        neps.save_pipeline_results(full(1, 2, 3), "1", root)
        with pytest.raises(ResultError, match="no 'constraints'"):
            neps.save_pipeline_results(full(1, 2), "2", root)
        neps.save_pipeline_results({"objective_to_minimize": [3, 4], "constraints": -1}, "2", root)
        assert open_run(root).trials["2"].constraints_by_name == {"size": -1.0}

    def test_told_ones(self):
        loop = neps.AskAndTell(neps.algorithms.random_search(SPACE))
        loop.tell(loop.ask(), full(1, 2, 3))
        trial = loop.ask()
        with pytest.raises(ResultError, match="no 'constraints'"):
            loop.tell(trial, [1, 2])
        assert loop.tell(trial, {"objective_to_minimize": [3, 4], "constraints": [5]}).constraints_by_name == {
            "size": 5
        }

    def test_imported_ones(self, root):
        search([full(1, 2, -3), full(3, 4, 5)], root)
        pairs = neps.load_trials(root)
        assert pairs[1][1]["objective_to_minimize"] == {"error": 3.0, "latency": 4.0}
        assert pairs[1][1]["constraints"] == {"size": 5.0}
        other = root.parent / "other"
        assert neps.import_trials(root, other, SPACE, optimizer="random_search") == ["1", "2"]
        assert [t.report.constraint_names for t in open_run(other).trials.values()] == [["size"], ["size"]]

    def test_imported_ones_of_before_their_number_was_known(self, root):
        search([ValueError(), full(1, 2, -3)], root, ignore_errors=True, objective_value_on_error=9)
        other = root.parent / "other"
        neps.import_trials(root, other, SPACE, optimizer="random_search")
        first, second = open_run(other).trials.values()
        assert (first.objectives, first.is_feasible, second.is_feasible) == ((9.0, 9.0), False, True)

    def test_imported_ones_that_differ(self, root):
        with pytest.raises(ResultError, match=r"evaluated_trials\[1\].*names a"):
            pairs = [({"x": 0.1}, full(1, 2)), ({"x": 0.2}, {"objective_to_minimize": {"a": 1, "b": 2}})]
            neps.import_trials(pairs, root, SPACE, optimizer="random_search")


class TestFeasibleOnesFirst:
    def test_the_best_of_one_objective(self):
        trials = [trial_of(1, 1.0, [3.0, -9.0]), trial_of(2, 2.0, [1.0, 1.0]), trial_of(3, 0.0, math.nan)]
        assert best_of(trials).id == "2" and pareto_front(trials) == []  # broken least, all together
        trials += [trial_of(4, 9.0, [0.0, 0.0]), trial_of(5, 8.0, [-1.0, -math.inf]), trial_of(6, 0.0, math.inf)]
        assert best_of(trials).id == "5"
        assert [trial.id for trial in incumbents(trials)] == ["1", "2", "4", "5"]
        trials.append(trial_of(7, 0.0, [0.0, 0.0], stopped_at=1))
        assert best_of(trials).id == "5"

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_a_front_is_what_nothing_beats(self, n):
        """Against the definition, with many equal values."""

        def beats(a, b):
            """Deb et al. 2002, and the first of equals."""
            broken = [max(0.0, trial.constraints[0]) for trial in (a, b)]
            if broken[0] != broken[1]:
                return broken[0] < broken[1]
            return all(x <= y for x, y in zip(a.objectives, b.objectives)) and (
                a.objectives != b.objectives or a.id < b.id
            )

        values = itertools.product((3, 1, 2), repeat=n)
        trials = [
            trial_of(f"{i:02}", list(map(float, value)), float(broken))
            for i, (value, broken) in enumerate(itertools.product(values, (1, 0, -1, 2)))
        ]
        trials = [trials[(i * 7) % len(trials)] for i in range(len(trials))]
        trials = [Trial(f"{i:03}", {}, State.SUCCESS, report=trial.report) for i, trial in enumerate(trials)]
        for end in (1, 4, len(trials) // 2, len(trials)):
            given = trials[:end]
            expected = {b.id for b in given if not any(beats(a, b) for a in given)}
            front = Front(given).trials
            assert {trial.id for trial in front} == expected
            assert [trial.objectives for trial in front] == sorted(trial.objectives for trial in front)

    def test_in_a_run(self, root, capsys):
        search([full(1, 1, 5), full(2, 2, 4)], root)
        status = status_of(open_run(root))
        assert status.pareto_front == [] and [trial.id for trial in status.least_violating] == ["2"]
        result = search([full(3, 4, -1), full(4, 3, 0), full(5, 5, -9)], root)
        assert [trial.id for trial in result.pareto_front] == ["3", "4"]
        assert result.best is None
        assert [trial.id for trial in status_of(open_run(root)).least_violating] == []


class TestScalarize:
    RESULTS = (full(0, 10), full(4, 4), full(10, 0), full(10, 10))

    @pytest.mark.parametrize(
        ("scalarize", "best"),
        [
            ({"latency": 10, "error": 1}, "3"),
            ([10, 1], "1"),
            ((1, 1), "2"),
            (lambda objectives: max(objectives), "2"),
            (lambda objectives: -objectives[0] if objectives != (10, 10) else -math.inf, "3"),  # of the front only
            (lambda objectives: math.nan if objectives[0] < 10 else 0, "3"),
        ],
    )
    def test_it_chooses_the_best(self, root, scalarize, best):
        assert search(self.RESULTS, root, scalarize=scalarize).best.id == best

    @pytest.mark.parametrize(
        ("scalarize", "says"),
        [
            ("error", "must be weights"),
            (3, "must be weights"),
            ({1: 2}, "must be weights"),
            ([], "no weight above 0"),
            ([0, 0], "no weight above 0"),
            ({"error": -1, "latency": 1}, r"scalarize\['error'\].*at least 0, not -1"),
            ([1, math.nan], r"scalarize\[1\]"),
            ([1, "a"], r"scalarize\[1\].*must be a number"),
        ],
    )
    def test_what_cannot_be_meant_is_refused_before_anything_is_written(self, root, scalarize, says):
        with pytest.raises(RunError, match=says):
            search([], root, scalarize=scalarize)
        assert not root.exists()

    def test_weights_of_other_objectives(self, root):
        with pytest.raises(RunError, match=r"3 weight\(s\).*results have 2 \(error, latency\)"):
            search(self.RESULTS, root, scalarize=[1, 2, 3])
        trials = open_run(root).trials
        assert len(trials) == 4 and (root / "summary/best_config.txt").exists()  # nothing is lost
        with pytest.raises(RunError, match="weights for error, size, and.*have error, latency"):
            search(self.RESULTS, root, scalarize={"error": 1, "size": 1})
        assert len(open_run(root).trials) == 4  # this time it was known at the call

    def test_a_function_that_gives_no_number(self, root):
        with pytest.raises(RunError, match=r"scalarize\(\(0.0, 10.0\)\) raised ZeroDivisionError"):
            search(self.RESULTS[:1], root, scalarize=lambda objectives: 1 / objectives[0])
        with pytest.raises(RunError, match=r"must be a number, not 'low'"):
            search([], root, scalarize=lambda objectives: "low")

    def test_what_has_no_weight_may_be_infinite(self, root):
        assert search([full(math.inf, 1), full(0, 2)], root, scalarize=[0, 1]).best.id == "1"

    def test_a_rank_that_follows_has_the_same_best(self, root, monkeypatch):
        leader = search([full(1, 4), full(3, 3), full(4, 1)], root, scalarize=[1, 2])

        class Rank:
            def follow(self, function, pipeline_space):
                return evolve(leader, best=None)

        monkeypatch.setattr("neps_core.api.find_rank", lambda *_: Rank())
        followed = search([], root, evaluations_to_spend=1, scalarize=[1, 2])
        assert followed.best.id == leader.best.id == "3"
        assert search([], root, evaluations_to_spend=1).best is None
        with pytest.raises(RunError, match=r"scalarize has 3 weight\(s\)"):
            search([], root, evaluations_to_spend=1, scalarize=[1, 2, 3])
