"""A journal in which anything may be damaged: what is read of it is what was written, or missing, and that is said."""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

import neps
from neps_core.cleaning import clean
from neps_core.run import Run, open_run
from neps_core.run_status import status_of
from neps_core.trials import State, Trial

SPACE = {"x": neps.Float(0, 1), "layers": neps.Integer(1, 5), "c": neps.Categorical(["a", "b"])}

#: What every reader may raise, besides `FileNotFoundError` where that is documented.
OURS = neps.NePSError

#: What the numbers of examples are divided by in a quick run of the tests.
LESS = 1 if os.environ.get("NEPS_STORMS") == "full" else 4


@frozen(repr=False)  # it would be a long one
class Whole:
    """A run before anything was damaged.

    Attributes:
        root: Its folder, whose journal the tests overwrite.
        data: What is in its journal.
        lines: The same, line by line.
        trials: What is read of it.
    """

    root: Path
    data: bytes
    lines: list[bytes]
    trials: dict[str, Trial]

    @property
    def journal(self) -> Path:
        return self.root / ".neps/journal.jsonl"

    def finished(self) -> dict[str, Trial]:
        return {i: trial for i, trial in self.trials.items() if trial.state.is_finished}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A run with successes, a failure, learning curves, and a trial that was begun twice."""
    root = tmp_path_factory.mktemp("fuzz") / "run"
    begun: list[str] = []

    def evaluate(x: float, layers: int, c: str, pipeline_id: str) -> dict[str, Any]:
        begun.append(pipeline_id)
        neps.report(x + 2)
        if pipeline_id == "2":
            raise RuntimeError("Oh no!")
        if pipeline_id == "4" and begun.count("4") == 1:
            raise KeyboardInterrupt
        if pipeline_id == "3":
            time.sleep(0.3)  # so that what is reported is stored in more than one line
        neps.report(x + 1)
        return {"objective_to_minimize": x, "cost": 2.0, "info_dict": {"note": "as it was"}}

    def go_on() -> None:
        neps.run(
            evaluate,
            SPACE,
            root_directory=root,
            total_evaluations_to_spend=6,
            optimizer="random_search",
            seed=3,
            ignore_errors=True,
        )

    with pytest.raises(KeyboardInterrupt):
        go_on()
    go_on()
    data = (root / ".neps/journal.jsonl").read_bytes()
    made = Whole(root, data, data.splitlines(keepends=True), dict(open_run(root).trials))
    assert [t.state.value for t in made.trials.values()] == ["success", "failed", *["success"] * 4]
    return made


READERS: dict[str, Callable[[Path], Any]] = {
    "load_pipeline_space": neps.load_pipeline_space,
    "load_trials": neps.load_trials,
    "load_optimizer_info": neps.load_optimizer_info,
    "load_config by id": lambda root: neps.load_config(root, config_id="1"),
    "load_config by path": lambda root: neps.load_config(root / "configs/config_3/config.yaml"),
    "clean": lambda root: clean(root, dry_run=True),
}


def read(root: Path) -> tuple[Run | None, list[str]]:
    """Open a run that may be damaged, and read it in every way there is.

    Returns:
        The run, None if it was refused; and what was warned of when it was opened.
    """
    run: Run | None = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            run = open_run(root)
            status_of(run)
        except OURS as error:
            assert str(error)
            assert not isinstance(error, FileNotFoundError)
        said = [str(warning.message) for warning in caught]
        for name, reader in READERS.items():
            try:
                reader(root)
            except (OURS, FileNotFoundError):
                pass
            except Exception as error:
                raise AssertionError(f"{name} raised {error!r}") from error
        assert {warning.category for warning in caught} <= {neps.NePSWarning}
    return run, said


def check(whole: Whole, data: bytes, is_told: bool = True) -> None:
    """Whatever is read of a damaged journal is as it was, or missing.

    Args:
        whole: The run as it was.
        data: What its journal holds now.
        is_told: Whether what is missing has to be named in a warning.
    """
    whole.journal.write_bytes(data)
    run, said = read(whole.root)
    if run is None:  # it says so by an error
        return
    is_warned = any("damaged at byte" in text for text in said)
    for trial_id, before in whole.finished().items():
        after = run.trials.get(trial_id)
        if after is None or after.state is State.CORRUPTED or not after.state.is_finished:
            assert is_warned or not is_told, f"trial {trial_id} is lost in silence"
        else:
            assert (after.config, after.state) == (before.config, before.state)
            assert after.report is not None
            assert before.report is not None
            # Of a learning curve that was reported line by line, points may be missing.
            curve, whole_curve = list(after.report.learning_curve or []), list(before.report.learning_curve or [])
            if curve != whole_curve:
                assert is_warned, f"points of trial {trial_id} are lost in silence"
                assert curve == [value for value in whole_curve if value in curve]
            assert evolve(after.report, learning_curve=None) == evolve(before.report, learning_curve=None)
            assert not after.superseded
    assert set(run.trials) <= set(whole.trials), "a trial that never was"


def check_same(whole: Whole, data: bytes) -> None:
    """Nothing is lost."""
    whole.journal.write_bytes(data)
    run, said = read(whole.root)
    assert run is not None, "it was refused"
    assert dict(run.trials) == whole.trials
    assert list(run.trials) == list(whole.trials)
    assert data == whole.data or any("damaged at byte" in text for text in said)


def test_nothing_is_said_of_a_whole_journal(whole):
    check_same(whole, whole.data)
    assert read(whole.root)[1] == []


BYTE = st.integers(0, 2**20)


@settings(max_examples=300 // LESS)
@given(at=BYTE, bit=st.integers(0, 7))
def test_a_flipped_bit_is_never_another_result(whole, at, bit):
    data = bytearray(whole.data)
    # But not the last newline: without it the line is one that was never written to its end.
    data[at % (len(data) - 1)] ^= 1 << bit
    check(whole, bytes(data))


def test_every_flipped_bit_in_a_result_is_found(whole):
    """Every single one of a line with a result, with what opens a run only."""
    line = next(line for line in whole.lines if b'"finished"' in line)
    start = whole.data.index(line)
    for at in range(start, start + len(line) - 1, 3):  # not the newline: it holds two lines apart
        for bit in range(8):
            data = bytearray(whole.data)
            data[at] ^= 1 << bit
            whole.journal.write_bytes(data)
            with pytest.warns(neps.NePSWarning, match=f"damaged at byte {start}:"):
                trials = open_run(whole.root).trials
            assert not trials["1"].state.is_finished
            assert {i: t for i, t in trials.items() if i != "1"} == {i: t for i, t in whole.trials.items() if i != "1"}


@settings(max_examples=100 // LESS)
@given(flips=st.lists(st.tuples(BYTE, st.integers(1, 255)), min_size=2, max_size=20))
def test_overwritten_bytes(whole, flips):
    data = bytearray(whole.data)
    for at, mask in flips:
        data[at % (len(data) - 1)] ^= mask
    data[-1:] = b"\n"
    check(whole, bytes(data))


@given(at=BYTE, content=st.binary(min_size=1, max_size=200))
def test_an_overwritten_block(whole, at, content):
    at %= len(whole.data) - len(content)
    check(whole, whole.data[:at] + content + whole.data[at + len(content) :])


@settings(max_examples=100 // LESS)
@given(at=BYTE)
def test_a_cut_at_any_byte_leaves_what_was_before(whole, at):
    end = at % len(whole.data)
    check(whole, whole.data[:end], is_told=False)
    n = whole.data[:end].count(b"\n")
    whole.journal.write_bytes(whole.data[:end])
    if n:
        torn = dict(open_run(whole.root).trials)
        whole.journal.write_bytes(b"".join(whole.lines[:n]))
        assert dict(open_run(whole.root).trials) == torn, "half a line counts for something"


@given(places=st.lists(st.tuples(BYTE, BYTE), min_size=1, max_size=8))
def test_doubled_lines_change_nothing(whole, places):
    lines = list(whole.lines)
    for of, to in places:
        lines.insert(to % (len(lines) + 1), whole.lines[of % len(whole.lines)])
    check_same(whole, b"".join(lines))


@given(seed=st.integers(0, 10**6), swaps=st.integers(0, 5))
def test_reordered_lines_change_nothing(whole, seed, swaps):
    """All of them shuffled, or some swapped."""
    chance = random.Random(seed)
    lines = list(whole.lines)
    if not swaps:
        chance.shuffle(lines)
    for _ in range(swaps):
        i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
        lines[i], lines[j] = lines[j], lines[i]
    check_same(whole, b"".join(lines))


@given(seed=st.integers(0, 10**6))
def test_shuffled_and_doubled_lines_change_nothing(whole, seed):
    chance = random.Random(seed)
    lines = whole.lines + chance.choices(whole.lines, k=chance.randrange(1, 6))
    chance.shuffle(lines)
    check_same(whole, b"".join(lines))


@given(places=st.sets(BYTE, min_size=1, max_size=4))
def test_deleted_lines_are_missed(whole, places):
    # But not the last one: a journal that ends earlier is one that was read earlier.
    gone = {place % (len(whole.lines) - 1) for place in places}
    check(whole, b"".join(line for i, line in enumerate(whole.lines) if i not in gone))


GARBAGE = st.one_of(
    st.binary(max_size=300),
    st.just(b"\0" * 5000),
    st.sampled_from(
        [
            b"{}",
            b"[]",
            b"null",
            b'"finished"',
            b"NaN",
            b"1e999",
            b"9" * 5000,
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b'{"n":1,"events":[]}',
            b'{"n":1e999,"events":[],"crc":"00000000"}',
            b'{"event":"finished","id":"1","time":0,"state":"success","report":{"objective_to_minimize":0}}',
            b'{"event":"deleted","id":"1"}',
            b"\xef\xbb\xbf",
            b"\r",
            b"<<<<<<< HEAD",
        ]
    ),
)


@settings(max_examples=100 // LESS)
@given(places=st.lists(st.tuples(BYTE, GARBAGE), min_size=1, max_size=4))
def test_garbage_between_lines_changes_nothing(whole, places):
    """After the first line, with which everything has a checksum."""
    lines = list(whole.lines)
    for to, garbage in places:
        lines.insert(1 + to % len(lines), garbage.replace(b"\n", b"") + b"\n")
    data = b"".join(lines)
    whole.journal.write_bytes(data)
    run, _ = read(whole.root)
    assert run is not None
    assert dict(run.trials) == whole.trials


@given(at=BYTE, garbage=GARBAGE)
def test_garbage_anywhere(whole, at, garbage):
    at %= len(whole.data)
    check(whole, whole.data[:at] + garbage + whole.data[at:])


@given(at=BYTE, n=st.sampled_from([1, 7, 512, 4096]))
def test_blocks_of_zeros(whole, at, n):
    """As a power cut leaves them."""
    at %= len(whole.data)
    zeros = min(n, len(whole.data) - at)
    check(whole, whole.data[:at] + b"\0" * zeros + whole.data[at + zeros :], is_told=at + zeros < len(whole.data))
    check(whole, whole.data[:at] + b"\0" * n, is_told=False)


@settings(max_examples=100 // LESS)
@given(seed=st.integers(0, 10**6))
def test_everything_at_once(whole, seed):
    chance = random.Random(seed)
    lines = [bytearray(line) for line in whole.lines]
    for _ in range(chance.randrange(1, 6)):
        i = chance.randrange(len(lines) - 1)
        kind = chance.randrange(5)
        if kind == 0:
            lines[i][chance.randrange(len(lines[i]))] ^= 1 << chance.randrange(8)
        elif kind == 1:
            lines.insert(i, bytearray(chance.choice(lines)))
        elif kind == 2:
            lines.insert(i, bytearray(chance.randbytes(chance.randrange(50)) + b"\n"))
        elif kind == 3:
            j = chance.randrange(len(lines) - 1)
            lines[i], lines[j] = lines[j], lines[i]
        else:
            del lines[i]
    check(whole, b"".join(lines))


# ---------------------------------------------------------------------- right checksums, wrong contents

WRONG: list[Any] = [None, True, -1, 2**70, 1e308, float("nan"), float("inf"), "", "x", "../..", [], [1], {}, {"a": 1}]


def _mutated(value: Any, chance: random.Random) -> Any:
    """Plain data with one thing in it that is another one, or gone."""
    if isinstance(value, Mapping) and value and chance.random() < 0.85:
        key = chance.choice(sorted(value))
        if chance.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: _mutated(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        i = chance.randrange(len(value))
        return [*value[:i], _mutated(value[i], chance), *value[i + 1 :]]
    return chance.choice(WRONG)


def forged(whole: Whole, change: Callable[[dict[str, Any]], Any], number: int) -> bytes:
    """The journal with another content in a line, and a right checksum."""
    lines = list(whole.lines)
    document = json.loads(lines[number])
    del document["crc"]
    body = json.dumps(change(document), separators=(",", ":")).encode()[:-1]
    lines[number] = b'%s,"crc":"%08x"}\n' % (body, crc32(body))
    return b"".join(lines)


def test_a_flipped_bit_in_the_last_newline_is_told(whole):
    """The line before it is whole, as its checksum says."""
    whole.journal.write_bytes(whole.data[:-1] + b"\x0b")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trials = open_run(whole.root).trials
    assert dict(trials) == whole.trials or [w for w in caught if "damaged at byte" in str(w.message)]


def test_a_damaged_first_line_does_not_make_the_run_unreadable(whole):
    """All else is kept."""
    whole.journal.write_bytes(b"#" + whole.data[1:])
    with pytest.warns(neps.NePSWarning, match="damaged at byte 0"):
        assert dict(open_run(whole.root).trials) == whole.trials


@settings(max_examples=200 // LESS)
@given(seed=st.integers(0, 10**6))
def test_wrong_contents_with_right_checksums(whole, seed):
    """What somebody has forged may be anything, but then our errors say so."""
    chance = random.Random(seed)
    number = chance.randrange(len(whole.lines))
    whole.journal.write_bytes(forged(whole, lambda document: _mutated(document, chance), number))
    read(whole.root)


# ---------------------------------------------------------------------- code, and memory


class Code:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_no_code_in_a_folder_is_run(whole, tmp_path):
    whole.journal.write_bytes(whole.data)
    owned = tmp_path / "owned"
    pickle.loads(pickle.dumps(Code(tmp_path / "proof")))
    assert (tmp_path / "proof").is_dir()
    evil = f"x: !!python/object/apply:os.mkdir ['{owned}']\n".encode()
    names = ["pipeline_space.yaml", "optimizer_info.yaml", "optimizer_state.pkl"]
    paths = [whole.root / name for name in names]
    paths += [whole.root / f"configs/config_{i}/{name}" for i in "13" for name in ("config.yaml", "report.yaml")]
    paths += [whole.root / "configs/config_1/metadata.json"]
    before = {path: path.read_bytes() for path in paths}
    try:
        for path in paths:
            path.write_bytes(pickle.dumps(Code(owned)) if path.suffix == ".pkl" else evil)
        run, said = read(whole.root)
        assert run is not None
        assert not said
        assert dict(run.trials) == whole.trials
        for reader in (neps.load_pipeline_space, neps.load_optimizer_info):
            with pytest.raises(neps.NePSError, match="was changed"):
                reader(whole.root)
        with pytest.raises(neps.NePSError, match="constructor"):
            neps.load_config(whole.root / "configs/config_1/config.yaml", pipeline_space=SPACE)
        with pytest.raises(neps.NePSError, match="constructor"):
            neps.load_and_merge_yamls(whole.root / "pipeline_space.yaml")
        assert not owned.exists()
    finally:
        for path, content in before.items():
            path.write_bytes(content)


#: Prints how much memory a process has taken at most, in KiB, once it has read a run.
READS = """
import pathlib, re, sys, warnings
from neps_core.run import open_run
warnings.simplefilter("ignore")
open_run(sys.argv[1])
print(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
"""


def memory_to_read(whole: Whole, *content: bytes) -> int:
    """How many bytes a process takes at most to read a journal with this behind it, more than without."""

    def most(*content: bytes) -> int:
        with whole.journal.open("wb") as file:
            file.writelines(content)
        done = subprocess.run(
            [sys.executable, "-c", READS, str(whole.root)], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return int(done.stdout) * 1024

    return most(whole.data, *content) - most(whole.data)


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="nothing says how much memory is taken")


@needs_proc
def test_a_long_line_takes_little_memory(whole):
    """100 MB of zeros, without an end of a line."""
    assert memory_to_read(whole, *[b"\0" * (1 << 20)] * 100) < 64 << 20


@needs_proc
def test_many_damaged_lines_take_little_memory(whole):
    """A file with 100000 lines of which each is damaged."""
    assert memory_to_read(whole, b"x\n" * 100_000) < 8 << 20
