"""The process is killed at each step that it makes on the disk (see `EVERY`); nothing is lost, doubled or left behind.

Each scenario runs in a forked child whose calls of the operating system that change files are counted. It is run once
to count them, and once for each of them: killed before the call, and (a write) in the middle of it. "Power" means
that everything that was not synced is gone besides.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import neps
from neps_core.cleaning import clean
from neps_core.run import open_run
from neps_plugins.commands.repair import repair
from neps_plugins.storages.filesystem.probing import why_locks_fail
from tests.audit import audit_finished, audit_journal

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is forked for every step")

SPACE = {"x": neps.Float(0, 1), "c": neps.Categorical(["a", "b"])}

#: The calls that change files, besides writing.
CALLS = ("fsync", "fdatasync", "replace", "rename", "link", "unlink", "rmdir", "mkdir", "ftruncate")

KILLED = 99

#: Which steps a quick run of the tests looks at: every sixth of each scenario. A full one looks at all.
EVERY = 1 if os.environ.get("NEPS_STORMS") == "full" else 6

#: More steps than any scenario makes.
MOST = 4096


class Crash:
    """Kills this process at its n-th call that changes a file.

    Args:
        at: Which call; 0 for none.
        torn: Whether the call is a write that has got half-way.
        shared: Memory in which the parent sees the number of calls, and the length of the journal that was synced.
    """

    def __init__(self, at: int, torn: bool, shared: mmap.mmap, journal: Path) -> None:
        self.at, self.torn, self.shared, self.journal = at, torn, shared, journal
        self.n = 0
        self.real = {name: getattr(os, name) for name in (*CALLS, "write", "open")}

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, self.counting(name))
        os.write = self.write  # type: ignore[assignment]
        os.open = self.open  # type: ignore[assignment]

    def step(self, is_write: bool = False) -> bool:
        self.n += 1
        self.shared[:8] = self.n.to_bytes(8, "little")
        self.shared[16 + self.n] = is_write
        return self.n == self.at

    def counting(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            if self.step():
                os._exit(KILLED)
            result = self.real[name](*arguments, **keywords)
            if name in ("fsync", "fdatasync") and self.journal.exists():
                synced = os.fstat(arguments[0])
                if os.path.samestat(synced, self.journal.stat()):
                    self.shared[8:16] = synced.st_size.to_bytes(8, "little")
            return result

        return call

    def write(self, descriptor: int, data: Any) -> int:
        if self.step(is_write=True):
            if self.torn:
                self.real["write"](descriptor, bytes(data)[: len(data) // 2])
            os._exit(KILLED)
        return int(self.real["write"](descriptor, data))

    def open(self, path: Any, flags: int, *arguments: Any, **keywords: Any) -> int:
        if flags & os.O_CREAT and not os.path.exists(path) and self.step():
            os._exit(KILLED)
        return int(self.real["open"](path, flags, *arguments, **keywords))


def the(root: Path) -> dict[str, Any]:
    """What all calls have in common."""
    return {"pipeline_space": SPACE, "root_directory": root, "seed": 3, "optimizer": "random_search"}


def fresh(root: Path, tell: Any) -> None:
    def evaluate(x: float, c: str) -> dict[str, Any]:
        neps.report(x + 1)
        neps.report(x + 0.5)
        return {"objective_to_minimize": x, "cost": 1.0, "info_dict": {"note": "as it was"}}

    neps.run(evaluate, total_evaluations_to_spend=2, observers=["summary", tell], **the(root))


def go_on(root: Path, tell: Any) -> None:
    neps.run(lambda x, c: x, total_evaluations_to_spend=4, observers=["summary", tell], **the(root))


def overwrite(root: Path, tell: Any) -> None:
    neps.run(
        lambda x, c: x,
        overwrite_root_directory=True,
        total_evaluations_to_spend=1,
        observers=["summary", tell],
        **the(root),
    )


def clean_up(root: Path, tell: Any) -> None:
    clean(root, ["1"])


def add(root: Path, tell: Any) -> None:
    neps.import_trials([({"x": i / 10, "c": "a"}, i / 10) for i in range(3)], root)


def half_done(root: Path) -> None:
    """A run with two results, and a trial whose worker was killed."""
    fresh(root, "summary")
    child = os.fork()
    if not child:
        neps.run(lambda x, c: os._exit(0), total_evaluations_to_spend=3, **the(root))
    os.waitpid(child, 0)


def nothing(root: Path) -> None:
    pass


def repaired(root: Path, tell: Any) -> None:
    repair(root)


def damaged(root: Path) -> None:
    half_done(root)
    journal = root / ".neps/journal.jsonl"
    data = bytearray(journal.read_bytes())
    data[data.index(b'"sampled"')] ^= 1
    journal.write_bytes(data)


SCENARIOS = {
    "fresh": (nothing, fresh),
    "go on": (half_done, go_on),
    "overwrite": (half_done, overwrite),
    "clean": (half_done, clean_up),
    "import": (half_done, add),
    "repair": (damaged, repaired),
}


def in_child(
    scenario: Callable[[Path, Any], None], root: Path, at: int, torn: bool
) -> tuple[int, list[bool], int, dict[str, float]]:
    """Run a scenario in a forked child, killed at a step.

    Returns:
        Its exit code; of each step that it made, whether it was a write; how much of the journal was synced; and what
        its observer was told.
    """
    shared = mmap.mmap(-1, 16 + MOST)
    journal = root / ".neps/journal.jsonl"
    shared[8:16] = (journal.stat().st_size if journal.exists() else 0).to_bytes(8, "little")
    told = root.with_name(root.name + "-told")
    told.write_text("")
    child = os.fork()
    if not child:
        code = 1
        try:
            crash = Crash(at, torn, shared, journal)
            ack = crash.real["open"](told, os.O_WRONLY | os.O_APPEND)

            class Tell:
                def neps_trial_finished(self, trial: Any) -> None:
                    line = json.dumps([trial.id, trial.report.objective_to_minimize]) + "\n"
                    crash.real["write"](ack, line.encode())

            crash.install()
            scenario(root, Tell())
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    results = dict(json.loads(line) for line in told.read_text().splitlines())
    n, synced = int.from_bytes(shared[:8], "little"), int.from_bytes(shared[8:16], "little")
    return os.waitstatus_to_exitcode(status), [bool(byte) for byte in shared[17 : 17 + n]], synced, results


def cut_power(root: Path, synced: int, since: float) -> None:
    """Take away what was not synced: of the journal its end, of the files for people those written since a time."""
    journal = root / ".neps/journal.jsonl"
    if journal.exists():
        os.truncate(journal, synced)
    for path in [*root.glob("*.yaml"), *root.glob("*.pkl"), *root.glob("configs/*/*"), *root.glob("summary/*")]:
        if path.stat().st_mtime > since:
            path.write_bytes(b"")


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_step(name, tmp_path):
    prepare, scenario = SCENARIOS[name]
    template = tmp_path / "template"
    prepare(template)

    def copy(label: str) -> Path:
        root = tmp_path / label / "run"
        root.parent.mkdir()
        if template.exists():
            shutil.copytree(template, root)
        return root

    assert why_locks_fail(tmp_path) is None  # known to the children then
    code, steps, _, _ = in_child(scenario, copy("counting"), 0, False)
    assert code == 0
    assert len(steps) > 5
    for at, is_write in islice(enumerate(steps, 1), len(name) % EVERY, None, EVERY):
        for torn in (False, True) if is_write else (False,):
            root = copy(f"{at}-{torn}")
            began = time.time()
            code, reached, synced, told = in_child(scenario, root, at, torn)
            assert (code, len(reached)) == (KILLED, at)
            roots = {"torn" if torn else "before": root}
            if not torn:
                roots["power"] = tmp_path / f"{at}-power" / "run"
                roots["power"].parent.mkdir()
                if root.exists():
                    shutil.copytree(root, roots["power"])
                # Nobody has synced the files of before, but those that a repair reads are old.
                cut_power(roots["power"], synced, began if name == "repair" else 0)
            for how, crashed in roots.items():
                try:
                    check(name, crashed, told)
                except BaseException as error:
                    raise AssertionError(f"killed at step {at} of {len(steps)} ({how}): {crashed}") from error
                shutil.rmtree(crashed.parent)


def check(name: str, root: Path, told: dict[str, float]) -> None:
    """What holds after a crash, and after going on."""
    n = 4
    if name == "repair":
        repair(root)
    if (root / ".neps/journal.jsonl").exists() and open_run(root).log.format:
        audit_journal(root, told)
        earlier = {i: t.report for i, t in open_run(root).trials.items() if t.state.is_finished}
        if name in ("go on", "import", "repair"):
            assert {"1", "2"} <= set(earlier), "a result of before is lost"
        if name == "import":  # all or none
            assert len(open_run(root).trials) in (3, 6)
        if name == "clean":
            assert "2" in earlier
    else:
        assert name in ("fresh", "overwrite")
        assert not told
        earlier = {}
    neps.run(lambda x, c: x, total_evaluations_to_spend=n, **the(root))
    trials = open_run(root).trials
    assert {i: trials[i].report for i in earlier} == earlier
    # What was imported counts towards no budget.
    audit_finished(root, n + (3 if name == "import" and len(trials) > n else 0))
    audit_journal(root, told)
