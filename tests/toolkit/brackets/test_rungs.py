"""Rung fidelities and bracket sizes, beside the papers' tables."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import neps
from neps_core import OptimizerError, parse_space
from neps_plugins.toolkit.brackets.rungs import make_ladder


def rungs(fidelity, eta=3):
    return make_ladder(parse_space({"x": neps.Float(0, 1), "e": fidelity}), eta, "hyperband")


def test_the_table_of_the_paper():
    """Li et al. 2018, Table 1: R = 81, eta = 3."""
    made = rungs(neps.IntegerFidelity(1, 81))
    assert made.fidelities == (1, 3, 9, 27, 81)
    assert [made.hyperband_sizes(start) for start in range(5)] == [
        (81, 27, 9, 3, 1),
        (34, 11, 3, 1),
        (15, 5, 1),
        (8, 2),
        (5,),
    ]


def test_successive_halving_on_27():
    made = rungs(neps.IntegerFidelity(1, 27))
    assert made.fidelities == (1, 3, 9, 27)
    assert made.halving_sizes(0) == (27, 9, 3, 1)
    assert made.halving_sizes(2) == (3, 1)


@pytest.mark.parametrize(
    "fidelity, eta, expected",
    [
        (neps.IntegerFidelity(10, 100), 3, (11, 33, 100)),
        (neps.IntegerFidelity(1, 100), 3, (1, 4, 11, 33, 100)),
        (neps.IntegerFidelity(1, 10), 2, (1, 2, 5, 10)),
        (neps.IntegerFidelity(5, 6), 3, (6,)),
        (neps.IntegerFidelity(1, 2, log=True), 3, (2,)),
        (neps.FloatFidelity(0.1, 1.0), 3, (1 / 9, 1 / 3, 1.0)),
        (neps.FloatFidelity(0.01, 1.0, log=True), 10, (0.01, 0.1, 1.0)),
        (neps.IntegerFidelity(1, 8), 2.5, (1, 3, 8)),
    ],
)
def test_bounds_that_are_no_powers(fidelity, eta, expected):
    assert rungs(fidelity, eta).fidelities == pytest.approx(expected)


@given(st.integers(1, 50), st.integers(1, 5000), st.floats(2, 10), st.booleans())
def test_whatever_the_bounds(lower, more, eta, whole):
    fidelity = neps.IntegerFidelity(lower, lower + more) if whole else neps.FloatFidelity(lower / 7, lower / 7 + more)
    made = rungs(fidelity, eta)
    assert made.fidelities[-1] == fidelity.upper
    assert made.fidelities[0] >= fidelity.lower
    assert all(a < b for a, b in zip(made.fidelities, made.fidelities[1:]))
    assert [made.level_of(f) for f in made.fidelities] == list(range(made.top + 1))
    for start in range(made.top + 1):
        for sizes in (made.halving_sizes(start), made.hyperband_sizes(start)):
            assert len(sizes) == made.top - start + 1
            assert all(a >= b >= 1 for a, b in itertools.pairwise(sizes))


@pytest.mark.parametrize("eta", [1.9, 1, 0, -3, True, "3", float("nan"), float("inf"), None])
def test_bad_etas(eta):
    with pytest.raises(OptimizerError, match="eta must be"):
        rungs(neps.IntegerFidelity(1, 9), eta)


def test_fidelities_that_allow_no_rungs():
    with pytest.raises(OptimizerError, match="needs a fidelity, and the space has none.*IntegerFidelity"):
        make_ladder(parse_space({"x": neps.Float(0, 1)}), 3, "hyperband")
    two = {"a": neps.IntegerFidelity(1, 3), "b": neps.IntegerFidelity(1, 3)}
    with pytest.raises(OptimizerError, match="needs one fidelity, and the space has 'a', 'b'"):
        make_ladder(parse_space(two), 3, "hyperband")
    with pytest.raises(OptimizerError, match="lower bound > 0"):
        rungs(neps.IntegerFidelity(0, 9))
