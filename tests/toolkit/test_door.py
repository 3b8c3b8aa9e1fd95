"""`neps_plugins.toolkit` itself: its names, and what importing them costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from neps_plugins import toolkit

FILE = Path(toolkit.__file__)
DOCS = Path(__file__).parents[2] / "docs"

#: What the page's Bayesian optimizer is tried with.
SEARCH = """
from neps.testing import simulate

def evaluate(config, previous):
    return {"objective_to_minimize": config["x"], "cost": 1.0}, 1.0

assert len(simulate(frugal, {"x": neps.Float(0, 1)}, evaluate, max_evaluations=5).ended) == 5
"""


def test_every_name_is_there():
    for name in toolkit.__all__:
        found = getattr(toolkit, name)
        assert found is getattr(import_module(f"{toolkit.__name__}.{toolkit._WHERE[name]}"), name)
    assert set(toolkit.__all__) <= set(dir(toolkit))
    assert len(set(toolkit.__all__)) == len(toolkit.__all__) == sum(map(len, toolkit._PUBLIC.values()))


def test_type_checkers_see_the_same_names_from_the_same_places():
    [block] = [node for node in ast.parse(FILE.read_text()).body if isinstance(node, ast.If)]
    seen = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom) and node.module is not None
        for alias in node.names:
            assert alias.asname == alias.name
            seen[alias.name] = node.module.removeprefix(f"{toolkit.__name__}.")
    assert seen == toolkit._WHERE


def test_no_name_is_a_modules():
    """Once a module is imported it stands in its package, in front of what the door would give."""
    modules = {path.stem for path in FILE.parent.iterdir()}
    assert not modules & set(toolkit.__all__)


def test_there_is_nothing_else():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = toolkit.Nothing


@pytest.mark.parametrize("names", ["", "Encoder, Follower, fixed_fidelities", "BracketOptimizer, make_schedule, Table"])
def test_importing_does_without_scipy(names):
    code = f"import neps_plugins.toolkit{f'; from neps_plugins.toolkit import {names}' if names else ''}"
    code += "; import sys; assert not {'scipy', 'ConfigSpace'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_class_and_function_is_documented():
    """docs/authors.md shows each name, and has none that isn't there."""
    page = (DOCS / "authors.md").read_text()
    shown = re.findall(r"^::: neps_plugins\.toolkit\.(.+)\.(\w+)$", page, re.MULTILINE)
    aliases = {"AnySampler", "AnySchedule"}  # of types; the functions that take them say what they are
    assert {name: module for module, name in shown} == {
        name: module for name, module in toolkit._WHERE.items() if name not in aliases
    }


def test_the_code_of_the_page_runs(tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / "authors.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    script = tmp_path / "page.py"
    script.write_text("\n\n".join([*blocks, SEARCH]))
    command = [sys.executable, "-W", "error", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout.count("'epochs': 2") == 4, done
