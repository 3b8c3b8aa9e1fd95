"""The examples with PyTorch: they search, and their trials go on from checkpoints."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from neps_core.run import open_run

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


@pytest.mark.parametrize(
    ("name", "needs", "epochs", "launcher"),
    [
        ("pytorch_loop", "torch", 30, []),
        ("pytorch_lightning", "lightning", 8, []),
        ("pytorch_ddp", "torch", 30, ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]),
    ],
)
def test_example(tmp_path: Path, name: str, needs: str, epochs: int, launcher: list[str]) -> None:
    if importlib.util.find_spec(needs) is None:
        pytest.skip(f"{needs} isn't installed")
    if launcher and os.name == "nt":
        pytest.skip("torchrun needs libuv there, which not every PyTorch has")
    done = subprocess.run(
        [sys.executable, *launcher, str(EXAMPLES / f"{name}.py")],
        cwd=tmp_path,
        env={**os.environ, "EPOCHS": str(epochs), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    # As Python ends, threads of gloo abort the process now and then, with or without us.
    assert done.returncode == 0 or "terminate called without an active exception" in done.stderr, done.stderr
    trials = open_run(tmp_path / f"{name}_results").trials
    assert done.stdout.startswith(f"{len(trials)} trials. The best one: ")
    went_on = [trial for trial in trials.values() if trial.metadata.previous_trial_id is not None]
    assert went_on
    for trial in trials.values():
        previous = trials.get(trial.metadata.previous_trial_id or "")
        before = previous.config["epochs"] if previous is not None else 0
        if previous is not None and previous.report.stopped_at is not None:  # its last epoch is trained again
            before = previous.report.stopped_at - 1
        end = trial.report.stopped_at or trial.config["epochs"]
        assert trial.report.cost == end - before
        assert [point.step for point in trial.points] == list(range(int(before) + 1, int(end) + 1))
