"""Debian's Chromium without a screen; tests that need it are skipped, with the reason, where it isn't."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

#: Milliseconds that a page may take on a computer that has much else to do. Nothing waits so long if all is well.
PATIENCE = 60_000


@contextmanager
def open_page(**settings: Any) -> Iterator[tuple[Any, list[str], list[str]]]:
    """A page, the addresses that it asks for, and what it complains of."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright isn't installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium isn't installed: apt-get install chromium")
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=chromium, args=["--no-sandbox"], timeout=PATIENCE)
        try:
            page = browser.new_page(**settings)
            page.set_default_timeout(PATIENCE)
            asked: list[str] = []
            complaints: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            page.on("dialog", lambda dialog: (complaints.append("a dialog"), dialog.dismiss()))
            yield page, asked, complaints
        finally:
            browser.close()
