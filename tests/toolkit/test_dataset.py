"""A run as arrays: the same for whoever has followed it and for whoever sees it all at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps_core import OptimizerError, Uniform, parse_space
from neps_core import events as ev
from neps_core.testing import gallery
from neps_core.trial_log import TrialLog
from neps_core.trials import Report, State
from neps_plugins.toolkit.dataset import Dataset

GALLERY = gallery()

X = {"x": neps.Float(0, 1)}

REPORTS = [
    (State.SUCCESS, Report(1.5, cost=2.0)),
    (State.SUCCESS, Report(-0.25)),
    (State.FAILED, Report(err="it raised", reported_as="failed")),
    (State.CRASHED, Report(err="NaN", reported_as="crashed", cost=1.0)),
    (State.SUCCESS, Report(math.inf)),
    (State.SUCCESS, Report(-1e300, cost=0.5)),
]


def sampled(i, config):
    return ev.Sampled(str(i), config, float(i), "w")


def started(i):
    return ev.Started(str(i), float(i), "w")


def finished(i, k=0):
    return ev.Finished(str(i), 100.0 + i, *REPORTS[k % len(REPORTS)])


def history(space, n=24, seed=0):
    """Events of three workers, of which each ends when it likes; some trials are given back."""
    rng = np.random.default_rng(seed)
    parsed = parse_space(space)
    events, running = [], []
    for i in range(1, n + 1):
        events += [sampled(i, parsed.resolve(Uniform(rng)).config), started(i)]
        running.append(i)
        if rng.random() < 0.2:
            events += [ev.Requeued(str(i), 0.0, "w"), started(i)]
        while len(running) > 2 and rng.random() < 0.7:
            at = running.pop(int(rng.integers(len(running))))
            events.append(finished(at, at))
    return events


def seen(space, events, fixed=None):
    """By somebody who comes only now."""
    log = TrialLog()
    log.fold(events)
    data = Dataset(parse_space(space), "test", fixed or {})
    assert data.follow(log.trials)
    return data


def same(a, b):
    """Bit for bit."""
    assert a.encoder.columns == b.encoder.columns
    for one, two in zip(
        (a.values, a.active, a.objectives, a.costs), (b.values, b.active, b.objectives, b.costs), strict=True
    ):
        assert one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()
    assert a.configs == b.configs and a.running == b.running
    assert a.tried == b.tried


@pytest.mark.parametrize("chunk", [1, 2, 7])
@pytest.mark.parametrize("name", GALLERY)
def test_following_is_seeing_all_at_once(name, chunk):
    events = history(GALLERY[name])
    log = TrialLog()
    data = Dataset(parse_space(GALLERY[name]), "test", {})
    for k in range(0, len(events), chunk):
        log.fold(events[k : k + chunk])
        assert data.follow(log.trials) == (k == 0)
        if k % 5 == 0 or k + chunk >= len(events):
            same(data, seen(GALLERY[name], events[: k + chunk]))
    assert not data.follow(log.trials)
    same(data, seen(GALLERY[name], events))
    assert len(data.objectives) > 10


def test_what_it_holds():
    data = seen(
        {"x": neps.Float(0, 2), "n": neps.Integer(1, 4)},
        [
            *(sampled(i, {"x": 0.5 * i, "n": i}) for i in (1, 2, 3, 4)),
            *map(started, (1, 2, 3)),
            finished(3, 0),
            finished(1, 2),
        ],
    )
    assert data.configs == [{"x": 1.5, "n": 3}, {"x": 0.5, "n": 1}]  # in the order in which they ended
    assert data.values == pytest.approx(np.array([[0.75, 0.625], [0.25, 0.125]])) and data.active.all()
    assert data.objectives.tolist() == pytest.approx([1.5, math.nan], nan_ok=True)
    assert data.costs.tolist() == pytest.approx([2.0, math.nan], nan_ok=True)
    assert data.running == [{"x": 1.0, "n": 2}, {"x": 2.0, "n": 4}]
    assert len(data.tried) == 4


def test_every_result():
    events = [each for i in range(6) for each in (sampled(i, {"x": i / 10}), started(i), finished(i, i))]
    data = seen(X, events)
    assert data.objectives.tolist() == pytest.approx([1.5, -0.25, math.nan, math.nan, math.inf, -1e300], nan_ok=True)
    assert data.costs.tolist() == pytest.approx([2.0, math.nan, math.nan, 1.0, math.nan, 0.5], nan_ok=True)
    assert data.running == []


def test_an_empty_run():
    data = seen(X, [])
    assert data.values.shape == data.active.shape == (0, 1)
    assert len(data.objectives) == len(data.costs) == len(data.tried) == 0
    assert data.values.dtype == float and data.active.dtype == bool
    assert data.running == [] and data.configs == []


def test_a_second_result_changes_nothing():
    log = TrialLog()
    data = Dataset(parse_space(X), "test", {})
    log.fold([sampled(1, {"x": 0.5}), started(1), finished(1, 0)])
    data.follow(log.trials)
    log.fold([finished(1, 1), ev.Requeued("1", 0.0, "w"), started(1), sampled(1, {"x": 0.1})])
    data.follow(log.trials)
    assert data.objectives.tolist() == [1.5]
    same(data, seen(X, [sampled(1, {"x": 0.5}), started(1), finished(1, 0)]))


@pytest.mark.parametrize("name", ["mixed", "hierarchical", "recursive"])
def test_deletion(name):
    """Of one that has ended, and of one that is running, whose columns nobody else may need."""
    space = GALLERY[name]
    events = history(space)
    log = TrialLog()
    log.fold(events)
    data = Dataset(parse_space(space), "test", {})
    data.follow(log.trials)
    before = len(data.objectives)
    ended = next(i for i, trial in log.trials.items() if trial.state.is_finished)
    running = next(i for i, trial in log.trials.items() if not trial.state.is_finished)
    for gone in (ended, running):
        log.fold([ev.Deleted(gone)])
        events = [*events, ev.Deleted(gone)]
        assert data.follow(log.trials)
        same(data, seen(space, events))
        assert len(data.objectives) == before - 1
    assert not data.follow(log.trials)
    more = [
        sampled(99, parse_space(space).resolve(Uniform(np.random.default_rng(5))).config),
        started(99),
        finished(99),
    ]
    log.fold(more)
    assert not data.follow(log.trials)
    same(data, seen(space, [*events, *more]))


def test_another_run():
    one, two = TrialLog(), TrialLog()
    one.fold(history(X))
    two.fold(history(X, seed=1))
    data = Dataset(parse_space(X), "test", {})
    assert data.follow(one.trials)
    assert data.follow(two.trials)
    same(data, seen(X, history(X, seed=1)))


def test_a_plain_mapping():
    log = TrialLog()
    log.fold(history(X, n=6))
    data = Dataset(parse_space(X), "test", {})
    for _ in range(2):
        assert data.follow(dict(log.trials))
        done = [trial for trial in log.trials.values() if trial.state.is_finished]
        assert [config["x"] for config in data.configs] == [trial.config["x"] for trial in done]
        assert len(data.values) == len(done)


def test_corrupted_trials_are_no_observations():
    """A start and a result whose configuration was lost."""
    events = [
        sampled(1, {"x": 0.5}),
        started(2),
        finished(2),
        started(1),
        finished(1),
        finished(3),
        sampled(4, {"x": 0.1}),
    ]
    log = TrialLog()
    data = Dataset(parse_space(X), "test", {})
    for event in events:
        log.fold([event])
        data.follow(log.trials)
    assert log.trials["2"].state is State.CORRUPTED
    assert data.configs == [{"x": 0.5}] and data.running == [{"x": 0.1}]
    assert len(data.tried) == 2
    same(data, seen(X, events))


def test_configurations_of_another_space_are_left_out():
    """The space was changed, and the run goes on."""
    events = [
        sampled(1, {"x": 0.5}),
        sampled(2, {"y": 0.5}),
        sampled(3, {"x": 7.0}),
        sampled(4, {"x": None}),
        sampled(5, {"x": 0.25, "z": 1}),
        sampled(6, {"y": 1}),
        sampled(7, {"x": 0.75}),
        *(event for i in (2, 1, 3, 4, 5) for event in (started(i), finished(i))),
    ]
    log = TrialLog()
    data = Dataset(parse_space(X), "test", {})
    for event in events:
        log.fold([event])
        data.follow(log.trials)
    same(data, seen(X, events))
    assert data.configs == [{"x": 0.5}]
    assert data.values.tolist() == [[0.5]]
    assert data.running == [{"x": 0.75}]
    assert len(data.tried) == 7  # what has been tried isn't proposed, whatever it is


@pytest.mark.parametrize("name", ["mixed", "hierarchical", "conditional"])
def test_incomplete_configurations_are_left_out(name):
    """They are none of the space; the candidates make others from what a dataset holds, and that raises."""
    parsed = parse_space(GALLERY[name])
    config = parsed.resolve(lambda path, domain: domain.default()).config
    half = dict(list(config.items())[:-1])
    events = [each for i, c in ((1, config), (2, half)) for each in (sampled(i, c), started(i), finished(i))]
    assert seen(GALLERY[name], events).configs == [config]


def test_identity():
    space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}
    data = Dataset(parse_space(space), "test", {"epochs": 9})
    one = {"x": 0.5, "epochs": 1}
    assert data.identity(one) == data.identity({"epochs": 9, "x": 0.5})
    assert data.identity(one) != data.identity({"x": 0.25, "epochs": 1})
    assert data.identity({"x": 0.5}) != data.identity(one)  # a path is not made up
    assert one == {"x": 0.5, "epochs": 1}
    plain = Dataset(parse_space(space), "test", {})
    assert plain.identity(one) != plain.identity({**one, "epochs": 9})


def test_fidelities_of_one_configuration_count_as_tried_once():
    space = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}
    events = [
        event
        for i, (x, epochs) in enumerate([(0.5, 1), (0.25, 1), (0.5, 3), (0.5, 9)], 1)
        for event in (sampled(i, {"x": x, "epochs": epochs}), started(i), finished(i))
    ]
    data = seen(space, events, {"epochs": 9})
    assert len(data.tried) == 2
    assert data.identity({"x": 0.5, "epochs": 9}) in data.tried
    assert len(data.objectives) == 4 and len({config["epochs"] for config in data.configs}) == 3


def test_several_objectives_are_refused():
    log = TrialLog()
    log.fold([sampled(1, {"x": 0.5}), started(1), ev.Finished("1", 1.0, State.SUCCESS, Report([1.0, 2.0]))])
    with pytest.raises(OptimizerError, match="'test' minimises one objective, and trial '1' has 2"):
        Dataset(parse_space(X), "test", {}).follow(log.trials)


def test_several_objectives_and_constraints():
    """NaN among constraints counts as broken, and one number stands for all objectives."""
    reports = [
        Report(None, err="it raised", reported_as="failed"),
        Report(9.0, err="it raised"),
        Report([1.0, 2.0], constraints=-1.0),
        Report([3.0, math.inf], constraints=[math.nan, 0.5]),
    ]
    log = TrialLog()
    data = Dataset(parse_space(X), "test", {}, several=True)
    for i, report in enumerate(reports):
        log.fold([sampled(i, {"x": i / 10}), started(i)])
        log.fold([ev.Finished(str(i), 1.0, State(report.reported_as), report)])
        data.follow(log.trials)
    nan = math.nan
    objectives = [[nan, nan], [9.0, 9.0], [1.0, 2.0], [3.0, math.inf]]
    constraints = [[nan, nan], [math.inf, nan], [-1.0, nan], [math.inf, 0.5]]
    for held in (data, seen_log(log)):
        assert np.array_equal(held.all_objectives, objectives, equal_nan=True)
        assert np.array_equal(held.objectives, np.array(objectives)[:, 0], equal_nan=True)
        assert np.array_equal(held.constraints, constraints, equal_nan=True)


def seen_log(log):
    data = Dataset(parse_space(X), "test", {}, several=True)
    data.follow(log.trials)
    return data


def test_columns_grow_and_old_rows_lack_them():
    space = {"m": neps.Categorical([neps.Float(0, 1), (neps.Float(0, 1), neps.Float(0, 1))])}
    a, b = parse_space(space).attributes["m"].domain().choices
    events = [
        sampled(1, {"m": a, "m.Float": 0.5}),
        started(1),
        finished(1),
        sampled(2, {"m": b, "m{1}[0]": 0.25, "m{1}[1]": 1.0}),
    ]
    log = TrialLog()
    data = Dataset(parse_space(space), "test", {})
    log.fold(events[:3])
    data.follow(log.trials)
    assert data.values.shape == (1, 2)
    log.fold(events[3:])  # running only, and yet there are columns
    data.follow(log.trials)
    assert data.values.tolist() == [[0, 0.5, 0, 0]] and data.active.tolist() == [[True, True, False, False]]
    same(data, seen(space, events))
