"""A run that is followed: what is computed once."""

from __future__ import annotations

import neps
from neps_plugins.dashboard import followed
from neps_plugins.dashboard.followed import Followed


def run(root, n):
    neps.run(
        lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=n, optimizer="random_search"
    )


def test_a_view_is_made_once_for_each_version_of_the_run(root, monkeypatch):
    run(root, 3)
    made = []
    as_json = followed.as_json
    monkeypatch.setattr(followed, "as_json", lambda document: made.append(1) or as_json(document))
    monkeypatch.setattr(followed, "PAUSE", 0.0)
    run_followed = Followed(root, "a")
    first = run_followed.document("anytime", {})
    assert run_followed.document("anytime", {}) == first
    assert len(made) == 1
    run(root, 1)
    assert run_followed.document("anytime", {}) != first
    assert len(made) == 2
