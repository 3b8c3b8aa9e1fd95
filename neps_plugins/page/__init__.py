"""The page that shows runs: `neps dashboard` serves its files, `neps report` writes them all into one.

The files in `static/` are written by hand and need no build. What they draw is asked of `source.js`, which has it from
a server or from what is embedded. Charts are Apache ECharts', vendored in `static/echarts` with its licences.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

#: Where the page's files are.
STATIC = Path(__file__).parent / "static"

#: What the page loads, in this order.
SCRIPTS = (
    "echarts/echarts.min.js",
    "dom.js",
    "format.js",
    "source.js",
    "charts.js",
    "box.js",
    "table.js",
    "cards.js",
    "tabs/overview.js",
    "tabs/trials.js",
    "tabs/parameters.js",
    "tabs/fidelities.js",
    "tabs/front.js",
    "tabs/workers.js",
    "tabs/errors.js",
    "tabs/compare.js",
    "trial.js",
    "changes.js",
    "app.js",
)
STYLE = "style.css"

#: What a server gives the page's own scripts as.
OWN = "page.js"


@lru_cache
def text_of(name: str) -> str:
    """A file of the page."""
    return (STATIC / name).read_text(encoding="utf-8")


@lru_cache
def loaded() -> Mapping[str, str]:
    """What the page loads from a server, by name. The scripts but for the charts' are one: each file costs a round."""
    charts, *own = SCRIPTS
    return {STYLE: text_of(STYLE), charts: text_of(charts), OWN: "\n;\n".join(map(text_of, own))}


@lru_cache
def version() -> str:
    """Changes with any of the page's files, so that a browser may keep them for ever."""
    return hashlib.sha256("".join(loaded().values()).encode()).hexdigest()[:12]


def linked() -> str:
    """The page as a server gives it: it loads its files from `static/`, and its data from `api/`."""
    scripts = "\n".join(f'<script src="static/{version()}/{name}"></script>' for name in (SCRIPTS[0], OWN))
    return _filled("", f'<link rel="stylesheet" href="static/{version()}/{STYLE}">', "", scripts)


def self_contained(data: Mapping[str, Any]) -> str:
    """The page as one file, which loads nothing.

    Args:
        data: What it shows: `written` (Unix seconds), `runs` (each a `label` and its `documents`, of which each is a
            `view`, its `options`, and the `document`), `comparisons` (as documents).
    """
    # Nothing in a run can end the element that it stands in, nor begin another one.
    documents = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    scripts = [text_of(name).replace("</script", "<\\/script") for name in SCRIPTS]
    style = text_of(STYLE)
    allowed = " ".join(map(_hash, scripts))
    policy = f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; base-uri 'none'"
    return _filled(
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        f"<style>{style}</style>",
        f'<script type="application/json" id="documents">{documents}</script>',
        "\n".join(f"<script>{script}</script>" for script in scripts),
    )


def _hash(content: str) -> str:
    """What names a script or style in a policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _filled(policy: str, styles: str, documents: str, scripts: str) -> str:
    page = text_of("index.html")
    parts = {"policy": policy, "styles": styles, "documents": documents, "scripts": scripts}
    for name, content in parts.items():
        page = page.replace(f"<!-- {name} -->", content, 1)
    return page
