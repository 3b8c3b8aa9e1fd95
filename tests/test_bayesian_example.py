"""The page about Bayesian optimization shows what the optimizer does: its picture is drawn."""

from __future__ import annotations

import importlib.util
import os
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from neps_core import parse_space

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLE = DOCS / "examples" / "posterior.py"
PNG = b"\x89PNG\r\n\x1a\n"


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", *map(str, command)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def size_of(picture: Path) -> tuple[int, int]:
    data = picture.read_bytes()
    assert data.startswith(PNG)
    return struct.unpack(">II", data[16:24])  # type: ignore[return-value]


@pytest.mark.parametrize("name", [None, "drawn.png"])
def test_the_script_draws_a_picture(tmp_path: Path, name: str | None) -> None:
    done = run(tmp_path, EXAMPLE, *([name] if name else []))
    assert not done.stdout and not done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name or "posterior.png"]
    picture = tmp_path / (name or "posterior.png")
    assert size_of(picture) == size_of(DOCS / "pictures" / "posterior.png")  # the page has one of this script
    assert (DOCS / "pictures" / "posterior.png").stat().st_size < 150_000


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("posterior", EXAMPLE)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_picture_shows_what_the_optimizer_does(example: ModuleType) -> None:
    space = parse_space(example.Space())
    trials = example.search(space, max(example.STAGES) + 1)
    for n in example.STAGES:
        mean, deviation, gain, _ = example.believed(space, trials[:n])
        # The next evaluation is where the drawn acquisition is highest, within the grid.
        at = example.GRID[gain.argmax()]
        assert trials[n].config["x"] == pytest.approx(at, abs=1.5 / (len(example.GRID) - 1))
        # The model goes through what was evaluated, and is less sure elsewhere.
        seen = [int(np.abs(example.GRID - trial.config["x"]).argmin()) for trial in trials[:n]]
        assert mean[seen] == pytest.approx([trial.objectives[0] for trial in trials[:n]], abs=0.05)
        assert deviation[seen].max() < 0.1 * deviation.max()


def test_the_prior_is_forgotten(example: ModuleType) -> None:
    space = parse_space(example.Space())
    trials = example.search(space, max(example.STAGES))
    # How far the drawn acquisition with the prior is from the one without, where both are relative to their highest.
    apart = []
    for n in example.STAGES:
        gain, with_prior = example.believed(space, trials[:n])[2:]
        apart.append(np.abs(np.exp(gain - gain.max()) - np.exp(with_prior - with_prior.max())).max())
    assert apart[0] == max(apart) > 0.5
    assert apart[-1] < 0.5 * apart[0]
