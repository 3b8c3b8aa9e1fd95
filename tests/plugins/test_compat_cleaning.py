"""Cleaning as NePS does it, by its functions and by our command."""

from __future__ import annotations

import json

import pytest

import neps
from neps_core import State
from neps_core.cli import main
from neps_core.run import open_run
from neps_plugins.compat.cleaning import clean_failed_trials, clean_trials_by_id, clean_trials_by_state


@pytest.fixture
def mixed(root):
    """Trials 1 and 3 fail, 2 and 4 are fine."""
    run(root, 4, lambda number: number in (1, 3))
    return root


def run(root, n, fails):
    def evaluate(x, pipeline_id):
        if fails(int(pipeline_id)):
            raise ValueError("no")
        return x

    return neps.run(
        evaluate,
        {"x": neps.Float(0, 1)},
        root_directory=root,
        evaluations_to_spend=n,
        optimizer="random_search",
        ignore_errors=True,
        seed=1,
    )


def states(root):
    return {trial.id: trial.state.value for trial in open_run(root).trials.values()}


def test_what_is_cleaned_is_evaluated_once_more(mixed):
    before = open_run(mixed).trials
    (mixed / "configs/config_1/checkpoint").write_text("of the attempt that failed")
    counts = {State.FAILED: 2, State.CRASHED: 0, State.CORRUPTED: 0, "errors_cleaned": 2, "total_removed": 2}
    assert clean_failed_trials(mixed, dry_run=True) == counts
    assert states(mixed)["1"] == "failed"
    assert clean_failed_trials(mixed) == counts
    assert states(mixed) == {"1": "pending", "2": "success", "3": "pending", "4": "success"}
    left = {path.name for path in (mixed / "configs/config_1").iterdir()}
    assert left == {"config.yaml", "metadata.json", "checkpoint"}
    assert "num_failed,0" in (mixed / "summary/short.csv").read_text()

    after = run(mixed, 3, lambda number: False).trials
    assert {i: after[i].config for i in before} == {i: before[i].config for i in before}
    assert {trial.state.value for trial in after.values()} == {"success"}
    # The fifth sample is the one that it would have been.
    assert after["5"].config == run(mixed.parent / "other", 5, lambda number: False).trials["5"].config


def test_a_success_that_is_cleaned_is_the_best_no_more(mixed):
    best = neps.status(mixed)[1]["best_id"]
    assert clean_trials_by_id(mixed, [best, "99"]) == {"removed": 1, "not_found": 1, "errors_cleaned": 0}
    assert f"best_id,{best}" not in (mixed / "summary/short.csv").read_text()
    assert "cumulative_evaluations: 1\n" in (mixed / "summary/best_config.txt").read_text()


def test_delete_removes(mixed):
    assert clean_trials_by_id(mixed, ["1", "77"], delete=True) == {"removed": 1, "not_found": 1, "errors_cleaned": 1}
    gone = clean_trials_by_state(mixed, desired_states=[State.FAILED, State.PENDING], delete=True)
    assert gone == {State.FAILED: 1, State.PENDING: 0, "errors_cleaned": 1, "total_removed": 1}
    assert states(mixed) == {"2": "success", "4": "success"}
    assert clean_failed_trials(mixed, trial_ids=["2"], delete=True)["removed"] == 1
    with pytest.raises(neps.NePSError, match="must be a list"):
        clean_trials_by_id(mixed, "24", delete=True)
    with pytest.raises(FileNotFoundError, match="no run"):
        clean_failed_trials(mixed.parent / "elsewhere")


def test_an_unknown_id_does_not_keep_the_command_from_the_others(mixed, capsys):
    assert main(["clean", "--root-dir", str(mixed), "--trial-ids", "9", "1", "--delete"]) == 0
    told = capsys.readouterr()
    assert "there is no trial '9'" in told.err
    assert "1 trial(s) removed" in told.out
    assert states(mixed) == {"2": "success", "3": "failed", "4": "success"}
    assert main(["clean", str(mixed), "--trial_ids", "9"]) == 1
    assert main(["clean", str(mixed), "--again"]) == 0
    assert "1 trial(s) will be evaluated again" in capsys.readouterr().out
    assert json.loads((mixed / "configs/config_3/metadata.json").read_text())["state"] == "pending"
    with pytest.raises(neps.NePSError, match="no trial '9'"):
        neps.clean(mixed, trial_ids=["9", "2"])
    assert "2" in states(mixed)
    with pytest.raises(SystemExit):
        main(["clean"])
