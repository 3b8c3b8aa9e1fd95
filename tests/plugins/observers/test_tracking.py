"""What all trackers share: nothing that a tracker does costs an evaluation."""

from __future__ import annotations

import threading

import pytest

import neps
from neps_core import ObserverError
from neps_plugins.tracking import Search, Tracker, flattened, measures_of, points_of, require

LINE = {"x": neps.Float(0, 1)}


class Memory:
    """A tracker that remembers what it was told."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.told = []

    def started(self, trial):
        self.told.append(("started", trial.id))

    def reported(self, trial, points):
        self.told += [("reported", trial.id, point.step, point.objective) for point in points]

    def finished(self, trial, is_best, n_finished):
        self.told.append(("finished", trial.id, trial.state.value, is_best, n_finished))

    def close(self, is_last):
        self.told.append(("close", is_last))


def track(root, n, make, function=lambda x: x, **keywords):
    tracker = Tracker("memory", make, **keywords)
    return neps.run(
        function,
        LINE,
        root_directory=root,
        optimizer="random_search",
        seed=1,
        evaluations_to_spend=n,
        observers=[tracker],
        ignore_errors=True,
    )


def remembered(root, n, function=lambda x: x):
    made = []
    track(root, n, lambda search: made.append(Memory(search)) or made[-1], function)
    [only] = made
    return only


def test_everything_is_told_in_order(root):
    answers = iter([3.0, 5.0, ValueError("no"), 1.0, {"objective_to_minimize": 2.0, "learning_curve": [9, 2]}])

    def evaluate(x):
        answer = next(answers)
        if answer == 1.0:
            neps.report(4.0, step=1)
            neps.report(2.0, step=2)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert remembered(root, 5, evaluate).told == [
        ("started", "1"),
        ("finished", "1", "success", True, 1),
        ("started", "2"),
        ("finished", "2", "success", False, 2),
        ("started", "3"),
        ("finished", "3", "failed", False, 3),
        ("started", "4"),
        ("reported", "4", 1, 4.0),
        ("reported", "4", 2, 2.0),
        ("finished", "4", "success", True, 4),
        ("started", "5"),
        ("reported", "5", 1, 9),
        ("reported", "5", 2, 2),
        ("finished", "5", "success", False, 5),
        ("close", True),
    ]


def test_a_run_that_is_gone_on_with_has_the_same_key_and_another_one_has_not(root, tmp_path):
    first, second, other = remembered(root, 1), remembered(root, 1), remembered(tmp_path / "other", 1)
    assert first.search.key == second.search.key != other.search.key
    assert second.told[1] == ("finished", "2", "success", second.told[1][3], 2)
    assert first.search.facts == {"optimizer": "random_search", "seed": 1}


def test_a_tracker_that_is_down_costs_nothing_and_is_told_once(root, caplog):
    calls = []

    def down(search):
        calls.append(search)
        raise ConnectionError("refused")

    assert len(track(root, 20, down).trials) == 20
    assert len(calls) == 1  # and again only after a while
    [record] = caplog.records
    assert "'memory' (told once): ConnectionError: refused" in record.getMessage()


def test_one_that_raises_now_and_then_goes_on(root, caplog):
    class Moody(Memory):
        def started(self, trial):
            super().started(trial)
            raise OSError("moody")

    made = []
    track(root, 3, lambda search: made.append(Moody(search)) or made[-1])
    assert [told[0] for told in made[0].told] == ["started", "finished"] * 3 + ["close"]
    assert len(caplog.records) == 1


def test_one_that_never_answers_drops_what_does_not_fit_and_lets_the_run_end(root, caplog):
    answer = threading.Event()

    class Silent(Memory):
        def started(self, trial):
            answer.wait(60)

    try:
        assert len(track(root, 20, Silent, flush_seconds=0.01, waiting=5).trials) == 20
    finally:
        answer.set()
    full, late = (record.getMessage() for record in caplog.records)
    assert "5 events wait for it" in full
    assert "within 0.01 s" in late


@pytest.mark.parametrize("seconds", [-1, True, "1", float("nan")])
def test_the_time_must_be_one(seconds):
    with pytest.raises(ObserverError, match="flush_seconds="):
        Tracker("memory", Memory, flush_seconds=seconds)


def test_a_package_that_is_absent_is_named():
    with pytest.raises(ObserverError, match=r"needs no_such_package: pip install 'neps-framework\[mine\]'"):
        require("mine", "no_such_package")


def test_names_that_every_tracker_takes():
    assert flattened({"a.b": 1, "a[0]": 2, "a(0)": 3, "lr": None}) == {"a.b": 1, "a_0_": 2, "a_0__1": 3, "lr": None}


def test_measures(root):
    answers = iter(
        [
            {
                "objective_to_minimize": {"loss": 1, "size": 2},
                "constraints": [0.5],
                "cost": 3,
                "info_dict": {"n": 4, "t": "x"},
            },
            ValueError("no"),
        ]
    )

    def evaluate(x):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    first, second = neps.run(
        evaluate, LINE, root_directory=root, evaluations_to_spend=2, optimizer="random_search", ignore_errors=True
    ).trials.values()
    found = measures_of(first)
    assert found.pop("evaluation_duration") >= 0
    assert found == {"loss": 1.0, "size": 2.0, "constraint_1": 0.5, "cost": 3.0, "n": 4.0}
    assert set(measures_of(second)) == {"evaluation_duration"}
    assert [point.step for point in points_of([1, None, 2.5])] == [1, 3]
