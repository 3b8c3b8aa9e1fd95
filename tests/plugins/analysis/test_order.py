"""In which order trials ended, and what may be the best."""

from __future__ import annotations

import numpy as np
import pytest

from neps_plugins.analysis.order import Order
from neps_plugins.analysis.states import EVALUATED, SUCCESS


def order(objectives, times=None, state=None, stopped=None, constraints=None) -> Order:
    n = len(objectives)
    return Order(
        np.array([SUCCESS] * n if state is None else state, dtype=np.int8),
        np.arange(n, dtype=float) if times is None else np.array(times, dtype=float),
        np.zeros(n, dtype=bool) if stopped is None else np.array(stopped),
        np.array(objectives, dtype=float).reshape(n, -1 if n else 1),
        np.empty((n, 0)) if constraints is None else np.array(constraints, dtype=float).reshape(n, -1),
    )


def test_of_equals_the_first_is_the_step():
    assert order([3.0, 2.0, 2.0, 1.0, 1.0]).steps(0).tolist() == [0, 1, 3]


def test_infinite_results_are_a_step_only_at_first():
    assert order([np.inf, np.inf, 5.0]).steps(0).tolist() == [0, 2]


def test_by_the_times_at_which_they_ended():
    assert order([1.0, 2.0, 3.0], times=[30, 20, 10]).steps(0).tolist() == [2, 1, 0]


def test_what_has_no_time_comes_first():
    assert order([1.0, 2.0, 3.0], times=[5, np.nan, np.nan]).ended.tolist() == [1, 2, 0]


def test_what_was_stopped_early_is_no_best():
    made = order([3.0, 0.0, 2.0], stopped=[False, True, False])
    assert made.steps(0).tolist() == [0, 2]
    assert made.ended.tolist() == [0, 1, 2]


@pytest.mark.parametrize("broken", [0.1, np.nan])
def test_what_breaks_a_constraint_is_no_best(broken):
    made = order([3.0, 0.0, 2.0], constraints=[[0.0], [broken], [-1.0]])
    assert made.steps(0).tolist() == [0, 2]
    assert made.front.tolist() == [2]


def test_failures_have_ended_and_are_no_best():
    failed = next(code for code in EVALUATED if code != SUCCESS)
    made = order([3.0, np.nan, 2.0], state=[SUCCESS, failed, SUCCESS])
    assert made.ended.tolist() == [0, 1, 2]
    assert made.ranked.tolist() == [0, 2]


def test_a_front_has_one_of_equals():
    assert order([[1, 2], [1, 2], [2, 1], [2, 2]]).front.tolist() == [0, 2]


def test_nothing_has_no_steps():
    assert order([]).steps(0).tolist() == []
