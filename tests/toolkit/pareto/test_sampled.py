"""Hypervolume by random points, beside the exact one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neps_plugins.toolkit import hypervolume, hypervolume_contributions
from neps_plugins.toolkit.pareto.sampled import MARGIN, N_SAMPLES, sampled_contributions, sampled_subset


def front(n, m, seed=0):
    """Points of the unit sphere, a copy of it scaled to the unit cube."""
    points = abs(np.random.default_rng(seed).normal(size=(n, m)))
    points = 2.0 - points / np.linalg.norm(points, axis=1, keepdims=True)
    return (points - points.min(axis=0)) / np.ptp(points, axis=0)


@pytest.mark.parametrize("m", [2, 3])
def test_contributions_are_nearly_the_exact_ones_in_whatever_unit(m):
    values = front(8, m)
    exact = hypervolume_contributions(values, [MARGIN] * m) / MARGIN**m
    found = np.mean([sampled_contributions(1e6 * values - 3, np.random.default_rng(i)) for i in range(40)], axis=0)
    assert found / N_SAMPLES == pytest.approx(exact, abs=0.004)


@pytest.mark.parametrize("m", [2, 3])
def test_a_subset_has_nearly_as_much_as_the_greedy_one(m):
    values, reference = front(40, m), [MARGIN] * m
    greedy: list[int] = []
    for _ in range(6):
        greedy.append(max(range(40), key=lambda i: hypervolume(values[[*greedy, i]], reference)))
    for seed in range(5):
        chosen = sampled_subset(values, 6, np.random.default_rng(seed))
        assert len(set(chosen)) == 6
        assert hypervolume(values[chosen], reference) > 0.98 * hypervolume(values[greedy], reference)


def test_ends_that_dominate_little_come_late():
    bent = [[x, (1 - math.sqrt(x)) ** 2] for x in (0.0, 0.05, 0.2, 0.4, 1.0)]
    assert not {0, 4} & set(sampled_subset(np.array(bent), 2, np.random.default_rng(0)))


def test_what_adds_nothing_comes_last_the_earlier_first():
    values = np.array([[1.0, 1.0], [0.0, 0.5], [0.5, 0.0], [0.0, 0.5], [1.0, 1.0]])
    assert sampled_subset(values, 5, np.random.default_rng(0))[2:].tolist() == [0, 3, 4]
    assert sampled_subset(values[:1], 1, np.random.default_rng(0)).tolist() == [0]
    infinite = np.array([[-math.inf, 0.0], [0.0, -math.inf]])
    assert sorted(sampled_subset(infinite, 2, np.random.default_rng(0))) == [0, 1]
