"""Runs to look at, and a client of the dashboard's application."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import neps

HOSTILE = "</script><img src=x onerror=alert(1)>"


class Space(neps.PipelineSpace):
    lr = neps.Float(1e-4, 1.0, log=True)
    kind = neps.Categorical(["plain", HOSTILE])


def evaluate(lr: float, kind: str) -> float:
    if lr > 0.03:
        raise ValueError(f"{HOSTILE} lr is {lr}")
    Path("notes.txt").write_text("kept", encoding="utf-8")
    return lr


def make_run(root: Path, n: int = 12) -> Path:
    neps.run(
        evaluate,
        Space(),
        root_directory=root,
        optimizer="random_search",
        evaluations_to_spend=n,
        ignore_errors=True,
        seed=1,
    )
    return root


@pytest.fixture
def run_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_run(tmp_path / "run")


@pytest.fixture
def client_of() -> Callable[..., Any]:
    """A client as the page is one: same host, and one process."""
    pytest.importorskip("starlette", reason="the dashboard needs Starlette")
    pytest.importorskip("httpx", reason="Starlette's test client needs httpx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is a successor of httpx
        from starlette.testclient import TestClient

    from neps_plugins.dashboard.app import create_app

    def make(*roots: Path, base_url: str = "http://127.0.0.1:8765", **settings: Any) -> Any:
        return TestClient(create_app(roots, port=8765, **settings), base_url=base_url)

    return make
