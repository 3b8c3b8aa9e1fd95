"""Whether everything in a run's folder agrees: what a crash may never break."""

from __future__ import annotations

import csv
import json
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neps_core.files import from_yaml
from neps_core.run import open_run
from neps_core.trials import State
from neps_plugins.storages.filesystem.records import decode


def audit_journal(root: Path, told: Mapping[str, float], storage: str | None = None) -> None:
    """Every line is whole, no trial has two results, and each result that was told is there.

    Args:
        root: The run's folder.
        told: The results that observers were told of, by id.
        storage: What the run is kept in, if not in the folder.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = open_run(root, storage=storage)
    if storage is None:
        lines = (root / ".neps/journal.jsonl").read_bytes()
        events = [event for line in lines[: lines.rfind(b"\n") + 1].splitlines() for event in decode(line)[1]]
    else:
        events = run.journal.read(0)[0]
    finished = Counter(event.id for event in events if type(event).__name__ == "Finished")
    assert not {i: n for i, n in finished.items() if n > 1}, "trials with two results"
    assert [type(e).__name__ for e in events].count("Created") == 1
    for trial_id, objective in told.items():
        report = run.trials[trial_id].report
        assert report is not None, f"the result of trial {trial_id} was told, and is lost"
        assert report.objective_to_minimize == objective
    for trial in run.trials.values():
        assert trial.state is not State.CORRUPTED
        assert not trial.superseded


def audit_finished(root: Path, n: int, states: Mapping[State, int] | None = None, storage: str | None = None) -> None:
    """A run that was gone on with has exactly its results, and its files show them and nothing else.

    Args:
        root: The run's folder.
        n: How many results there shall be.
        states: How many trials are in each state; all successes if left out.
        storage: What the run is kept in, if not in the folder.
    """
    run = open_run(root, check=True, storage=storage)
    trials = run.trials
    assert Counter(t.state for t in trials.values()) == (states or {State.SUCCESS: n})
    assert len(trials) == n
    assert not run.log.pending and not run.log.evaluating
    assert not run.locks.living_workers()
    assert run.folder.repair(run.log, thorough=True) == [], "files that show something else than the journal"
    assert not [str(p) for p in root.rglob("*.tmp")], "half-made files"
    folders = {p.name for p in (root / "configs").iterdir()}
    assert folders == {f"config_{i}" for i in trials}, "folders of trials that don't exist, or none of those that do"
    for trial_id, trial in trials.items():
        folder = root / "configs" / f"config_{trial_id}"
        assert from_yaml((folder / "config.yaml").read_text()) == {**run.log.constants, **trial.config}
        metadata = json.loads((folder / "metadata.json").read_text())
        assert (metadata["state"], metadata["starts"]) == (trial.state.value, trial.metadata.starts)
        report: dict[str, Any] = from_yaml((folder / "report.yaml").read_text())
        assert trial.report is not None
        assert report["objective_to_minimize"] == trial.report.objective_to_minimize
    with (root / "summary/full.csv").open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert {i: row["state"] for i, row in rows.items()} == {i: t.state.value for i, t in trials.items()}
    with (root / "summary/short.csv").open(newline="") as file:
        assert dict(csv.reader(file))["trials"] == str(n)
