"""The example of scikit-learn finds what its page promises, and the code of the page runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def run(folder: Path, script: Path) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_best_predicts_better_than_the_default(tmp_path: Path) -> None:
    shown = run(tmp_path, DOCS / "examples" / "scikit_learn.py")
    n, complete = map(int, re.search(r"^(\d+) candidates, (\d+) of them", shown).groups())  # type: ignore[union-attr]
    assert 0 < complete < n and n >= 40
    default, best = map(float, re.search(r"R2 on the others +(\S+) +(\S+)", shown).groups())  # type: ignore[union-attr]
    assert best > default + 0.1
