"""What the dashboard's addresses answer."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neps_core import open_run
from neps_plugins.page import STYLE, loaded
from tests.plugins.dashboard.conftest import make_run

Client = Callable[..., Any]


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neps_plugins.dashboard.followed.PAUSE", 0.0)


def test_the_page_has_all_its_files(run_root: Path, client_of: Client) -> None:
    client = client_of(run_root)
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    for name in loaded():
        at = page.text.index(f"/{name}")
        address = "/" + page.text[page.text.rindex('"', 0, at) + 1 : page.text.index('"', at)]
        answer = client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].startswith("text/css" if name == STYLE else "text/javascript")
    assert client.get("/static/x/..%2f__init__.py").status_code == 404


def test_views_are_json_and_cost_nothing_when_nothing_changed(run_root: Path, client_of: Client) -> None:
    client = client_of(run_root)
    told = client.get("/api/runs").json()
    assert [run["problem"] for run in told["runs"]] == [None]
    answer = client.get("/api/runs/0/overview")
    assert answer.json()["n_trials"] == 12
    again = client.get("/api/runs/0/overview", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert not again.content
    pulse = client.get("/api/runs")
    assert client.get("/api/runs", headers={"If-None-Match": pulse.headers["etag"]}).status_code == 304
    make_run(run_root, 3)
    assert client.get("/api/runs").json()["runs"][0]["version"] != told["runs"][0]["version"]
    again = client.get("/api/runs/0/overview", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 200
    assert again.json()["n_trials"] == 15


def test_large_answers_are_compressed(run_root: Path, client_of: Client) -> None:
    answer = client_of(run_root).get("/api/runs/0/table", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["n"] == 12


def test_options(run_root: Path, client_of: Client) -> None:
    client = client_of(run_root)
    page = client.get("/api/runs/0/table", params={"size": 5, "page": 2, "sort": json.dumps("id")}).json()
    assert [row["id"] for row in page["rows"]] == ["6", "7", "8", "9", "10"]
    assert client.get("/api/runs/0/slices", params={"path": json.dumps("lr")}).json()["path"] == "lr"
    assert client.get("/api/runs/0/slices", params={"path": "lr"}).json()["path"] == "lr"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/runs/0/nothing", 400),
        ("/api/runs/0/table?nothing=1", 400),
        ("/api/runs/0/__init__", 400),
        ("/api/runs/0/slices?path=nothing", 400),
        ('/api/runs/0/trial?id="77"', 400),
        ("/api/runs/0/overview?self=1", 400),
        ("/api/runs/0/overview?name=1", 400),
        (f"/api/runs/0/table?page={'[' * 3000}", 400),
        ("/api/compare?analyses=1", 400),
        ("/api/compare?groups=5", 400),
        ("/api/runs/1/overview", 404),
        ("/api/runs/-1/overview", 404),
    ],
)
def test_wrong_questions_are_told(run_root: Path, client_of: Client, address: str, status: int) -> None:
    answer = client_of(run_root).get(address)
    assert answer.status_code in (status, 404)
    if "-1/" not in address:
        assert answer.json()["error"]


def test_several_runs(run_root: Path, tmp_path: Path, client_of: Client) -> None:
    make_run(tmp_path / "other" / "run", 5)
    client = client_of(run_root, tmp_path / "other" / "run")
    labels = [run["label"] for run in client.get("/api/runs").json()["runs"]]
    assert len(set(labels)) == 2
    assert all(label.endswith("run") for label in labels)
    assert client.get("/api/runs/1/overview").json()["n_trials"] == 5
    compared = client.get("/api/compare", params={"axis": "evaluations"}).json()
    assert len(compared["runs"]) == 2
    os.rename(run_root, tmp_path / "away")
    assert len(client.get("/api/compare").json()["runs"]) == 1


def test_csv_has_all_that_the_filter_lets_through(run_root: Path, client_of: Client) -> None:
    client = client_of(run_root)
    answer = client.get("/api/runs/0/table.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    trials = open_run(run_root).trials
    assert [row["id"] for row in rows] == list(trials)
    assert [float(row["config.lr"]) for row in rows] == [trial.config["lr"] for trial in trials.values()]
    failed = list(csv.DictReader(io.StringIO(client.get('/api/runs/0/table.csv?state="failed"').text)))
    assert 0 < len(failed) < len(rows)
    assert {row["state"] for row in failed} == {"failed"}


def test_csv_gives_a_spreadsheet_nothing_to_calculate() -> None:
    pytest.importorskip("starlette")
    from neps_plugins.dashboard.app import _line

    assert _line(["=1+1", -1.5, "-x", "plain", None, {"a": 1}]) == '\'=1+1,-1.5,\'-x,plain,,"{""a"": 1}"\n'


def test_only_files_of_the_trial_are_given(run_root: Path, tmp_path: Path, client_of: Client) -> None:
    client = client_of(run_root)
    folder = run_root / "configs" / "config_1"
    (folder / "deep").mkdir()
    (folder / "deep" / "page.html").write_text("<script>alert(1)</script>", encoding="utf-8")
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    base = "/api/runs/0/trials/1/files"
    given = client.get(f"{base}/deep/page.html")
    assert given.text == "<script>alert(1)</script>"
    assert given.headers["content-type"] == "application/octet-stream"
    assert given.headers["content-disposition"].startswith("attachment")
    assert client.get(f"{base}/config.yaml").status_code == 200
    for name in (
        "link",
        "up/secret",
        "..%2f..%2f.neps%2fjournal.jsonl",
        "%2e%2e/%2e%2e/.neps/journal.jsonl",
        "deep",
        "nothing",
        "%00",
        "",
        "%2fetc%2fpasswd",
    ):
        assert client.get(f"{base}/{name}").status_code == 404, name
    assert client.get("/api/runs/0/trials/77/files/config.yaml").status_code == 404


def test_a_file_that_grows_or_vanishes_while_it_is_sent(
    run_root: Path, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a log: if its length had been told before, sending more than that would be an error."""
    from neps_plugins.dashboard import app

    client = client_of(run_root)
    log = run_root / "configs" / "config_1" / "log.txt"
    log.write_text("one", encoding="utf-8")
    before = app._blocks

    def grown(content: Any) -> Any:
        log.write_text("one, two", encoding="utf-8")
        log.unlink()
        return before(content)

    monkeypatch.setattr(app, "_blocks", grown)
    answer = client.get("/api/runs/0/trials/1/files/log.txt")
    assert answer.text == "one, two"
    assert "content-length" not in answer.headers
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''log.txt"
    assert client.get("/api/runs/0/trials/1/files/log.txt").status_code == 404


