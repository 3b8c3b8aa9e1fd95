"""What views say of small runs that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

import neps
from neps_core import NePSError, State
from neps_core import events as ev
from neps_plugins.analysis import Analysis, compare
from neps_plugins.analysis.messages import general
from neps_plugins.analysis.order import arrivals
from neps_plugins.analysis.thinning import largest_triangles
from neps_plugins.analysis.trees import tree
from tests.plugins.analysis.made import evaluated, made, many

FLAT = {"x": neps.Float(0, 1)}
MULTI = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}


def test_anytime_over_everything_that_was_spent():
    events = [
        *evaluated("1", {"x": 0.1, "epochs": 1}, 3.0, at=10.0, cost=1.0),
        *evaluated("2", {"x": 0.2, "epochs": 1}, None, at=11.0, state=State.FAILED, err="no"),
        *evaluated("3", {"x": 0.3, "epochs": 3}, 5.0, at=12.0, cost=3.0),
        *evaluated("4", {"x": 0.1, "epochs": 3}, 2.0, at=13.0, cost=2.0, previous="1"),
    ]
    document = Analysis(made(MULTI, events)).view("anytime")
    assert document["axes"] == {
        "evaluations": {"x": [1.0, 4.0], "y": [3.0, 2.0], "ids": ["1", "4"]},
        "cost": {"x": [1.0, 6.0], "y": [3.0, 2.0], "ids": ["1", "4"]},
        "time": {"x": [2.0, 5.0], "y": [3.0, 2.0], "ids": ["1", "4"]},
        "fidelity": {"x": [1.0, 7.0], "y": [3.0, 2.0], "ids": ["1", "4"]},  # trial 4 goes on from 1
    }
    assert document["results"]["ids"] == ["1", "3", "4"]
    assert (document["n"], document["kept"], document["not_finite"], document["log"]) == (3, 3, 0, False)


def test_down_sampling_keeps_incumbents_and_the_front():
    rng = np.random.default_rng(0)
    values = (rng.random((3000, 2)) + 1.0).tolist()
    analysis = Analysis(made(FLAT, many(values)))
    document = analysis.view("anytime", limit=50)
    assert document["kept"] < 100
    assert set(document["axes"]["evaluations"]["ids"]) <= set(document["results"]["ids"])
    lowest = np.minimum.accumulate([a for a, _ in values])
    assert document["axes"]["evaluations"]["y"] == sorted(set(lowest.tolist()), reverse=True)
    front = analysis.view("front", limit=50)
    assert set(front["front"]["ids"]) <= set(front["points"]["ids"])
    expected = {
        str(i + 1)
        for i, (a, b) in enumerate(values)
        if not any(c <= a and d <= b and (c, d) != (a, b) for c, d in values)
    }
    assert set(front["front"]["ids"]) == expected


def test_log_scale_where_the_best_falls_over_orders_of_magnitude():
    falling = Analysis(made(FLAT, many([10.0**-i for i in range(12)])))
    assert falling.view("anytime")["log"] is True
    assert Analysis(made(FLAT, many([3.0, 2.0, 1.0]))).view("anytime")["log"] is False
    assert Analysis(made(FLAT, many([3.0, 1e-9, -1.0]))).view("anytime")["log"] is False


def test_what_is_best_keeps_its_constraints():
    events = [
        *evaluated("1", {"x": 0.1}, 1.0, at=10.0, constraints=[0.5]),
        *evaluated("2", {"x": 0.2}, 3.0, at=11.0, constraints=[-1.0]),
    ]
    overview = Analysis(made(FLAT, events)).view("overview")
    assert overview["best"]["id"] == "2"
    assert overview["best"]["constraints"] == {"1": -1.0}
    only_infeasible = Analysis(made(FLAT, [*events[:3], *evaluated("2", {"x": 0.2}, 3.0, constraints=[0.1])]))
    assert only_infeasible.view("overview")["best"]["id"] == "2"
    assert only_infeasible.view("overview")["front"] == []


def test_rungs_and_brackets():
    events = [e for i in (1, 2, 3) for e in evaluated(f"{i}_rung_0", {"x": i / 4, "epochs": 1}, float(i), at=10.0 + i)]
    events += evaluated("1_rung_1", {"x": 0.25, "epochs": 3}, 0.5, at=20.0, previous="1_rung_0")
    events += [ev.Sampled("4_rung_1", {"x": 0.9, "epochs": 3}, 20.0, "w2"), ev.Started("4_rung_1", 20.0, "w2")]
    document = Analysis(made(MULTI, events, "hyperband")).view("rungs")
    assert (document["fidelity"], document["levels"]) == ("epochs", [1.0, 3.0])
    keys = ("level", "n", "finished", "promoted", "running", "best")
    assert [[tuple(rung[key] for key in keys) for rung in each["rungs"]] for each in document["brackets"]] == [
        [(1.0, 3, 3, 1, 0, 1.0), (3.0, 1, 1, 0, 0, 0.5)],
        [(3.0, 1, 0, 0, 1, None)],
    ]


def test_errors_are_grouped_by_what_they_say():
    events = []
    for i in range(1, 8):
        said = f"OSError: /tmp/run{i}/a.txt at 0x7f{i} is {i}.5 bytes" if i < 6 else "KeyError: 'lr'"
        events += evaluated(str(i), {"x": i / 8}, None, at=10.0 + i, state=State.FAILED, err=said, tb=f"trace {i}")
    document = Analysis(made(FLAT, events)).view("errors")
    assert document["states"] == {"failed": 7}
    first, second = document["groups"]
    assert (first["message"], first["n"]) == ("OSError: <path> at <address> is <number> bytes", 5)
    assert (first["ids"], first["tb"], first["last_time"]) == (["5", "4", "3", "2", "1"], "trace 5", 15.0)
    assert (second["message"], second["n"]) == ("KeyError: 'lr'", 2)
    assert general("layer2 has shape (3, 4)") == general("layer2 has shape (5, 6)")


def test_workers_and_what_they_did():
    events = [
        *evaluated("1", {"x": 0.1}, 1.0, at=10.0, worker="a"),
        *evaluated("2", {"x": 0.2}, None, at=14.0, worker="a", state=State.FAILED, err="no"),
        *evaluated("3", {"x": 0.3}, 1.0, at=14.0, worker="b"),
    ]
    analysis = Analysis(made(FLAT, events))
    a, b = analysis.view("workers")["workers"]
    assert a == {
        "id": "a", "alive": False, "n": 2, "failed": 1, "busy": 4.0, "utilisation": pytest.approx(4 / 6),
        "first": 8.0, "last": 14.0, "current": None,
    }  # fmt: skip
    assert (b["id"], b["utilisation"]) == ("b", 1.0)
    assert analysis.view("timeline")["bars"] == [
        [0, 8.0, 10.0, "1", "success"],
        [0, 12.0, 14.0, "2", "failed"],
        [1, 12.0, 14.0, "3", "success"],
    ]
    assert [bar[3] for bar in analysis.view("timeline", start=11)["bars"]] == ["2", "3"]


def test_table_is_sorted_filtered_and_in_pages():
    space = {"lr": neps.Float(1e-4, 1, log=True), "loss": neps.Categorical(["hinge", "log"])}
    events = []
    for i in range(1, 13):
        config = {"lr": 10.0 ** (-i / 4), "loss": "hinge" if i % 2 else "log"}
        events += evaluated(str(i), config, float(i % 5), at=10.0 + i, worker=f"w{i % 3}")
    analysis = Analysis(made(space, events))

    def ids(**options):
        return [row["id"] for row in analysis.view("table", **options)["rows"]]

    assert ids(size=3, page=2) == ["4", "5", "6"]
    assert ids(size=3, descending=True) == ["12", "11", "10"]
    assert ids(sort="objectives.0", size=3) == ["5", "10", "1"]
    assert ids(sort="objectives.0", descending=True, size=3) == ["9", "4", "8"]
    assert ids(filter="lr < 0.01, loss = hinge") == ["9", "11"]
    assert ids(filter="HING", size=2) == ["1", "3"]
    assert ids(filter="w2, loss != hinge") == ["2", "8"]
    assert ids(state="failed") == []
    assert analysis.view("table", size=5, page=99)["page"] == 3
    with pytest.raises(NePSError, match="Did you mean 'config.lr'"):
        analysis.view("table", sort="config.ly")
    with pytest.raises(NePSError, match="is a number, and 'fast' is none"):
        analysis.view("table", filter="lr < fast")


def test_hypervolume_grows_to_that_of_the_front():
    document = Analysis(made(FLAT, many([[1.0, 3.0], [3.0, 1.0], [4.0, 4.0], [2.0, 2.0]]))).view("front")
    assert document["hypervolume"]["reference"] == pytest.approx([4.3, 4.3])
    assert document["hypervolume"]["x"] == [1, 2, 4]
    areas = [3.3 * 1.3, 2 * 3.3 * 1.3 - 1.3**2]
    assert document["hypervolume"]["y"][:2] == pytest.approx(areas)
    assert document["hypervolume"]["y"][2] == pytest.approx(areas[1] + 1.0)


def test_hypervolume_of_very_many_steps():
    n = 5000  # all of them on the front, so that each is a step
    document = Analysis(made(FLAT, many([[float(i), float(-i)] for i in range(n)]))).view("front")
    volume, (a, b) = document["hypervolume"], document["hypervolume"]["reference"]
    assert volume["x"][0] == 1 and volume["x"][-1] == n
    expected = sum(((a - i) if i == n - 1 else 1.0) * (b + i) for i in range(n))
    assert volume["y"][-1] == pytest.approx(expected)


def test_bands_over_seeds():
    runs = [Analysis(made(FLAT, many(values))) for values in ([4.0, 2.0, 1.0], [8.0, 6.0, 5.0], [6.0, 6.0, 3.0])]
    document = compare(runs)
    assert [band["label"] for band in document["bands"]] == ["random_search"]
    [band] = document["bands"]
    assert (band["n"], band["x"]) == (3, [1.0, 2.0, 3.0])
    assert (band["median"], band["low"], band["high"]) == ([6.0, 6.0, 3.0], [5.0, 4.0, 2.0], [7.0, 6.0, 4.0])
    assert [row["best"] for row in document["table"]] == [1.0, 5.0, 3.0]
    assert [each["n"] for each in compare(runs, groups=["a", "b", "a"])["bands"]] == [2, 1]
    with pytest.raises(NePSError, match="Did you mean 'cost'"):
        compare(runs, axis="costs")


def test_what_is_best_stays_so_until_the_run_ends():
    [run] = compare([Analysis(made(FLAT, many([4.0, 2.0, 3.0, 5.0])))])["runs"]
    assert (run["x"], run["y"]) == ([1.0, 2.0, 4.0], [4.0, 2.0, 2.0])


def test_the_distribution_has_each_value_once():
    document = Analysis(made(FLAT, many([3.0, 1.0, 3.0, 3.0]))).view("distribution")
    assert (document["x"], document["y"], document["n"]) == ([1.0, 3.0], [0.25, 1.0], 4)


def test_importance_sees_what_matters():
    space = {"x": neps.Float(0, 1), "y": neps.Float(0, 1), "c": neps.Categorical(["a", "b"])}
    rng = np.random.default_rng(0)
    events = []
    for i in range(1, 121):
        x, y, c = rng.random(), rng.random(), str(rng.choice(["a", "b"]))
        events += evaluated(str(i), {"x": x, "y": y, "c": c}, x * x, at=10.0 + i)
    analysis = Analysis(made(space, events))
    for method in ("fanova", "ped_anova"):
        document = analysis.view("importance", method=method)
        assert document["parameters"][0]["path"] == "x"
        assert document["parameters"][0]["importance"] > 0.8
    effect = analysis.view("effects", path="x")
    assert effect["mean"][0] < 0.2 < 0.6 < effect["mean"][-1]
    contour = analysis.view("contour", x="x", y="c")
    assert (len(contour["mean"]), len(contour["mean"][0])) == (2, len(contour["x"]["ticks"]))
    rank = analysis.view("rank", x="x", y="y")
    assert min(rank["points"]["rank"]) == 0.0 < max(rank["points"]["rank"]) == 1.0
    assert rank["points"]["ids"][rank["points"]["rank"].index(0.0)] == analysis.view("overview")["best"]["id"]


def test_learning_curves():
    events = [*evaluated("1", {"x": 0.1}, 1.0, learning_curve=[3.0, math.nan, 1.0])]
    events += [
        ev.Sampled("2", {"x": 0.2}, 9.0),
        ev.Started("2", 9.0, "w"),
        ev.Reported("2", "w", [[5, 2.0], [10, 1.5]]),
    ]
    document = Analysis(made(FLAT, events)).view("curves")
    assert [(line["id"], line["steps"], line["values"], line["state"]) for line in document["lines"]] == [
        ("1", [1.0, 3.0], [3.0, 1.0], "success"),
        ("2", [5.0, 10.0], [2.0, 1.5], "evaluating"),
    ]


@pytest.mark.parametrize("m", [1, 2, 3])
def test_arrivals_are_what_nothing_before_was_as_good_as(m):
    values = np.random.default_rng(1).integers(0, 30, (1500, m)).astype(float)
    expected = [i for i in range(len(values)) if not (values[:i] <= values[i]).all(axis=1).any()]
    assert arrivals(values).tolist() == expected


def test_largest_triangles_keep_a_peak():
    x = np.arange(1000.0)
    y = np.where(x == 617, 1e308, np.sin(x / 100))
    at = largest_triangles(x, y, 40)
    assert len(at) == len(set(at.tolist())) == 40
    assert {0, 617, 999} <= set(at.tolist())


def test_a_tree_of_nested_decisions():
    assert tree({"lr": 0.1, "c": "a"}) is None
    shown = tree({"model": "seq", "model.seq[0]": "conv", "model.seq[0].k": 3, "lr": 0.1})
    assert shown == "model: seq\n  seq[0]: conv\n    k: 3\nlr: 0.1"
