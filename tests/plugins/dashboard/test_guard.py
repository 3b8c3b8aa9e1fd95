"""Who may ask the dashboard, and who may change a run by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from neps_core import NePSError, State, open_run

Client = Callable[..., Any]


def change(client: Any, action: str, **given: Any) -> Any:
    """As the page does it."""
    csrf = client.get("/api/runs").json()["csrf"]
    headers = {"Origin": "http://127.0.0.1:8765", "X-NePS-CSRF": csrf}
    return client.post(f"/api/runs/0/changes/{action}", json=given, headers=headers)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9000", "[::1]:8765", "LOCALHOST"])
def test_loopback_names_are_served(run_root: Path, client_of: Client, host: str) -> None:
    assert client_of(run_root).get("/api/runs", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8765", ""])
def test_foreign_names_are_refused(run_root: Path, client_of: Client, host: str) -> None:
    answer = client_of(run_root).get("/", headers={"Host": host})
    assert answer.status_code == 403
    assert "not called" in answer.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_cross_site_requests_are_refused(run_root: Path, client_of: Client, headers: dict[str, str]) -> None:
    client = client_of(run_root)
    assert client.get("/api/runs", headers=headers).status_code == 403
    assert client.get("/api/runs/0/overview", headers=headers).status_code == 403


def test_a_link_to_the_page_may_be_followed(run_root: Path, client_of: Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    client = client_of(run_root)
    assert client.get("/", headers=headers).status_code == 200
    assert client.get("/api/runs", headers=headers).status_code == 403


def test_the_token_is_in_the_address_once_and_then_in_a_cookie(run_root: Path, client_of: Client) -> None:
    client = client_of(run_root, base_url="http://cluster:8765", host="cluster", token="secret")
    assert client.get("/").status_code == 403
    assert client.get("/api/runs").status_code == 403
    assert client.get("/api/runs?token=secret").status_code == 403, "only the page's own address may carry it"
    assert client.get("/?token=wrong").status_code == 403
    page = client.get("/?token=secret")
    assert page.status_code == 200
    cookie = page.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/api/runs").status_code == 200
    assert client.get("/api/runs", headers={"Cookie": "neps_8765=wrong"}).status_code == 403


def test_nothing_of_a_page_may_come_from_elsewhere(run_root: Path, client_of: Client) -> None:
    client = client_of(run_root)
    for address in ("/", "/api/runs", "/api/runs/9/overview", "/nothing"):
        policy = client.get(address).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
    page = client.get("/").text
    assert "http:" not in page
    assert "https:" not in page


def test_nothing_changes_unless_it_is_allowed(run_root: Path, client_of: Client) -> None:
    client = client_of(run_root)
    answer = change(client, "note", trial="1", text="mine")
    assert answer.status_code == 403
    assert "--allow-changes" in answer.json()["error"]
    assert not open_run(run_root).log.notes


def test_changes_need_the_page(run_root: Path, client_of: Client) -> None:
    client = client_of(run_root, allow_changes=True)
    csrf = client.get("/api/runs").json()["csrf"]
    own = {"Origin": "http://127.0.0.1:8765", "X-NePS-CSRF": csrf}
    given = {"trial": "1", "text": "mine"}
    address = "/api/runs/0/changes/note"
    assert client.get(address).status_code in (404, 405)
    for headers in (
        {},
        {"X-NePS-CSRF": csrf},
        {"Origin": own["Origin"]},
        {**own, "X-NePS-CSRF": "guessed"},
        {**own, "Origin": "http://evil.example"},
        {**own, "Sec-Fetch-Site": "cross-site"},
    ):
        assert client.post(address, json=given, headers=headers).status_code == 403, headers
    assert not open_run(run_root).log.notes
    assert client.post(address, json=given, headers=own).status_code == 200
    assert open_run(run_root).log.notes["1"] == "mine"


def test_changes(run_root: Path, client_of: Client) -> None:
    client = client_of(run_root, allow_changes=True)
    before = open_run(run_root).trials
    failed = [trial.id for trial in before.values() if trial.state is State.FAILED]
    assert failed
    assert "Enqueued as trial 13" in change(client, "enqueue", text='{"lr": 0.25, "kind": "plain"}').json()["said"]
    assert dict(open_run(run_root).trials["13"].config) == {"lr": 0.25, "kind": "plain"}
    assert change(client, "requeue", trial=failed[0]).status_code == 200
    assert open_run(run_root).trials[failed[0]].state is State.PENDING
    assert change(client, "clean", again=False).status_code == 200
    assert not set(failed[1:]) & set(open_run(run_root).trials)
    stopped = change(client, "stop_worker", worker="nobody")
    assert stopped.status_code == 400
    assert "nobody" in stopped.json()["error"]


@pytest.mark.parametrize("text", ["{lr: 1}", '"lr"', '{"lr": 7, "kind": "plain"}', "[[[", '{"no": 1}'])
def test_wrong_configurations_are_told(run_root: Path, client_of: Client, text: str) -> None:
    answer = change(client_of(run_root, allow_changes=True), "enqueue", text=text)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert len(open_run(run_root).trials) == 12


def test_a_change_is_a_short_json_object(run_root: Path, client_of: Client) -> None:
    client = client_of(run_root, allow_changes=True)
    csrf = client.get("/api/runs").json()["csrf"]
    own = {"Origin": "http://127.0.0.1:8765", "X-NePS-CSRF": csrf}
    address = "/api/runs/0/changes/note"
    assert client.post(address, content=b"[]", headers=own).status_code == 400
    assert client.post(address, content=b"x" * (2 << 20), headers=own).status_code == 413
    assert client.post("/api/runs/0/changes/destroy", json={}, headers=own).status_code == 404
    assert client.post(address, json={"trial": "1"}, headers=own).status_code == 400


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    import socket

    from neps_plugins.dashboard import serve

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(NePSError, match="--port"):
        serve([tmp_path], port=taken.getsockname()[1], browser=False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.5"])
def test_the_address_that_is_told_is_one_that_is_served(
    host: str, run_root: Path, client_of: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a name stands for an address: the browser sends the one that it was given."""
    import uvicorn

    from neps_plugins.dashboard import serve

    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    told: list[str] = []
    serve([run_root], host=host, port=0, browser=False, tell=told.append)
    address = told[0].split()[4]
    assert address.startswith(f"http://{host}:")
    assert client_of(run_root, host=host, base_url=address).get("/api/runs").status_code == 200


def test_names_of_hosts_have_no_capitals(run_root: Path, client_of: Client) -> None:
    client = client_of(run_root, host="Gpu-3.Lab")
    assert client.get("/api/runs", headers={"Host": "gpu-3.lab:8765"}).status_code == 200
    assert client.get("/api/runs", headers={"Host": "gpu-4.lab:8765"}).status_code == 403


def test_a_change_that_is_nested_too_deep_is_told(run_root: Path, client_of: Client) -> None:
    client = client_of(run_root, allow_changes=True)
    csrf = client.get("/api/runs").json()["csrf"]
    own = {"Origin": "http://127.0.0.1:8765", "X-NePS-CSRF": csrf}
    assert client.post("/api/runs/0/changes/note", content="[" * 100_000, headers=own).status_code == 400
    assert change(client, "enqueue", text="[" * 100_000).status_code == 400
