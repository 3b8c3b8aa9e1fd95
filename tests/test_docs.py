"""The documentation's code: every block of every page is run, in the order of the page, in a folder of its own.

- A block that begins with `# name.py` is put into that file and run as a program; `# name.py, continued` adds to it.
- A block behind `<!-- not run: why -->` can't be run here (a cluster, a database); it has to be Python all the same.
- A block behind `<!-- needs: module -->` is run where that is installed.
- What a page takes for granted stands in `GIVEN`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: A block, and what stands before it if it is not run, or not everywhere.
BLOCK = re.compile(
    r"^(?:<!-- (?:not run: (?P<why>[^\n]+)|needs: (?P<needed>\w+)) -->\n\n?)?```py\w*\n(?P<code>.*?)^```$", re.M | re.S
)

#: The file that a block is.
FILE = re.compile(r"# (?P<name>\w+\.py)(?P<continued>, continued)?\n")

#: What must be there before a page's first block.
GIVEN = {
    "coming-from-neps.md": """
        import neps

        class Space(neps.PipelineSpace):
            x = neps.Float(0, 1)
            epochs = neps.IntegerFidelity(1, 9)

        def evaluate_pipeline(x, epochs):
            return x + 1 / epochs

        neps.run(evaluate_pipeline, Space(), root_directory="OLD", evaluations_to_spend=3)
        """,
    "coming-from-ray-tune.md": f"""
        import shutil

        shutil.copytree({str(ROOT / "tests/data/moving/ray")!r}, "ray_results/digits")
        """,
    "coming-from-smac.md": f"""
        import shutil

        shutil.copytree({str(ROOT / "tests/data/moving/smac/budgets")!r}, "smac3_output/digits")
        """,
    "results.md": """
        import neps

        neps.run(lambda x: x**2, {"x": neps.Float(-1, 1)}, root_directory="results/old", evaluations_to_spend=2)
        """,
    "watching.md": """
        import neps

        neps.run(lambda x: x**2, {"x": neps.Float(-1, 1)}, root_directory="results/live", evaluations_to_spend=5)
        """,
}

#: Modules without which a page can't be run.
NEEDS = {
    "results.md": ["pandas", "tensorboardX"],
}

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks_of(page: Path) -> list[re.Match[str]]:
    return list(BLOCK.finditer(page.read_text("utf-8")))


def as_program(page: Path, folder: Path) -> str:
    """The blocks of a page as one program, and as files in a folder."""
    parts = [textwrap.dedent(GIVEN.get(page.name, ""))]
    for block in blocks_of(page):
        file = FILE.match(block["code"])
        if block["why"] or (block["needed"] and find_spec(block["needed"]) is None):
            continue
        if file is None:
            parts.append(block["code"])
            continue
        with (folder / file["name"]).open("a" if file["continued"] else "w", encoding="utf-8") as target:
            target.write(block["code"])
        if not file["name"].startswith("test_"):
            parts.append(f"import runpy\nrunpy.run_path({file['name']!r}, run_name='__main__')\n")
    return "\n\n".join(parts)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)], ids=lambda page: page.stem)
def test_the_code_of_the_page_runs(page: Path, tmp_path: Path) -> None:
    missing = [name for name in NEEDS.get(page.name, ()) if find_spec(name) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    (tmp_path / "page.py").write_text(as_program(page, tmp_path), "utf-8")
    run(tmp_path, "page.py")
    tests = sorted(path.name for path in tmp_path.glob("test_*.py"))
    if tests:
        modules = [path.stem for path in tmp_path.glob("*.py") if path.stem not in ("page", *(n[:-3] for n in tests))]
        registered = "".join(f"import {name}\nneps.plugins.register({name})\n" for name in modules)
        (tmp_path / "conftest.py").write_text(f"import neps\n{registered}", "utf-8")
        run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)


def run(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(folder), "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_block_is_passed_over(page: Path) -> None:
    """Each is found, and each that isn't run is Python and says why."""
    text = page.read_text("utf-8")
    blocks = blocks_of(page)
    assert len(blocks) == len(re.findall(r"^ *```py", text, re.M))
    assert sum(bool(block["why"] or block["needed"]) for block in blocks) == len(
        re.findall("<!-- (not run|needs)", text)
    )
    for block in blocks:
        compile(block["code"], page.name, "exec")
