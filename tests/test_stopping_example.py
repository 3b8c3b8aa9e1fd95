"""The example of stopping early finds the same network for fewer epochs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "stopping_early.py"


def test_stopping_early(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE)],
        cwd=tmp_path,
        env={**os.environ, "NETWORKS": "12", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {line[:10].strip(): line[10:].split() for line in done.stdout.splitlines() if line[10:11] == " "}
    whole, median = rows["to the end"], rows["median"]
    assert whole[:3] == ["12", "0", "240"]
    assert int(median[1]) > 0 and int(median[2]) < 220
    assert median[3:] == whole[3:]  # the best loss, and its error
