"""The example of two objectives and a constraint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import neps

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "accuracy_and_size.py"


def test_accuracy_and_size(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE)],
        cwd=tmp_path,
        env={**os.environ, "EVALUATIONS": "16", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.strip()[:1].isdigit()]
    errors, nodes = [float(row[1].rstrip("%")) for row in rows], [int(row[2]) for row in rows]
    assert len(rows) > 1 and errors == sorted(errors) and nodes == sorted(nodes, reverse=True)
    (chosen,) = [row for row in rows if "<-" in row]
    scores = {row[0]: float(row[1].rstrip("%")) + int(row[2]) / 1000 for row in rows}
    assert scores[chosen[0]] <= min(scores.values()) + 0.11  # errors are rounded
    table, _ = neps.status(tmp_path / "accuracy_and_size_results")
    assert f"Of 16 forests, {(~table.is_feasible.astype(bool)).sum()} miss" in done.stdout
    assert set(table.is_feasible) == {True, False}
    assert all(table.is_feasible[row[0]] for row in rows)
    assert (tmp_path / "accuracy_and_size_results/summary/pareto_front.png").exists()
