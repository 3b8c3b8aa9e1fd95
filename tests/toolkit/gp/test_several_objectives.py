"""What several objectives change: the reference point, what is varied, and which warps there are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neps_plugins.toolkit.gp.hypervolume_improvement import _divisions, reference_of
from neps_plugins.toolkit.gp.standing import worth_varying

#: Six points on the part of a sphere where no coordinate is negative: two divisions of its edges.
SPHERE = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.7, 0.7, 0], [0.7, 0, 0.7], [0, 0.7, 0.7]])
#: A hundredth better in one objective, and three times as bad in another.
RESISTANT = [[-0.01, 0.0, 3.0]]


@pytest.mark.parametrize("n, m, divisions", [(1, 3, 1), (5, 3, 1), (6, 3, 2), (10, 3, 3), (9, 4, 1), (10, 4, 2)])
def test_divisions(n, m, divisions):
    assert _divisions(n, m) == divisions
    assert divisions == 1 or math.comb(divisions + m - 1, m - 1) <= n


class TestReference:
    def test_of_two_it_is_the_worst(self):
        assert reference_of(np.array([[0.0, 1.0], [1.0, 0.0], [5.0, 4.0]])) == pytest.approx([5.0, 4.0])
        assert reference_of(np.array([[0.0, 1.0], [1.0, 0.0]])) == pytest.approx([1.1, 1.1])

    def test_of_three_it_comes_from_the_worst_to_the_nadir(self):
        worst = [[3.0, 3.0, 3.0]]
        few = reference_of(np.vstack([SPHERE[:3], worst]))
        more = reference_of(np.vstack([SPHERE, worst]))
        assert few == pytest.approx([3.0] * 3)
        assert more == pytest.approx([1.1 + 1.9 / 4] * 3)

    def test_what_is_hardly_better_does_not_move_the_nadir(self):
        found = reference_of(np.vstack([SPHERE, RESISTANT]))
        assert found[2] == pytest.approx(1.1 + 1.9 / 4)

    def test_one_point(self):
        assert reference_of(np.zeros((1, 3))) == pytest.approx([0.1] * 3)


def test_what_is_hardly_better_is_not_varied():
    means = np.vstack([SPHERE, RESISTANT])
    rows = worth_varying(means, np.ones(len(means), dtype=bool), np.random.default_rng(0))
    assert sorted(rows) == list(range(len(SPHERE)))
    two = np.array([[0.0, 1.0], [0.01, 0.5], [1.0, 0.0]])  # with two, the ends of the front are found so
    assert sorted(worth_varying(two, np.ones(3, dtype=bool), np.random.default_rng(0))) == [0, 1, 2]
