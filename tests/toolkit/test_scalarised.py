"""Several objectives and constraints, shown to what minimises one objective."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps.testing import check_optimizer, gallery
from neps_core import Report, State, Trial, TrialLog, parse_space
from neps_core import events as ev
from neps_plugins.optimizers.tpe import TPE
from neps_plugins.toolkit import Scalarised, as_one_objective

SQUARE = {"x": neps.Float(0, 1), "y": neps.Float(0, 1)}


def trials_of(*reports):
    """A log with one trial for each report; None for one that is under way."""
    log = TrialLog()
    log.fold([ev.Created(ev.FORMAT, 0, 0.0)])
    for i, report in enumerate(reports, 1):
        log.fold([ev.Sampled(str(i), {"x": i / 10, "y": 0.5}, 0.0, "w", None), ev.Started(str(i), 0.0, "w")])
        if report is not None:
            log.fold([ev.Finished(str(i), 0.0, State(report.reported_as), report)])
    return log.trials


def seen(trials, seed=0):
    view = as_one_objective(trials, np.random.default_rng(seed))
    return [None if trial.objectives is None else trial.objectives[0] for trial in view.values()]


FAILED = Report(err="it raised", reported_as="failed")


def test_one_objective_is_seen_as_it_is():
    trials = trials_of(Report(1.0), FAILED, None)
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    assert as_one_objective(trials, rng) is trials
    assert rng.bit_generator.state == before
    assert as_one_objective(trials_of(None), rng)["1"].objectives is None


def test_what_is_dominated_is_worse_whatever_the_weights():
    trials = trials_of(Report([0.0, 4.0]), Report([0.5, 5.0]), Report([1.0, 0.0]), FAILED, None)
    for seed in range(20):
        a, worse, b, *others = seen(trials, seed)
        assert a < worse and others == [None, None]
        assert (a, b) == pytest.approx(tuple(seen(trials, seed)[i] for i in (0, 2)))
    assert len({seen(trials, seed)[0] < seen(trials, seed)[2] for seed in range(20)}) == 2


def test_units_make_no_difference():
    small = trials_of(Report([0.0, 1.0]), Report([0.4, 0.3]), Report([1.0, 0.0]))
    large = trials_of(Report([5.0, 1e6]), Report([5.4, 0.3e6]), Report([6.0, 0.0]))
    assert seen(small) == pytest.approx(seen(large))


def test_what_breaks_constraints_is_behind_by_how_much():
    kept, broken, more, unknown, free = seen(
        trials_of(
            Report([1.0, 1.0], constraints=[-1.0]),
            Report([0.0, 0.0], constraints=[0.5]),
            Report([0.0, 0.0], constraints=[2.0]),
            Report([0.0, 0.0], constraints=[math.nan]),
            Report([0.5, 2.0]),
        )
    )
    assert max(kept, free) < broken < more < unknown == math.inf


def test_one_objective_with_constraints():
    view = as_one_objective(
        trials_of(Report(3.0, constraints=1.0), Report(5.0, constraints=-1.0)), np.random.default_rng(0)
    )
    assert view["2"].objectives < view["1"].objectives
    assert view["1"].constraints == ()


def test_nothing_keeps_them():
    one, two = seen(trials_of(Report([0.0, 0.0], constraints=2.0), Report([9.0, 9.0], constraints=1.0)))
    assert two < one


def test_a_value_that_stands_for_an_error_is_all_objectives():
    good, bad = seen(trials_of(Report([1.0, 2.0]), Report(9.0, err="it raised")))
    assert good < bad


def test_trials_by_hand():
    by_hand = {"1": Trial("1", {"x": 0.1}, State.SUCCESS, report=Report([1.0, 2.0]))}
    assert len(as_one_objective(by_hand, np.random.default_rng(0))["1"].objectives) == 1


def test_an_optimizer_for_one_objective_serves_two():
    loop = neps.AskAndTell(Scalarised(TPE(parse_space(SQUARE))), seed=0)
    other = neps.AskAndTell(neps.algorithms.random_search(SQUARE), seed=0)
    for each in (loop, other):
        for _ in range(40):
            trial = each.ask()
            x, far = trial.config["x"], (trial.config["y"] - 0.7) ** 2
            each.tell(trial, [x**2 + 4 * far, (x - 1) ** 2 + 4 * far])
    late = [[abs(t.config["y"] - 0.7) for t in each.trials.values()][15:] for each in (loop, other)]
    assert np.mean(late[0]) < 0.7 * np.mean(late[1])
    assert np.ptp([t.config["x"] for t in list(loop.trials.values())[20:]]) > 0.5


def test_the_contract():
    check_optimizer(lambda space: Scalarised(TPE(space)), spaces={"mixed": gallery()["mixed"]}, n_trials=8)
