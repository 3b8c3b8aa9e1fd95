"""Every view of every odd run is a document, and following it gives what a fresh look gives."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import neps
from neps_core import NePSError, State, Uniform, parse_space
from neps_core import events as ev
from neps_plugins.analysis import VIEWS, Analysis, compare
from neps_plugins.spaces.pipeline.examples import example_spaces
from tests.plugins.analysis.made import add, evaluated, made, many, nothing

FLAT = {"x": neps.Float(0, 1)}
MULTI = {"x": neps.Float(0, 1), "epochs": neps.IntegerFidelity(1, 9)}


def _failed(n):
    each = (
        evaluated(str(i), {"x": i / n}, None, state=State.FAILED, err=f"ValueError: {i} at 0x{i}f in /tmp/{i}/a.py")
        for i in range(1, n + 1)
    )
    return [event for events in each for event in events]


def _sampled(name, n=30):
    space, rng = parse_space(example_spaces()[name]), np.random.default_rng(0)
    each = (evaluated(str(i), space.resolve(Uniform(rng)).config, float(i % 7), at=10.0 + i) for i in range(1, n + 1))
    return [event for events in each for event in events]


def _rungs():
    events = []
    for i in range(1, 5):
        events += evaluated(f"{i}_rung_0", {"x": i / 5, "epochs": 1}, i / 1.0, at=10.0 + i, cost=1.0)
    events += evaluated("1_rung_1", {"x": 0.2, "epochs": 3}, 0.5, at=20.0, cost=3.0, previous="1_rung_0")
    return [
        *events,
        ev.Sampled("2_rung_1", {"x": 0.4, "epochs": 3}, 21.0, "w2", "2_rung_0"),
        ev.Started("2_rung_1", 21.0, "w2"),
    ]


def odd_runs():
    constrained = many([1.0, 2.0, 0.5], constraints=[1.0, math.nan], constraint_names=["a", "b"])
    front = [[float(i % 5), float(7 - i % 7), i / 20] for i in range(20)]
    imported = [[ev.Sampled(str(i), {"x": i / 9}), evaluated(str(i), {"x": i / 9}, float(i))[-1]] for i in range(1, 9)]
    return {
        "empty": made(optimizer=None),
        "no trials": made(FLAT),
        "no space": made(None, many([3.0, 1.0, 2.0])),
        "one point": made(FLAT, many([1.0])),
        "only pending": made(FLAT, [ev.Sampled("1", {"x": 0.5}, 1.0, "w1")]),
        "all failed": made(FLAT, _failed(6)),
        "infinite": made(FLAT, many([math.inf, -math.inf, 1.0, math.nan, 2.0, 0.0])),
        "all infinite": made(FLAT, many([math.inf] * 6)),
        "huge": made(FLAT, many([1e308, -1e308, 1e308, 5e307, -1.7e308, 0.0], cost=1.7e308)),
        "equal": made(FLAT, many([1.0] * 8)),
        "stand for errors": made(FLAT, many([1e6, 1.0, 2.0, 3.0, 4.0], err="ValueError: a")),
        "stopped early": made(FLAT, many([3.0, 2.0, 1.0, 0.5, 0.1], stopped_at=2, learning_curve=[9.0, 8.0])),
        "infeasible": made(FLAT, constrained),
        "front": made(FLAT, many(front, objective_names=["loss", "size", "time"])),
        "two infinite": made(FLAT, many([[1.0, math.inf], [math.nan, 1.0], [1e308, -1e308], [-math.inf, 0.0]])),
        "rungs": made(MULTI, _rungs(), "hyperband"),
        "hierarchical": made(example_spaces()["hierarchical"], _sampled("hierarchical")),
        "recursive": made(example_spaces()["recursive"], _sampled("recursive", 60)),
        "mixed": made(example_spaces()["mixed"], _sampled("mixed")),
        "imported": made(FLAT, [event for events in imported for event in events]),
        "lost record": made(FLAT, evaluated("7", {"x": 0.5}, 1.0)[1:]),
        "unlike kinds": made(None, [*evaluated("1", {"x": 1}, 1.0), *evaluated("2", {"x": [1, {"a": 2}]}, 2.0)]),
        "huge numbers": made(None, [*evaluated("1", {"x": 10**400}, 1.0), *evaluated("2", {"x": math.nan}, 2.0)]),
    }


RUNS = odd_runs()


def _documents(analysis):
    columns = analysis.columns
    paths = list(columns.parameters)
    options = {
        "trial": [{"id": trial_id} for trial_id in columns.ids[:2]],
        "slices": [{"path": path} for path in paths[:4]],
        "effects": [{"path": path} for path in paths[:4]],
        "contour": [{"x": paths[0], "y": paths[1]}] if len(paths) > 1 else [],
        "rank": [{"x": paths[0], "y": paths[1]}] if len(paths) > 1 else [],
        "importance": [{}, {"method": "ped_anova"}, {"target": "best"}, {"method": "ped_anova", "target": "best"}],
        "table": [{}, {"sort": "duration", "descending": True, "filter": "a"}],
    }
    return {(v, json.dumps(o)): analysis.view(v, **o) for v in VIEWS for o in options.get(v, [{}])}


@pytest.mark.parametrize("name", RUNS)
def test_every_view_is_a_document(name):
    run = RUNS[name]
    analysis = Analysis(run)
    with np.errstate(all="raise", under="ignore"):
        for (view, _), document in _documents(analysis).items():
            assert isinstance(json.loads(json.dumps(document, allow_nan=False)), dict), view
        for axis in ("evaluations", "cost", "time", "fidelity"):
            json.dumps(compare([analysis, analysis], axis=axis), allow_nan=False)


@pytest.mark.parametrize("name", RUNS)
def test_following_gives_what_a_fresh_look_gives(name):
    whole = RUNS[name]
    events, _ = whole.journal.read(0)
    followed = Analysis(nothing())
    for start in range(0, len(events), 5):
        followed.run.journal.append(events[start : start + 5])
        followed.refresh()
        followed.view("anytime")
    fresh = Analysis(followed.run)
    for (key, one), (_, other) in zip(_documents(followed).items(), _documents(fresh).items()):
        one.pop("version", None), other.pop("version", None)
        if key[0] not in ("workers", "timeline"):  # these say what time it is
            assert json.dumps(one) == json.dumps(other), key


def test_trials_that_are_removed_are_gone():
    run = made(FLAT, many([3.0, 1.0, 2.0]))
    analysis = Analysis(run)
    assert analysis.view("overview")["best"]["id"] == "2"
    before = analysis.version
    add(run, [ev.Deleted("2")])
    assert analysis.refresh()
    assert analysis.version > before
    assert analysis.view("overview")["best"]["id"] == "3"
    assert [row["id"] for row in analysis.view("table")["rows"]] == ["1", "3"]
    assert not analysis.refresh()


def test_wrong_views_and_options_name_the_nearest():
    analysis = Analysis(made(FLAT, many([3.0, 1.0])))
    with pytest.raises(NePSError, match="Did you mean 'overview'"):
        analysis.view("overveiw")
    with pytest.raises(NePSError, match="no option 'objectve'. Did you mean 'objective'"):
        analysis.view("anytime", objectve=1)
    with pytest.raises(NePSError, match="needs the option 'path'"):
        analysis.view("slices")
    with pytest.raises(NePSError, match="no trial has a parameter 'y'"):
        analysis.view("slices", path="y")
    with pytest.raises(NePSError, match="the run has 1"):
        analysis.view("anytime", objective=1)
