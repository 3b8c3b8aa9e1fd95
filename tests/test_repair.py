"""`neps repair`: what is damaged is shown, and made again from what is there."""

from __future__ import annotations

import os
import warnings
from collections import Counter

import pytest

import neps
from neps_core import NePSError, StorageError
from neps_core.cli import main
from neps_core.run import open_run
from neps_core.trials import State
from neps_plugins.commands.repair import repair
from tests.audit import audit_finished, audit_journal

SPACE = {"x": neps.Float(0, 1), "n": neps.Integer(1, 10)}


def make(root):
    def evaluate(x, n):
        if n == 3:
            raise ValueError("three")
        return {"objective_to_minimize": x, "cost": 2.0, "info_dict": {"note": "as it was"}}

    settings = {"optimizer": "random_search", "seed": 1, "ignore_errors": True}
    neps.run(evaluate, SPACE, root_directory=root, evaluations_to_spend=5, **settings)
    return dict(open_run(root).trials)


def damage(root, marks):
    """Flip a bit in every line that has all these marks."""
    journal = root / ".neps/journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    hit = 0
    for i, line in enumerate(lines):
        if all(mark in line for mark in marks):
            lines[i] = line[:20] + bytes([line[20] ^ 4]) + line[21:]
            hit += 1
    assert hit
    journal.write_bytes(b"".join(lines))


def essence(trials):
    return {i: (t.config, t.state, t.report, t.metadata) for i, t in trials.items()}


@pytest.mark.parametrize(
    "marks",
    [
        [b'"sampled"', b'"id":"2"'],
        [b'"finished"', b'"id":"2"'],
        [b'"sampled"'],
        [b'"finished"'],
        [b'"spacerecorded"'],
        [b'"optimizerrecorded"'],
        [b'"created"'],
        [b'"n"'],
    ],
    ids=lambda marks: " ".join(m.decode() for m in marks),
)
def test_what_is_damaged_comes_back(root, marks):
    before = essence(make(root))
    damage(root, marks)
    content = (root / ".neps/journal.jsonl").read_bytes()
    shown = repair(root, dry_run=True)
    assert any("checksum is wrong" in line for line in shown)
    assert (root / ".neps/journal.jsonl").read_bytes() == content
    repair(root)
    assert essence(open_run(root).trials) == before
    assert (root / ".neps/journal-damaged-1.jsonl").read_bytes() == content
    assert repair(root) == []
    audit_journal(root, {})
    neps.run(lambda x, n: x, root_directory=root, evaluations_to_spend=2)
    states = Counter([State.SUCCESS] * 2 + [state for _, state, *_ in before.values()])
    audit_finished(root, 7, states)


def test_an_emptied_journal(root):
    before = essence(make(root))
    (root / ".neps/journal.jsonl").write_bytes(b"")
    for use in (open_run, lambda r: neps.run(lambda x, n: x, SPACE, root_directory=r, evaluations_to_spend=1)):
        with pytest.raises(StorageError, match="is empty, and there are folders of 5 trial"):
            use(root)
    repair(root)
    assert essence(open_run(root).trials) == before


def test_doubled_and_reordered_records(root):
    before = essence(make(root))
    journal = root / ".neps/journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([lines[0], *reversed(lines[1:]), *lines]))
    with pytest.warns(neps.NePSWarning, match="damaged at byte"):
        assert essence(open_run(root).trials) == before
    repair(root)
    assert essence(open_run(root).trials) == before
    audit_journal(root, {})


def test_a_trial_that_is_evaluated_again_after_its_result_was_lost_is_not_counted_twice(root):
    make(root)
    damage(root, [b'"finished"', b'"id":"2"'])
    with pytest.warns(neps.NePSWarning, match="damaged at byte"):
        neps.run(lambda x, n: x, root_directory=root, total_evaluations_to_spend=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert open_run(root).trials["2"].metadata.starts == 2
    repair(root)
    assert len(open_run(root).trials) == 5
    audit_journal(root, {})


def test_files_that_say_nothing(root):
    make(root)
    damage(root, [b'"sampled"'])
    (root / "configs/config_1/config.yaml").write_text("!!python/object/apply:os.system ['true']")
    (root / "configs/config_2/metadata.json").write_text("{}")
    (root / "configs/config_3/report.yaml").write_bytes(os.urandom(100))
    (root / "configs/config_4/config.yaml").unlink()
    lines = repair(root)
    assert sum("can't be read, and stay as they are" in line for line in lines) >= 3
    assert not [line for line in repair(root, dry_run=True) if line.startswith("journal")]


def test_a_healthy_run_and_living_workers(root, capsys):
    make(root)
    content = (root / ".neps/journal.jsonl").read_bytes()
    assert main(["repair", str(root)]) == 0
    assert "nothing is damaged" in capsys.readouterr().out
    assert (root / ".neps/journal.jsonl").read_bytes() == content
    with open_run(root).locks.lease("w"), pytest.raises(NePSError, match="workers are alive in .*: w"):
        repair(root)
    damage(root, [b'"finished"', b'"id":"2"'])
    assert main(["repair", str(root), "--dry-run"]) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert main(["repair", str(root)]) == 0
    assert "trial 2: its result is lost; it is taken from" in capsys.readouterr().out
    assert main(["repair", str(root / "nowhere")]) == 1
