"""Linear algebra with one thread."""

from __future__ import annotations

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from neps_plugins.toolkit.gp.bayesian import BayesianOptimizer
from neps_plugins.toolkit.threads import with_one_blas_thread


def blas_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


def test_a_call_has_one_and_then_there_are_as_many_as_before():
    @with_one_blas_thread
    def inside(fails):
        if fails:
            raise ValueError("in between")
        return blas_threads()

    with threadpool_limits(2, "blas"):
        assert inside(False) == {1} and blas_threads() == {2}
        with pytest.raises(ValueError, match="in between"):
            inside(True)
        assert blas_threads() == {2}


def test_a_proposal_has_one(monkeypatch):
    seen = []
    monkeypatch.setattr(BayesianOptimizer, "_propose", lambda self, *rest: seen.append(blas_threads()))
    with threadpool_limits(2, "blas"):
        BayesianOptimizer.propose(object.__new__(BayesianOptimizer), *[None] * 5, terms=())
    assert seen == [{1}]
