"""The dashboard as people use it: in a browser, while workers work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.dashboard.browser import PATIENCE, open_page
from tests.plugins.dashboard.conftest import HOSTILE

pytest.importorskip("starlette", reason="the dashboard needs Starlette")
pytest.importorskip("uvicorn", reason="the dashboard needs uvicorn")

WORKER = """
import sys, time
import neps

def evaluate(lr, kind):
    time.sleep(0.1)
    if kind != "plain" and lr > 0.1:
        raise ValueError(f"{kind} does not like {lr}")
    return lr

neps.run(
    evaluate,
    {"lr": neps.Float(1e-4, 1.0, log=True), "kind": neps.Categorical(["plain", sys.argv[2]])},
    root_directory=sys.argv[1],
    optimizer="random_search",
    evaluations_to_spend=1_000,
    ignore_errors=True,
)
"""

#: How many trials the first card tells of.
N_TRIALS = "parseInt(document.querySelector('.card .value').textContent.replaceAll(',', ''))"


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield started
    finally:
        started.kill()
        started.wait()
        assert started.stdout is not None
        started.stdout.close()


def address_of(dashboard: subprocess.Popen[str]) -> str:
    assert dashboard.stdout is not None
    return dashboard.stdout.readline().split()[-1]


def test_the_page_follows_two_workers(tmp_path: Path, wait_for: Any) -> None:
    root = tmp_path / "run"
    worker = ("-c", WORKER, str(root), HOSTILE)
    served = ("-m", "neps", "dashboard", str(root), "--port", "0", "--no-browser", "--allow-changes")
    with ExitStack() as stack:
        page, asked, complaints = stack.enter_context(open_page())
        workers = stack.enter_context(ExitStack())
        for _ in range(2):
            workers.enter_context(process(*worker))
        wait_for((root / "configs").exists)
        address = address_of(stack.enter_context(process(*served)))
        page.goto(address)
        page.wait_for_selector(".chart canvas")
        assert "token" not in page.evaluate("location.href"), "the token must not stay in the address"

        # It is live.
        page.wait_for_function("() => document.querySelector('#cards').textContent.includes('2alive')")
        before = page.evaluate(N_TRIALS)
        page.wait_for_function(f"() => {N_TRIALS} > {before}")

        # By keyboard to the table; what a run says is text.
        page.focus("#tab-Overview")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#panel tbody tr")
        assert page.evaluate("document.activeElement.id") == "tab-Trials"
        page.wait_for_function(f"() => document.querySelector('#panel tbody').textContent.includes({HOSTILE!r})")
        assert page.locator("#panel img").count() == 0

        # It filters, and opens a trial.
        page.fill("input[type=search]", "kind=plain")
        page.wait_for_function(
            f"() => document.querySelectorAll('#panel tbody tr').length && "
            f"!document.querySelector('#panel tbody').textContent.includes({HOSTILE!r})"
        )
        page.focus("#panel tbody tr")
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open] dl")
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog[open]", state="detached")

        # Buttons change the run.
        page.fill("textarea", '{"lr": 0.25, "kind": "plain"}')
        page.click("text=Enqueue")
        page.wait_for_selector("text=Enqueued as trial")

        # Every tab draws.
        for tab in ("Parameters", "Workers", "Errors"):
            page.wait_for_selector(f"#tab-{tab}")
            page.click(f"#tab-{tab}")
            page.wait_for_selector("#panel canvas, #panel pre, #panel .problem")

        # A folder that vanishes is told, and followed when it is back. A worker might make it anew meanwhile.
        workers.close()
        os.rename(root, tmp_path / "away")
        page.wait_for_selector("#banner:not([hidden])", timeout=PATIENCE)
        assert "no run in" in page.inner_text("#banner")
        assert page.locator(".card").count() > 0, "what was known is still shown"
        os.rename(tmp_path / "away", root)
        page.wait_for_selector("#banner[hidden]", state="attached")

        assert all(url.startswith(address.partition("?")[0]) or url.startswith("data:") for url in asked)
        # That something is refused while the folder is away is no fault of the page's.
        assert [said for said in complaints if "503" not in said] == []
