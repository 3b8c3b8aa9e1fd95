"""A run of version 0.1.0 (format 1: no checksums), kept in tests/data, is looked at and gone on with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import neps
from neps_core import StorageError
from neps_core.cleaning import clean
from neps_core.events import FORMAT
from neps_core.run import open_run
from neps_core.run_status import status_of
from neps_core.trials import State
from neps_plugins.commands.repair import repair
from neps_plugins.storages.filesystem.records import seal

OLD = Path(__file__).parents[1] / "data/run_0_1_0"


class Space(neps.PipelineSpace):
    lr = neps.Float(1e-4, 1e-1, log=True)
    layers = neps.Integer(1, 5)
    act = neps.Categorical(["relu", "tanh"])
    epochs = neps.IntegerFidelity(1, 9)


@pytest.fixture
def old(tmp_path):
    return Path(shutil.copytree(OLD, tmp_path / "run"))


def journal(root: Path) -> Path:
    return root / ".neps/journal.jsonl"


def test_looking_changes_nothing(old):
    before = journal(old).read_bytes()
    run = open_run(old, check=True)
    assert run.log.format == 1
    assert run.log.seed == 5
    assert len(run.trials) == 8
    assert status_of(run).optimizer == "asha"
    assert len(neps.load_trials(old)) == 8
    assert type(neps.load_pipeline_space(old)).__name__ == "PipelineSpace"
    assert neps.load_optimizer_info(old)["name"] == "asha"
    assert repair(old, dry_run=True) == []
    assert journal(old).read_bytes() == before


def test_going_on(old):
    before = dict(open_run(old).trials)
    text = journal(old).read_bytes()
    neps.run(lambda lr, layers, act, epochs: lr, Space(), root_directory=old, evaluations_to_spend=3)
    assert journal(old).read_bytes().startswith(text)
    run = open_run(old)
    assert run.log.format == FORMAT
    assert len(run.trials) == 11
    assert {i: run.trials[i] for i in before} == before
    assert repair(old) == []


def test_what_was_added_has_checksums_and_what_comes_without_is_damaged(old):
    neps.run(lambda **_: 0.5, root_directory=old, evaluations_to_spend=1)
    with journal(old).open("ab") as file:
        file.write(b'{"event":"deleted","id":"1_rung_0"}\n')
    with pytest.warns(neps.NePSWarning, match="it has no checksum"):
        assert "1_rung_0" in open_run(old).trials


def test_whoever_only_removes_or_adds_a_result_upgrades_it_too(old):
    clean(old, ["1_rung_0"])
    assert open_run(old).log.format == FORMAT


def test_overwriting_and_repairing(old):
    lines = journal(old).read_bytes().splitlines(keepends=True)
    journal(old).write_bytes(b"".join([*lines[:5], b"\xff\xfe{}\n", *lines[6:]]))
    assert repair(old)
    assert len(open_run(old).trials) == 8
    neps.run(
        lambda **_: 0.5, Space(), root_directory=old, overwrite_root_directory=True, evaluations_to_spend=1, seed=9
    )
    assert [t.state for t in open_run(old).trials.values()] == [State.SUCCESS]


def test_a_newer_one_is_refused_and_left_alone(tmp_path):
    root = tmp_path / "run"
    neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=root, evaluations_to_spend=1)
    newer = seal([{"event": "created", "format": FORMAT + 1, "seed": 1, "time": 1.0, "unknown": []}], 1)
    journal(root).write_bytes(newer)
    for use in (
        open_run,
        repair,
        lambda r: neps.run(lambda x: x, {"x": neps.Float(0, 1)}, root_directory=r, evaluations_to_spend=1),
    ):
        with pytest.raises(StorageError, match=f"written in format {FORMAT + 1}, and this version reads formats up to"):
            use(root)
    assert journal(root).read_bytes() == newer
