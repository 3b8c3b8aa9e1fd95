"""What the tests share: spaces, and workers that are real processes."""

from __future__ import annotations

import os

# Before NumPy is imported: several test processes whose matrix products have several threads each wait for each other.
for _library in ("OPENBLAS", "MKL", "OMP"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

import random
import secrets
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import neps
from neps_core.events import to_plain
from neps_plugins.storages.filesystem.records import decode, seal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # tests started in the background, whose processes inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("tests", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("tests")


class Mixed(neps.PipelineSpace):
    """A flat space with every kind of parameter."""

    learning_rate = neps.Float(1e-4, 1e-1, log=True)
    momentum = neps.Float(0.0, 1.0)
    layers = neps.Integer(1, 5)
    optimizer = neps.Categorical(["adam", "sgd"])
    batch_size = 32


@pytest.fixture(scope="session", autouse=True)
def config_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's configuration folder, here and in processes that tests start: never the real one."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("config")
        patch.setenv("XDG_CONFIG_HOME", str(home))
        patch.setenv("APPDATA", str(home))
        yield home


@pytest.fixture(autouse=True)
def seeds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is given no seed draws the same one in a test each time: no test fails once in a hundred runs."""
    monkeypatch.setattr(secrets, "randbits", random.Random(request.node.nodeid).getrandbits)


@pytest.fixture
def space() -> Mixed:
    return Mixed()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "run"


class Script:
    """A Python program that runs in processes of its own; each is ended when the test is over."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "program.py"
        self.processes: list[subprocess.Popen[str]] = []
        self.environment = {"OMP_NUM_THREADS": "1"}

    def write(self, text: str) -> None:
        self.path.write_text(textwrap.dedent(text))

    def start(self, *arguments: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(self.path), *map(str, arguments)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )
        self.processes.append(process)
        return process

    def run(self, *arguments: Any, code: int | None = 0, seconds: float = 60) -> tuple[str, str]:
        """Run to the end; returns standard output and error."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=seconds)
        assert code is None or process.returncode == code, err
        return out, err


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    made = Script(tmp_path)
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def events_of(root: Path) -> list[dict[str, Any]]:
    """The events in a run's journal, as plain data."""
    lines = (root / ".neps/journal.jsonl").read_bytes().splitlines()
    return [to_plain(event) for line in lines for event in decode(line)[1]]


@pytest.fixture(name="events_of")
def events_of_fixture() -> Callable[[Path], list[dict[str, Any]]]:
    return events_of


@pytest.fixture
def rewrite_events() -> Callable[[Path, Callable[[list[dict[str, Any]]], Any]], None]:
    def rewrite(root: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
        """Change the events in a run's journal, with right checksums, and remove what is held against it."""
        events = events_of(root)
        change(events)
        lines = [seal([event], number) for number, event in enumerate(events, 1)]
        (root / ".neps/journal.jsonl").write_bytes(b"".join(lines))
        for name in ("pipeline_space.yaml", "optimizer_info.yaml", "optimizer_state.pkl"):
            (root / name).unlink(missing_ok=True)

    return rewrite


@pytest.fixture(name="wait_for")
def wait_for_fixture() -> Callable[..., Any]:
    return wait_for


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Poll until a condition holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError("the condition did not come true in time")