def test_a_run_that_vanishes_is_told_and_followed_when_it_is_back(
    run_root: Path, tmp_path: Path, client_of: Client
) -> None:
    client = client_of(run_root)
    before = client.get("/api/runs").json()["runs"][0]
    os.rename(run_root, tmp_path / "away")
    gone = client.get("/api/runs").json()["runs"][0]
    assert "no run in" in gone["problem"]
    assert client.get("/api/runs/0/overview").status_code == 503
    os.rename(tmp_path / "away", run_root)
    back = client.get("/api/runs").json()["runs"][0]
    assert back["problem"] is None
    assert back["version"] != before["version"]
    assert client.get("/api/runs/0/overview").json()["n_trials"] == 12


def test_another_run_in_the_same_place_is_another_run(run_root: Path, tmp_path: Path, client_of: Client) -> None:
    client = client_of(run_root)
    assert client.get("/api/runs/0/overview").json()["n_trials"] == 12
    make_run(tmp_path / "new", 3)
    os.rename(run_root, tmp_path / "away")
    os.rename(tmp_path / "new", run_root)
    assert client.get("/api/runs/0/overview").json()["n_trials"] == 3


def test_a_run_that_is_not_there_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client_of: Client) -> None:
    monkeypatch.chdir(tmp_path)
    client = client_of(tmp_path / "later")
    assert client.get("/api/runs").json()["runs"][0]["problem"]
    make_run(tmp_path / "later", 2)
    assert client.get("/api/runs").json()["runs"][0]["problem"] is None


def test_a_long_question_holds_up_nobody(run_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody holds the run's lock: the page is still told what was known last."""
    import threading

    from neps_plugins.dashboard.followed import Followed

    monkeypatch.setattr("neps_plugins.dashboard.followed.PATIENCE", 0.01)
    followed = Followed(run_root, "run")
    known = followed.pulse()
    inside, leave = threading.Event(), threading.Event()

    def long(_: object) -> None:
        inside.set()
        assert leave.wait(30)

    thread = threading.Thread(target=followed.use, args=(long,))
    thread.start()
    assert inside.wait(30)
    try:
        assert followed.pulse() == known
    finally:
        leave.set()
        thread.join()


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from neps_core import NePSError
    from neps_plugins.dashboard import serve

    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(NePSError, match=r"pip install 'neps-framework\[dashboard\]'"):
        serve([tmp_path])
