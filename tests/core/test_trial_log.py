"""The fold: total, and the same however the events are cut into reads."""

from __future__ import annotations

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from neps_core import events as ev
from neps_core.budgets import Ledger
from neps_core.space_parsing import parse_space
from neps_core.trial_log import TrialLog
from neps_core.trials import Report, State

IDS = st.sampled_from(["1", "2", "3", "2_rung_1"])
TIMES = st.floats(0, 100)
EVENTS = st.one_of(
    st.builds(ev.Sampled, IDS, st.just({"x": 0.5}), TIMES, st.just("w")),
    st.builds(ev.Started, IDS, TIMES, st.sampled_from(["v", "w"])),
    st.builds(ev.Detached, IDS),
    st.builds(
        ev.Finished,
        IDS,
        TIMES,
        st.sampled_from([State.SUCCESS, State.FAILED, State.CRASHED]),
        st.just(Report(1.0, 2.0)),
    ),
    st.builds(ev.Requeued, IDS, TIMES, st.just("r"), st.booleans()),
    st.builds(ev.Deleted, IDS),
    st.builds(ev.Halted, TIMES, st.just("w"), st.just("r")),
)


def folded(events: list[ev.Event]) -> TrialLog:
    log = TrialLog()
    log.fold(events)
    return log


@given(st.lists(EVENTS, max_size=40), st.integers(0, 40))
def test_any_sequence_folds_and_reading_in_pieces_changes_nothing(events, cut):
    whole = folded(events)
    pieces = TrialLog()
    pieces.fold(events[:cut])
    pieces.fold(events[cut:])
    assert dict(whole.trials) == dict(pieces.trials)
    assert list(whole.pending) == list(pieces.pending)
    for state, ids in ((State.PENDING, whole.pending), (State.EVALUATING, whole.evaluating)):
        assert set(ids) == {t.id for t in whole.trials.values() if t.state is state}


@given(st.lists(EVENTS, max_size=40))
def test_a_finished_trial_stays_as_it_ended(events):
    log = TrialLog()
    ended: dict[str, object] = {}
    for event in events:
        log.fold([event])
        if isinstance(event, ev.Deleted):
            ended.pop(event.id, None)
        for trial_id, trial in log.trials.items():
            if trial.state.is_finished:
                now = evolve(trial, superseded=())  # what comes later is only kept beside it
                assert ended.setdefault(trial_id, now) == now


@given(st.lists(EVENTS, max_size=40))
def test_budgets_by_following_are_budgets_by_counting(events):
    space = parse_space({"x": 1})
    log = TrialLog()
    ledger = Ledger({"evaluations": 5, "cost": 5}, "", space, lambda _: True, False)
    for event in events:
        log.fold([event])
        ledger.update(log.trials)
    begun = [t for t in log.trials.values() if t.state is not State.PENDING and t.metadata.time_started is not None]
    spent = ledger.spent()
    assert spent["evaluations"] == len(begun)
    assert abs(spent["cost"] - sum(t.report.cost for t in begun if t.report)) < 1e-9


def test_the_view_is_live_and_tells_what_changed():
    log = folded([ev.Sampled("1", {}, 1.0)])
    view, position = log.trials, len(log.trials.changes)
    log.fold([ev.Started("1", 2.0, "w"), ev.Sampled("2", {}, 1.0), ev.Deleted("1")])
    assert list(view) == ["2"]
    assert list(view.changes[position:]) == ["1", "2", "1"]


def test_the_first_result_counts():
    log = folded(
        [
            ev.Sampled("1", {}, 1.0),
            ev.Started("1", 1.0, "w"),
            ev.Finished("1", 2.0, State.SUCCESS, Report(1.0)),
            ev.Finished("1", 3.0, State.FAILED, Report(err="late")),
            ev.Requeued("1", 4.0, "late"),
        ]
    )
    assert log.trials["1"].state is State.SUCCESS
    assert log.trials["1"].report == Report(1.0)


def test_numbers_are_never_given_twice():
    log = folded([ev.Sampled("1", {}, 1.0), ev.Sampled("7_rung_0", {}, 1.0), ev.Deleted("7_rung_0")])
    assert log.highest_number == 7
    assert log.sampled == 2


def test_who_has_lost_a_trial_can_neither_give_it_back_nor_detach_it():
    begun = [ev.Sampled("1", {}, 1.0, "old"), ev.Started("1", 1.0, "old")]
    taken_over = [ev.Requeued("1", 2.0, "it died", False, "old"), ev.Started("1", 3.0, "new")]
    for late in (ev.Requeued("1", 4.0, "it leaves", True, "old"), ev.Detached("1", False, "old")):
        trial = folded([*begun, *taken_over, late]).trials["1"]
        assert trial.state is State.EVALUATING
        assert trial.metadata.evaluating_worker_id == "new"
        assert trial.metadata.starts == 2
        assert not trial.metadata.is_asynchronous
