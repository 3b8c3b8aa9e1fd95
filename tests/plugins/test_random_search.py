"""Random search."""

from __future__ import annotations

import numpy as np
import pytest

import neps
from neps_core import OptimizerError
from neps_core.budgets import BudgetInfo

FIDELITY = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 100)}


def propose(space, n=None, seed=0, **keywords):
    optimizer = neps.algorithms.random_search(space, **keywords)
    return [p.config for p in optimizer({}, BudgetInfo(), n, np.random.default_rng(seed))]


def test_it_is_a_function_of_the_randomness(space):
    assert propose(space, 5) == propose(space, 5)
    assert propose(space, 5) != propose(space, 5, seed=1)
    assert len(propose(space)) == 1


def test_priors_are_used_if_asked_for():
    space = {"x": neps.Float(0, 1, prior=0.9, prior_confidence="high")}
    plain = np.mean([c["x"] for c in propose(space, 500)])
    informed = np.mean([c["x"] for c in propose(space, 500, use_priors=True)])
    assert plain == pytest.approx(0.5, abs=0.05)
    assert informed > 0.8


def test_a_fidelity_is_refused_sampled_or_kept_high():
    with pytest.raises(OptimizerError, match="'epochs'.*ignore_fidelity=True"):
        propose(FIDELITY)
    assert len({c["epochs"] for c in propose(FIDELITY, 50, ignore_fidelity=True)}) > 10
    assert {c["epochs"] for c in propose(FIDELITY, 50, ignore_fidelity="highest_fidelity")} == {100}
    with pytest.raises(OptimizerError, match="must be False, True or 'highest_fidelity'"):
        propose(FIDELITY, ignore_fidelity="lowest")


def test_a_space_of_constants(root):
    result = neps.run(lambda k: k, {"k": 3}, root_directory=root, evaluations_to_spend=2, optimizer="random_search")
    assert [t.config for t in result.trials.values()] == [{}, {}]
