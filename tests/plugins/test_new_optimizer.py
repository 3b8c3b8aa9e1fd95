"""`neps new-optimizer NAME`: what it writes is built, installed, and passes its own tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import neps
from neps_core.cli import main
from neps_plugins.new_optimizer import TEMPLATE, names_from, write


def run(*command: str, path: Path | None = None, cwd: Path | None = None) -> str:
    """Standard output of a program that must end well, with a folder of installed packages."""
    environment = dict(os.environ)
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(path), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, *command], env=environment, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(find_spec("pip") is None, reason="this environment was made without pip")
@pytest.mark.skipif(find_spec("hatchling") is None, reason="needs hatchling to build")
def test_what_is_written_passes_its_own_tests_and_is_found_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, installed = tmp_path / "neps-two-halves", tmp_path / "installed"
    assert main(["new-optimizer", str(folder)]) == 0
    assert "Change TwoHalves in neps_two_halves.py" in capsys.readouterr().out
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    run("-m", "pip", "install", *options, "--target", str(installed), str(folder))
    assert re.search(r"[1-9] passed", run("-m", "pytest", "-q", str(folder), path=installed, cwd=folder))
    listed = run("-m", "neps", "plugins", path=installed)
    assert re.search(r"neps-two-halves.*optimizer two_halves", listed)
    search = """
import neps
for name in ("two_halves", "neps-two-halves"):
    result = neps.run(lambda x: x**2, {"x": neps.Float(-1, 1)}, root_directory=f"run {name}", optimizer=name,
                      evaluations_to_spend=3)
    assert len(result.trials) == 3
"""
    run("-c", search, path=installed, cwd=tmp_path)


def test_everything_is_renamed(tmp_path: Path) -> None:
    names = write(tmp_path / "MyOptimizerTwo")
    assert (names.distribution, names.module, names.optimizer, names.cls) == (
        "neps-my-optimizer-two",
        "neps_my_optimizer_two",
        "my_optimizer_two",
        "MyOptimizerTwo",
    )
    written = {path.name: path.read_text() for path in (tmp_path / "MyOptimizerTwo").iterdir()}
    assert set(written) == {
        "README.md",
        "neps_my_optimizer_two.py",
        "pyproject.toml",
        "test_my_optimizer_two.py",
    }
    for text in written.values():
        assert not re.search(r"my[-_]optimizer(?![-_]two)|MyOptimizer(?!Two)|two[-_]two|TwoTwo", text)
    assert 'aliases=("MyOptimizerTwo",)' in written["neps_my_optimizer_two.py"]


@pytest.mark.parametrize(
    ("name", "distribution", "cls"),
    [
        ("nearby", "neps-nearby", "Nearby"),
        ("neps_nearby", "neps-nearby", "Nearby"),
        ("a.b-2", "neps-a-b-2", "AB2"),
        ("none", "neps-none", "NoneOptimizer"),  # None is a keyword,
        ("fixed", "neps-fixed", "FixedOptimizer"),  # `Fixed` is imported there,
        ("space", "neps-space", "SpaceOptimizer"),  # and the tests have a `Space`
    ],
)
def test_names(name: str, distribution: str, cls: str) -> None:
    names = names_from(name)
    assert (names.distribution, names.cls) == (distribution, cls)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "has to begin with a letter"),
        ("2nd", "has to begin with a letter"),
        ("a b", "has to begin with a letter"),
        ("nearby-", "has to begin with a letter"),
        ("näher", "has to begin with a letter"),
        ("neps", "leaves no name"),
        ("neps-2nd", "leaves no name"),
        ("auto", "a meaning of its own"),
        ("class", "a meaning of its own"),
        ("random-search", "there is an optimizer 'random_search' already .*neps-framework.*choose another"),
        ("neps-random_search", "there is an optimizer 'random_search' already"),
        ("plugins", "there is a module 'neps_plugins' here already"),
    ],
)
def test_names_that_cannot_be(name: str, said: str) -> None:
    with pytest.raises(neps.NePSError, match=said):
        names_from(name)


def test_a_folder_that_exists_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nearby").mkdir()
    assert main(["new-optimizer", str(tmp_path / "nearby")]) == 1
    assert "exists already" in capsys.readouterr().err
    assert not list((tmp_path / "nearby").iterdir())


def test_the_template_is_in_the_wheel() -> None:
    assert {path.name for path in TEMPLATE.iterdir()} >= {
        "README.md",
        "neps_my_optimizer.py",
        "pyproject.toml",
        "test_my_optimizer.py",
    }
