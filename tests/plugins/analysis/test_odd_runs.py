"""Every view of every odd run is a document, and following it gives what a fresh look gives."""

from __future__ import annotations

import json

import numpy as np
import pytest

from neps_core import NePSError
from neps_core import events as ev
from neps_plugins.analysis import VIEWS, Analysis, compare
from tests.plugins.analysis.made import add, made, many, nothing
from tests.plugins.analysis.odd import FLAT, RUNS


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
