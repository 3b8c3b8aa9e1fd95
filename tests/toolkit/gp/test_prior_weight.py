"""How far results speak for what the user believes, and what follows."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps.testing import simulate
from neps_plugins.toolkit.gp.prior_weight import support


def test_support_is_the_correlation_of_ranks():
    logs = np.array([-3.0, 0.0, -1.0, -2.0])
    assert support(logs, np.exp(-logs)[:, None]) == pytest.approx(2.0)  # 1, times the square root of 4
    assert support(logs, logs[:, None]) == pytest.approx(-2.0)
    assert support(logs, np.hstack([logs[:, None], -logs[:, None]])) == 0.0  # one objective for, one against it


def test_nothing_is_said_where_all_is_alike():
    assert support(np.zeros(3), np.arange(3.0)[:, None]) == 0.0
    assert support(np.arange(3.0), np.full((3, 1), math.nan)) == 0.0


def test_failures_are_worst():
    logs = np.array([0.0, -1.0, -2.0])
    assert support(logs, np.array([[math.nan], [1.0], [0.0]])) == pytest.approx(-math.sqrt(3))


def test_a_prior_that_results_speak_against_is_left():
    """The corner that it favours is the worst of all."""
    space = {name: neps.Float(0, 1, prior=1.0, prior_confidence="high") for name in "xyz"}
    run = simulate("pibo", space, lambda c, _: (sum(value**2 for value in c.values()), 1.0), max_evaluations=23)
    assert all(max(trial.config.values()) < 0.5 for trial in run.ended[-4:])
