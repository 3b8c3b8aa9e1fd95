"""The example of multi-fidelity search goes on from its checkpoints, and spends less than random search."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import joblib
import yaml

from tests.summaries import trials_in

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "multi_fidelity.py"
TRAININGS, EPOCHS = 6, 27


def test_multi_fidelity(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE)],
        cwd=tmp_path,
        env={**os.environ, "TRAININGS": str(TRAININGS), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    root = tmp_path / "multi_fidelity_results"
    assert {path.name for path in root.iterdir()} == {"random_search", "hyperband"}

    # Random search trains to the end what it begins.
    trials = {folder.name: folder for folder in (root / "random_search" / "configs").iterdir()}
    assert set(trials) == {f"config_{i}" for i in range(1, TRAININGS + 1)}

    # Hyperband goes on with the better third, from the checkpoints, and pays for what it adds.
    trials = {folder.name: folder for folder in (root / "hyperband" / "configs").iterdir()}
    fidelities = yaml.safe_load((root / "hyperband" / "optimizer_info.yaml").read_text())["details"]["rung_fidelities"]
    assert fidelities == [1, 3, 9, 27]
    spent, promoted = 0.0, 0
    for name, folder in trials.items():
        rung = int(name.rpartition("_")[2])
        config = yaml.safe_load((folder / "config.yaml").read_text())
        report = yaml.safe_load((folder / "report.yaml").read_text())
        previous = json.loads((folder / "metadata.json").read_text())["previous_trial_id"]
        assert config.pop("epochs") == fidelities[rung]
        added = fidelities[rung]
        if previous is not None:
            promoted += 1
            before = trials[f"config_{previous}"]
            assert before.name.split("_rung_")[0] == name.split("_rung_")[0]
            below = yaml.safe_load((before / "config.yaml").read_text())
            added -= below.pop("epochs")
            assert below == config
        assert report["cost"] == added
        spent += report["cost"]
        _, trained = joblib.load(folder / "checkpoint.joblib")
        assert trained == fidelities[rung]
    assert promoted >= 9 + 3 + 1
    assert TRAININGS * EPOCHS <= spent < (TRAININGS + 1) * EPOCHS

    for search in ("random_search", "hyperband"):
        (found,) = trials_in(root / search / "summary" / "best_config.txt")
        best = float(found["Objective to minimize"])
        assert re.search(rf"^{search} +\d+ +\d+ +{best:.4f} ", done.stdout, re.MULTILINE)
    random, hyperband = (
        int(re.search(rf"^    {search} +(\d+)$", done.stdout, re.MULTILINE)[1])  # type: ignore[index]
        for search in ("random_search", "hyperband")
    )
    assert hyperband < random
