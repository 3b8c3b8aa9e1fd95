"""Documents of a run."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import neps
from neps_core import NePSError, open_run
from neps_core.cleaning import clean
from neps_plugins.analysis import VIEWS, Analysis
from neps_plugins.analysis.ped_anova import pearson_divergence
from neps_plugins.analysis.plain import largest_triangles

SPACE = {"x": neps.Float(1e-3, 1, log=True), "k": neps.Categorical(["a", "b"]), "n": neps.Integer(1, 9)}
ODD = (3.0, math.inf, 1e308, -1e308, math.nan, 2.0)


def run_of(root, values, space=SPACE):
    results = iter(values)

    def evaluate(**_):
        value = next(results)
        if isinstance(value, Exception):
            raise value
        return value

    neps.run(
        evaluate,
        space,
        root_directory=root,
        evaluations_to_spend=len(values),
        optimizer="random_search",
        ignore_errors=True,
        seed=1,
    )


def documents(analysis):
    return {name: analysis.view(name) for name in VIEWS if name not in NEEDS_MORE}


NEEDS_MORE = {"trial", "effects", "slices", "contour", "rank"}


@pytest.mark.parametrize("values", [[1.0], ODD, [ValueError("no 1"), ValueError("no 2")], [[1.0, 2.0], [2.0, 1.0]]])
def test_every_document_is_json_without_nan(root, values):
    run_of(root, values)
    analysis = Analysis(open_run(root))
    json.dumps(documents(analysis), allow_nan=False)
    json.dumps(analysis.view("trial", id="1"), allow_nan=False)


def test_what_is_taken_in_step_by_step_is_what_is_read_anew(root):
    run_of(root, [3.0, 2.0])
    analysis = Analysis(open_run(root))
    assert not analysis.refresh()
    run_of(root, [ValueError("no"), 1.0, 5.0])
    assert analysis.refresh()
    clean(root, ["2"])
    assert analysis.refresh()
    fresh = documents(Analysis(open_run(root)))
    followed = documents(analysis)
    del fresh["overview"]["version"], followed["overview"]["version"]
    assert followed == fresh


def test_incumbents_are_the_best_so_far(root):
    run_of(root, [3.0, 4.0, 2.0, math.inf, 1.0])
    found = Analysis(open_run(root)).view("anytime")
    assert found["axes"]["evaluations"] == {"x": [1, 3, 5, 5], "y": [3, 2, 1, 1], "ids": ["1", "3", "5", "5"]}
    assert found["not_finite"] == 1


def test_errors_that_differ_in_numbers_are_one_group(root):
    run_of(root, [ValueError("out of memory: 12 GB in /tmp/a"), ValueError("out of memory: 7 GB in /tmp/b"), 1.0])
    [group] = Analysis(open_run(root)).view("errors")["groups"]
    assert group["n"] == 2 and group["ids"] == ["1", "2"]


def test_the_table_sorts_filters_and_pages(root):
    run_of(root, [3.0, ValueError("no"), 1.0, 2.0])
    analysis = Analysis(open_run(root))
    first = analysis.view("table", sort="objectives.0", size=2)
    assert [row["id"] for row in first["rows"]] == ["3", "4"] and first["pages"] == 2
    assert [row["id"] for row in analysis.view("table", state="failed")["rows"]] == ["2"]


def test_what_is_misspelt_is_told(root):
    run_of(root, [1.0])
    analysis = Analysis(open_run(root))
    with pytest.raises(NePSError, match="'anytime'"):
        analysis.view("anytme")
    with pytest.raises(NePSError, match="'objective'"):
        analysis.view("anytime", objektive=1)


def test_pearson_divergence_by_hand():
    # 0.5 * (0.5 / 0.5 - 1)**2 twice is 0; of (1, 0) from (1/2, 1/2) it is 1/2 + 1/2
    assert pearson_divergence(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == 1.0
    assert pearson_divergence(np.array([0.5, 0.5]), np.array([0.5, 0.5])) == 0.0


def test_what_decides_matters_most(root):
    space = {name: neps.Float(0, 1) for name in "ab"}
    neps.run(
        lambda a, b: (a - 0.3) ** 2 + 0.001 * b,
        space,
        root_directory=root,
        evaluations_to_spend=60,
        optimizer="random_search",
        seed=0,
    )
    analysis = Analysis(open_run(root))
    first, second = analysis.view("importance")["parameters"]
    assert first["path"] == "a" and first["importance"] > 2 * second["importance"]
    for view in (analysis.view("slices", path="a"), analysis.view("rank", x="a", y="b")):
        json.dumps(view, allow_nan=False)


def test_drawing_fewer_points_drops_no_peak_and_nothing_to_keep():
    y = np.zeros(10_000)
    y[777] = 5.0
    chosen = largest_triangles(np.arange(10_000.0), y, 100, keep=[4321])
    assert {0, 777, 4321, 9999} <= set(chosen.tolist()) and len(chosen) <= 101


def test_the_front_and_its_hypervolume(root):
    run_of(root, [[1.0, 3.0], [3.0, 1.0], [3.0, 3.0], [2.0, 2.0]])
    found = Analysis(open_run(root)).view("front")
    assert found["front"]["ids"] == ["1", "4", "2"] and found["hypervolume"]["x"] == [1, 2, 4]
