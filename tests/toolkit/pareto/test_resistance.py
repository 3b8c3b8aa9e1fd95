"""Points that are worth having, and those that are far worse in one objective and hardly better in any."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from neps_core import OptimizerError
from neps_plugins.toolkit.pareto.resistance import properly_non_dominated
from neps_plugins.toolkit.pareto.sorting import non_dominated
from tests.toolkit.pareto.points import tables

NAN = np.nan


@pytest.mark.parametrize(
    "values, proper",
    [
        ([[0.0, 1.0], [1.0, 0.0]], [True, True]),
        ([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0], [0.6, 0.6]], [True, True, True, False]),  # the last is dominated
        ([[0.0, 1.0], [0.01, 0.5], [1.0, 0.0]], [False, True, True]),  # half of one for a hundredth of the other
        ([[0.0, 1.0], [0.03, 0.5], [1.0, 0.0]], [True, True, True]),
        ([[0.0, 0.52], [0.01, 0.5], [1.0, 0.0]], [True, True, True]),  # hardly worse: nothing is far better
        ([[0.0, 100.0], [0.01, 50.0], [1.0, 0.0]], [False, True, True]),  # in shares of the range
        ([[0.0, 0.0, 1.0], [0.001, 0.0, 0.5], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], [False, True, True, True]),
        ([[0.0, 1.0], [NAN, 0.0], [1.0, NAN]], [True, False, False]),
        ([[2.0, 2.0], [2.0, 2.0]], [True, True]),
    ],
)
def test_what_is_worth_having(values, proper):
    assert properly_non_dominated(values).tolist() == proper


@given(tables)
def test_some_of_the_front(values):
    front, proper = non_dominated(values), properly_non_dominated(values)
    assert not (proper & ~front).any()
    assert proper.any() == front.any()


@pytest.mark.parametrize("m", [2, 5, 6, 9])
def test_one_is_left_however_many_objectives(m):
    # A cycle: each is a little worse than the one before it in all objectives but one, and much better there.
    values = np.array([[0.019 * ((i - j) % m) for j in range(m)] for i in range(m)]) + np.eye(m) * 0.15
    assert properly_non_dominated(np.vstack([values, np.full(m, 1.0)])).any()


def test_no_rows():
    assert properly_non_dominated(np.empty((0, 3))).tolist() == []
    with pytest.raises(OptimizerError, match="must have the shape"):
        properly_non_dominated([1.0, 2.0])
